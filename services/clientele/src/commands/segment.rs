//! `clientele segment`: computes, lists and looks into segments.

use super::{day, request_id};
use crate::cli::{Output, SegmentCommand, ServiceName};
use crate::clients::Clients;
use crate::progress::Progress;
use crate::{customers, money, operation, output};
use api::segmentation::{
    CheckMembershipRequest, ComputeRfmSegmentsRequest, ComputeRfmSegmentsResponse,
    ComputeSegmentsMetadata, ListMembersRequest, ListSegmentsRequest, ListSegmentsResponse,
    Segment,
};
use std::collections::HashMap;

const SERVICE: ServiceName = ServiceName::Segmentation;

/// Runs the command.
pub(crate) async fn run(
    clients: &Clients,
    command: SegmentCommand,
    output: Output,
) -> anyhow::Result<()> {
    let failed = clients.failed(SERVICE);
    match command {
        SegmentCommand::Compute { as_of } => {
            let request = ComputeRfmSegmentsRequest {
                as_of: day(as_of),
                request_id: request_id(),
                ..Default::default()
            };
            output::message(output, &compute(clients, request).await?, |it| {
                format!(
                    "{}\n{} customers as of {}, {} without a purchase",
                    table(&it.segments),
                    it.customers,
                    it.as_of,
                    it.customers_without_purchase
                )
            })
        }
        SegmentCommand::List => {
            let answer = list(clients).await?;
            output::message(output, &answer, |it| match it.segments.is_empty() {
                true => "No segments yet: compute them with 'clientele segment compute'.".into(),
                false => table(&it.segments),
            })
        }
        SegmentCommand::Members {
            segment,
            limit,
            page_token,
        } => {
            let request = ListMembersRequest {
                segment: name(&segment),
                page_size: limit,
                page_token,
            };
            let answer = clients
                .segments()
                .list_members(clients.request(request))
                .await
                .map_err(failed)?
                .into_inner();
            output::message(output, &answer, |it| {
                let ids: String = it
                    .members
                    .iter()
                    .map(|it| format!("{}\n", it.customer_id))
                    .collect();
                let more = match it.next_page_token.as_str() {
                    "" => String::new(),
                    token => format!("\nnext page: --page-token {token}"),
                };
                format!(
                    "{ids}{} of {} members as of {}{more}",
                    it.members.len(),
                    it.total_size,
                    it.as_of
                )
            })
        }
        SegmentCommand::Check { customer } => {
            let request = CheckMembershipRequest {
                customer: Some(customers::parse(&customer)?),
                segments: vec![],
            };
            let answer = clients
                .segments()
                .check_membership(clients.request(request))
                .await
                .map_err(failed)?
                .into_inner();
            output::message(output, &answer, |it| {
                let segments = if it.segments.is_empty() {
                    "no segment".into()
                } else {
                    it.segments.join(", ")
                };
                format!("{} is in {segments} as of {}", it.customer_id, it.as_of)
            })
        }
    }
}

/// Lists all segments.
pub(crate) async fn list(clients: &Clients) -> anyhow::Result<ListSegmentsResponse> {
    let request = clients.request(ListSegmentsRequest {
        page_size: 1_000,
        ..Default::default()
    });
    let answer = clients.segments().list_segments(request).await;
    Ok(answer.map_err(clients.failed(SERVICE))?.into_inner())
}

/// Returns what segments are called, by resource name.
pub(crate) fn names(segments: &[Segment]) -> HashMap<String, String> {
    let pair = |it: &Segment| (it.name.clone(), it.display_name.clone());
    segments.iter().map(pair).collect()
}

/// Computes segments, shows how it goes, and returns them.
pub(crate) async fn compute(
    clients: &Clients,
    request: ComputeRfmSegmentsRequest,
) -> anyhow::Result<ComputeRfmSegmentsResponse> {
    let progress = Progress::start("segmenting");
    let started = clients
        .segments()
        .compute_rfm_segments(clients.request(request))
        .await
        .map_err(clients.failed(SERVICE))?;
    operation::wait(
        clients,
        SERVICE,
        started.into_inner(),
        |metadata: &ComputeSegmentsMetadata| {
            progress.tell(format!(
                "{}: {} customers",
                metadata.stage, metadata.customers
            ));
        },
    )
    .await
}

/// Returns a segment's resource name, given with or without its collection.
pub(crate) fn name(segment: &str) -> String {
    match segment.starts_with("segments/") {
        true => segment.to_owned(),
        false => format!("segments/{segment}"),
    }
}

/// Returns a table of segments with their summaries.
pub(crate) fn table(segments: &[Segment]) -> String {
    let numbers = [
        "customers",
        "share",
        "net spend",
        "share of\nspend",
        "median days\nsince",
        "purchase\ndays",
        "lifetime value",
        "churn\nrisk",
    ];
    let mut table = output::table(&[["segment", "id"].as_slice(), &numbers].concat(), &numbers);
    for segment in segments {
        let Some(it) = &segment.summary else { continue };
        let spend = it
            .net_spend
            .as_ref()
            .map(|it| money::format(it.minor_units, &it.currency_code))
            .unwrap_or_default();
        let clv = it
            .clv
            .as_ref()
            .map(|it| money::format(it.minor_units, &it.currency_code))
            .unwrap_or("unknown".into());
        // Of nobody there is no median, mean or risk.
        let of_members = |text: String| if it.customers > 0 { text } else { "-".into() };
        table.add_row([
            segment.display_name.clone(),
            segment.name.trim_start_matches("segments/").to_owned(),
            money::group(it.customers.max(0) as u64),
            format!("{:.1} %", 100.0 * it.customer_share),
            spend,
            format!("{:.1} %", 100.0 * it.net_spend_share),
            of_members(format!("{:.0}", it.median_recency_days)),
            of_members(format!("{:.1}", it.mean_purchase_days)),
            clv,
            of_members(
                it.mean_churn_risk
                    .map(|risk| format!("{:.1} %", 100.0 * risk))
                    .unwrap_or("unknown".into()),
            ),
        ]);
    }
    table.to_string()
}
