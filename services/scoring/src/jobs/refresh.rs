//! Replaces champions in memory soon after another process promoted others.

use crate::serving::Models;
use runtime::server::Shutdown;
use std::time::Duration;

/// Looks every `interval`, until shutdown. While the database is away the champions in memory stay.
pub async fn run(models: Models, interval: Duration, shutdown: Shutdown) {
    let mut reached = true;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(interval) => {}
        }
        let refreshed = models.refresh().await;
        if let (Err(error), true) = (&refreshed, reached) {
            tracing::warn!(%error, "cannot see who is champion; the models in memory stay");
        }
        reached = refreshed.is_ok();
    }
}
