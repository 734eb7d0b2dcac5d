//! `ApplyEvents`: one batch of a lane, in one transaction, exactly once, and never behind the cache's back.
//!
//! The order is: lock the lane, then everything that the batch touches; compute; mark the changed customers in the cache;
//! write; confirm the cache's epoch; commit; put the new states into the cache; clear the marks. Whatever stops the
//! process in between leaves either nothing behind, or marks that make readers go to the database until they are
//! repaired.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use api::common::StandardEvent;
use bytes::Bytes;
use features::CustomerState;
use runtime::crash;
use store::{Store, StoreError, WriteTx};
use uuid::Uuid;

use crate::domain::batch::{self, Change, CustomerWrite, Outcome, Verdict};
use crate::domain::identity::{FragmentId, Identifier};
use crate::error::Error;
use crate::guard::{CacheGuard, Entry, Marking, WritePermit};
use crate::incoming::{self, Candidate, Candidates, Park};
use crate::metrics::Metrics;
use crate::signal::FeedSignal;
use crate::store::batch::{IdentityLine, load, write_customers, write_fragments, write_identity};
use crate::store::lanes::{self, Answers, Turn};
use crate::store::tenants::{self, TenantState};

/// How often a batch is begun again when the database ended its transaction, for a deadlock say.
const ATTEMPTS_MAX: u32 = 6;
/// Pause before the second attempt; it doubles.
const PAUSE: Duration = Duration::from_millis(20);

/// A claimed batch.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Its lane.
    pub(crate) lane: String,
    /// Its number in the lane, from 1.
    pub(crate) number: i64,
    /// Its events.
    pub(crate) events: Vec<StandardEvent>,
    /// Through when the lane is complete with it, in milliseconds since 1970.
    pub(crate) complete_through_ms: Option<i64>,
    /// Fencing number of the sender's lease.
    pub(crate) fence: i64,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Applied {
    /// What became of each event.
    pub(crate) answers: Answers,
    /// True when the batch had been applied before.
    pub(crate) repeated: bool,
}

/// Applies batches.
pub(crate) struct Applier {
    pub(crate) store: Store,
    pub(crate) cache: Arc<CacheGuard>,
    pub(crate) signal: FeedSignal,
    pub(crate) metrics: Metrics,
    pub(crate) write_version: features::Version,
}

/// What a transaction did, for after its commit.
struct Done {
    answers: Answers,
    marking: Marking,
    entries: Vec<Entry>,
    watermark_ms: Option<i64>,
    links_skipped: u64,
}

