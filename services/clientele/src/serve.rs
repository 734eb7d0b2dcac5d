//! `clientele serve` and `clientele up`: processes that run until they are told to stop.

use crate::cli::{Output, Serve, ServiceName, Up};
use crate::host::{self, Host, Opened, open};
use crate::output;
use crate::settings::{Embedded, Process};
use crate::suite::{Ports, Suite};
use anyhow::Context;
use runtime::server::Shutdown;
use runtime::telemetry::TelemetryConfig;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// How long the last traces may take to be sent.
pub(crate) const FLUSH_LIMIT: Duration = Duration::from_secs(5);

/// Runs one service until a signal.
pub(crate) async fn serve(serve: Serve, config: Option<&Path>) -> anyhow::Result<()> {
    let name = serve.service.as_str();
    serve_until_stopped(serve, config).await.map_err(|error| {
        let text = format!("{error:#}");
        // What SQLite and PostgreSQL say of a database that was never migrated.
        let absent = ["no such table", "relation "]
            .iter()
            .any(|it| text.contains(it));
        match absent {
            true => anyhow::anyhow!(
                "{text}: bring its database up to date with 'clientele admin migrate {name}'"
            ),
            false => error,
        }
    })
}

async fn serve_until_stopped(serve: Serve, config: Option<&Path>) -> anyhow::Result<()> {
    let shutdown = Shutdown::on_signal()?;
    macro_rules! run {
        ($name:ident, $service:ident $(, $cache:ident)?) => {{
            let process: Process<$service::Config> = runtime::config::load($service::DEFAULTS, config)?;
            let telemetry = runtime::telemetry::init(serve.service.as_str(), &process.telemetry)?;
            let listen = process.service.server.listen;
            let opened = open!($name, $service, process.service.clone(), shutdown $(, cache::open(&process.service.$cache).await.context("open the feature cache")?)?);
            host_one(opened, listen, process.operations.listen, &shutdown).await?;
            telemetry.shutdown(FLUSH_LIMIT).await;
            Ok(())
        }};
    }
    match serve.service {
        ServiceName::Ingestion => run!(Ingestion, ingestion),
        ServiceName::Profile => run!(Profile, profile, cache),
        ServiceName::Scoring => run!(Scoring, scoring, cache),
        ServiceName::Segmentation => run!(Segmentation, segmentation),
        ServiceName::CampaignRecommendation => {
            run!(CampaignRecommendation, campaign_recommendation)
        }
    }
}

async fn host_one(
    opened: Opened,
    listen: std::net::SocketAddr,
    operations: std::net::SocketAddr,
    shutdown: &Shutdown,
) -> anyhow::Result<()> {
    let mut host = Host::default();
    host.add_operations(host::bind(operations, "operations").await?, shutdown);
    let listener = host::bind(listen, opened.name.as_str()).await?;
    host.add(opened, listener, shutdown);
    host.ended().await
}

/// Runs all services in this process until Ctrl-C or SIGTERM.
pub(crate) async fn up(up: Up, config: Option<&Path>, output: Output) -> anyhow::Result<()> {
    let settings = Embedded::load(config)?;
    let telemetry = telemetry(&settings, "info")?;
    let shutdown = Shutdown::on_signal()?;
    let ports = if up.base_port == 0 {
        Ports::Any
    } else {
        Ports::From(up.base_port)
    };
    let mut suite = Suite::start(&up.data_dir, ports, &settings).await?;
    print(&suite, output)?;
    let failure = tokio::select! {
        () = shutdown.cancelled() => None,
        ended = suite.failed() => Some(ended),
    };
    let stopped = suite.stop().await;
    telemetry.shutdown(FLUSH_LIMIT).await;
    failure.unwrap_or(stopped)
}

/// Sets up logs, traces and metrics of the embedded suite.
pub(crate) fn telemetry(
    settings: &Embedded,
    log: &str,
) -> anyhow::Result<runtime::telemetry::Telemetry> {
    let config: TelemetryConfig = settings.of("telemetry", &format!("log = \"{log}\""))?;
    runtime::telemetry::init("clientele", &config)
}

/// Prints the addresses: a line per service, or one JSON object on one line.
fn print(suite: &Suite, output: Output) -> anyhow::Result<()> {
    let endpoints = suite.endpoints();
    let urls: BTreeMap<&str, &str> = ServiceName::ALL
        .iter()
        .map(|it| (it.as_str(), endpoints.of(*it)))
        .collect();
    let operations = format!("http://{}", suite.operations());
    let http = format!("http://{}", suite.http());
    match output {
        Output::Json => output::text(
            &serde_json::json!({ "endpoints": urls, "http": http, "operations": operations })
                .to_string(),
        ),
        Output::Table => {
            let mut rows: Vec<(&str, String)> = urls
                .iter()
                .map(|(name, url)| (*name, (*url).to_owned()))
                .collect();
            rows.push(("client libraries", format!("{http}/v1/batch")));
            rows.push(("operations", format!("{operations}/metrics")));
            output::text(&format!("{}Ctrl-C stops the suite.", output::pairs(&rows)))
        }
    }
}
