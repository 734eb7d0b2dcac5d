//! The writer's side of the feature cache: no commit may be overtaken by what a reader still has.
//!
//! A writer marks the customers that it is about to change, commits, sets their new entries and clears its marks. When the
//! cache cannot be reached to mark, the epoch is raised to an even number, which tells every reader to leave the cache
//! alone; once their leases have run out, writers commit without marks, until [`CacheGuard::resume`] finds the cache
//! reachable again and raises the epoch to an odd number, under which the cache is empty.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use cache::{
    CacheError, Epoch, EpochGrant, EpochLease, EpochSource, FeatureCache, LEASE, MarkToken,
    wait_out_lease,
};
use store::{Store, StoreError, WriteTx, epoch};
use uuid::Uuid;

use crate::error::Error;

/// Name under which the cache's epoch is kept.
pub(crate) const EPOCH: &str = "feature_cache";

/// A customer's new entry, for after the commit.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Tenant of the customer.
    pub(crate) tenant: String,
    /// The customer.
    pub(crate) customer: Uuid,
    /// Its version.
    pub(crate) version: i64,
    /// Its dense number.
    pub(crate) ordinal: i64,
    /// Its state in wire form; `None` when it was merged away.
    pub(crate) state: Option<Bytes>,
}

/// Epoch under which a transaction marks, or commits unmarked while the cache is suspended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WritePermit(Epoch);

impl WritePermit {
    /// Makes sure that the epoch is still the same, and stays so until the transaction ends. Must be its last statement.
    pub(crate) async fn confirm(self, tx: &WriteTx) -> Result<(), Error> {
        epoch::confirm(tx, EPOCH, self.0.0).await?;
        Ok(())
    }
}

/// Marks of one transaction.
#[derive(Debug, Default)]
pub(crate) struct Marking {
    marks: Vec<(String, BTreeSet<Uuid>, MarkToken)>,
}

/// The writer's side of the feature cache.
pub(crate) struct CacheGuard {
    cache: Arc<dyn FeatureCache>,
    lease: EpochLease,
}

/// The epoch as kept in this service's database.
struct StoredEpoch(Store);

#[async_trait]
impl EpochSource for StoredEpoch {
    async fn read(&self) -> Result<EpochGrant, CacheError> {
        let epoch = epoch::read(self.0.reader(), EPOCH)
            .await
            .map_err(|it| CacheError::EpochUnknown(it.to_string()))?;
        Ok(EpochGrant {
            epoch: Epoch(epoch),
            lease: LEASE,
        })
    }
}

/// Reads the epoch.
pub(crate) async fn current_epoch(store: &Store) -> Result<Epoch, Error> {
    Ok(Epoch(epoch::read(store.reader(), EPOCH).await?))
}

