//! Drops what has been kept long enough, and shows how far the lanes have come.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use runtime::server::Shutdown;
use store::lease::Lease;

use super::worker::{LaneWorker, Step, StepError};
use crate::config::Config;
use crate::metrics::Metrics;
use crate::store::EventLog;

/// How often metrics are refreshed and old things are looked for.
const INTERVAL: Duration = Duration::from_secs(5);
/// Rounds between two searches for forgotten keys and files.
const ROUNDS: u32 = 720;
/// Share of the log's bound from which on its fill is told.
const FILL_ALERT: f64 = 0.8;
/// Rounds between two such lines of the journal.
const FILL_ROUNDS: u32 = 12;

/// Trims a lane's log; one per lane.
pub struct Caretaker {
    log: Arc<dyn EventLog>,
    metrics: Metrics,
    keep: TimeDelta,
}

impl Caretaker {
    /// Keeps events for a while after they were applied and archived.
    pub fn new(log: Arc<dyn EventLog>, keep: Duration, metrics: Metrics) -> Self {
        Self {
            log,
            metrics,
            keep: delta(keep),
        }
    }

    /// Refreshes metrics, forgets old message keys and removes old uploads, until shutdown.
    pub async fn run(&self, config: &Config, shutdown: Shutdown) {
        let mut round: u32 = 0;
        while !shutdown.is_cancelled() {
            match self.log.lanes().await {
                Ok(lanes) => self.metrics.lanes(&lanes),
                Err(error) => tracing::warn!(%error, "cannot read the lanes"),
            }
            match self.log.fill().await {
                Ok(fill) => {
                    self.metrics.fill(fill);
                    if fill.ratio() >= FILL_ALERT && round.is_multiple_of(FILL_ROUNDS) {
                        let (held, most) = (fill.held, fill.most);
                        tracing::warn!(held, most, "the event log is nearly full");
                    }
                }
                Err(error) => tracing::warn!(%error, "cannot read how full the log is"),
            }
            if round == 0 {
                self.expire(config).await;
                let before = runtime::clock::now() - delta(config.log.remember);
                match self.log.forget_keys(before).await {
                    Ok(0) => {}
                    Ok(count) => tracing::info!(count, "forgot old message keys"),
                    Err(error) => tracing::warn!(%error, "cannot forget old message keys"),
                }
                match self.log.release_accepted().await {
                    Ok(0) => {}
                    Ok(count) => {
                        tracing::info!(count, "dropped from quarantine what was accepted later")
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot drop from quarantine what was accepted later")
                    }
                }
                if let Err(error) = remove_old(&config.uploads.path, config.uploads.keep).await {
                    tracing::warn!(%error, "cannot remove old uploads");
                }
            }
            round = (round + 1) % ROUNDS;
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                () = shutdown.cancelled() => {}
            }
        }
    }

    /// Takes out of quarantine what was kept for long enough.
    async fn expire(&self, config: &Config) {
        let before = runtime::clock::now() - delta(config.quarantine.keep);
        match self.log.expire_quarantined(before).await {
            Ok(0) => {}
            Ok(count) => {
                self.metrics.expired(count);
                tracing::info!(
                    count,
                    "took records out of quarantine that were kept for long enough"
                );
            }
            Err(error) => tracing::warn!(%error, "cannot take old records out of quarantine"),
        }
    }

    fn before(&self) -> DateTime<Utc> {
        runtime::clock::now() - self.keep
    }
}

#[async_trait]
impl LaneWorker for Caretaker {
    fn name(&self) -> &'static str {
        "trim"
    }

    async fn step(&self, lane: i32, lease: &Lease) -> Result<Step, StepError> {
        match self.log.trim(lane, lease, self.before()).await? {
            0 => Ok(Step::Idle),
            _ => Ok(Step::Worked),
        }
    }
}

fn delta(length: Duration) -> TimeDelta {
    TimeDelta::from_std(length).unwrap_or(TimeDelta::days(36_500))
}

async fn remove_old(folder: &Path, keep: Duration) -> std::io::Result<()> {
    let mut entries = tokio::fs::read_dir(folder).await?;
    while let Some(entry) = entries.next_entry().await? {
        let changed = entry.metadata().await?.modified()?;
        if SystemTime::now()
            .duration_since(changed)
            .is_ok_and(|age| age > keep)
        {
            tokio::fs::remove_file(entry.path()).await?;
        }
    }
    Ok(())
}