impl Applier {
    /// Applies a batch, or answers as before when it was applied before.
    pub(crate) async fn apply(&self, batch: Batch) -> Result<Applied, Error> {
        crash::point("apply_begin");
        let candidates = Arc::new(incoming::read(&batch.events));
        let mut pause = PAUSE;
        for attempt in 1.. {
            let error = match self.attempt(&batch, &candidates).await {
                Ok(applied) => return Ok(applied),
                Err(error) => error,
            };
            if matches!(error, Error::CacheAway) {
                self.cache.suspend(&self.store).await?;
            }
            if !error.may_pass() || attempt == ATTEMPTS_MAX {
                return Err(error);
            }
            tracing::info!(lane = batch.lane, number = batch.number, attempt, %error, "batch begins again");
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        unreachable!("the loop returns at its last attempt")
    }

    async fn attempt(&self, batch: &Batch, candidates: &Arc<Candidates>) -> Result<Applied, Error> {
        let permit = self.cache.permit_to_write(&self.store).await?;
        let tx = self.store.begin().await?;
        if let Turn::Repeat(answers) =
            lanes::take(&tx, &batch.lane, batch.number, batch.fence).await?
        {
            return Ok(Applied {
                answers,
                repeated: true,
            });
        }
        let mut work = Work {
            applier: self,
            tx: &tx,
            permit,
            tenants: BTreeMap::new(),
            entries: Vec::new(),
            parked: Vec::new(),
        };
        let outcome = work.run(batch, candidates).await;
        let done = match outcome {
            Ok(done) => done,
            Err((error, marking)) => {
                drop(tx);
                self.cache.clear(marking).await;
                return Err(error);
            }
        };
        crash::point("apply_marked");
        tx.commit().await?;
        crash::point("apply_committed");
        Ok(self.after_commit(done).await)
    }

    /// Publishes what was committed. Nothing here can fail the batch: it is done.
    async fn after_commit(&self, done: Done) -> Applied {
        self.metrics.applied(&done.answers, done.links_skipped);
        self.cache.publish(&done.marking, done.entries).await;
        crash::point("apply_cached");
        self.cache.clear(done.marking).await;
        if let Some(watermark_ms) = done.watermark_ms {
            self.cache.put_watermark(watermark_ms).await;
        }
        self.signal.changed();
        Applied {
            answers: done.answers,
            repeated: false,
        }
    }

    /// Puts rebuilt states in the place of stored ones, in one transaction and under the same guard of the cache as a batch.
    /// Answers what became of each fragment.
    pub(crate) async fn replace(
        &self,
        tenant: &str,
        identifiers: &BTreeMap<FragmentId, Identifier>,
        rebuilt: &HashMap<FragmentId, CustomerState>,
    ) -> Result<Vec<Verdict>, Error> {
        let mut pause = PAUSE;
        for attempt in 1.. {
            match self.replace_once(tenant, identifiers, rebuilt).await {
                Err(error) if error.may_pass() && attempt < ATTEMPTS_MAX => {
                    tracing::info!(attempt, %error, "replacing states begins again");
                }
                other => return other,
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        unreachable!("the loop returns at its last attempt")
    }

    async fn replace_once(
        &self,
        tenant: &str,
        identifiers: &BTreeMap<FragmentId, Identifier>,
        rebuilt: &HashMap<FragmentId, CustomerState>,
    ) -> Result<Vec<Verdict>, Error> {
        let permit = self.cache.permit_to_write(&self.store).await?;
        let tx = self.store.begin().await?;
        let loaded = load(&tx, tenant, identifiers).await?;
        let mut verdicts = Vec::with_capacity(rebuilt.len());
        let mut outcome = batch::replace(
            loaded.fragments,
            &loaded.customers,
            rebuilt,
            self.write_version,
            &mut |it| verdicts.push(it),
        )?;
        if outcome.customers.is_empty() {
            return Ok(verdicts);
        }
        write_fragments(&tx, tenant, &outcome.fragments).await?;
        let changed = outcome
            .customers
            .iter()
            .map(|it| (tenant.to_owned(), it.id));
        let marking = match self.cache.mark(permit, changed.collect()).await {
            Ok(marking) => marking,
            Err(error) => {
                drop(tx);
                self.cache.suspend(&self.store).await?;
                return Err(error);
            }
        };
        let now_ms = runtime::clock::now().timestamp_millis();
        let ordinals = write_customers(&tx, tenant, &outcome, now_ms).await?;
        permit.confirm(&tx).await?;
        tx.commit().await?;
        self.cache
            .publish(&marking, entries(tenant, &mut outcome, &ordinals))
            .await;
        self.cache.clear(marking).await;
        self.signal.changed();
        Ok(verdicts)
    }

    /// Takes what dispatchers tell of idle lanes.
    pub(crate) async fn report(
        &self,
        lanes: &[(String, i64, i64)],
        beginning: bool,
    ) -> Result<(), Error> {
        let tx = self.store.begin().await?;
        for (lane, applied_batch, complete_through_ms) in lanes {
            if beginning {
                lanes::check(&tx, lane, *applied_batch).await?;
            }
            lanes::report(&tx, lane, *applied_batch, *complete_through_ms).await?;
        }
        let watermark = lanes::complete_through(&tx).await?;
        tx.commit().await?;
        if let Some(watermark_ms) = watermark {
            self.cache.put_watermark(watermark_ms).await;
        }
        Ok(())
    }
}

/// One attempt at a batch.
struct Work<'a> {
    applier: &'a Applier,
    tx: &'a WriteTx,
    permit: WritePermit,
    tenants: BTreeMap<String, Outcome>,
    entries: Vec<Entry>,
    parked: Vec<(u32, Park)>,
}

impl Work<'_> {
    /// Does everything but the commit. On failure hands back the marks, which are void then.
    async fn run(
        &mut self,
        batch: &Batch,
        candidates: &Arc<Candidates>,
    ) -> Result<Done, (Error, Marking)> {
        let nothing = |error: Error| (error, Marking::default());
        self.parked.extend(
            candidates
                .undecodable
                .iter()
                .map(|index| (*index, Park::Undecodable)),
        );
        for tenant in candidates.by_tenant.keys() {
            self.compute(tenant, candidates).await.map_err(nothing)?;
        }
        let marking = match self.applier.cache.mark(self.permit, self.changed()).await {
            Ok(marking) => marking,
            Err(error) => return Err(nothing(error)),
        };
        match self.write(batch).await {
            Ok((answers, watermark_ms)) => {
                let links_skipped = self.tenants.values().map(|it| it.links_skipped).sum();
                let entries = std::mem::take(&mut self.entries);
                Ok(Done {
                    answers,
                    marking,
                    entries,
                    watermark_ms,
                    links_skipped,
                })
            }
            Err(error) => Err((error, marking)),
        }
    }

    /// Loads what the tenant's events touch, applies them, and writes the fragments.
    async fn compute(&mut self, tenant: &str, candidates: &Arc<Candidates>) -> Result<(), Error> {
        let all = &candidates.by_tenant[tenant];
        let accepted = self.judge(tenant, all).await?;
        if accepted.is_empty() {
            return Ok(());
        }
        let mut identifiers = BTreeMap::new();
        for candidate in accepted.iter().map(|at| &all[*at]) {
            for identifier in &candidate.incoming.identifiers {
                identifiers
                    .entry(identifier.fragment)
                    .or_insert_with(|| identifier.clone());
            }
        }
        let loaded = load(self.tx, tenant, &identifiers).await?;
        let (candidates, key, version) = (
            Arc::clone(candidates),
            tenant.to_owned(),
            self.applier.write_version,
        );
        let computed = tokio::task::spawn_blocking(move || {
            let all = &candidates.by_tenant[&key];
            let events = accepted.iter().map(|at| &all[*at].incoming);
            batch::apply(
                loaded.fragments,
                &loaded.customers,
                events,
                version,
                &mut Uuid::now_v7,
            )
        });
        let outcome = computed
            .await
            .map_err(|it| StoreError::Failed(it.to_string()))??;
        write_fragments(self.tx, tenant, &outcome.fragments).await?;
        self.tenants.insert(tenant.to_owned(), outcome);
        Ok(())
    }

    /// Parks what the tenant does not take; answers the places of the others.
    async fn judge(&mut self, tenant: &str, all: &[Candidate]) -> Result<Vec<usize>, Error> {
        let found = tenants::find(self.tx, tenant).await?;
        let refused = match found.as_ref().map(|it| it.state) {
            None | Some(TenantState::Deleted) => Some(Park::TenantNotFound),
            Some(TenantState::Suspended) => Some(Park::TenantSuspended),
            Some(TenantState::Active) => None,
        };
        let tenants_currency = found.map(|it| it.currency_code).unwrap_or_default();
        let mut accepted = Vec::with_capacity(all.len());
        for (at, candidate) in all.iter().enumerate() {
            let foreign = candidate
                .currency
                .as_ref()
                .is_some_and(|it| *it != tenants_currency);
            match refused.or(foreign.then_some(Park::CurrencyMismatch)) {
                Some(park) => self.parked.push((candidate.index, park)),
                None => accepted.push(at),
            }
        }
        Ok(accepted)
    }

    /// Every customer that a reader may have in the cache and that changes. Nobody knows the id of a new one yet.
    fn changed(&self) -> Vec<(String, Uuid)> {
        let of_tenant = |(tenant, outcome): (&String, &Outcome)| {
            let known = outcome
                .customers
                .iter()
                .filter(|it| it.change != Change::Created);
            known.map(|it| (tenant.clone(), it.id)).collect::<Vec<_>>()
        };
        self.tenants.iter().flat_map(of_tenant).collect()
    }

    /// Writes customers, changes, identity lines and the lane's progress.
    async fn write(&mut self, batch: &Batch) -> Result<(Answers, Option<i64>), Error> {
        let now_ms = runtime::clock::now().timestamp_millis();
        let mut lines = Vec::new();
        for (tenant, outcome) in &mut self.tenants {
            let ordinals = write_customers(self.tx, tenant, outcome, now_ms).await?;
            lines.extend(outcome.identity.iter().map(|write| IdentityLine {
                tenant: tenant.clone(),
                write: *write,
                ordinal: ordinals.get(&write.customer).copied().unwrap_or_default(),
            }));
            self.entries.extend(entries(tenant, outcome, &ordinals));
        }
        self.parked.sort_by_key(|it| it.0);
        let parked = self
            .parked
            .iter()
            .map(|(index, park)| (*index, park.reason().to_owned()))
            .collect();
        let answers = Answers {
            events: batch.events.len(),
            parked,
        };
        lanes::advance(self.tx, &batch.lane, batch.number, batch.fence, &answers).await?;
        if let Some(complete_through_ms) = batch.complete_through_ms {
            lanes::raise_watermark(self.tx, &batch.lane, complete_through_ms).await?;
        }
        let watermark = lanes::complete_through(self.tx).await?;
        write_identity(self.tx, &lines).await?;
        self.permit.confirm(self.tx).await?;
        Ok((answers, watermark))
    }
}

/// Takes the new states out of what was written, for the cache.
fn entries(tenant: &str, outcome: &mut Outcome, ordinals: &BTreeMap<Uuid, i64>) -> Vec<Entry> {
    let entry = |it: &mut CustomerWrite| Entry {
        tenant: tenant.to_owned(),
        customer: it.id,
        version: it.version,
        ordinal: ordinals.get(&it.id).copied().unwrap_or_default(),
        state: match it.change {
            Change::Created | Change::Updated => Some(Bytes::from(std::mem::take(&mut it.state))),
            Change::MergedInto(_) => None,
        },
    };
    outcome.customers.iter_mut().map(entry).collect()
}