/// Raises the epoch by 1 if it is still the same; tells whether it was.
async fn raise(store: &Store, epoch: Epoch) -> Result<bool, Error> {
    let tx = store.begin().await?;
    match epoch::advance(&tx, EPOCH, epoch.0).await {
        Ok(_) => tx.commit().await?,
        Err(StoreError::Conflict(_)) => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    Ok(true)
}

impl CacheGuard {
    /// Guards `cache` by the epoch kept in `store`.
    pub(crate) fn new(cache: Arc<dyn FeatureCache>, store: &Store) -> Self {
        Self {
            cache,
            lease: EpochLease::new(Arc::new(StoredEpoch(store.clone()))),
        }
    }

    /// The cache, for readers.
    pub(crate) fn cache(&self) -> &Arc<dyn FeatureCache> {
        &self.cache
    }

    /// The lease by which this process's readers know the epoch.
    pub(crate) fn lease(&self) -> &EpochLease {
        &self.lease
    }

    /// Reads the epoch for a transaction to come. After the epoch was raised, waits until no reader acts on the one before:
    /// such a reader sees neither this one's marks nor that the cache is suspended.
    pub(crate) async fn permit_to_write(&self, store: &Store) -> Result<WritePermit, Error> {
        let epoch = current_epoch(store).await?;
        if let Some(ago) = epoch::age(store.reader(), EPOCH).await? {
            wait_out_lease(ago).await;
        }
        Ok(WritePermit(epoch))
    }

    /// Marks customers, whose rows the caller has locked.
    ///
    /// # Errors
    /// [`Error::CacheAway`] when the cache cannot be reached: undo the transaction, [`suspend`](Self::suspend), begin again.
    pub(crate) async fn mark(
        &self,
        permit: WritePermit,
        customers: Vec<(String, Uuid)>,
    ) -> Result<Marking, Error> {
        let mut marking = Marking::default();
        if !permit.0.is_open() {
            return Ok(marking);
        }
        let mut by_tenant: BTreeMap<String, BTreeSet<Uuid>> = BTreeMap::new();
        for (tenant, customer) in customers {
            by_tenant.entry(tenant).or_default().insert(customer);
        }
        for (tenant, customers) in by_tenant {
            let ids: Vec<Uuid> = customers.iter().copied().collect();
            match self.cache.mark(permit.0, &tenant, &ids).await {
                Ok(mark) => marking.marks.push((tenant, customers, mark)),
                Err(error) => {
                    tracing::warn!(%error, "cannot mark customers in the cache");
                    self.clear(marking).await;
                    return Err(Error::CacheAway);
                }
            }
        }
        Ok(marking)
    }

    /// Stores the committed entries of marked customers. A failure is logged: the marks then stay for the repairer.
    pub(crate) async fn publish(&self, marking: &Marking, entries: Vec<Entry>) {
        let mut by_tenant: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
        for entry in entries {
            by_tenant
                .entry(entry.tenant.clone())
                .or_default()
                .push(entry);
        }
        for (tenant, marked, mark) in &marking.marks {
            let entries = by_tenant.remove(tenant).unwrap_or_default();
            let entries = entries
                .into_iter()
                .filter(|it| marked.contains(&it.customer))
                .filter_map(|it| {
                    let Entry {
                        customer,
                        version,
                        ordinal,
                        state,
                        ..
                    } = it;
                    Some((
                        customer,
                        cache::Entry {
                            version,
                            ordinal,
                            state: state?,
                        },
                    ))
                });
            if let Err(error) = self.cache.set_if_newer(mark, entries.collect()).await {
                tracing::warn!(%error, "cannot set entries in the cache; they are read from the database");
            }
        }
    }

    /// Clears marks. A failure is logged: the repairer finds them.
    pub(crate) async fn clear(&self, marking: Marking) {
        for (_, _, mark) in marking.marks {
            if let Err(error) = self.cache.clear(mark).await {
                tracing::warn!(%error, "cannot clear marks in the cache; they are left to the repairer");
            }
        }
    }

    /// Tells every reader to leave the cache alone, because this writer cannot reach it.
    pub(crate) async fn suspend(&self, store: &Store) -> Result<(), Error> {
        let epoch = current_epoch(store).await?;
        if epoch.is_open() && raise(store, epoch).await? {
            tracing::warn!("feature cache suspended: it cannot be reached to mark changes");
        }
        self.lease.forget();
        Ok(())
    }

    /// Opens a suspended cache again if it can be reached.
    pub(crate) async fn resume(&self, store: &Store) -> Result<(), Error> {
        let epoch = current_epoch(store).await?;
        if epoch.is_open() || self.cache.orphans(LEASE, 1).await.is_err() {
            return Ok(());
        }
        if raise(store, epoch).await? {
            tracing::info!("feature cache open again");
        }
        self.lease.forget();
        Ok(())
    }

    /// Raises the watermark that readers of the cache see. A failure is logged: the next report does it.
    pub(crate) async fn put_watermark(&self, watermark_ms: i64) {
        let Ok(epoch) = self.lease.current().await else {
            return;
        };
        if let Err(error) = self.cache.put_watermark(epoch, watermark_ms).await {
            tracing::debug!(%error, "cannot raise the watermark in the cache");
        }
    }
}
