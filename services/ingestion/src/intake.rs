//! The way of every event into the log, whichever door it came through: judge, commit, receipt.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::common::Event;
use chrono::TimeDelta;
use runtime::context::TenantId;
use runtime::fault::OrStatus;
use store::StoreError;
use tonic::Status;

use crate::domain::contract::Contract;
use crate::domain::draft::Draft;
use crate::domain::judge::{Judge, Judged, Tenant, Tolerance, is_source_name};
use crate::domain::keys::{Hash, Keys};
use crate::domain::mapping::Mapper;
use crate::domain::rates::Rates;
use crate::domain::terms::Terms;
use crate::limits::{Limiter, Pace, RateLimited};
use crate::metrics::Metrics;
use crate::rate_book::RateBook;
use crate::sources::{RegisteredSource, SourceError, Sources};
use crate::store::{Append, EventLog, LogError, Outcome, Step};
use crate::taxonomies::ActiveTaxonomies;
use crate::tenants::{TenantError, Tenants};

/// How events arrived.
#[derive(Clone, Debug, Default)]
pub struct Arrival<'a> {
    /// Revision of the contract that they were made for; empty means the present one.
    pub revision: &'a str,
    /// What happens when there are too many.
    pub pace: Pace,
    /// Hash of each event's content, where a repeat is not known by the event itself; empty where it is.
    pub contents: Vec<Hash>,
}

/// Takes events in.
pub struct Intake {
    keys: Keys,
    tenants: Tenants,
    sources: Arc<Sources>,
    rates: Arc<RateBook>,
    taxonomies: Arc<ActiveTaxonomies>,
    log: Arc<dyn EventLog>,
    tolerance: Tolerance,
    limiter: Limiter,
    metrics: Metrics,
}

impl Intake {
    /// Takes events into `log`.
    pub fn new(
        keys: Keys,
        tenants: Tenants,
        (sources, rates, taxonomies): (Arc<Sources>, Arc<RateBook>, Arc<ActiveTaxonomies>),
        log: Arc<dyn EventLog>,
        tolerance: Tolerance,
        limiter: Limiter,
        metrics: Metrics,
    ) -> Self {
        Self {
            keys,
            tenants,
            sources,
            rates,
            taxonomies,
            log,
            tolerance,
            limiter,
            metrics,
        }
    }

    /// Returns the keys of the hashes.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Returns the log.
    pub fn log(&self) -> &Arc<dyn EventLog> {
        &self.log
    }

    /// Returns the registered sources.
    pub fn sources(&self) -> &Arc<Sources> {
        &self.sources
    }

    /// Returns a tenant whose events may be taken, and makes sure that its taxonomies are known: every door asks for the
    /// tenant before it judges.
    pub async fn tenant(&self, id: &TenantId) -> Result<Tenant, TenantError> {
        let tenant = self.tenants.get(id).await?;
        self.taxonomies.refresh(&tenant.id).await?;
        Ok(tenant)
    }

    /// Judges one draft.
    pub fn judge(&self, tenant: &Tenant, terms: &Terms, draft: Draft) -> Judged {
        let judge = Judge {
            keys: &self.keys,
            tenant,
            tolerance: self.tolerance,
            terms,
            taxonomies: &self.taxonomies.of(&tenant.id),
            now: runtime::clock::now(),
        };
        judge.judge(draft)
    }

    /// Returns on what terms the data of a source are taken: those that it is registered with, and by `contract` instead of
    /// its own where one was given with the data.
    pub async fn terms(
        &self,
        tenant: &Tenant,
        source: &str,
        contract: Option<Contract>,
    ) -> Result<Terms, StoreError> {
        let registered = self.sources.get(&tenant.id, source).await?;
        let terms = registered.map(|it| it.terms()).unwrap_or_default();
        let terms = match contract {
            Some(contract) => terms.with_contract(contract),
            None => terms,
        };
        Ok(Terms {
            rates: Some(self.rates.get(&tenant.id).await?),
            ..terms
        })
    }

    /// Judges what was sent: that of registered sources on their terms, by the same stages as a file's rows. `contents` are
    /// hashes of the contents where these are not those of the events themselves.
    pub fn judge_sent(
        &self,
        tenant: &Tenant,
        events: Vec<Event>,
        contents: &[Hash],
        (sources, rates): (&BTreeMap<String, Arc<RegisteredSource>>, &Arc<Rates>),
    ) -> Arc<[Judged]> {
        let rated = |terms: Terms| Terms {
            rates: Some(rates.clone()),
            ..terms
        };
        let plain = rated(Terms::default());
        let terms: BTreeMap<&str, Terms> = sources
            .iter()
            .map(|(id, source)| (id.as_str(), rated(source.terms())))
            .collect();
        let judged = |(index, event): (usize, Event)| {
            let own = sources.get(&event.source);
            let size_max = own.map_or(0, |it| it.limits.event_bytes_max);
            let (source, terms) = match terms.get_key_value(event.source.as_str()) {
                Some((source, terms)) => (*source, terms),
                None => ("", &plain),
            };
            let mut draft = match terms.contract.as_deref() {
                Some(contract) => Mapper::of_sent(contract, source, &self.keys)
                    .with_baseline(terms.baseline.as_deref())
                    .take(event),
                None => Draft::from_event(event, &self.keys),
            };
            draft.size_max = Some(self.limiter.event_bytes_max(size_max));
            if let Some(content) = contents.get(index) {
                draft.content = *content;
            }
            self.judge(tenant, terms, draft)
        };
        events.into_iter().enumerate().map(judged).collect()
    }

