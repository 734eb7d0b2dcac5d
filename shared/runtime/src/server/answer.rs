//! The answer's way back: deadline, panics and the end of a drain also hold while it streams.

use super::call::Call;
use super::stack::{panicked, stopping, too_late};
use crate::deadline::Deadline;
use crate::fault;
use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::time::{Sleep, sleep_until};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::body::Body;
use tonic::{Code, Status};

/// Watches an answer to its end.
pub(super) fn watch(
    response: Response<Body>,
    mut call: Call,
    deadline: Option<Deadline>,
    ends_with: Option<CancellationToken>,
) -> Response<Body> {
    if let Some(code) = code_of(response.headers()) {
        // Without messages the status comes in the headers, and the call is over.
        call.end(code);
        return response;
    }
    let ends_with = ends_with.map(|it| Box::pin(it.cancelled_owned()));
    response.map(|inner| {
        Body::new(Watched {
            inner: Some(inner),
            call,
            deadline,
            timer: None,
            ends_with,
        })
    })
}

/// Gives library errors about the request's bytes the codes that our contracts promise.
pub(super) fn plain_codes(mut response: Response<Body>) -> Response<Body> {
    let Some(status) = Status::from_header_map(response.headers()) else {
        return response;
    };
    let better = match status.code() {
        Code::OutOfRange
            if status
                .message()
                .contains("decoded message length too large") =>
        {
            fault::plain(
                Code::ResourceExhausted,
                "MESSAGE_TOO_LARGE",
                status.message(),
                None,
            )
        }
        Code::Internal
            if status
                .message()
                .contains("failed to decode Protobuf message") =>
        {
            fault::plain(
                Code::InvalidArgument,
                "MESSAGE_MALFORMED",
                status.message(),
                None,
            )
        }
        _ => return response,
    };
    let headers = response.headers_mut();
    for name in [
        Status::GRPC_STATUS,
        Status::GRPC_MESSAGE,
        Status::GRPC_STATUS_DETAILS,
    ] {
        headers.remove(name);
    }
    // Only a message with bytes that no header may hold could fail, and ours have none.
    let _ = better.add_header(headers);
    response
}

fn code_of(headers: &HeaderMap) -> Option<Code> {
    headers
        .get(Status::GRPC_STATUS)
        .map(|it| Code::from_bytes(it.as_bytes()))
}

struct Watched {
    /// `None` once the answer is over.
    inner: Option<Body>,
    call: Call,
    deadline: Option<Deadline>,
    /// Made when the answer first keeps its caller waiting: most never do.
    timer: Option<Pin<Box<Sleep>>>,
    ends_with: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

type Item = Option<Result<Frame<Bytes>, Status>>;

impl Watched {
    /// Ends the answer with a status of ours.
    fn cut(&mut self, status: Status) -> Poll<Item> {
        self.inner = None;
        self.call.end(status.code());
        let mut trailers = HeaderMap::new();
        let _ = status.add_header(&mut trailers);
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }

    fn pass(&mut self, item: Item) -> Poll<Item> {
        match &item {
            Some(Ok(frame)) => {
                if let Some(code) = frame.trailers_ref().and_then(code_of) {
                    self.call.end(code);
                }
            }
            Some(Err(status)) => self.call.end(status.code()),
            None => self.call.end(Code::Unknown),
        }
        Poll::Ready(item)
    }

    /// Tells why the answer must end although the service has more to say.
    fn verdict(&mut self, cx: &mut Context<'_>) -> Option<Status> {
        if let Some(deadline) = self.deadline {
            let timer = self
                .timer
                .get_or_insert_with(|| Box::pin(sleep_until(deadline.instant())));
            if timer.as_mut().poll(cx).is_ready() {
                return Some(too_late());
            }
        }
        let drained = self.ends_with.as_mut()?.as_mut().poll(cx).is_ready();
        drained.then(stopping)
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Item> {
        let this = &mut *self;
        let Some(inner) = this.inner.as_mut() else {
            return Poll::Ready(None);
        };
        let span = this.call.span().clone();
        let _entered = span.enter();
        match catch_unwind(AssertUnwindSafe(|| Pin::new(inner).poll_frame(cx))) {
            Err(panic) => this.cut(panicked(&*panic)),
            Ok(Poll::Ready(item)) => this.pass(item),
            Ok(Poll::Pending) => match this.verdict(cx) {
                Some(status) => this.cut(status),
                None => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner
            .as_ref()
            .map(HttpBody::size_hint)
            .unwrap_or_default()
    }
}
