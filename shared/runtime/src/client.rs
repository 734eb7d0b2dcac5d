//! The one way to call another service.
//!
//! A [`Channel`] connects when first used, follows the addresses behind its target's name, gives every call a deadline,
//! and repeats a call only when that is safe: when the connection was refused before anything was sent, or when the
//! caller says that the method is idempotent ([`Channel::idempotent`]) and the server answered UNAVAILABLE.

mod attempt;
mod budget;
mod replay;
mod resolve;
mod settings;

pub use settings::{ClientConfig, ClientTlsConfig};

use crate::deadline::{self, Deadline};
use crate::methods::{self, Method};
use attempt::{Attempt, Verdict};
use budget::Budget;
use http::{Request, Response};
use opentelemetry::metrics::{Counter, Histogram};
use opentelemetry::{KeyValue, global};
use replay::{Buffered, Guarded};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::time::sleep;
use tonic::body::Body;
use tonic::codegen::StdError;
use tonic::{Code, Status, transport};
use tracing::{Instrument, field};

/// Label of methods that no contract has.
const OTHER: &str = "_OTHER";

/// A target that cannot be called.
#[derive(Debug, thiserror::Error)]
#[error("`{target}` is no address of a service: {problem}")]
pub struct TargetError {
    /// The target as given.
    pub target: String,
    /// What is wrong with it.
    pub problem: String,
}

/// Calls one service. Cheap to clone; clones share connections and the budget of retries.
#[derive(Clone)]
pub struct Channel {
    shared: Arc<Shared>,
    idempotent: bool,
}

struct Shared {
    name: String,
    config: ClientConfig,
    transport: transport::Channel,
    budget: Budget,
    duration: Histogram<f64>,
    retries: Counter<u64>,
}

/// Prepares calls to a service. `name` is its name in metrics; `target` is `http://host:port`, or `https://host:port`
/// with `config.tls`. Nothing is connected yet.
///
/// Fails when the target is no such address, or when certificates cannot be read. Needs a tokio runtime.
pub fn connect(name: &str, target: &str, config: &ClientConfig) -> Result<Channel, TargetError> {
    let meter = global::meter("clientele.runtime");
    let shared = Shared {
        name: name.to_owned(),
        config: config.clone(),
        transport: resolve::channel(target, config)?,
        budget: Budget::new(config.retry_budget),
        duration: meter
            .f64_histogram("rpc.client.call.duration")
            .with_unit("s")
            .with_description("Time from the call to the end of its answer, with all its attempts")
            .build(),
        retries: meter
            .u64_counter("rpc.client.retries")
            .with_description("Attempts after the first")
            .build(),
    };
    Ok(Channel {
        shared: Arc::new(shared),
        idempotent: false,
    })
}

impl Channel {
    /// Returns a clone for methods that may be called twice without harm: reads, and writes with a request id.
    pub fn idempotent(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            idempotent: true,
        }
    }

    async fn send(self, mut request: Request<Body>) -> Result<Response<Body>, StdError> {
        let method = methods::find(request.uri().path());
        let shared = &*self.shared;
        let started = Instant::now();
        let span = tracing::info_span!(
            "call",
            otel.name = method.map_or(OTHER, |it| it.name),
            otel.kind = "client",
            peer = shared.name,
            rpc.system.name = "grpc",
            rpc.response.status_code = field::Empty,
        );
        crate::trace::inject(&span, request.headers_mut());
        let deadline = Deadline::after(self.time_allowed(method, &request));

        // Only a request that is one message can be kept and sent again.
        let result = match method {
            Some(method) if !method.client_streaming => {
                self.send_kept(method, request, deadline)
                    .instrument(span.clone())
                    .await
            }
            _ => {
                self.send_once(request, deadline)
                    .instrument(span.clone())
                    .await
            }
        };
        let code = match &result {
            Ok(response) => {
                Status::from_header_map(response.headers()).map_or(Code::Ok, |it| it.code())
            }
            Err(status) => status.code(),
        };
        span.record("rpc.response.status_code", crate::server::code_name(code));
        shared.record(method, code, started.elapsed());
        result.map_err(StdError::from)
    }

    fn time_allowed(&self, method: Option<Method>, request: &Request<Body>) -> Duration {
        let config = &self.shared.config;
        deadline::from_headers(request.headers()).unwrap_or(match method {
            Some(method) if !method.may_last() => config.timeout,
            _ => config.stream_timeout,
        })
    }

    /// Sends a request that cannot be sent again.
    async fn send_once(
        &self,
        request: Request<Body>,
        deadline: Deadline,
    ) -> Result<Response<Body>, Status> {
        let attempt = Attempt {
            transport: &self.shared.transport,
            deadline,
        };
        let response = attempt
            .send(request)
            .await
            .map_err(attempt::Failure::into_status)?;
        Ok(response.map(|body| Body::new(Guarded::new(body, deadline))))
    }

    /// Sends a request of one message, again where that is safe.
    async fn send_kept(
        &self,
        method: Method,
        request: Request<Body>,
        deadline: Deadline,
    ) -> Result<Response<Body>, Status> {
        let shared = &*self.shared;
        let (parts, body) = request.into_parts();
        let message = Buffered::read(body, usize::MAX).await?;
        let attempt = Attempt {
            transport: &shared.transport,
            deadline,
        };
        let mut count = 1;
        loop {
            let request = Request::from_parts(parts.clone(), message.body());
            let (verdict, result) = match method.server_streaming {
                true => attempt.stream(request).await,
                false => {
                    attempt
                        .whole(request, shared.config.response_bytes_max)
                        .await
                }
            };
            let again = match verdict {
                Verdict::Done => {
                    shared.budget.earn();
                    return result;
                }
                Verdict::Failed => return result,
                Verdict::NotSent => true,
                Verdict::Unavailable { .. } => {
                    shared.budget.spend();
                    self.idempotent
                }
            };
            if !again || count >= shared.config.attempts_max || !shared.budget.allows() {
                return result;
            }
            let pause = verdict
                .retry_delay()
                .unwrap_or_default()
                .max(shared.backoff(count));
            if deadline.left() <= pause {
                return result;
            }
            sleep(pause).await;
            shared
                .retries
                .add(1, &[KeyValue::new("peer", shared.name.clone())]);
            count += 1;
        }
    }
}

impl Shared {
    /// Returns a pause that doubles with each attempt, between half and one and a half of that, so that callers that
    /// failed together do not come back together.
    fn backoff(&self, attempt: u32) -> Duration {
        let doubled = self
            .config
            .backoff_min
            .saturating_mul(1 << (attempt - 1).min(16));
        doubled
            .min(self.config.backoff_max)
            .mul_f64(rand::random_range(0.5..1.5))
    }

    fn record(&self, method: Option<Method>, code: Code, took: Duration) {
        self.duration.record(
            took.as_secs_f64(),
            &[
                KeyValue::new("rpc.system.name", "grpc"),
                KeyValue::new("rpc.method", method.map_or(OTHER, |it| it.name)),
                KeyValue::new("rpc.response.status_code", crate::server::code_name(code)),
                KeyValue::new("peer", self.name.clone()),
            ],
        );
    }
}

impl tower::Service<Request<Body>> for Channel {
    type Response = Response<Body>;
    type Error = StdError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, StdError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), StdError>> {
        // Waiting for a connection is part of the call, so that the deadline covers it.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.clone().send(request))
    }
}

impl std::fmt::Debug for Channel {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Channel")
            .field("name", &self.shared.name)
            .field("idempotent", &self.idempotent)
            .finish()
    }
}
