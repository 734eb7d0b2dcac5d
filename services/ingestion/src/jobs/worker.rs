//! Keeps one worker per lane going: takes the lease, works step by step, backs off after failures.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use runtime::server::Shutdown;
use store::StoreError;
use store::lease::{Lease, Leases};
use store::pause::LOOK_AGAIN;
use uuid::Uuid;

use crate::store::LogError;

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There may be more to do at once.
    Worked,
    /// There was nothing to do.
    Idle,
}

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The log failed, or the lease is lost.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A neighbour failed.
    #[error("{0}")]
    Neighbour(String),
}

impl StepError {
    fn is_fenced(&self) -> bool {
        matches!(self, Self::Log(LogError::Store(StoreError::Fenced(_))))
    }
}

/// Works on one lane.
#[async_trait]
pub trait LaneWorker: Send + Sync {
    /// Name of the work, part of the lease's name.
    fn name(&self) -> &'static str;

    /// Does one step under the lease.
    async fn step(&self, lane: i32, lease: &Lease) -> Result<Step, StepError>;
}

/// Times of a worker.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Pause when there is nothing to do.
    pub poll: Duration,
    /// Length of the lease.
    pub lease: Duration,
    /// First pause after a failure.
    pub backoff_min: Duration,
    /// Longest pause after failures.
    pub backoff_max: Duration,
}

/// Works on a lane until shutdown. Stops between two steps, and gives the lease up then.
pub async fn run_lane(
    worker: &dyn LaneWorker,
    lane: i32,
    leases: Leases,
    pace: Pace,
    shutdown: Shutdown,
) {
    let holder = Uuid::new_v4();
    let name = format!("{}-{lane}", worker.name());
    let mut backoff = pace.backoff_min;
    while !shutdown.is_cancelled() {
        if matches!(leases.is_paused().await, Ok(true)) {
            sleep_unless(&shutdown, LOOK_AGAIN).await;
            continue;
        }
        let pause = match leases.try_acquire(&name, holder, pace.lease).await {
            Ok(Some(lease)) => {
                let worked =
                    hold(worker, lane, &leases, &lease, pace, &shutdown, &mut backoff).await;
                if let Err(error) = leases.release(&lease).await {
                    tracing::debug!(lease = name, %error, "the lease runs out by itself");
                }
                match worked {
                    Ok(()) => Duration::ZERO,
                    Err(error) if error.is_fenced() => pace.lease / 4,
                    Err(error) => {
                        tracing::warn!(worker = name, %error, "will try again");
                        backoff = (backoff * 2).min(pace.backoff_max);
                        backoff
                    }
                }
            }
            Ok(None) => pace.lease / 4,
            Err(error) => {
                tracing::warn!(worker = name, %error, "cannot take the lease");
                pace.backoff_max
            }
        };
        sleep_unless(&shutdown, pause).await;
    }
}

/// Works while the lease is held; ends when a pause is asked for.
async fn hold(
    worker: &dyn LaneWorker,
    lane: i32,
    leases: &Leases,
    lease: &Lease,
    pace: Pace,
    shutdown: &Shutdown,
    backoff: &mut Duration,
) -> Result<(), StepError> {
    let mut renewed = Instant::now();
    let mut looked = Instant::now();
    while !shutdown.is_cancelled() {
        if looked.elapsed() > LOOK_AGAIN {
            if leases.is_paused().await.map_err(LogError::from)? {
                return Ok(());
            }
            looked = Instant::now();
        }
        if renewed.elapsed() > pace.lease / 3 {
            if !leases
                .renew(lease, pace.lease)
                .await
                .map_err(LogError::from)?
            {
                return Err(LogError::from(StoreError::Fenced(lease.name.clone())).into());
            }
            renewed = Instant::now();
        }
        let step = worker.step(lane, lease).await?;
        *backoff = pace.backoff_min;
        if step == Step::Idle {
            sleep_unless(shutdown, pace.poll).await;
        }
    }
    Ok(())
}

async fn sleep_unless(shutdown: &Shutdown, pause: Duration) {
    tokio::select! {
        () = tokio::time::sleep(pause) => {}
        () = shutdown.cancelled() => {}
    }
}
