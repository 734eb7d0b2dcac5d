//! Logs, traces and metrics, set up once per process.

mod metrics;

use crate::config::duration;
use anyhow::Context;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use serde::Deserialize;
use std::io::IsTerminal;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

pub use metrics::operations_router;

/// What is always quiet: PostgreSQL's notices about objects that exist already, each migration that is applied, the lake's
/// search for tables that are not there yet (it calls that an error; whoever asked is told), and the exporter's own calls.
const ALWAYS_QUIET: [&str; 6] = [
    "sqlx::postgres::notice=warn",
    "sea_orm_migration=warn",
    "buoyant_kernel=off",
    "deltalake_core=warn",
    "opentelemetry=warn",
    "h2=warn",
];

/// Settings of telemetry; every one has a default.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// Which events are logged, in the form of `RUST_LOG`: `info`, `warn,profile=debug`.
    pub log: String,
    /// How they are written.
    pub format: LogFormat,
    /// Address of an OTLP collector (gRPC), for example `http://127.0.0.1:4317`. None: no traces.
    pub otlp_endpoint: Option<String>,
    /// Time for one export.
    #[serde(with = "duration")]
    pub otlp_timeout: Duration,
    /// Share of traces to keep, from 0 to 1, where the caller has not decided.
    pub trace_ratio: f64,
}

/// Form of log lines, which go to standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            log: "info".to_owned(),
            format: LogFormat::Text,
            otlp_endpoint: None,
            otlp_timeout: Duration::from_secs(5),
            trace_ratio: 1.0,
        }
    }
}

/// Flushes what was recorded when the process ends.
#[derive(Debug)]
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
}

/// Logs, traces and metrics of a process can be set up once; later callers share them.
static INSTALLED: OnceLock<Mutex<Option<SdkTracerProvider>>> = OnceLock::new();

/// Sets up logs, traces and metrics of this process under a name.
///
/// The second and later calls of a process change nothing and return a handle to the same. Fails when the log filter or
/// the collector's address cannot be understood. Needs a tokio runtime if an OTLP endpoint is set.
pub fn init(service: &str, config: &TelemetryConfig) -> anyhow::Result<Telemetry> {
    let installed = INSTALLED.get_or_init(|| Mutex::new(None));
    let mut traces = installed.lock().unwrap_or_else(PoisonError::into_inner);
    if metrics::is_installed() {
        return Ok(Telemetry {
            traces: traces.clone(),
        });
    }
    let resource = Resource::builder()
        .with_service_name(service.to_owned())
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    let provider = match &config.otlp_endpoint {
        Some(endpoint) => Some(tracer_provider(endpoint, config, resource.clone())?),
        None => None,
    };
    install_logs(config, provider.as_ref())?;
    metrics::install(resource)?;
    traces.clone_from(&provider);
    Ok(Telemetry { traces: provider })
}

impl Telemetry {
    /// Sends what was not sent yet, for at most this long.
    pub async fn shutdown(self, limit: Duration) {
        let Some(traces) = self.traces else { return };
        // The exporter blocks until the collector has answered.
        let flush = tokio::task::spawn_blocking(move || traces.shutdown_with_timeout(limit));
        match tokio::time::timeout(limit, flush).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::warn!(%error, "cannot send the last traces"),
            Ok(Err(error)) => tracing::warn!(%error, "cannot send the last traces"),
            Err(_) => tracing::warn!("no time to send the last traces"),
        }
    }
}

fn tracer_provider(
    endpoint: &str,
    config: &TelemetryConfig,
    resource: Resource,
) -> anyhow::Result<SdkTracerProvider> {
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .with_timeout(config.otlp_timeout)
        .build()
        .with_context(|| format!("use the OTLP endpoint {endpoint}"))?;
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(config.trace_ratio)));
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(sampler)
        .with_resource(resource)
        .build())
}

fn install_logs(
    config: &TelemetryConfig,
    provider: Option<&SdkTracerProvider>,
) -> anyhow::Result<()> {
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match config.format {
        LogFormat::Text => lines
            .with_target(true)
            .with_filter(filter(&config.log)?)
            .boxed(),
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .with_filter(filter(&config.log)?)
            .boxed(),
    };
    let spans = match provider {
        // Traces have their own filter: they should not grow thin because the log is quiet.
        Some(provider) => Some(
            tracing_opentelemetry::layer()
                .with_tracer(provider.tracer("clientele"))
                .with_filter(filter("info")?)
                .boxed(),
        ),
        None => None,
    };
    let layers: Vec<Box<dyn Layer<Registry> + Send + Sync>> =
        std::iter::once(lines).chain(spans).collect();
    // A process that has a subscriber of its own keeps it.
    if let Err(error) = tracing_subscriber::registry().with(layers).try_init() {
        tracing::debug!(%error, "logs were set up before");
    }
    Ok(())
}

fn filter(directives: &str) -> anyhow::Result<EnvFilter> {
    // Ours come first, so that the operator's may say otherwise.
    let all = ALWAYS_QUIET.join(",") + "," + directives;
    EnvFilter::try_new(&all).with_context(|| format!("understand the log filter `{directives}`"))
}
