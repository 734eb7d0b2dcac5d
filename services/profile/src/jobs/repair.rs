//! Takes away the marks of writers that died between mark and clear, and opens a suspended cache again.

use std::sync::Arc;
use std::time::Duration;

use cache::{Entry, Orphan};
use store::Store;

use super::Job;
use crate::error::Error;
use crate::guard::{CacheGuard, current_epoch};
use crate::service::merged_bytes;
use crate::store::customers;

/// Most orphans in one run; more are left to the next.
const ORPHANS_MAX: usize = 500;

/// Repairs the cache.
pub(crate) struct Repairer {
    pub(crate) store: Store,
    pub(crate) guard: Arc<CacheGuard>,
    pub(crate) orphan_age: Duration,
    pub(crate) write_version: features::Version,
}

#[async_trait::async_trait]
impl Job for Repairer {
    /// Repairs what is orphaned now. A cache that cannot be reached is left for later.
    async fn run(&mut self) -> Result<(), Error> {
        self.guard.resume(&self.store).await?;
        let Ok(orphans) = self
            .guard
            .cache()
            .orphans(self.orphan_age, ORPHANS_MAX)
            .await
        else {
            return Ok(());
        };
        if orphans.is_empty() {
            return Ok(());
        }
        let epoch = current_epoch(&self.store).await?;
        let mut repaired = 0;
        for orphan in orphans {
            let done = match orphan.epoch == epoch {
                true => self.repair(&orphan).await?,
                false => self.guard.cache().repair(&orphan, None).await.is_ok(),
            };
            if !done {
                return Ok(());
            }
            repaired += 1;
        }
        tracing::info!(customers = repaired, "orphaned marks taken from the cache");
        Ok(())
    }
}

impl Repairer {
    /// Repairs one customer under the lock of its row: whoever marks it holds that lock until the commit, so what is read
    /// here is the last commit, and no mark is pending.
    async fn repair(&self, orphan: &Orphan) -> Result<bool, Error> {
        let tx = self.store.begin().await?;
        customers::lock(&tx, &orphan.tenant, orphan.customer).await?;
        let row = customers::read(&tx, &orphan.tenant, &[orphan.customer])
            .await?
            .remove(&orphan.customer);
        let entry = match &row {
            None => None,
            Some(row) => {
                let state = merged_bytes(row, self.write_version)?;
                Some(Entry {
                    version: row.version,
                    ordinal: row.ordinal,
                    state,
                })
            }
        };
        Ok(self.guard.cache().repair(orphan, entry).await.is_ok())
    }
}
