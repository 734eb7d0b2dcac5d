//! `ProfileService`.

use std::sync::Arc;

use api::longrunning::Operation;
use api::profile::profile_service_server::ProfileService;
use api::profile::{
    ApplyAnswer, ApplyEventsRequest, ApplyEventsResponse, ApplyOutcome, BatchGetProfilesRequest,
    BatchGetProfilesResponse, CustomerSummary, GetProfileRequest, ListCustomersRequest,
    ListCustomersResponse, PersonaTrait, Profile, RebuildStatesRequest, ReportWatermarksRequest,
    ReportWatermarksResponse,
};
use chrono::{DateTime, Utc};
use features::AsOf;
use prost_types::Timestamp;
use runtime::context::RequestContext;
use runtime::fault::Violations;
use runtime::operations::StartOperation;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::questions::{self, finish, valid};
use super::values;
use crate::apply::{Applied, Batch};
use crate::domain::{days, persona};
use crate::error::Error;
use crate::jobs::rebuild::REBUILD_STATES;
use crate::service::{Core, Fresh, merged_state};
use crate::store::customers::{self, Asked, CustomerRow};
use crate::store::tenants::{self, Tenant};

/// Most events in one batch.
const EVENTS_MAX: usize = 5_000;
/// Longest lane id in bytes.
const LANE_BYTES_MAX: usize = 64;
/// Most lanes in one report.
const LANES_MAX: usize = 1_000;
/// Page size unless asked otherwise.
const PAGE_DEFAULT: u64 = 100;

/// The service.
#[derive(Clone)]
pub(crate) struct Profiles(pub(crate) Arc<Core>);

#[async_trait::async_trait]
impl ProfileService for Profiles {
    async fn apply_events(
        &self,
        request: Request<ApplyEventsRequest>,
    ) -> Result<Response<ApplyEventsResponse>, Status> {
        let batch = read_batch(request.into_inner())?;
        let core = Arc::clone(&self.0);
        // In a task of its own: a caller that goes away must not stop a batch between commit and cache.
        let applying = tokio::spawn(async move { core.applier.apply(batch).await });
        let applied = applying
            .await
            .map_err(|_| Status::internal("internal error"))??;
        Ok(Response::new(answer(applied)))
    }

    async fn report_watermarks(
        &self,
        request: Request<ReportWatermarksRequest>,
    ) -> Result<Response<ReportWatermarksResponse>, Status> {
        let request = request.into_inner();
        let beginning = request.beginning;
        let lanes = read_report(request)?;
        if !lanes.is_empty() {
            self.0.applier.report(&lanes, beginning).await?;
        }
        Ok(Response::new(ReportWatermarksResponse {}))
    }

    async fn get_profile(
        &self,
        request: Request<GetProfileRequest>,
    ) -> Result<Response<Profile>, Status> {
        let tenant = questions::tenant(&self.0, &request).await?;
        let GetProfileRequest { customer, as_of } = request.into_inner();
        let mut violations = Violations::new();
        let customer = customer.unwrap_or_default();
        let asked = questions::customer(
            &mut violations,
            "customer",
            &tenant.id,
            &self.0.key,
            &customer,
        );
        let as_of = questions::as_of(&mut violations, as_of.as_ref());
        finish(violations)?;
        let profiles = self.profiles(&tenant, &[valid(asked)?], as_of).await?;
        let profile = profiles
            .into_iter()
            .next()
            .flatten()
            .ok_or(Error::CustomerNotFound)?;
        Ok(Response::new(profile))
    }

    async fn batch_get_profiles(
        &self,
        request: Request<BatchGetProfilesRequest>,
    ) -> Result<Response<BatchGetProfilesResponse>, Status> {
        let tenant = questions::tenant(&self.0, &request).await?;
        let BatchGetProfilesRequest { customers, as_of } = request.into_inner();
        let mut violations = Violations::new();
        let asked = questions::customers(&mut violations, &tenant.id, &self.0.key, &customers);
        let as_of = questions::as_of(&mut violations, as_of.as_ref());
        finish(violations)?;
        let mut answer = BatchGetProfilesResponse::default();
        for (profile, index) in self
            .profiles(&tenant, &asked, as_of)
            .await?
            .into_iter()
            .zip(0..)
        {
            match profile {
                Some(profile) => answer.profiles.push(profile),
                None => answer.unknown_indices.push(index),
            }
        }
        Ok(Response::new(answer))
    }

