//! Forgets what need not be kept: old changes, and answers of old requests.

use std::time::Duration;

use store::{Store, idempotency};

use super::Job;
use crate::error::Error;
use crate::store::changes;

/// How long answers of requests are kept, so that a repeat gets the same.
const ANSWERS_KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Most rows in one transaction.
const ROWS_MAX: u32 = 5_000;

/// Forgets changes older than `keep` and answers older than a week, a bounded number at a time.
pub(crate) struct Trim {
    pub(crate) store: Store,
    pub(crate) keep: Duration,
}

#[async_trait::async_trait]
impl Job for Trim {
    async fn run(&mut self) -> Result<(), Error> {
        let keep_ms = i64::try_from(self.keep.as_millis()).unwrap_or(i64::MAX);
        let before_ms = runtime::clock::now()
            .timestamp_millis()
            .saturating_sub(keep_ms);
        while changes::trim(&self.store, before_ms, i64::from(ROWS_MAX)).await? > 0 {}
        while idempotency::forget_older_than(&self.store, ANSWERS_KEPT, ROWS_MAX).await? > 0 {}
        Ok(())
    }
}
