//! Bodies of calls: kept to be sent again, or guarded by the deadline while they stream.

use crate::deadline::Deadline;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use tokio::time::{Sleep, sleep_until};
use tonic::body::Body;
use tonic::{Code, Status};

/// A whole body in memory.
pub(super) struct Buffered {
    data: Bytes,
    trailers: Option<HeaderMap>,
}

impl Buffered {
    /// Reads a body to its end. Fails with `RESOURCE_EXHAUSTED` beyond the limit, and as the body does.
    pub(super) async fn read(body: Body, bytes_max: usize) -> Result<Self, Status> {
        let mut body = pin!(body);
        let mut first: Option<Bytes> = None;
        let mut rest = BytesMut::new();
        let mut trailers = None;
        while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
            match frame?.into_data() {
                Ok(data) => {
                    // One frame is the rule: then nothing is copied.
                    match &first {
                        None => first = Some(data),
                        Some(head) => {
                            if rest.is_empty() {
                                rest.extend_from_slice(head);
                            }
                            rest.extend_from_slice(&data);
                        }
                    }
                    if first.as_ref().map_or(0, Bytes::len).max(rest.len()) > bytes_max {
                        return Err(Status::resource_exhausted(format!(
                            "the answer has more than {bytes_max} bytes"
                        )));
                    }
                }
                Err(frame) => trailers = frame.into_trailers().ok(),
            }
        }
        let data = match rest.is_empty() {
            true => first.unwrap_or_default(),
            false => rest.freeze(),
        };
        Ok(Self { data, trailers })
    }

    pub(super) fn trailers(&self) -> Option<&HeaderMap> {
        self.trailers.as_ref()
    }

    /// Returns a body with the same content.
    pub(super) fn body(&self) -> Body {
        let data = (!self.data.is_empty()).then(|| self.data.clone());
        Body::new(Replay {
            data,
            trailers: self.trailers.clone(),
        })
    }
}

struct Replay {
    data: Option<Bytes>,
    trailers: Option<HeaderMap>,
}

impl HttpBody for Replay {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = match self.data.take() {
            Some(data) => Some(Frame::data(data)),
            None => self.trailers.take().map(Frame::trailers),
        };
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.data.as_ref().map_or(0, |it| it.len() as u64))
    }
}

/// A streamed answer that ends with the call's deadline, and whose broken connection reads as UNAVAILABLE.
pub(super) struct Guarded {
    inner: Body,
    deadline: Deadline,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Guarded {
    pub(super) fn new(inner: Body, deadline: Deadline) -> Self {
        Self {
            inner,
            deadline,
            timer: None,
        }
    }
}

impl HttpBody for Guarded {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        match Pin::new(&mut this.inner).poll_frame(cx) {
            Poll::Ready(Some(Err(status))) => Poll::Ready(Some(Err(connection_lost(status)))),
            Poll::Ready(item) => Poll::Ready(item),
            Poll::Pending => {
                let deadline = this.deadline;
                let timer = this
                    .timer
                    .get_or_insert_with(|| Box::pin(sleep_until(deadline.instant())));
                match timer.as_mut().poll(cx) {
                    Poll::Ready(()) => Poll::Ready(Some(Err(too_late()))),
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }
}

pub(super) fn too_late() -> Status {
    Status::deadline_exceeded("the call took longer than it may")
}

/// Gives errors of a connection the code that they have in gRPC; tonic reports some of them as others.
pub(super) fn connection_lost(status: Status) -> Status {
    match status.code() {
        Code::Unknown | Code::Internal | Code::Cancelled if status.details().is_empty() => {
            let mut lost = Status::unavailable(format!("connection lost: {}", status.message()));
            lost.set_source(std::sync::Arc::new(status));
            lost
        }
        _ => status,
    }
}
