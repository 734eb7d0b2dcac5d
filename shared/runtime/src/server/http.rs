//! Serves plain HTTP to callers that cannot speak gRPC, such as client libraries and browsers.
//!
//! The listener is built for strangers: few bytes of headers, a limit of time for every request's head, a bounded number
//! of connections, none of which lives for ever. What a request may do is the routes' matter.

use super::{ServerTlsConfig, Shutdown, tls};
use crate::config::duration;
use anyhow::{Context, bail};
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde::Deserialize;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Most bytes that a connection buffers; also the most that a request's head may have.
const BUFFER_BYTES: usize = 32 << 10;
/// Most headers of one request.
const HEADERS_MAX: usize = 64;
/// How long a caller may take to greet.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause after a failed accept (mostly: out of file descriptors), so as not to spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Age at which a connection is closed after its request, so that clients spread over new replicas.
const AGE_MAX: Duration = Duration::from_secs(1_800);

/// Settings of a listener for HTTP; every one has a default.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// Address to listen on. Anything but loopback needs `tls`: keys travel in the requests.
    pub listen: SocketAddr,
    /// Most connections at once; more are closed at once.
    pub connections_max: usize,
    /// How long a caller may take for the head of a request, and how long a connection may stay idle.
    #[serde(with = "duration")]
    pub head_timeout: Duration,
    /// How long requests in flight may take once the process is told to stop.
    #[serde(with = "duration")]
    pub shutdown_grace: Duration,
    /// Certificates; none means plain text, on loopback only. A `client_ca` is optional here.
    pub tls: Option<ServerTlsConfig>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            connections_max: 1_024,
            head_timeout: Duration::from_secs(15),
            shutdown_grace: Duration::from_secs(10),
            tls: None,
        }
    }
}

/// Serves routes on a listener until shutdown, then waits for the requests in flight.
///
/// Fails when the address is not on loopback and there is no TLS, or when certificates cannot be used.
pub async fn serve_http(
    name: &str,
    config: &HttpConfig,
    routes: Router,
    listener: &TcpListener,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let address = listener
        .local_addr()
        .context("read the listener's address")?;
    refuse_plain_text(address, config)?;
    let acceptor = match &config.tls {
        Some(tls) => Some(tls::acceptor(tls, b"http/1.1")?),
        None => None,
    };
    let places = Arc::new(Semaphore::new(config.connections_max));
    let (close, cut) = (CancellationToken::new(), CancellationToken::new());
    let connection = Arc::new(HttpConnection {
        routes,
        builder: builder(config),
        close: close.clone(),
        cut: cut.clone(),
    });
    let tasks = TaskTracker::new();
    tracing::info!(server = name, %address, "serving HTTP");
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Above the limit the connection is dropped at once: a queue would only hide the overload.
        let Ok(place) = places.clone().try_acquire_owned() else {
            tracing::warn!(server = name, "too many HTTP connections, refusing one");
            continue;
        };
        let (connection, acceptor) = (connection.clone(), acceptor.clone());
        tasks.spawn(async move {
            let _place = place;
            let _ = stream.set_nodelay(true);
            match acceptor {
                None => connection.serve(stream).await,
                Some(acceptor) => match timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
                    Ok(Ok(stream)) => connection.serve(stream).await,
                    Ok(Err(error)) => tracing::debug!(%error, "refused a TLS connection"),
                    Err(_) => tracing::debug!("a caller was too slow with its TLS handshake"),
                },
            }
        });
    }
    close.cancel();
    tasks.close();
    if timeout(config.shutdown_grace, tasks.wait()).await.is_err() {
        tracing::info!(server = name, cut = tasks.len(), "cut HTTP connections");
        cut.cancel();
        tasks.wait().await;
    }
    Ok(())
}

/// What every connection is served with.
struct HttpConnection {
    routes: Router,
    builder: http1::Builder,
    /// Asks connections to close once their request is done.
    close: CancellationToken,
    /// Cuts them.
    cut: CancellationToken,
}

impl HttpConnection {
    async fn serve<S>(&self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = TowerToHyperService::new(self.routes.clone());
        let mut connection = pin!(self.builder.serve_connection(TokioIo::new(stream), service));
        let mut age = pin!(sleep(AGE_MAX));
        let mut closing = false;
        loop {
            tokio::select! {
                result = &mut connection => {
                    if let Err(error) = result {
                        tracing::debug!(%error, "HTTP connection ended");
                    }
                    return;
                }
                () = self.cut.cancelled() => return,
                () = self.close.cancelled(), if !closing => {
                    closing = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = &mut age, if !closing => {
                    closing = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

fn builder(config: &HttpConfig) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(config.head_timeout)
        .max_headers(HEADERS_MAX)
        .max_buf_size(BUFFER_BYTES);
    builder
}

/// Refuses to listen where the keys of requests could be read on their way.
fn refuse_plain_text(address: SocketAddr, config: &HttpConfig) -> anyhow::Result<()> {
    if address.ip().to_canonical().is_loopback() || config.tls.is_some() {
        return Ok(());
    }
    bail!(
        "refusing to serve HTTP on {address} without TLS: set `http.tls` with certificate and key, or listen on 127.0.0.1"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    #[test]
    fn refuses_strangers_in_plain_text() {
        let mut config = HttpConfig::default();
        assert!(refuse_plain_text("127.0.0.1:1".parse().unwrap(), &config).is_ok());
        assert!(refuse_plain_text("[::1]:1".parse().unwrap(), &config).is_ok());
        assert!(refuse_plain_text("0.0.0.0:1".parse().unwrap(), &config).is_err());
        config.tls = Some(ServerTlsConfig {
            certificate: "c".into(),
            key: "k".into(),
            client_ca: None,
        });
        assert!(refuse_plain_text("0.0.0.0:1".parse().unwrap(), &config).is_ok());
    }

    #[tokio::test]
    async fn answers_and_closes_those_who_dawdle() {
        let config = HttpConfig {
            head_timeout: Duration::from_millis(300),
            connections_max: 2,
            ..HttpConfig::default()
        };
        let listener = TcpListener::bind(config.listen).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (trigger, shutdown) = Shutdown::new();
        let routes = Router::new().route("/", get(|| async { "here" }));
        let server =
            tokio::spawn(
                async move { serve_http("test", &config, routes, &listener, shutdown).await },
            );

        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n")
            .await
            .unwrap();
        let mut quick = TcpStream::connect(address).await.unwrap();
        quick
            .write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut answer = String::new();
        quick.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("here"));
        let mut rest = Vec::new();
        let closed = timeout(Duration::from_secs(5), slow.read_to_end(&mut rest)).await;
        assert!(closed.is_ok(), "a caller that dawdles keeps its connection");

        let mut large = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n",
            "a".repeat(64 << 10)
        );
        let _ = large.write_all(head.as_bytes()).await;
        let mut answer = String::new();
        let _ = large.read_to_string(&mut answer).await;
        assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");

        trigger.trigger();
        server.await.unwrap().unwrap();
    }
}
