use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use async_trait::async_trait;
use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    time::Instant,
};

use crate::CacheError;

/// Longest time for which a reader may act on an epoch after asking for it.
pub const LEASE: Duration = Duration::from_secs(2);
/// Age at which a reader asks again, while the old answer still holds.
const REFRESH_AGE: Duration = Duration::from_millis(800);
/// Longest wait for the answer about the epoch.
const ASK_LIMIT: Duration = Duration::from_millis(1500);
/// How long the news that the source does not answer is good: who reads meanwhile is not kept waiting for the same.
const RETRY_AGE: Duration = Duration::from_millis(200);
/// Added to the writer's wait: clocks tick at slightly different rates, and the database stamps before it commits.
const WAIT_MARGIN: Duration = Duration::from_millis(250);

/// Generation of the cache, from 1. Odd: open. Even: suspended, because a writer cannot reach the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub i64);

impl Epoch {
    /// Tells whether the cache may be read, filled and marked under this epoch.
    pub fn is_open(self) -> bool {
        self.0 % 2 == 1
    }
}

/// Epoch as told by its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochGrant {
    /// The epoch.
    pub epoch: Epoch,
    /// How long it may be acted on, counted from the moment of asking; at most [`LEASE`] is used.
    pub lease: Duration,
}

/// Where the epoch is kept: the database, or a service that reads it there.
#[async_trait]
pub trait EpochSource: Send + Sync + 'static {
    /// Reads the epoch as of now; not from a cache, unless that one shortens the grant by its age.
    async fn read(&self) -> Result<EpochGrant, CacheError>;
}

/// A reader's knowledge of the epoch, renewed as it is used.
#[derive(Clone)]
pub struct EpochLease {
    source: Arc<dyn EpochSource>,
    held: Arc<RwLock<Option<Held>>>,
    failed: Arc<RwLock<Option<Failed>>>,
    asking: Arc<Mutex<()>>,
}

#[derive(Clone, Copy)]
struct Held {
    epoch: Epoch,
    asked: Instant,
    until: Instant,
}

#[derive(Clone)]
struct Failed {
    at: Instant,
    error: CacheError,
}

impl EpochLease {
    /// Leases epochs from `source`.
    pub fn new(source: Arc<dyn EpochSource>) -> Self {
        Self {
            source,
            held: Arc::default(),
            failed: Arc::default(),
            asking: Arc::default(),
        }
    }

    /// Returns the epoch to read the cache by, from now on, for one read.
    ///
    /// Fails with [`CacheError::Suspended`] while the cache is suspended, and with [`CacheError::EpochUnknown`] when the
    /// lease ran out and cannot be renewed; then read the database. While the source does not answer, one caller at a time
    /// waits for it, and the others are told at once.
    pub async fn current(&self) -> Result<Epoch, CacheError> {
        let known = self.valid();
        if let Some(held) = known {
            if held.asked.elapsed() < REFRESH_AGE {
                return open(held.epoch);
            }
            // One caller renews; the others go on with what still holds.
            return match self.asking.clone().try_lock_owned() {
                Ok(guard) => match self.ask(guard).await {
                    Ok(epoch) => open(epoch),
                    Err(error) => self.valid().map_or(Err(error), |held| open(held.epoch)),
                },
                Err(_) => open(held.epoch),
            };
        }
        let guard = match (self.failed(), self.asking.clone().try_lock_owned()) {
            (Some(Failed { error, .. }), Err(_)) => return Err(error),
            (_, Ok(guard)) => guard,
            (None, Err(_)) => self.asking.clone().lock_owned().await,
        };
        if let Some(held) = self.valid() {
            return open(held.epoch);
        }
        match self.failed() {
            Some(Failed { at, error }) if at.elapsed() < RETRY_AGE => Err(error),
            _ => open(self.ask(guard).await?),
        }
    }

