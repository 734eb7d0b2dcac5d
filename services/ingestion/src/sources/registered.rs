use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use api::ingestion::{Source, SourceLimits};
use chrono::TimeDelta;
use store::{Store, StoreError};
use uuid::Uuid;

use super::SourceError;
use crate::baselines::Baselines;
use crate::domain::baseline::Baseline;
use crate::domain::contract::{self, Contract};
use crate::domain::terms::Terms;
use crate::store::sources::{self, SourceRow};

/// Most sources that are remembered, unknown ones among them.
const SOURCES_MAX: usize = 10_000;

/// A source that a tenant has registered.
#[derive(Clone, Debug)]
pub struct RegisteredSource {
    /// Tenant.
    pub tenant: String,
    /// Id, which its events carry.
    pub id: String,
    /// Tells it from an earlier source of the same id.
    pub uid: Uuid,
    /// Contract by which it is judged; absent for a push source without one.
    pub contract: Option<Arc<Contract>>,
    /// Revision of the contract, from 1; 0 without a contract.
    pub revision: i64,
    /// Baseline in force; absent before the first.
    pub baseline: Option<Arc<Baseline>>,
    /// Bounds on what it may send; 0 means the operator's default.
    pub limits: SourceLimits,
    /// Whether what it sends is refused.
    pub paused: bool,
    /// Data older than this is late; absent means no target.
    pub freshness_target: Option<Duration>,
    /// What its owner said of it, without the contract.
    pub definition: Source,
}

impl RegisteredSource {
    /// Makes a source ready for use. Fails when its stored contract is none.
    pub fn from_row(row: SourceRow) -> Result<Self, StoreError> {
        let contract = match row.contract_yaml.as_str() {
            "" => None,
            yaml => Some(Arc::new(contract::parse(yaml).map_err(|mistakes| {
                let first = mistakes.first().map(ToString::to_string);
                let first = first.unwrap_or_default();
                StoreError::Corrupt(format!("the contract of the source `{}`: {first}", row.id))
            })?)),
        };
        Ok(Self {
            revision: contract.as_ref().map_or(0, |_| row.revision),
            contract,
            baseline: None,
            tenant: row.tenant,
            id: row.id,
            uid: row.uid,
            limits: row.definition.limits.unwrap_or_default(),
            paused: row.definition.paused,
            freshness_target: row
                .definition
                .freshness_target
                .as_ref()
                .and_then(runtime::time::duration_from_proto),
            definition: row.definition,
        })
    }

    /// Returns on what terms its data are taken.
    pub fn terms(&self) -> Terms {
        Terms {
            contract: self.contract.clone(),
            revision: self.revision,
            baseline: self.baseline.clone(),
            freshness: self
                .freshness_target
                .and_then(|target| TimeDelta::from_std(target).ok()),
            ..Terms::default()
        }
    }

    /// Fails unless the source takes data now and, where a revision of the contract is asked for, has that one.
    pub fn admit(&self, revision: &str) -> Result<(), SourceError> {
        if self.paused {
            return Err(SourceError::Paused(self.id.clone()));
        }
        if !revision.is_empty() && revision.parse() != Ok(self.revision) {
            return Err(SourceError::RevisionMismatch {
                source_id: self.id.clone(),
                present: self.revision,
                asked: revision.chars().take(40).collect(),
            });
        }
        Ok(())
    }
}

type Known = HashMap<(String, String), (Instant, Option<Arc<RegisteredSource>>)>;

/// Knows the registered sources. What it knows is believed for a while; changes made by this process count at once.
pub struct Sources {
    store: Store,
    baselines: Arc<Baselines>,
    believe: Duration,
    known: Mutex<Known>,
    /// Counts changes, so that what was read before one is not remembered after it.
    changes: AtomicU64,
}

impl Sources {
    /// Reads sources from `store`, and what their values usually look like from `baselines`; believes each answer for
    /// `believe`.
    pub fn new(store: Store, baselines: Arc<Baselines>, believe: Duration) -> Self {
        Self {
            store,
            baselines,
            believe,
            known: Mutex::default(),
            changes: AtomicU64::default(),
        }
    }

    /// Returns a source; `None` when the tenant has registered none of this id, which may send events nevertheless. While
    /// the database is down, an older answer is believed.
    pub async fn get(
        &self,
        tenant: &str,
        source: &str,
    ) -> Result<Option<Arc<RegisteredSource>>, StoreError> {
        let key = (tenant.to_owned(), source.to_owned());
        let remembered = self.known().get(&key).cloned();
        if let Some((read, found)) = &remembered
            && read.elapsed() < self.believe
        {
            return Ok(found.clone());
        }
        // The age of the answer counts from the question, so that it is never younger than what it says.
        let asked = Instant::now();
        let changes = self.changes.load(Ordering::SeqCst);
        let found = match (self.read(tenant, source).await, remembered) {
            (Err(error), Some((_, found))) if error.is_retryable() => return Ok(found),
            (found, _) => found?,
        };
        let mut known = self.known();
        if known.len() >= SOURCES_MAX {
            known.clear();
        }
        if self.changes.load(Ordering::SeqCst) == changes {
            known.insert(key, (asked, found.clone()));
        }
        Ok(found)
    }

    async fn read(
        &self,
        tenant: &str,
        source: &str,
    ) -> Result<Option<Arc<RegisteredSource>>, StoreError> {
        let row = sources::load(self.store.reader(), tenant, source, false).await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let mut found = RegisteredSource::from_row(row)?;
        if found.contract.as_ref().is_some_and(|it| it.cleans()) {
            found.baseline = self.baselines.in_force(tenant, source).await?;
        }
        Ok(Some(Arc::new(found)))
    }

    /// Returns the baselines of all sources.
    pub fn baselines(&self) -> &Arc<Baselines> {
        &self.baselines
    }

    /// Returns the text of a source's contract in force, as it is now; `None` when there is no such source.
    pub async fn contract_yaml(
        &self,
        tenant: &str,
        source: &str,
    ) -> Result<Option<String>, StoreError> {
        let row = sources::load(self.store.reader(), tenant, source, false).await?;
        Ok(row.map(|row| row.contract_yaml))
    }

    /// Forgets a source, which was changed: the next question reads it again.
    pub fn forget(&self, tenant: &str, source: &str) {
        let mut known = self.known();
        self.changes.fetch_add(1, Ordering::SeqCst);
        known.remove(&(tenant.to_owned(), source.to_owned()));
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
