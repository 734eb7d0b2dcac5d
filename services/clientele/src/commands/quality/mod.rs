//! `clientele quality`: tells how good the data of a source are, as a table, as JSON or as one page.

mod page;
mod tables;

use std::path::Path;

use super::{day, request_id};
use crate::cli::{BaselineCommand, Output, QualityCommand, ServiceName};
use crate::clients::Clients;
use crate::output;
use anyhow::Context;
use api::ingestion::{
    FitBaselineRequest, GetBaselineRequest, GetQualityReportRequest, ListQualityAlertsRequest,
    ListQualityAlertsResponse, ListQualityHistoryRequest, ListQualityHistoryResponse, QualityAlert,
    QualityPoint, QualityReport,
};

const SERVICE: ServiceName = ServiceName::Ingestion;
/// Most fields whose history is shown.
const FIELDS_MAX: usize = 60;
/// Most days of history that are shown.
const DAYS_MAX: usize = 1_000;

/// Everything that a page tells of a source.
#[derive(Clone, Debug, Default)]
struct Told {
    tenant: String,
    report: QualityReport,
    /// Days of the source.
    days: Vec<QualityPoint>,
    /// Days by field, in the order of the report.
    fields: Vec<Vec<QualityPoint>>,
    /// Alerts, newest first.
    alerts: Vec<QualityAlert>,
}

/// Runs the command.
pub(crate) async fn run(
    clients: &Clients,
    command: QualityCommand,
    output: Output,
) -> anyhow::Result<()> {
    match command {
        QualityCommand::Report {
            source,
            from,
            to,
            html,
        } => {
            let request = GetQualityReportRequest {
                source: name(&source),
                from_day: day(from),
                to_day: day(to),
                fields: Vec::new(),
            };
            let told = gather(clients, request).await?;
            if let Some(file) = html {
                write_page(&file, &told).await?;
            }
            output::message(output, &told.report, |_| tables::report(&told))
        }
        QualityCommand::History {
            source,
            field,
            dimension,
            limit,
        } => {
            let request = ListQualityHistoryRequest {
                source: name(&source),
                field: field.unwrap_or_default(),
                dimension: dimension.map_or(0, |it| it.to_proto().into()),
                ..ListQualityHistoryRequest::default()
            };
            let mut points = history(clients, request).await?;
            points.drain(..points.len().saturating_sub(limit));
            let answer = ListQualityHistoryResponse {
                points,
                next_page_token: String::new(),
            };
            output::message(output, &answer, |it| tables::history(&it.points))
        }
        QualityCommand::Alerts {
            source,
            open,
            limit,
            page_token,
        } => {
            let request = ListQualityAlertsRequest {
                source: source.as_deref().map(name).unwrap_or_default(),
                open_only: open,
                page_size: limit,
                page_token,
            };
            let answer = alerts(clients, request).await?;
            output::message(output, &answer, |it| tables::alerts(&it.alerts))
        }
        QualityCommand::Baseline(command) => baseline(clients, command, output).await,
    }
}

async fn baseline(
    clients: &Clients,
    command: BaselineCommand,
    output: Output,
) -> anyhow::Result<()> {
    let answer = match command {
        BaselineCommand::Show { source, version } => {
            let request = GetBaselineRequest {
                source: name(&source),
                version,
            };
            let mut client = clients.quality();
            client.get_baseline(clients.request(request)).await
        }
        BaselineCommand::Fit { source, from, to } => {
            let request = FitBaselineRequest {
                source: name(&source),
                from_day: day(from),
                to_day: day(to),
                request_id: request_id(),
            };
            let mut client = clients.quality();
            client.fit_baseline(clients.request(request)).await
        }
    };
    let found = answer.map_err(clients.failed(SERVICE))?.into_inner();
    output::message(output, &found, tables::baseline)
}

/// Asks for a report with what belongs beside it.
async fn gather(clients: &Clients, request: GetQualityReportRequest) -> anyhow::Result<Told> {
    let source = request.source.clone();
    let (from, to) = (request.from_day.clone(), request.to_day.clone());
    let mut client = clients.quality();
    let answer = client.get_quality_report(clients.request(request)).await;
    let report = answer.map_err(clients.failed(SERVICE))?.into_inner();
    let of = |field: &str| ListQualityHistoryRequest {
        source: source.clone(),
        field: field.to_owned(),
        ..ListQualityHistoryRequest::default()
    };
    let inside = |points: Vec<QualityPoint>| -> Vec<QualityPoint> {
        let fits = |it: &QualityPoint| it.day >= from && (to.is_empty() || it.day <= to);
        points.into_iter().filter(fits).collect()
    };
    let days = inside(history(clients, of("")).await?);
    let mut fields = Vec::new();
    for field in report.fields.iter().take(FIELDS_MAX) {
        fields.push(inside(history(clients, of(&field.field)).await?));
    }
    let request = ListQualityAlertsRequest {
        source: source.clone(),
        open_only: true,
        page_size: 100,
        ..ListQualityAlertsRequest::default()
    };
    Ok(Told {
        tenant: clients.tenant().to_owned(),
        report,
        days,
        fields,
        alerts: alerts(clients, request).await?.alerts,
    })
}

/// Lists the newest days of a source or field, oldest first.
async fn history(
    clients: &Clients,
    mut request: ListQualityHistoryRequest,
) -> anyhow::Result<Vec<QualityPoint>> {
    request.page_size = 1_000;
    let mut points = Vec::new();
    loop {
        let asked = clients.request(request.clone());
        let answer = clients.quality().list_quality_history(asked).await;
        let page = answer.map_err(clients.failed(SERVICE))?.into_inner();
        points.extend(page.points);
        points.drain(..points.len().saturating_sub(DAYS_MAX));
        if page.next_page_token.is_empty() {
            return Ok(points);
        }
        request.page_token = page.next_page_token;
    }
}

async fn alerts(
    clients: &Clients,
    request: ListQualityAlertsRequest,
) -> anyhow::Result<ListQualityAlertsResponse> {
    let mut client = clients.quality();
    let answer = client.list_quality_alerts(clients.request(request)).await;
    Ok(answer.map_err(clients.failed(SERVICE))?.into_inner())
}

async fn write_page(file: &Path, told: &Told) -> anyhow::Result<()> {
    let html = page::page(told).render();
    tokio::fs::write(file, html)
        .await
        .with_context(|| format!("cannot write the page to {}", file.display()))?;
    eprintln!("the page is in {}", file.display());
    Ok(())
}

/// Returns a source's resource name, given with or without its collection.
fn name(source: &str) -> String {
    match source.starts_with("sources/") {
        true => source.to_owned(),
        false => format!("sources/{source}"),
    }
}
