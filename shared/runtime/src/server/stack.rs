//! What every call passes on its way to a service.

use super::answer;
use super::call::Call;
use super::metrics::Metrics;
use super::{Draining, ServerConfig};
use crate::deadline::{self, Deadline};
use crate::methods::{self, Method};
use crate::{fault, trace};
use futures::FutureExt;
use http::{Request, Response};
use http_body::Body as HttpBody;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout_at;
use tonic::body::Body;
use tonic::service::Routes;
use tonic::{Code, Status};
use tower::ServiceExt;
use tracing::{Instrument, Span, field};

/// What a shed caller is asked to wait.
const SHED_DELAY: Duration = Duration::from_millis(100);

/// The layers around one server's services.
pub(super) struct Stack {
    routes: Routes,
    request_timeout: Duration,
    /// Places of calls that work, and of those that mostly wait.
    calls: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    draining: Draining,
    metrics: Metrics,
}

impl Stack {
    pub(super) fn new(
        name: &str,
        config: &ServerConfig,
        routes: Routes,
        draining: Draining,
    ) -> Self {
        Self {
            routes,
            request_timeout: config.request_timeout,
            calls: Arc::new(Semaphore::new(config.concurrency_max)),
            streams: Arc::new(Semaphore::new(config.streams_max)),
            draining,
            metrics: Metrics::new(name),
        }
    }

    /// Answers one request; never fails, since every failure is an answer.
    pub(super) async fn handle<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: HttpBody<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<tonic::codegen::StdError>,
    {
        let method = methods::find(request.uri().path());
        let span = span(method, &request);
        let Ok(place) = self.place(method) else {
            self.metrics.shed();
            return shed().into_http();
        };
        let deadline = self.deadline(method, &request);
        let call = Call::start(method, self.metrics.clone(), place, span.clone());

        let mut request = request.map(Body::new);
        request.extensions_mut().insert(self.draining.clone());
        if let Some(deadline) = deadline {
            request.extensions_mut().insert(deadline);
        }
        let response = self.answer(request, deadline).instrument(span).await;

        let ends_with_drain = method
            .is_some_and(Method::is_endless)
            .then(|| self.draining.token().clone());
        answer::watch(
            answer::plain_codes(response),
            call,
            deadline,
            ends_with_drain,
        )
    }

    async fn answer(&self, request: Request<Body>, deadline: Option<Deadline>) -> Response<Body> {
        let work = AssertUnwindSafe(self.routes.clone().oneshot(request)).catch_unwind();
        let result = match deadline {
            Some(deadline) => timeout_at(deadline.instant(), work).await,
            None => Ok(work.await),
        };
        match result {
            Ok(Ok(Ok(response))) => response,
            Ok(Ok(Err(never))) => match never {},
            Ok(Err(panic)) => panicked(&*panic).into_http(),
            Err(_) => too_late().into_http(),
        }
    }

    /// Takes a place, or fails when all are taken. Questions about the server itself need none.
    fn place(&self, method: Option<Method>) -> Result<Option<OwnedSemaphorePermit>, ()> {
        let places = match method {
            Some(method) if method.is_probe() => return Ok(None),
            Some(method) if method.may_last() => &self.streams,
            _ => &self.calls,
        };
        places.clone().try_acquire_owned().map(Some).map_err(|_| ())
    }

    fn deadline<B>(&self, method: Option<Method>, request: &Request<B>) -> Option<Deadline> {
        let asked = deadline::from_headers(request.headers());
        let allowed = match method {
            Some(method) if method.may_last() => asked,
            _ => Some(asked.map_or(self.request_timeout, |it| it.min(self.request_timeout))),
        };
        allowed.map(Deadline::after)
    }
}

fn span<B>(method: Option<Method>, request: &Request<B>) -> Span {
    let name = method.map_or("_OTHER", |it| it.name);
    let tenant = request
        .headers()
        .get(crate::context::TENANT_KEY)
        .and_then(|it| it.to_str().ok());
    let span = tracing::info_span!(
        "rpc",
        otel.name = name,
        otel.kind = "server",
        rpc.system.name = "grpc",
        rpc.method = name,
        rpc.response.status_code = field::Empty,
        tenant,
    );
    trace::adopt(&span, request.headers());
    span
}

fn shed() -> Status {
    fault::plain(
        Code::Unavailable,
        "OVERLOADED",
        "too many calls at once, try again",
        Some(SHED_DELAY),
    )
}

pub(super) fn too_late() -> Status {
    fault::plain(
        Code::DeadlineExceeded,
        "DEADLINE_EXCEEDED",
        "the call took longer than it may",
        None,
    )
}

pub(super) fn stopping() -> Status {
    fault::plain(
        Code::Unavailable,
        "SERVER_STOPPING",
        "the server is stopping, connect again",
        Some(Duration::ZERO),
    )
}

pub(super) fn panicked(panic: &(dyn std::any::Any + Send)) -> Status {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    tracing::error!(panic = text, "a handler panicked");
    fault::plain(Code::Internal, "PANICKED", "internal error", None)
}
