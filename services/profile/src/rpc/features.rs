//! `FeatureService`.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use api::profile::feature_service_server::FeatureService;
use api::profile::{
    BatchGetFeatureStatesRequest, BatchGetFeatureStatesResponse, CustomerFeatures,
    FeatureDefinition, FeatureState, GetFeaturesRequest, GetFeaturesResponse,
    LeaseCacheEpochRequest, LeaseCacheEpochResponse, ListFeatureDefinitionsRequest,
    ListFeatureDefinitionsResponse, ProfileChange, StateOrigin, WatchProfileChangesRequest,
    WatchProfileChangesResponse,
};
use features::{AsOf, CATALOGUE_VERSION, CustomerState, Definition, catalogue};
use futures::Stream;
use runtime::fault::{FieldViolation, Violations};
use runtime::server::Draining;
use tonic::{Request, Response, Status};

use super::questions::{self, finish};
use super::values;
use crate::domain::batch::BatchError;
use crate::domain::days;
use crate::error::Error;
use crate::guard::current_epoch;
use crate::service::{Core, StateRow};
use crate::store::changes::{self, ChangeRow};

/// Most names in one question.
const NAMES_MAX: usize = 500;
/// Page size unless asked otherwise.
const PAGE_DEFAULT: u64 = 100;
/// Most changes in one message.
const CHANGES_MAX: u64 = 1_000;

/// The service.
#[derive(Clone)]
pub(crate) struct Features(pub(crate) Arc<Core>);

#[async_trait::async_trait]
impl FeatureService for Features {
    async fn batch_get_feature_states(
        &self,
        request: Request<BatchGetFeatureStatesRequest>,
    ) -> Result<Response<BatchGetFeatureStatesResponse>, Status> {
        let tenant = questions::tenant(&self.0, &request).await?;
        let BatchGetFeatureStatesRequest {
            customers,
            bypass_cache,
        } = request.into_inner();
        let mut violations = Violations::new();
        let asked = questions::customers(&mut violations, &tenant.id, &self.0.key, &customers);
        finish(violations)?;
        let states = self.0.states(&tenant.id, &asked, bypass_cache).await?;
        Ok(Response::new(BatchGetFeatureStatesResponse {
            states: states.rows.into_iter().map(state).collect(),
            freshness: Some(values::freshness(&states.fresh)),
        }))
    }

    async fn get_features(
        &self,
        request: Request<GetFeaturesRequest>,
    ) -> Result<Response<GetFeaturesResponse>, Status> {
        let tenant = questions::tenant(&self.0, &request).await?;
        let GetFeaturesRequest {
            customers,
            features,
            as_of,
        } = request.into_inner();
        let mut violations = Violations::new();
        let asked = questions::customers(&mut violations, &tenant.id, &self.0.key, &customers);
        let as_of = questions::as_of(&mut violations, as_of.as_ref());
        let fits = features.len() <= NAMES_MAX;
        violations.require(
            fits,
            "features",
            "OUT_OF_RANGE",
            format!("must be at most {NAMES_MAX}"),
        );
        finish(violations)?;
        let wanted = definitions(&features)?;
        let states = self.0.states(&tenant.id, &asked, false).await?;
        let day = days::day_of(as_of.unwrap_or_else(runtime::clock::now), tenant.time_zone);
        let rows = states.rows;
        let compute = move || {
            let one = |row: Option<StateRow>| computed(row, &wanted, day, tenant.time_zone);
            rows.into_iter().map(one).collect::<Result<Vec<_>, Error>>()
        };
        Ok(Response::new(GetFeaturesResponse {
            customers: crate::blocking(compute).await??,
            freshness: Some(values::freshness(&states.fresh)),
            catalogue_version: CATALOGUE_VERSION,
        }))
    }

    async fn list_feature_definitions(
        &self,
        request: Request<ListFeatureDefinitionsRequest>,
    ) -> Result<Response<ListFeatureDefinitionsResponse>, Status> {
        let ListFeatureDefinitionsRequest {
            page_size,
            page_token,
            family,
        } = request.into_inner();
        let filter = ("definitions", CATALOGUE_VERSION, &family);
        let mut violations = Violations::new();
        let size = questions::page_size(&mut violations, page_size, PAGE_DEFAULT);
        let after: Option<String> = questions::page_token(&mut violations, &filter, &page_token);
        finish(violations)?;
        let after = after.unwrap_or_default();
        let all: Vec<&Definition> = catalogue()
            .iter()
            .filter(|it| family.is_empty() || it.family == family)
            .collect();
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let rest: Vec<&Definition> = all
            .iter()
            .copied()
            .filter(|it| *it.name > *after)
            .take(size + 1)
            .collect();
        let page = &rest[..rest.len().min(size)];
        let last = page.last().filter(|_| rest.len() > size);
        Ok(Response::new(ListFeatureDefinitionsResponse {
            definitions: page.iter().map(|it| definition(it)).collect(),
            next_page_token: last
                .map(|it| store::page::encode_for(&filter, &it.name))
                .unwrap_or_default(),
            total_size: i32::try_from(all.len()).unwrap_or(i32::MAX),
            catalogue_version: CATALOGUE_VERSION,
        }))
    }

    type WatchProfileChangesStream =
        Pin<Box<dyn Stream<Item = Result<WatchProfileChangesResponse, Status>> + Send + 'static>>;

