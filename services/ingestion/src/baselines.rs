//! Knows the baselines by which cleaning goes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sketch::Salt;
use store::{Store, StoreError};

use crate::domain::baseline::{Baseline, SharedSalt};
use crate::store::quality::{self, BaselineRow};

/// Most baselines that are kept in memory.
const BASELINES_MAX: usize = 1_000;

type Known = HashMap<(String, String), Arc<Baseline>>;

/// Reads baselines and remembers the last one of each source; a stored one never changes.
pub struct Baselines {
    store: Store,
    salt: SharedSalt,
    known: Mutex<Known>,
}

impl Baselines {
    /// Reads baselines from `store`, whose hashes were made under `salt`.
    pub fn new(store: Store, salt: Salt) -> Self {
        Self {
            store,
            salt: SharedSalt(Arc::new(salt)),
            known: Mutex::default(),
        }
    }

    /// Makes a baseline that was just computed ready for use.
    pub fn ready(&self, mut baseline: Baseline) -> Arc<Baseline> {
        baseline.salt = Some(self.salt.clone());
        Arc::new(baseline)
    }

    /// Returns the baseline in force; `None` before the first.
    pub async fn in_force(
        &self,
        tenant: &str,
        source: &str,
    ) -> Result<Option<Arc<Baseline>>, StoreError> {
        match quality::newest_baseline(self.store.reader(), tenant, source).await? {
            Some(version) => self.of_version(tenant, source, version).await,
            None => Ok(None),
        }
    }

    /// Returns a version of a source's baseline.
    pub async fn of_version(
        &self,
        tenant: &str,
        source: &str,
        version: i64,
    ) -> Result<Option<Arc<Baseline>>, StoreError> {
        let key = (tenant.to_owned(), source.to_owned());
        let remembered = self.known().get(&key).cloned();
        if let Some(found) = remembered.filter(|it| it.version == version) {
            return Ok(Some(found));
        }
        let row = quality::load_baseline(self.store.reader(), tenant, source, version).await?;
        let Some(row) = row.filter(|row| row.version == version) else {
            return Ok(None);
        };
        let read = self.ready(read(&row)?);
        let mut known = self.known();
        if known.len() >= BASELINES_MAX {
            known.clear();
        }
        // An import may still use an older one; the newest is asked for most.
        match known.get(&key) {
            Some(newer) if newer.version > version => {}
            _ => {
                known.insert(key, read.clone());
            }
        }
        Ok(Some(read))
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a stored baseline.
fn read(row: &BaselineRow) -> Result<Baseline, StoreError> {
    let baseline: Baseline = serde_json::from_slice(&row.body)
        .map_err(|error| StoreError::Corrupt(format!("baseline: {error}")))?;
    Ok(Baseline {
        version: row.version,
        ..baseline
    })
}
