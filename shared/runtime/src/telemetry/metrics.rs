//! Metrics for Prometheus.

use crate::operations_port::Readiness;
use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use opentelemetry::global;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{
    Aggregation, Instrument, InstrumentKind, SdkMeterProvider, Stream,
};
use prometheus::{Encoder, Registry, TextEncoder};
use std::sync::OnceLock;

/// Upper bounds of histograms of time, in seconds: fine where a service that answers in a millisecond lives.
const SECONDS: [f64; 17] = [
    0.0001, 0.000_25, 0.0005, 0.000_75, 0.001, 0.0015, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
    0.5, 1.0, 2.5, 10.0,
];

static REGISTRY: OnceLock<Registry> = OnceLock::new();

pub(super) fn is_installed() -> bool {
    REGISTRY.get().is_some()
}

/// Installs the process's meters.
pub(super) fn install(resource: Resource) -> anyhow::Result<()> {
    let registry = Registry::new();
    let exporter = opentelemetry_prometheus::exporter()
        .with_registry(registry.clone())
        .without_target_info()
        .scope_info_enabled(false)
        .build()
        .context("set up metrics")?;
    let provider = SdkMeterProvider::builder()
        .with_reader(exporter)
        .with_resource(resource)
        .with_view(buckets_in_seconds)
        .build();
    global::set_meter_provider(provider);
    // Only `telemetry::init` installs, under its lock.
    let _ = REGISTRY.set(registry);
    Ok(())
}

fn buckets_in_seconds(instrument: &Instrument) -> Option<Stream> {
    if instrument.kind() != InstrumentKind::Histogram || instrument.unit() != "s" {
        return None;
    }
    let boundaries = SECONDS.to_vec();
    Stream::builder()
        .with_aggregation(Aggregation::ExplicitBucketHistogram {
            boundaries,
            record_min_max: false,
        })
        .build()
        .ok()
}

/// Returns the pages of the operations port: `/metrics` for Prometheus, `/livez` and `/readyz` for probes.
pub fn operations_router(readiness: Readiness) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(async || "alive\n"))
        .route("/readyz", get(readyz))
        .with_state(readiness)
}

async fn readyz(State(readiness): State<Readiness>) -> impl IntoResponse {
    match readiness.missing() {
        missing if missing.is_empty() => (StatusCode::OK, "ready\n".to_owned()),
        missing => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("not ready: {}\n", missing.join(", ")),
        ),
    }
}

async fn metrics() -> impl IntoResponse {
    let families = REGISTRY.get().map(Registry::gather).unwrap_or_default();
    let mut text = Vec::new();
    match TextEncoder::new().encode(&families, &mut text) {
        Ok(()) => (
            StatusCode::OK,
            [(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)],
            text,
        ),
        Err(error) => {
            tracing::error!(%error, "cannot write the metrics");
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                [(header::CONTENT_TYPE, "text/plain")],
                Vec::new(),
            )
        }
    }
}