    /// Returns the registered ones among the sources of events. Fails when one is paused, or is at another revision of its
    /// contract than the one asked for, where one is.
    pub async fn admit(
        &self,
        tenant: &Tenant,
        events: &[Event],
        revision: &str,
    ) -> Result<BTreeMap<String, Arc<RegisteredSource>>, SourceError> {
        let mut admitted = BTreeMap::new();
        let mut asked = BTreeSet::new();
        for event in events {
            if !is_source_name(&event.source) || !asked.insert(event.source.as_str()) {
                continue;
            }
            match self.sources.get(&tenant.id, &event.source).await? {
                Some(source) => {
                    source.admit(revision)?;
                    admitted.insert(event.source.clone(), source);
                }
                None if !revision.is_empty() => {
                    return Err(SourceError::RevisionMismatch {
                        source_id: event.source.clone(),
                        present: 0,
                        asked: revision.chars().take(40).collect(),
                    });
                }
                None => {}
            }
        }
        Ok(admitted)
    }

    /// Takes the allowances that events need.
    async fn limit(
        &self,
        tenant: &Tenant,
        events: &[Event],
        sources: &BTreeMap<String, Arc<RegisteredSource>>,
        pace: Pace,
    ) -> Result<(), RateLimited> {
        let mut counts: BTreeMap<&str, (i64, usize)> = BTreeMap::new();
        for event in events {
            // What has no valid source is refused one by one; until then it counts like one source.
            let name = match is_source_name(&event.source) {
                true => event.source.as_str(),
                false => "-",
            };
            let own = || {
                sources
                    .get(name)
                    .map_or(0, |it| it.limits.events_per_second)
            };
            counts.entry(name).or_insert_with(|| (own(), 0)).1 += 1;
        }
        self.limiter.take(&tenant.id, &counts, pace).await
    }

    /// Takes events that came over the wire, and returns them judged with what became of each.
    pub async fn take(
        &self,
        id: &TenantId,
        events: Vec<Event>,
        arrival: Arrival<'_>,
    ) -> Result<(Arc<[Judged]>, Vec<Outcome>), Status> {
        // A tenant that does not exist gets no series of its own.
        let tenant = self
            .tenant(id)
            .await
            .map_err(|fault| runtime::fault::status(&fault))?;
        let admitted = self.admit(&tenant, &events, arrival.revision).await?;
        self.limit(&tenant, &events, &admitted, arrival.pace)
            .await
            .or_status()?;
        self.metrics.received(&tenant.id, events.len());
        let rates = self.rates.get(&tenant.id).await.or_status()?;
        let judged: Arc<[Judged]> =
            self.judge_sent(&tenant, events, &arrival.contents, (&admitted, &rates));
        let outcomes = self
            .commit(&tenant, judged.clone(), None)
            .await
            .map_err(|fault| {
                self.metrics.unanswered(&tenant.id, judged.len());
                runtime::fault::status(&fault)
            })?;
        Ok((judged, outcomes))
    }

    /// Commits judged events and returns what became of each.
    pub async fn commit(
        &self,
        tenant: &Tenant,
        events: Arc<[Judged]>,
        step: Option<Step>,
    ) -> Result<Vec<Outcome>, LogError> {
        let outcomes = self
            .log
            .append(Append {
                tenant: tenant.id.clone(),
                events,
                step,
            })
            .await?;
        self.metrics.receipts(&tenant.id, &outcomes);
        Ok(outcomes)
    }

    /// Counts rows of a file that no receipt was counted for.
    pub fn count_unanswered(&self, tenant: &Tenant, count: usize) {
        self.metrics.unanswered(&tenant.id, count);
    }

    /// Counts rows that came out of a file.
    pub fn count_received(&self, tenant: &Tenant, count: usize) {
        self.metrics.received(&tenant.id, count);
    }
}

/// Returns the bounds on time of a configuration.
pub fn tolerance(future: std::time::Duration, remember: std::time::Duration) -> Tolerance {
    let delta = |length| TimeDelta::from_std(length).unwrap_or(TimeDelta::days(36_500));
    Tolerance {
        future: delta(future),
        age: delta(remember),
    }
}