    /// Forgets the lease, so that the next read asks anew.
    pub fn forget(&self) {
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn valid(&self) -> Option<Held> {
        let held = *self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.filter(|it| Instant::now() < it.until)
    }

    /// The last failure, unless the source has answered since.
    fn failed(&self) -> Option<Failed> {
        self.failed
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Asks for all who wait for `guard`: the answer is kept also when this caller's time runs out first.
    async fn ask(&self, guard: OwnedMutexGuard<()>) -> Result<Epoch, CacheError> {
        let lease = self.clone();
        let asking = tokio::spawn(async move {
            let answer = lease.ask_source().await;
            drop(guard);
            answer
        });
        asking.await.unwrap_or_else(|_| {
            Err(CacheError::EpochUnknown(
                "asking ended without an answer".into(),
            ))
        })
    }

    async fn ask_source(&self) -> Result<Epoch, CacheError> {
        let asked = Instant::now();
        let answer = match tokio::time::timeout(ASK_LIMIT, self.source.read()).await {
            Ok(answer) => answer,
            Err(_) => Err(CacheError::EpochUnknown("no answer in time".into())),
        };
        let failed = answer.as_ref().err().map(|error| Failed {
            at: Instant::now(),
            error: error.clone(),
        });
        *self.failed.write().unwrap_or_else(PoisonError::into_inner) = failed;
        let answer = answer?;
        let until = asked + answer.lease.min(LEASE);
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Some(Held {
            epoch: answer.epoch,
            asked,
            until,
        });
        if Instant::now() < until {
            Ok(answer.epoch)
        } else {
            Err(CacheError::EpochUnknown("the answer came too late".into()))
        }
    }
}

fn open(epoch: Epoch) -> Result<Epoch, CacheError> {
    if epoch.is_open() {
        Ok(epoch)
    } else {
        Err(CacheError::Suspended)
    }
}

/// Waits until no reader acts on the epoch before one that was raised `age` ago; returns at once when it is old enough.
///
/// Every writer calls it after its commit, before it tells anyone that the commit is done, marked or not: a reader that
/// still acts on the epoch before does not see this one's marks.
pub async fn wait_out_lease(age: Duration) {
    tokio::time::sleep((LEASE + WAIT_MARGIN).saturating_sub(age)).await;
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};

    use super::*;

    const GRANT: Duration = Duration::from_millis(300);

    #[derive(Default)]
    struct Source {
        epoch: AtomicI64,
        asked: AtomicUsize,
        gone: AtomicBool,
    }

    #[async_trait]
    impl EpochSource for Source {
        async fn read(&self) -> Result<EpochGrant, CacheError> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            if self.gone.load(Ordering::SeqCst) {
                return Err(CacheError::EpochUnknown("gone".into()));
            }
            Ok(EpochGrant {
                epoch: Epoch(self.epoch.load(Ordering::SeqCst)),
                lease: GRANT,
            })
        }
    }

    fn lease(epoch: i64) -> (Arc<Source>, EpochLease) {
        let source = Arc::new(Source {
            epoch: epoch.into(),
            ..Source::default()
        });
        (source.clone(), EpochLease::new(source))
    }

    #[tokio::test]
    async fn asks_once_for_many_reads() {
        let (source, lease) = lease(1);

        for _ in 0..100 {
            assert_eq!(lease.current().await.unwrap(), Epoch(1));
        }

        assert_eq!(source.asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn never_acts_on_an_epoch_older_than_the_lease() {
        let (source, lease) = lease(1);
        lease.current().await.unwrap();
        source.epoch.store(3, Ordering::SeqCst);

        tokio::time::sleep(GRANT).await;

        assert_eq!(lease.current().await.unwrap(), Epoch(3));
    }

    #[tokio::test]
    async fn goes_on_while_the_source_is_gone_but_only_until_the_lease_ends() {
        let (source, lease) = lease(1);
        lease.current().await.unwrap();
        source.gone.store(true, Ordering::SeqCst);

        tokio::time::sleep(GRANT / 2).await;
        assert_eq!(lease.current().await.unwrap(), Epoch(1));
        tokio::time::sleep(GRANT / 2).await;
        assert!(matches!(
            lease.current().await,
            Err(CacheError::EpochUnknown(_))
        ));
    }

    /// Never answers, as behind a network that swallows everything.
    struct Silent;

    #[async_trait]
    impl EpochSource for Silent {
        async fn read(&self) -> Result<EpochGrant, CacheError> {
            std::future::pending().await
        }
    }

    #[tokio::test]
    async fn callers_of_a_silent_source_do_not_wait_one_after_the_other() {
        let lease = EpochLease::new(Arc::new(Silent));
        let started = Instant::now();

        let first = futures::future::join_all((0..100).map(|_| lease.current())).await;
        assert!(
            first
                .iter()
                .all(|it| matches!(it, Err(CacheError::EpochUnknown(_))))
        );
        assert!(
            started.elapsed() < ASK_LIMIT + Duration::from_millis(50),
            "{:?}",
            started.elapsed()
        );

        tokio::time::sleep(RETRY_AGE).await;
        let retried = Instant::now();
        let waits = (0..100).map(|_| async {
            assert!(lease.current().await.is_err());
            retried.elapsed()
        });
        let waits = futures::future::join_all(waits).await;
        assert_eq!(
            waits.iter().filter(|wait| **wait >= ASK_LIMIT).count(),
            1,
            "one asks again, the others are told"
        );
    }

    #[tokio::test]
    async fn an_answer_outlives_the_caller_who_asked_for_it() {
        let lease = EpochLease::new(Arc::new(Silent));
        for _ in 0..2 {
            let hasty = tokio::time::timeout(Duration::from_millis(100), lease.current());
            assert!(hasty.await.is_err());
        }
        tokio::time::sleep(ASK_LIMIT).await;

        let started = Instant::now();
        let (one, other) = futures::future::join(
            tokio::time::timeout(Duration::from_millis(300), lease.current()),
            tokio::time::timeout(Duration::from_millis(300), lease.current()),
        )
        .await;
        assert!(
            one.is_ok() || other.is_ok(),
            "nobody was told in {:?}",
            started.elapsed()
        );
    }

    #[tokio::test]
    async fn an_old_epoch_needs_no_waiting() {
        let started = Instant::now();

        wait_out_lease(Duration::MAX).await;
        wait_out_lease(LEASE + WAIT_MARGIN).await;

        assert!(started.elapsed() < LEASE / 2);
    }

    #[tokio::test]
    async fn tells_that_the_cache_is_suspended() {
        let (_, lease) = lease(2);

        assert!(matches!(lease.current().await, Err(CacheError::Suspended)));
    }
}
