//! The runtime over real gRPC on loopback.

mod runtime {
    mod clients;
    mod drain;
    mod fixture;
    mod memory_log;
    mod operations;
    mod servers;
    mod tracing_and_metrics;
}
