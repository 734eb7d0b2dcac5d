//! Pulls from sources: plans those that are due, and works on planned ones, each under a fenced lease.
//!
//! Every replica plans and works. A pull that is due is planned by the one that moves its source's next time on; a planned
//! one is worked on by whoever holds its source's lease. A process that dies leaves its pull to the next holder, who goes
//! on behind the last committed page.

mod run;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use runtime::server::Shutdown;
use store::idempotency::forget_older_than;
use store::lease::{Lease, Leases};
use store::{Store, StoreError};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::config::SourcesConfig;
use crate::domain::schedule::Schedule;
use crate::intake::Intake;
use crate::pull::Opener;
use crate::sources::RegisteredSource;
use crate::store::{runs, sources};

/// Sources that are looked at in one round.
const ROUND: i64 = 200;
/// How long answers to requests about sources are kept, and how often old ones are looked for.
const ANSWERS_KEPT: Duration = Duration::from_secs(24 * 3600);
const TIDY_INTERVAL: Duration = Duration::from_secs(3600);
/// Answers that are forgotten in one transaction.
const ANSWERS_MAX: u32 = 1_000;

/// Plans pulls and works on them.
pub(crate) struct Pulls {
    store: Store,
    leases: Leases,
    intake: Arc<Intake>,
    opener: Arc<Opener>,
    config: SourcesConfig,
    holder: Uuid,
    /// Sources that this process works on.
    at_work: Mutex<HashSet<Uuid>>,
}

impl Pulls {
    /// Pulls into `intake`.
    pub(crate) fn new(
        store: Store,
        intake: Arc<Intake>,
        opener: Arc<Opener>,
        config: SourcesConfig,
    ) -> Self {
        Self {
            leases: Leases::new(store.clone()),
            store,
            intake,
            opener,
            config,
            holder: Uuid::new_v4(),
            at_work: Mutex::default(),
        }
    }

    /// Plans and works until shutdown; pulls then stop between two pages, and the next process goes on with them.
    pub(crate) async fn run(self: Arc<Self>, shutdown: Shutdown) {
        let mut working = JoinSet::new();
        let mut tidied: Option<Instant> = None;
        while !shutdown.is_cancelled() {
            if tidied.is_none_or(|at| at.elapsed() >= TIDY_INTERVAL) {
                tidied = Some(Instant::now());
                self.forget_answers().await;
            }
            if let Err(error) = self.plan_due().await {
                tracing::warn!(%error, "cannot plan pulls");
            }
            if let Err(error) = self.start_waiting(&mut working, &shutdown).await {
                tracing::warn!(%error, "cannot look for pulls");
            }
            while let Some(ended) = working.try_join_next() {
                if let Err(error) = ended {
                    tracing::error!(%error, "a pull panicked");
                }
            }
            tokio::select! {
                () = tokio::time::sleep(self.config.poll) => {}
                () = shutdown.cancelled() => {}
            }
        }
        while working.join_next().await.is_some() {}
    }

    /// Forgets answers that nobody can ask for again in good faith.
    async fn forget_answers(&self) {
        loop {
            match forget_older_than(&self.store, ANSWERS_KEPT, ANSWERS_MAX).await {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot forget old answers");
                    return;
                }
            }
        }
    }

    /// Plans the pulls that are due. Those that were missed while nothing ran become one.
    async fn plan_due(&self) -> Result<(), StoreError> {
        let now = runtime::clock::now();
        for due in runs::due(self.store.reader(), now, ROUND).await? {
            let Some(row) = sources::load_by_uid(self.store.reader(), due.uid).await? else {
                continue;
            };
            let paused = row.definition.paused;
            let text = row.definition.schedule.clone();
            let source = RegisteredSource::from_row(row)?;
            let zone = source
                .contract
                .as_ref()
                .map_or(chrono_tz::UTC, |it| it.zone);
            let schedule = Schedule::parse(&text, zone).ok();
            // A replica whose clock is ahead has planned for `due`; nobody plans for it again.
            let next = schedule.and_then(|it| it.after(now.max(due.due)));
            let tx = self.store.begin().await?;
            let ours = runs::take_due(&tx, &due, next).await?;
            if ours && !paused && !runs::is_unfinished(&tx, due.uid).await? {
                runs::plan(&tx, due.uid, now).await?;
            }
            tx.commit().await?;
            if ours {
                runtime::crash::point("pull_planned");
            }
        }
        Ok(())
    }

    /// Starts to work on pulls that nobody works on, as many as there is room for.
    async fn start_waiting(
        self: &Arc<Self>,
        working: &mut JoinSet<()>,
        shutdown: &Shutdown,
    ) -> Result<(), StoreError> {
        for uid in runs::waiting(self.store.reader(), ROUND).await? {
            if working.len() >= self.config.pulls_max.max(1) {
                break;
            }
            if self.at_work().contains(&uid) {
                continue;
            }
            let name = runs::lease_name(uid);
            let ttl = self.config.lease;
            let Some(lease) = self.leases.try_acquire(&name, self.holder, ttl).await? else {
                continue;
            };
            self.at_work().insert(uid);
            let (pulls, shutdown) = (self.clone(), shutdown.clone());
            working.spawn(async move {
                pulls.work(uid, lease, shutdown).await;
                pulls.at_work().remove(&uid);
            });
        }
        Ok(())
    }

    /// Works on a source's pulls while the lease is held.
    async fn work(&self, uid: Uuid, lease: Lease, shutdown: Shutdown) {
        let lost = CancellationToken::new();
        let renewing = self.renew(&lease, &lost);
        let working = run::work(self, uid, &lease, &shutdown, &lost);
        tokio::select! {
            () = renewing => {}
            worked = working => if let Err(error) = worked {
                tracing::warn!(source = %uid, %error, "a pull waits for its next turn");
            }
        }
        if let Err(error) = self.leases.release(&lease).await {
            tracing::debug!(lease = lease.name, %error, "the lease runs out by itself");
        }
    }

    /// Keeps the lease; returns when it is lost. While the database is away it is kept on trying: what is committed is
    /// fenced anyway.
    async fn renew(&self, lease: &Lease, lost: &CancellationToken) {
        let pause = (self.config.lease / 3).max(Duration::from_millis(50));
        loop {
            tokio::time::sleep(pause).await;
            match self.leases.renew(lease, self.config.lease).await {
                Ok(true) => {}
                Ok(false) => {
                    lost.cancel();
                    return;
                }
                Err(error) => tracing::debug!(lease = lease.name, %error, "cannot renew a lease"),
            }
        }
    }

    fn at_work(&self) -> std::sync::MutexGuard<'_, HashSet<Uuid>> {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
