//! Counts and times of calls, by OpenTelemetry's names for RPC.

use opentelemetry::metrics::{Counter, Histogram, UpDownCounter};
use opentelemetry::{KeyValue, global};
use std::time::Duration;
use tonic::Code;

/// Instruments of one server.
#[derive(Clone)]
pub(super) struct Metrics {
    duration: Histogram<f64>,
    active: UpDownCounter<i64>,
    shed: Counter<u64>,
    server: KeyValue,
}

impl Metrics {
    pub(super) fn new(server: &str) -> Self {
        let meter = global::meter("clientele.runtime");
        Self {
            duration: meter
                .f64_histogram("rpc.server.call.duration")
                .with_unit("s")
                .with_description("Time from the request's headers to the end of its answer")
                .build(),
            active: meter
                .i64_up_down_counter("rpc.server.active_calls")
                .with_description("Calls being served")
                .build(),
            shed: meter
                .u64_counter("rpc.server.shed_calls")
                .with_description("Calls refused because too many were being served")
                .build(),
            server: KeyValue::new("server", server.to_owned()),
        }
    }

    pub(super) fn started(&self) {
        self.active.add(1, std::slice::from_ref(&self.server));
    }

    pub(super) fn shed(&self) {
        self.shed.add(1, std::slice::from_ref(&self.server));
    }

    pub(super) fn ended(&self, method: &'static str, code: Code, took: Duration) {
        self.active.add(-1, std::slice::from_ref(&self.server));
        self.duration.record(
            took.as_secs_f64(),
            &[
                KeyValue::new("rpc.system.name", "grpc"),
                KeyValue::new("rpc.method", method),
                KeyValue::new("rpc.response.status_code", code_name(code)),
                self.server.clone(),
            ],
        );
    }
}

/// Returns the code's name as the gRPC specification writes it.
pub(crate) fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
