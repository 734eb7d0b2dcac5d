//! One attempt of a call, and what its end means for another.

use super::replay::{Buffered, Guarded, connection_lost, too_late};
use crate::deadline::{self, Deadline};
use crate::fault;
use http::{HeaderMap, Request, Response};
use std::error::Error;
use std::time::Duration;
use tokio::time::timeout_at;
use tonic::body::Body;
use tonic::{Code, ConnectError, Status, TimeoutExpired, transport};
use tower::ServiceExt;

/// How an attempt ended.
pub(super) enum Verdict {
    /// Answered by the service's own logic.
    Done,
    /// Failed in a way that a repetition would not mend, or in time.
    Failed,
    /// No connection, so that the service has seen nothing.
    NotSent,
    /// The service, or what lies between, said UNAVAILABLE.
    Unavailable {
        /// What the service asks to wait.
        retry_delay: Option<Duration>,
    },
}

impl Verdict {
    pub(super) fn retry_delay(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { retry_delay } => *retry_delay,
            _ => None,
        }
    }

    fn of(status: &Status) -> Self {
        match status.code() {
            Code::Unavailable => Self::Unavailable {
                retry_delay: fault::retry_delay(status),
            },
            Code::DeadlineExceeded => Self::Failed,
            _ => Self::Done,
        }
    }
}

/// What keeps an attempt from an answer.
pub(super) enum Failure {
    Late,
    NotSent(Status),
    Lost(Status),
}

impl Failure {
    pub(super) fn into_status(self) -> Status {
        match self {
            Self::Late => too_late(),
            Self::NotSent(status) | Self::Lost(status) => status,
        }
    }

    fn verdict(&self) -> Verdict {
        match self {
            Self::Late => Verdict::Failed,
            Self::NotSent(_) => Verdict::NotSent,
            Self::Lost(status) => Verdict::of(status),
        }
    }

    fn of(error: transport::Error) -> Self {
        // The transport reads the deadline's header too, and may be first to notice.
        if causes(&error).any(|it| it.is::<TimeoutExpired>()) {
            return Self::Late;
        }
        let not_sent = causes(&error).any(is_not_sent);
        let status = connection_lost(Status::from_error(Box::new(error)));
        match not_sent {
            true => Self::NotSent(status),
            false => Self::Lost(status),
        }
    }
}

type Ending = (Verdict, Result<Response<Body>, Status>);

/// Sends requests over a transport, each with what is left of the time.
pub(super) struct Attempt<'a> {
    pub(super) transport: &'a transport::Channel,
    pub(super) deadline: Deadline,
}

impl Attempt<'_> {
    /// Sends a request and returns the head of its answer.
    pub(super) async fn send(&self, mut request: Request<Body>) -> Result<Response<Body>, Failure> {
        let left = self.deadline.left();
        if left.is_zero() {
            return Err(Failure::Late);
        }
        request
            .headers_mut()
            .insert(deadline::HEADER, deadline::to_header(left));
        let call = self.transport.clone().oneshot(request);
        match timeout_at(self.deadline.instant(), call).await {
            Err(_) => Err(Failure::Late),
            Ok(Err(error)) => Err(Failure::of(error)),
            Ok(Ok(response)) => Ok(response),
        }
    }

    /// Sends a request whose answer is a stream.
    pub(super) async fn stream(&self, request: Request<Body>) -> Ending {
        match self.send(request).await {
            Err(failure) => (failure.verdict(), Err(failure.into_status())),
            Ok(response) => {
                let verdict = verdict_of(response.headers());
                (
                    verdict,
                    Ok(response.map(|body| Body::new(Guarded::new(body, self.deadline)))),
                )
            }
        }
    }

    /// Sends a request whose answer is one message, and returns it once it is here whole.
    pub(super) async fn whole(&self, request: Request<Body>, bytes_max: usize) -> Ending {
        let response = match self.send(request).await {
            Err(failure) => return (failure.verdict(), Err(failure.into_status())),
            Ok(response) => response,
        };
        let (head, body) = response.into_parts();
        let body = match timeout_at(self.deadline.instant(), Buffered::read(body, bytes_max)).await
        {
            Err(_) => return (Verdict::Failed, Err(too_late())),
            Ok(Err(status)) => {
                let status = connection_lost(status);
                return (Verdict::of(&status), Err(status));
            }
            Ok(Ok(body)) => body,
        };
        let verdict = verdict_of(body.trailers().unwrap_or(&head.headers));
        (verdict, Ok(Response::from_parts(head, body.body())))
    }
}

/// Reads the status among headers or trailers; none yet means that messages follow.
fn verdict_of(headers: &HeaderMap) -> Verdict {
    match Status::from_header_map(headers) {
        Some(status) => Verdict::of(&status),
        None => Verdict::Done,
    }
}

/// Tells whether the request never left: no connection was made, or it closed before the request's turn came.
fn is_not_sent(error: &(dyn Error + 'static)) -> bool {
    let closed = error
        .downcast_ref::<hyper::Error>()
        .is_some_and(hyper::Error::is_canceled);
    closed || error.is::<ConnectError>()
}

/// Returns an error and what caused it.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |it| (*it).source())
}