    async fn list_customers(
        &self,
        request: Request<ListCustomersRequest>,
    ) -> Result<Response<ListCustomersResponse>, Status> {
        let tenant = questions::tenant(&self.0, &request).await?;
        let ListCustomersRequest {
            page_size,
            page_token,
        } = request.into_inner();
        let filter = ("customers", &tenant.id);
        let mut violations = Violations::new();
        let size = questions::page_size(&mut violations, page_size, PAGE_DEFAULT);
        let after: Option<i64> = questions::page_token(&mut violations, &filter, &page_token);
        finish(violations)?;
        let reader = self.0.store.reader();
        let mut rows = customers::list(reader, &tenant.id, after.unwrap_or(0), size + 1).await?;
        let total_size = tenants::counters(reader, &tenant.id).await?.customers_live;
        let more = u64::try_from(rows.len()).is_ok_and(|count| count > size);
        if more {
            rows.pop();
        }
        let last = rows.last().filter(|_| more);
        let next_page_token = last
            .map(|it| store::page::encode_for(&filter, &it.ordinal))
            .unwrap_or_default();
        let summary = |it: &customers::Summary| CustomerSummary {
            customer_id: it.id.to_string(),
            ordinal: it.ordinal,
            version: it.version,
        };
        Ok(Response::new(ListCustomersResponse {
            customers: rows.iter().map(summary).collect(),
            next_page_token,
            total_size,
        }))
    }

    async fn rebuild_states(
        &self,
        request: Request<RebuildStatesRequest>,
    ) -> Result<Response<Operation>, Status> {
        let context = RequestContext::from_request(&request)?;
        questions::tenant(&self.0, &request).await?;
        let request = request.into_inner();
        let mut violations = Violations::new();
        let request_id = questions::request_id(&mut violations, &request.request_id);
        finish(violations)?;
        let start = StartOperation {
            tenant: context.tenant,
            kind: REBUILD_STATES,
            request_id,
            request: runtime::any::pack(&request),
        };
        Ok(Response::new(self.0.operations.start(start).await?))
    }
}

/// Time as of which features are computed.
#[derive(Debug, Clone, Copy)]
struct Moment {
    day: i32,
    time: DateTime<Utc>,
}

impl Profiles {
    /// Reads profiles in the order asked; unknown ones are `None`.
    async fn profiles(
        &self,
        tenant: &Tenant,
        asked: &[Asked],
        as_of: Option<DateTime<Utc>>,
    ) -> Result<Vec<Option<Profile>>, Error> {
        let fresh = self.0.freshness().await?;
        let moment = self.moment(tenant, as_of).await?;
        let rows = self.0.customers(&tenant.id, asked).await?;
        let ids: Vec<Uuid> = rows.iter().flatten().map(|it| it.id).collect();
        let aliases = customers::aliases(self.0.store.reader(), &tenant.id, &ids).await?;
        let tenant = tenant.clone();
        let build = move || {
            let one = |row: Arc<CustomerRow>| {
                profile(
                    &row,
                    aliases.get(&row.id).map_or(&[][..], Vec::as_slice),
                    &tenant,
                    moment,
                    &fresh,
                )
            };
            rows.into_iter()
                .map(|row| row.map(one).transpose())
                .collect::<Result<_, Error>>()
        };
        crate::blocking(build).await?
    }

    /// The time asked for, else the newest event's, else now.
    async fn moment(&self, tenant: &Tenant, as_of: Option<DateTime<Utc>>) -> Result<Moment, Error> {
        if let Some(time) = as_of {
            return Ok(Moment {
                day: days::day_of(time, tenant.time_zone),
                time,
            });
        }
        let counters = tenants::counters(self.0.store.reader(), &tenant.id).await?;
        let newest = counters
            .newest_event_ms
            .and_then(DateTime::from_timestamp_millis);
        let time = newest.unwrap_or_else(runtime::clock::now);
        let day = counters
            .newest_event_day
            .unwrap_or_else(|| days::day_of(time, tenant.time_zone));
        Ok(Moment { day, time })
    }
}