    async fn watch_profile_changes(
        &self,
        request: Request<WatchProfileChangesRequest>,
    ) -> Result<Response<Self::WatchProfileChangesStream>, Status> {
        let tenant = questions::tenant(&self.0, &request).await?;
        let draining = request
            .extensions()
            .get::<Draining>()
            .cloned()
            .unwrap_or_default();
        let WatchProfileChangesRequest {
            after_position,
            stop_at_end,
        } = request.into_inner();
        let mut violations = Violations::new();
        violations.require(
            after_position >= 0,
            "after_position",
            "OUT_OF_RANGE",
            "must be 0 or more",
        );
        finish(violations)?;
        let watch = Watch {
            core: Arc::clone(&self.0),
            tenant: tenant.id,
            position: after_position,
            stop_at_end,
            draining,
        };
        Ok(Response::new(Box::pin(watch.stream())))
    }

    async fn lease_cache_epoch(
        &self,
        _: Request<LeaseCacheEpochRequest>,
    ) -> Result<Response<LeaseCacheEpochResponse>, Status> {
        let epoch = current_epoch(&self.0.store).await?;
        let lease_ms = i64::try_from(cache::LEASE.as_millis()).unwrap_or(0);
        Ok(Response::new(LeaseCacheEpochResponse {
            epoch: epoch.0,
            lease_ms,
        }))
    }
}

fn state(row: Option<StateRow>) -> FeatureState {
    let Some(StateRow {
        id,
        ordinal,
        version,
        state,
        from_cache,
    }) = row
    else {
        return FeatureState {
            origin: StateOrigin::Store.into(),
            ..FeatureState::default()
        };
    };
    let origin = if from_cache {
        StateOrigin::Cache
    } else {
        StateOrigin::Store
    };
    FeatureState {
        customer_id: id.to_string(),
        ordinal,
        version,
        state: state.to_vec(),
        origin: origin.into(),
    }
}

/// Finds names in the catalogue; none means all.
fn definitions(names: &[String]) -> Result<Vec<&'static Definition>, Error> {
    if names.is_empty() {
        return Ok(catalogue().iter().collect());
    }
    let mut unknown = Vec::new();
    let mut found = Vec::with_capacity(names.len());
    for (index, name) in names.iter().enumerate() {
        match features::definition(name) {
            Some(definition) => found.push(definition),
            None => unknown.push(FieldViolation {
                field: format!("features[{index}]"),
                reason: "FEATURE_UNKNOWN",
                description: "is not in the catalogue".to_owned(),
            }),
        }
    }
    if unknown.is_empty() {
        Ok(found)
    } else {
        Err(Error::FeatureUnknown(unknown))
    }
}

fn computed(
    row: Option<StateRow>,
    wanted: &[&'static Definition],
    day: i32,
    zone: chrono_tz::Tz,
) -> Result<CustomerFeatures, Error> {
    let Some(row) = row else {
        return Ok(CustomerFeatures::default());
    };
    let state = CustomerState::decode(&row.state)
        .map_err(|_| BatchError::StateUnreadable(row.id.to_string()))?;
    let features = state.features(AsOf::day(day));
    let value = |it: &&Definition| Some(values::feature(it.name, features.get(it.name)?, zone));
    Ok(CustomerFeatures {
        customer_id: row.id.to_string(),
        values: wanted.iter().filter_map(value).collect(),
    })
}

fn definition(it: &Definition) -> FeatureDefinition {
    FeatureDefinition {
        name: it.name.to_owned(),
        family: it.family.to_owned(),
        meaning: it.meaning.to_owned(),
        unit: it.unit.to_owned(),
        window_days: i32::try_from(it.window_days).unwrap_or(i32::MAX),
        value_type: it.value_type.name().to_owned(),
        default_value: it.default_text(),
        owner: it.owner.to_owned(),
        personal_data_class: it.personal_data.name().to_owned(),
        since_version: it.since_version,
        made_of: it.made_of.name().to_owned(),
    }
}

/// One watcher of the feed.
struct Watch {
    core: Arc<Core>,
    tenant: String,
    position: i64,
    stop_at_end: bool,
    draining: Draining,
}

impl Watch {
    fn stream(
        self,
    ) -> impl Stream<Item = Result<WatchProfileChangesResponse, Status>> + Send + 'static {
        futures::stream::unfold(Some(self), |watch| async move {
            let mut watch = watch?;
            match watch.next().await {
                Ok(None) => None,
                Ok(Some(changes)) => Some((Ok(changes), Some(watch))),
                Err(error) => Some((Err(error.into()), None)),
            }
        })
    }

    /// The next message; `None` at the end of the feed for one who wants to stop there.
    async fn next(&mut self) -> Result<Option<WatchProfileChangesResponse>, Error> {
        let mut signal = self.core.signal.subscribe();
        loop {
            if self.draining.is_on() {
                return Err(Error::ShuttingDown);
            }
            signal.mark_unchanged();
            let rows = changes::after(
                self.core.store.reader(),
                &self.tenant,
                self.position,
                CHANGES_MAX,
            )
            .await?;
            if let Some(last) = rows.last() {
                self.position = last.position;
                return Ok(Some(WatchProfileChangesResponse {
                    changes: rows.iter().map(change).collect(),
                }));
            }
            if self.stop_at_end {
                return Ok(None);
            }
            self.wait(&mut signal, self.core.feed_poll).await;
        }
    }

    /// Waits for a commit of this process, for the time to look for those of others, or for the end of the service.
    async fn wait(&self, signal: &mut tokio::sync::watch::Receiver<u64>, poll: Duration) {
        tokio::select! {
            _ = signal.changed() => {}
            () = tokio::time::sleep(poll) => {}
            () = self.draining.begun() => {}
        }
    }
}

fn change(row: &ChangeRow) -> ProfileChange {
    ProfileChange {
        position: row.position,
        customer_id: row.customer.to_string(),
        ordinal: row.ordinal,
        kind: row.kind,
        version: row.version,
        merged_into: row.merged_into.map(|it| it.to_string()).unwrap_or_default(),
        change_time: values::time(row.change_ms),
    }
}
