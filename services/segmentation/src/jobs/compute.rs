//! Computes RFM segments: the lake's history as of a day, scores, groups, lifetime values, and one commit.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use api::common::{Freshness, Money};
use api::profile::tenant_service_client::TenantServiceClient;
use api::profile::{GetTenantRequest, Tenant};
use api::segmentation as pb;
use chrono::{Days, NaiveDate, NaiveTime, TimeZone};
use lake::{Lake, Replay, ReplayRequest};
use prost_types::{Any, Timestamp};
use runtime::client::Channel;
use runtime::operations::{OperationContext, OperationHandler};
use tonic::Status;
use uuid::Uuid;

use super::values::{self, Values};
use crate::domain::groups::{Group, GroupTable};
use crate::domain::rfm::{self, Buyer, Edges};
use crate::domain::summary::{self, Population};
use crate::error::Error;
use crate::rpc::{Asked, parse};
use crate::store::{SegmentStore, StoredSegment};

/// How long to wait for the lake to be told whose events are whose, and how often to look; beyond it, segments are
/// computed without them and say so.
const IDENTITY_PATIENCE: Duration = Duration::from_secs(30);
/// See [`IDENTITY_PATIENCE`].
const IDENTITY_POLL: Duration = Duration::from_millis(500);

/// Kind of the operation.
pub(crate) const KIND: &str = "compute_rfm_segments";

/// Does the computation.
pub(crate) struct ComputeRfm {
    pub(crate) lake: Lake,
    pub(crate) segments: SegmentStore,
    pub(crate) profile: Channel,
    pub(crate) scoring: Channel,
}

/// What the lake says of customers with a purchase, and how fresh that is.
struct Read {
    as_of: NaiveDate,
    /// Customers with a purchase by ordinal, with their ids.
    buyers: Vec<Buyer>,
    ids: Vec<Uuid>,
    without_purchase: i64,
    freshness: Freshness,
}

/// Groups and who is in them.
struct Grouped {
    edges: Edges,
    /// Indices into [`Read::buyers`], one list for each group.
    members: Vec<Vec<usize>>,
}

#[tonic::async_trait]
impl OperationHandler for ComputeRfm {
    async fn run(&self, context: OperationContext, request: Any) -> Result<Any, Status> {
        let asked = parse(&runtime::any::unpack(&request)?)?;
        let tenant = self.tenant(&context).await?;
        progress(&context, "reading", 0).await?;
        let mut read = self.read(&context, &asked).await?;
        progress(&context, "scoring", read.buyers.len()).await?;
        let grouped = group(&read, &asked);
        let values = values::ask(
            &self.scoring,
            &context,
            &read.ids,
            noon(read.as_of, &tenant.time_zone),
        )
        .await;
        let (values, reasons) = match values {
            Ok(mut values) => {
                let reasons = std::mem::take(&mut values.degraded);
                (Some(values), reasons.into_iter().collect())
            }
            Err(reason) => (None, vec![reason.to_owned()]),
        };
        read.freshness.degraded |= !reasons.is_empty();
        read.freshness.degraded_reasons.extend(reasons);
        context.checkpoint()?;
        progress(&context, "saving", read.buyers.len()).await?;
        let segments = describe(
            &read,
            &grouped,
            &asked.table,
            &tenant.currency_code,
            values.as_ref(),
        );
        let as_of = read.as_of.to_string();
        self.segments
            .replace(context.tenant(), context.id(), &as_of, &segments)
            .await?;

        let mut segments: Vec<pb::Segment> = segments
            .into_iter()
            .map(|segment| segment.description)
            .collect();
        segments
            .sort_by_key(|segment| (std::cmp::Reverse(value_of(segment)), segment.name.clone()));
        Ok(runtime::any::pack(&pb::ComputeRfmSegmentsResponse {
            segments,
            customers: read.buyers.len() as i64,
            customers_without_purchase: read.without_purchase,
            as_of,
            edges: Some(pb::RfmEdges {
                recency_days: grouped.edges.recency_days.to_vec(),
                frequency: grouped.edges.frequency.to_vec(),
                monetary_minor: grouped.edges.monetary_minor.to_vec(),
            }),
        }))
    }
}

