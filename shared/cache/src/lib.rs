//! Keeps the merged state of customers where it can be read fast, and never lets it be mistaken for fresh when it is not.
//!
//! The protocol, in the words of [`FeatureCache`]:
//!
//! - A writer, holding the lock of the customers' rows, **marks** their keys before it commits, **sets** the new entries
//!   after, and **clears** its mark. While a key is marked, readers go to the database.
//! - A reader that misses gets a **fill token**, reads the database, and may **fill** only while the token is valid; every
//!   mark voids it.
//! - Marks do not expire. Those of writers that died are found by [`FeatureCache::orphans`] and **repaired** under the
//!   lock of the customer's row.
//! - Keys carry an **epoch** that is kept in the database. Readers act on it for as long as their [`EpochLease`] lasts. Who
//!   cannot reach the cache to mark raises the epoch. Whatever is committed under an epoch younger than [`LEASE`] is told to
//!   be done only when readers have left the one before: [`wait_out_lease`].
//!
//! So no read is older than the last commit that finished before the read began. There are two caches that keep this
//! promise: [`RedisCache`] for many processes, [`MemoryCache`] for one; and one suite of tests for both. Readers that miss
//! together share one load by [`Flights`].

mod config;
mod entry;
mod epoch;
mod error;
mod flights;
mod memory;
mod redis_cache;
mod reply;
mod scripts;

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

pub use config::{CacheConfig, open};
pub use entry::{Entry, FillToken, Lookup, MarkToken, Orphan, Read};
pub use epoch::{Epoch, EpochGrant, EpochLease, EpochSource, LEASE, wait_out_lease};
pub use error::CacheError;
pub use flights::Flights;
pub use memory::MemoryCache;
pub use redis_cache::RedisCache;

/// A cache of customers' states. Every call is one round trip, for any number of customers, and gives up fast.
///
/// An error means that nothing is known about the cache: a reader then reads the database; a writer that could not mark
/// must raise the epoch; a writer that could not set or clear leaves its mark to the repairer, which is safe.
#[async_trait]
pub trait FeatureCache: Send + Sync + 'static {
    /// Looks customers up, and reads the watermark before them: an entry contains at least what was applied by then. The
    /// answers are in the order of `customers`, which should not repeat.
    ///
    /// `epoch` must come from a valid [`EpochLease`].
    async fn read(
        &self,
        epoch: Epoch,
        tenant: &str,
        customers: &[Uuid],
    ) -> Result<Read, CacheError>;

    /// Stores what readers loaded after a miss, where their tokens are still valid; returns how many were taken. A
    /// refused fill is no error: the answer in hand is still good for the read that began before.
    async fn fill(&self, fills: Vec<(FillToken, Entry)>) -> Result<usize, CacheError>;

    /// Marks customers that are about to change, and voids every fill token of theirs. The caller holds the locks of
    /// their rows, read `epoch` in the same transaction, and has it confirmed there as the last thing before the commit.
    async fn mark(
        &self,
        epoch: Epoch,
        tenant: &str,
        customers: &[Uuid],
    ) -> Result<MarkToken, CacheError>;

    /// Stores the committed entries of marked customers, unless a newer one is there. What a mark covers and is not set
    /// is removed when the mark is cleared.
    async fn set_if_newer(
        &self,
        mark: &MarkToken,
        entries: Vec<(Uuid, Entry)>,
    ) -> Result<(), CacheError>;

    /// Takes the mark away, after the entries were set or the transaction was undone. Customers that were not set are
    /// removed from the cache: right after an undone transaction, and for customers that are no more.
    ///
    /// Do not call it while it is unknown whether the commit happened: leave the mark to the repairer.
    async fn clear(&self, mark: MarkToken) -> Result<(), CacheError>;

    /// Lists customers whose oldest mark is at least `age` old, oldest first, at most `limit`. Includes what earlier
    /// epochs left behind.
    async fn orphans(&self, age: Duration, limit: usize) -> Result<Vec<Orphan>, CacheError>;

    /// Takes all marks of a customer away and stores `entry`, read under the lock of the customer's row, which the caller
    /// holds until this returns. Without an entry the customer is removed from the cache.
    ///
    /// Of an orphan of an earlier epoch, call it without an entry; it needs no lock then.
    async fn repair(&self, orphan: &Orphan, entry: Option<Entry>) -> Result<(), CacheError>;

    /// Raises the watermark: every event accepted before this time, in milliseconds since 1970, is in what readers of the
    /// database see. A lower one than is there changes nothing.
    async fn put_watermark(&self, epoch: Epoch, millis: i64) -> Result<(), CacheError>;
}
