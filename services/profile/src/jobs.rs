//! Work in the background: identity lines to the lake, the cache's marks, and what grows old.

pub(crate) mod outbox;
pub(crate) mod rebuild;
pub(crate) mod repair;
pub(crate) mod trim;

use std::time::Duration;

use runtime::server::Shutdown;

use crate::error::Error;

/// Longest pause after a failure, unless the interval is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Something to do again and again.
#[async_trait::async_trait]
pub(crate) trait Job: Send {
    /// Does what there is to do now.
    async fn run(&mut self) -> Result<(), Error>;
}

/// Runs a job again and again until shutdown, with a pause after each run; a job that is at work ends its run first.
/// Failures are logged, and tried again after a longer pause.
pub(crate) async fn repeat(
    name: &'static str,
    interval: Duration,
    shutdown: &Shutdown,
    job: &mut dyn Job,
) {
    let mut pause = interval;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = match job.run().await {
            Ok(()) => interval,
            Err(error) => {
                tracing::warn!(job = name, %error, "job failed and will be tried again");
                (pause * 2).min(LONGEST_PAUSE).max(interval)
            }
        };
    }
}
