//! Brings a lane's claimed batches to the lake, several in one append.

use std::sync::Arc;

use api::common::StandardEvent;
use async_trait::async_trait;
use lake::events::{LakeRow, to_batch};
use lake::{Lake, Table, Transaction};
use prost::Message;
use store::lease::Lease;

use super::worker::{LaneWorker, Step, StepError};
use crate::metrics::Metrics;
use crate::store::{ArchivePlan, EventLog};

/// Appends what is planned, exactly once.
pub struct Archiver {
    log: Arc<dyn EventLog>,
    lake: Lake,
    metrics: Metrics,
}

impl Archiver {
    /// Archives into `lake`.
    pub fn new(log: Arc<dyn EventLog>, lake: Lake, metrics: Metrics) -> Self {
        Self { log, lake, metrics }
    }

    async fn append(&self, plan: &ArchivePlan) -> Result<usize, StepError> {
        let mut rows = Vec::new();
        for (batch, events) in &plan.batches {
            for (position, event) in (0i32..).zip(events) {
                // Profile parks such an event and its bytes stay there; the events after it must not wait for it.
                let Some(event) = readable(&event.payload) else {
                    tracing::error!(
                        place = event.place,
                        batch,
                        "an event is damaged and left out of the lake"
                    );
                    continue;
                };
                rows.push(LakeRow {
                    lane: plan.lane_id.clone(),
                    batch: *batch,
                    position,
                    event,
                });
            }
        }
        let lake = |error: lake::LakeError| {
            StepError::Neighbour(format!("the lake takes no events: {error}"))
        };
        let transaction = Transaction {
            app_id: plan.lane_id.clone(),
            version: plan.last_batch,
        };
        runtime::crash::point("appending");
        self.lake
            .append(
                Table::Events,
                &[to_batch(&rows).map_err(lake)?],
                &transaction,
            )
            .await
            .map_err(lake)?;
        runtime::crash::point("appended");
        Ok(rows.len())
    }
}

/// Reads a payload, if it has what a row of the lake must have.
fn readable(payload: &[u8]) -> Option<StandardEvent> {
    let event = StandardEvent::decode(payload).ok()?;
    let whole =
        event.event_time.is_some() && event.known_time.is_some() && !event.fragments.is_empty();
    whole.then_some(event)
}

#[async_trait]
impl LaneWorker for Archiver {
    fn name(&self) -> &'static str {
        "archive"
    }

    async fn step(&self, lane: i32, lease: &Lease) -> Result<Step, StepError> {
        let Some(plan) = self.log.archive_plan(lane, lease).await? else {
            return Ok(Step::Idle);
        };
        let count = self.append(&plan).await?;
        self.log.archived(lane, lease, &plan).await?;
        runtime::crash::point("archived");
        self.metrics.archived(count);
        // The next append waits for its turn, so that appends stay few.
        Ok(Step::Idle)
    }
}