fn profile(
    row: &CustomerRow,
    aliases: &[Uuid],
    tenant: &Tenant,
    moment: Moment,
    fresh: &Fresh,
) -> Result<Profile, Error> {
    let features = merged_state(row)?.features(AsOf::day(moment.day));
    let described = |it: persona::Trait| PersonaTrait {
        dimension: it.dimension.to_owned(),
        label: it.label,
        evidence: it.evidence,
    };
    let value = |(definition, cell): (&features::Definition, &features::Cell)| {
        values::feature(definition.name, cell, tenant.time_zone)
    };
    Ok(Profile {
        customer_id: row.id.to_string(),
        ordinal: row.ordinal,
        alias_ids: aliases.iter().map(Uuid::to_string).collect(),
        identifiers: row
            .fragments
            .iter()
            .map(|it| values::identifier(&it.identifier))
            .collect(),
        persona: persona::describe(&features)
            .into_iter()
            .map(described)
            .collect(),
        features: features.iter().map(value).collect(),
        version: row.version,
        create_time: values::time(row.create_ms),
        update_time: values::time(row.update_ms),
        as_of: Some(runtime::time::to_proto(moment.time)),
        freshness: Some(values::freshness(fresh)),
    })
}

fn answer(applied: Applied) -> ApplyEventsResponse {
    let Applied { answers, repeated } = applied;
    let applied = ApplyAnswer {
        outcome: ApplyOutcome::Applied.into(),
        reason: String::new(),
    };
    let mut all = vec![applied; answers.events];
    for (index, reason) in answers.parked {
        if let Some(answer) = usize::try_from(index)
            .ok()
            .and_then(|index| all.get_mut(index))
        {
            *answer = ApplyAnswer {
                outcome: ApplyOutcome::Parked.into(),
                reason,
            };
        }
    }
    ApplyEventsResponse {
        answers: all,
        repeated_batch: repeated,
    }
}

fn read_batch(request: ApplyEventsRequest) -> Result<Batch, Status> {
    let ApplyEventsRequest {
        lane,
        number,
        events,
        complete_through,
        fence,
    } = request;
    let mut violations = Violations::new();
    lane_id(&mut violations, "lane", &lane);
    violations.require(number >= 1, "number", "OUT_OF_RANGE", "must be 1 or more");
    violations.require(fence >= 0, "fence", "OUT_OF_RANGE", "must be 0 or more");
    let fits = events.len() <= EVENTS_MAX;
    let description = format!("must be at most {EVENTS_MAX}, not {}", events.len());
    violations.require(fits, "events", "OUT_OF_RANGE", description);
    let complete_through_ms = watermark(
        &mut violations,
        "complete_through",
        complete_through.as_ref(),
    );
    finish(violations)?;
    Ok(Batch {
        lane,
        number,
        events,
        complete_through_ms,
        fence,
    })
}

/// Reads lanes with their newest batch and watermark; lanes that tell no time are left out.
fn read_report(request: ReportWatermarksRequest) -> Result<Vec<(String, i64, i64)>, Status> {
    let mut violations = Violations::new();
    let fits = request.lanes.len() <= LANES_MAX;
    violations.require(
        fits,
        "lanes",
        "OUT_OF_RANGE",
        format!("must be at most {LANES_MAX}"),
    );
    let mut lanes = Vec::with_capacity(request.lanes.len());
    for (index, it) in request.lanes.into_iter().enumerate() {
        let path = |part: &str| format!("lanes[{index}].{part}");
        lane_id(&mut violations, &path("lane"), &it.lane);
        violations.require(
            it.applied_batch >= 0,
            path("applied_batch"),
            "OUT_OF_RANGE",
            "must be 0 or more",
        );
        let through = watermark(
            &mut violations,
            &path("complete_through"),
            it.complete_through.as_ref(),
        );
        lanes.extend(through.map(|through| (it.lane, it.applied_batch, through)));
    }
    finish(violations)?;
    lanes.sort();
    Ok(lanes)
}

fn lane_id(violations: &mut Violations, field: &str, lane: &str) {
    let fits = (1..=LANE_BYTES_MAX).contains(&lane.len());
    violations.require(fits, field, "OUT_OF_RANGE", "must be 1 to 64 bytes");
}

fn watermark(violations: &mut Violations, field: &str, time: Option<&Timestamp>) -> Option<i64> {
    let instant = runtime::time::from_proto(time?).ok_or("must be a time of the years 1 to 9999");
    Some(
        violations
            .take(field, "MALFORMED", instant)?
            .timestamp_millis(),
    )
}
