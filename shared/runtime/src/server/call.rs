//! One call being served: what it holds, and what is told when it ends.

use super::metrics::{Metrics, code_name};
use crate::methods::Method;
use std::time::Instant;
use tokio::sync::OwnedSemaphorePermit;
use tonic::Code;
use tracing::Span;

/// Label of methods that no contract has, so that callers cannot invent labels.
const OTHER: &str = "_OTHER";

/// Held from the request's headers to the last byte of the answer.
///
/// Whatever ends the call, its end is counted once: dropped without a code, its caller went away.
pub(super) struct Call {
    method: &'static str,
    started: Instant,
    metrics: Metrics,
    span: Span,
    ended: bool,
    /// Gives its place back when the call is dropped.
    _place: Option<OwnedSemaphorePermit>,
}

impl Call {
    pub(super) fn start(
        method: Option<Method>,
        metrics: Metrics,
        place: Option<OwnedSemaphorePermit>,
        span: Span,
    ) -> Self {
        metrics.started();
        let method = method.map_or(OTHER, |it| it.name);
        Self {
            method,
            started: Instant::now(),
            metrics,
            span,
            ended: false,
            _place: place,
        }
    }

    /// Tells how the call ended; only the first time counts.
    pub(super) fn end(&mut self, code: Code) {
        if self.ended {
            return;
        }
        self.ended = true;
        let took = self.started.elapsed();
        self.span
            .record("rpc.response.status_code", code_name(code));
        self.metrics.ended(self.method, code, took);
        tracing::debug!(parent: &self.span, code = code_name(code), elapsed_us = took.as_micros() as u64, "answered");
    }

    pub(super) fn span(&self) -> &Span {
        &self.span
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.end(Code::Cancelled);
    }
}
