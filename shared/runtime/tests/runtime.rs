//! The runtime over real gRPC on loopback.

#![allow(clippy::unwrap_used)]

mod runtime {
    mod clients;
    mod crash;
    mod drain;
    mod fixture;
    mod memory_log;
    mod operations;
    mod servers;
    mod tls;
    mod tracing_and_metrics;
}