impl ComputeRfm {
    async fn tenant(&self, context: &OperationContext) -> Result<Tenant, Status> {
        let ask = GetTenantRequest {
            tenant_id: context.tenant().to_string(),
        };
        let mut client = TenantServiceClient::new(self.profile.idempotent());
        match client
            .get_tenant(context.request_context().request(ask))
            .await
        {
            Ok(tenant) => Ok(tenant.into_inner()),
            Err(status) => Err(Error::of_profile(status)),
        }
    }

    async fn read(&self, context: &OperationContext, asked: &Asked) -> Result<Read, Error> {
        let begin = Instant::now();
        let replay = loop {
            let replay = self.replay(context, asked).await?;
            // Profile tells the lake whose events are whose a moment after it applied them.
            if replay.events_without_customer == 0 || begin.elapsed() > IDENTITY_PATIENCE {
                break replay;
            }
            tokio::time::sleep(IDENTITY_POLL).await;
        };
        let as_of = asked.as_of;
        tokio::task::spawn_blocking(move || buyers(&replay, as_of)).await?
    }

    async fn replay(&self, context: &OperationContext, asked: &Asked) -> Result<Replay, Error> {
        let request = ReplayRequest {
            tenant: context.tenant().to_string(),
            as_of_day: asked.as_of.map_or(i32::MAX, day_number),
            known_by: runtime::clock::now(),
        };
        let watcher = context.clone();
        let watch = move |_| {
            if watcher.is_cancelled() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        Ok(self.lake.replay(&request, watch).await?)
    }
}

async fn progress(context: &OperationContext, stage: &str, customers: usize) -> Result<(), Status> {
    let metadata = pb::ComputeSegmentsMetadata {
        stage: stage.to_owned(),
        customers: customers as i64,
    };
    context.progress(runtime::any::pack(&metadata)).await
}

/// Takes from each history what scores need.
fn buyers(replay: &Replay, as_of: Option<NaiveDate>) -> Result<Read, Error> {
    let newest = replay
        .customers
        .iter()
        .filter_map(|customer| customer.state.newest_day())
        .max();
    let day = match (as_of, newest) {
        (Some(as_of), _) => day_number(as_of),
        (None, Some(newest)) => newest,
        (None, None) => return Err(Error::NoCustomers("today".to_owned())),
    };
    let (mut buyers, mut ids) = (Vec::new(), Vec::new());
    for customer in &replay.customers {
        let Some(history) = customer.state.purchase_summary(day) else {
            continue;
        };
        buyers.push(Buyer {
            ordinal: u32::try_from(customer.ordinal)
                .map_err(|_| Error::Ordinal(customer.ordinal))?,
            recency_days: day - history.last_day,
            purchase_days: i32::try_from(history.repeats).unwrap_or(i32::MAX - 1) + 1,
            net_spend_minor: history.total_minor,
        });
        ids.push(customer.customer_id);
    }
    let as_of = day_of(day);
    if buyers.is_empty() {
        return Err(Error::NoCustomers(as_of.to_string()));
    }
    let behind = replay.events_without_customer > 0;
    let freshness = Freshness {
        complete_through: replay.watermark.map(runtime::time::to_proto),
        degraded: behind,
        degraded_reasons: if behind {
            vec!["IDENTITY_BEHIND".to_owned()]
        } else {
            Vec::new()
        },
    };
    let without_purchase = (replay.customers.len() - buyers.len()) as i64;
    Ok(Read {
        as_of,
        buyers,
        ids,
        without_purchase,
        freshness,
    })
}

fn group(read: &Read, asked: &Asked) -> Grouped {
    let (scores, edges) = rfm::score(&read.buyers, &asked.scoring);
    let mut members = vec![Vec::new(); asked.table.groups().len()];
    for (i, &scores) in scores.iter().enumerate() {
        members[asked.table.group_of(scores)].push(i);
    }
    Grouped { edges, members }
}

fn describe(
    read: &Read,
    grouped: &Grouped,
    table: &GroupTable,
    currency: &str,
    values: Option<&Values>,
) -> Vec<StoredSegment> {
    let all = Population::of(&read.buyers);
    let compute_time = runtime::time::to_proto(runtime::clock::now());
    let mut segments = Vec::with_capacity(grouped.members.len());
    for (group, members) in table.groups().iter().zip(&grouped.members) {
        let buyers: Vec<Buyer> = members.iter().map(|&i| read.buyers[i]).collect();
        let mut summary = summary_message(&buyers, all, currency);
        if let Some(values) = values {
            add_values(
                &mut summary,
                values,
                members.iter().map(|&i| read.ids[i]),
                currency,
            );
        }
        let display_name = if group.display_name.is_empty() {
            group.segment_id.clone()
        } else {
            group.display_name.clone()
        };
        let description = pb::Segment {
            name: format!("segments/{}", group.segment_id),
            display_name,
            kind: "rfm".to_owned(),
            rfm_group: Some(group_message(group)),
            summary: Some(summary),
            as_of: read.as_of.to_string(),
            compute_time: Some(compute_time),
            freshness: Some(read.freshness.clone()),
        };
        let members = members
            .iter()
            .map(|&i| (read.buyers[i].ordinal, read.ids[i]))
            .collect();
        segments.push(StoredSegment {
            segment_id: group.segment_id.clone(),
            description,
            members,
        });
    }
    segments
}

fn summary_message(members: &[Buyer], all: Population, currency: &str) -> pb::SegmentSummary {
    let summary = summary::summarise(members, all);
    pb::SegmentSummary {
        customers: summary.customers,
        customer_share: summary.customer_share,
        net_spend: Some(money(currency, summary.net_spend_minor)),
        net_spend_share: summary.net_spend_share,
        median_recency_days: summary.median_recency_days,
        mean_purchase_days: summary.mean_purchase_days,
        mean_purchase_value_minor: summary.mean_purchase_value_minor,
        text: summary.text(currency),
        ..Default::default()
    }
}

fn add_values(
    summary: &mut pb::SegmentSummary,
    values: &Values,
    ids: impl Iterator<Item = Uuid>,
    currency: &str,
) {
    let (mut scored, mut clv, mut purchases, mut risk) = (0_u32, 0.0, 0.0, 0.0);
    for value in ids.filter_map(|id| values.by_customer.get(&id)) {
        scored += 1;
        clv += value.clv_minor;
        purchases += value.expected_purchases;
        risk += value.churn_risk;
    }
    summary.clv = Some(money(currency, clv.round() as i64));
    summary.expected_purchases = Some(purchases);
    summary.mean_churn_risk = (scored > 0).then(|| risk / f64::from(scored));
    summary.model_version = values.model_version.clone();
}

fn group_message(group: &Group) -> pb::RfmGroup {
    let [recency, frequency, monetary] = group.ranges;
    pb::RfmGroup {
        segment_id: group.segment_id.clone(),
        display_name: group.display_name.clone(),
        recency_min: recency.0,
        recency_max: recency.1,
        frequency_min: frequency.0,
        frequency_max: frequency.1,
        monetary_min: monetary.0,
        monetary_max: monetary.1,
    }
}

fn money(currency: &str, minor_units: i64) -> Money {
    Money {
        currency_code: currency.to_owned(),
        minor_units,
    }
}

/// What a segment is worth: its lifetime value, or its net spend where that is not known.
fn value_of(segment: &pb::Segment) -> i64 {
    let summary = segment.summary.as_ref();
    let money = summary.and_then(|summary| summary.clv.as_ref().or(summary.net_spend.as_ref()));
    money.map_or(0, |money| money.minor_units)
}

/// Noon of a day in a zone: an instant that everybody in the zone counts to that day.
fn noon(day: NaiveDate, zone: &str) -> Timestamp {
    let zone: chrono_tz::Tz = zone.parse().unwrap_or(chrono_tz::UTC);
    let local = day.and_time(NaiveTime::MIN) + chrono::Duration::hours(12);
    let instant = zone
        .from_local_datetime(&local)
        .earliest()
        .map(|time| time.to_utc());
    runtime::time::to_proto(instant.unwrap_or_else(|| local.and_utc()))
}

fn day_number(day: NaiveDate) -> i32 {
    (day - NaiveDate::default()).num_days() as i32
}

fn day_of(number: i32) -> NaiveDate {
    let epoch = NaiveDate::default();
    let days = Days::new(u64::from(number.unsigned_abs()));
    let day = if number < 0 {
        epoch.checked_sub_days(days)
    } else {
        epoch.checked_add_days(days)
    };
    day.unwrap_or(epoch)
}
