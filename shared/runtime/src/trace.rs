//! W3C trace context in headers.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::TraceContextExt;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The headers of the W3C recommendation.
pub(crate) const HEADERS: [&str; 2] = ["traceparent", "tracestate"];

/// Makes the span a child of the caller's, if the headers name one.
pub(crate) fn adopt(span: &Span, headers: &HeaderMap) {
    if !headers.contains_key(HEADERS[0]) {
        return;
    }
    let parent = TraceContextPropagator::new().extract(&Headers(headers));
    // Fails where no tracer listens, and then there is nothing to adopt.
    let _ = span.set_parent(parent);
}

/// Names the span in the headers of a call. Without a tracer the headers stay as they are, so that a context which the
/// caller put there goes on.
pub(crate) fn inject(span: &Span, headers: &mut HeaderMap) {
    let context = span.context();
    if context.span().span_context().is_valid() {
        TraceContextPropagator::new().inject_context(&context, &mut HeadersMut(headers));
    }
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

struct HeadersMut<'a>(&'a mut HeaderMap);

impl Injector for HeadersMut<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(key), HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }
}
