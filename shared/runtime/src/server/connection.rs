//! Accepts connections, lets them age, and closes them in order.

use super::ServerConfig;
use super::stack::Stack;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::transport::server::TcpConnectInfo;

/// How long a caller may take to greet.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause after a failed accept (mostly: out of file descriptors), so as not to spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Streams of one connection at once.
const STREAMS_PER_CONNECTION: u32 = 1_024;
/// Window per stream, large enough for a batch in flight on a fast network.
const STREAM_WINDOW: u32 = 1 << 20;
/// Window per connection.
const CONNECTION_WINDOW: u32 = 4 << 20;

/// The connections of one server.
pub(super) struct Connections {
    shared: Arc<Shared>,
    acceptor: Option<TlsAcceptor>,
    places: Arc<Semaphore>,
    tasks: TaskTracker,
}

struct Shared {
    stack: Arc<Stack>,
    builder: http2::Builder<TokioExecutor>,
    age_max: Duration,
    age_grace: Duration,
    /// Asks connections to close once their calls are done.
    close: CancellationToken,
    /// Cuts them.
    cut: CancellationToken,
}

impl Connections {
    pub(super) fn new(
        config: &ServerConfig,
        stack: Arc<Stack>,
        acceptor: Option<TlsAcceptor>,
    ) -> Self {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .keep_alive_interval(config.keep_alive)
            .keep_alive_timeout(config.keep_alive)
            .max_concurrent_streams(STREAMS_PER_CONNECTION)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW);
        let shared = Shared {
            stack,
            builder,
            age_max: config.connection_age_max,
            age_grace: config.connection_age_grace,
            close: CancellationToken::new(),
            cut: CancellationToken::new(),
        };
        Self {
            shared: Arc::new(shared),
            acceptor,
            places: Arc::new(Semaphore::new(config.connections_max)),
            tasks: TaskTracker::new(),
        }
    }

    /// Accepts connections until the future is done.
    pub(super) async fn accept_until(&self, listener: &TcpListener, end: impl Future<Output = ()>) {
        let mut end = pin!(end);
        loop {
            let accepted = tokio::select! {
                _ = &mut end => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, remote)) => self.open(stream, remote),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Asks all connections to close and waits for them; returns how many had to be cut at the end of the grace.
    pub(super) async fn finish(&self, grace: Duration) -> usize {
        self.shared.close.cancel();
        self.tasks.close();
        if timeout(grace, self.tasks.wait()).await.is_ok() {
            return 0;
        }
        let left = self.tasks.len();
        self.shared.cut.cancel();
        self.tasks.wait().await;
        left
    }

    fn open(&self, stream: TcpStream, remote: SocketAddr) {
        // Above the limit the connection is dropped at once: a queue would only hide the overload.
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            tracing::warn!("too many connections, refusing one");
            return;
        };
        let info = TcpConnectInfo {
            local_addr: stream.local_addr().ok(),
            remote_addr: Some(remote),
        };
        let shared = self.shared.clone();
        let acceptor = self.acceptor.clone();
        self.tasks.spawn(async move {
            let _ = stream.set_nodelay(true);
            match acceptor {
                None => shared.serve(stream, info, place).await,
                Some(acceptor) => match timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
                    Ok(Ok(stream)) => shared.serve(stream, info, place).await,
                    Ok(Err(error)) => tracing::debug!(%error, "refused a TLS connection"),
                    Err(_) => tracing::debug!("a caller was too slow with its TLS handshake"),
                },
            }
        });
    }
}

impl Shared {
    async fn serve<S>(&self, stream: S, info: TcpConnectInfo, _place: OwnedSemaphorePermit)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let stack = self.stack.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            let stack = stack.clone();
            request.extensions_mut().insert(info.clone());
            async move { Ok::<_, Infallible>(stack.handle(request).await) }
        });
        let mut connection = pin!(self.builder.serve_connection(TokioIo::new(stream), service));
        let mut closing = false;
        let mut age = pin!(sleep(jittered(self.age_max)));
        loop {
            tokio::select! {
                result = &mut connection => {
                    if let Err(error) = result {
                        tracing::debug!(%error, "connection ended");
                    }
                    return;
                }
                _ = self.cut.cancelled() => return,
                _ = self.close.cancelled(), if !closing => {
                    closing = true;
                    connection.as_mut().graceful_shutdown();
                    // From here the server's grace decides alone.
                    age.as_mut().reset(tokio::time::Instant::now() + Duration::from_secs(86_400));
                }
                _ = &mut age => {
                    if closing {
                        return;
                    }
                    closing = true;
                    connection.as_mut().graceful_shutdown();
                    age.as_mut().reset(tokio::time::Instant::now() + self.age_grace);
                }
            }
        }
    }
}

/// Returns the length give or take a tenth, so that connections opened together do not all return together.
fn jittered(length: Duration) -> Duration {
    length.mul_f64(rand::random_range(0.9..1.1))
}
