//! Brings a lane's events to profile, batch by batch, in order.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use api::common::StandardEvent;
use api::profile::profile_service_client::ProfileServiceClient;
use api::profile::{ApplyEventsRequest, ApplyOutcome, LaneWatermark, ReportWatermarksRequest};
use async_trait::async_trait;
use prost::Message;
use runtime::client::Channel;
use store::lease::Lease;
use tokio::sync::OnceCell;

use super::worker::{LaneWorker, Step, StepError};
use crate::metrics::Metrics;
use crate::store::{AppliedBatch, Batch, EventLog, Lane};

/// Most batches that one step claims beyond the one that profile did not take.
const CLAIMS_AHEAD: usize = 32;

/// Hands claimed batches to profile and stores its answers.
pub struct Dispatcher {
    log: Arc<dyn EventLog>,
    profile: ProfileServiceClient<Channel>,
    metrics: Metrics,
    watermark_interval: Duration,
    /// When each lane's watermark was told last.
    told: Mutex<HashMap<i32, Instant>>,
    /// Set once profile knows all lanes.
    announced: OnceCell<()>,
}

impl Dispatcher {
    /// Dispatches over `channel`.
    pub fn new(
        log: Arc<dyn EventLog>,
        channel: &Channel,
        message_bytes_max: usize,
        watermark_interval: Duration,
        metrics: Metrics,
    ) -> Self {
        let profile = ProfileServiceClient::new(channel.idempotent())
            .max_encoding_message_size(message_bytes_max);
        Self {
            log,
            profile,
            metrics,
            watermark_interval,
            told: Mutex::default(),
            announced: OnceCell::new(),
        }
    }

    /// Tells profile of all lanes before it hears of any: its watermark is that of the slowest lane it knows, so a lane that
    /// it does not know would make it promise too much. Fails when a lane is not where profile has it: then one of the two
    /// databases was restored without the other, and dispatching would lose or double events.
    async fn announce(&self) -> Result<(), StepError> {
        let tell = || async {
            let told = |lane: Lane| LaneWatermark {
                lane: lane.lane_id,
                applied_batch: lane.applied_batch,
                complete_through: Some(runtime::time::to_proto(lane.through)),
            };
            let lanes = self.log.lanes().await?.into_iter().map(told).collect();
            self.report(lanes, true).await
        };
        self.announced.get_or_try_init(tell).await.map(|_| ())
    }

    async fn report(&self, lanes: Vec<LaneWatermark>, beginning: bool) -> Result<(), StepError> {
        let neighbour = |status: tonic::Status| {
            StepError::Neighbour(format!("profile takes no watermark: {status}"))
        };
        self.profile
            .clone()
            .report_watermarks(ReportWatermarksRequest { lanes, beginning })
            .await
            .map_err(neighbour)?;
        Ok(())
    }

    async fn send(&self, lane: i32, lease: &Lease, batch: Batch) -> Result<(), StepError> {
        let decode = |payload: &[u8]| StandardEvent::decode(payload).unwrap_or_default();
        let events: Vec<_> = batch
            .events
            .iter()
            .map(|event| decode(&event.payload))
            .collect();
        let request = ApplyEventsRequest {
            lane: batch.lane_id.clone(),
            number: batch.number,
            events,
            complete_through: Some(runtime::time::to_proto(batch.through)),
            fence: lease.fence,
        };
        self.announce().await?;
        runtime::crash::point("sent");
        let neighbour = |status: tonic::Status| {
            StepError::Neighbour(format!(
                "profile refuses batch {} of lane {lane}: {status}",
                batch.number
            ))
        };
        let answers = self
            .profile
            .clone()
            .apply_events(request)
            .await
            .map_err(neighbour)?
            .into_inner()
            .answers;
        runtime::crash::point("applied");
        if answers.len() != batch.events.len() {
            let text = format!(
                "profile gave {} answers to {} events",
                answers.len(),
                batch.events.len()
            );
            return Err(StepError::Neighbour(text));
        }
        let parked: Vec<(usize, String)> = answers
            .into_iter()
            .enumerate()
            .filter(|(_, answer)| answer.outcome() != ApplyOutcome::Applied)
            .map(|(index, answer)| (index, answer.reason))
            .collect();
        let (applied, refused) = (batch.events.len() - parked.len(), parked.len());
        self.log
            .applied(
                lane,
                lease,
                AppliedBatch {
                    batch: &batch,
                    parked,
                },
            )
            .await?;
        runtime::crash::point("cursor_applied");
        self.metrics.answers(applied, refused);
        Ok(())
    }

    /// Claims what profile cannot take now, so that the lake can have it meanwhile. The lease is renewed between two steps,
    /// so a step claims no more than it has time for.
    async fn claim_ahead(&self, lane: i32, lease: &Lease) -> Result<(), StepError> {
        for _ in 0..CLAIMS_AHEAD {
            if !self.log.claim_ahead(lane, lease).await? {
                break;
            }
        }
        Ok(())
    }

    /// Tells profile, now and then, that an idle lane is up to date.
    async fn tell_idle(&self, lane: i32, lease: &Lease) -> Result<(), StepError> {
        let due = {
            let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            told.get(&lane)
                .is_none_or(|told| told.elapsed() >= self.watermark_interval)
        };
        if !due {
            return Ok(());
        }
        self.announce().await?;
        let Some(through) = self
            .log
            .idle_through(lane, lease, runtime::clock::now())
            .await?
        else {
            return Ok(());
        };
        let lanes = self.log.lanes().await?;
        let Some(Lane {
            lane_id,
            applied_batch,
            ..
        }) = lanes.into_iter().find(|it| it.lane == lane)
        else {
            return Ok(());
        };
        let watermark = LaneWatermark {
            lane: lane_id,
            applied_batch,
            complete_through: Some(runtime::time::to_proto(through)),
        };
        self.report(vec![watermark], false).await?;
        self.told
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(lane, Instant::now());
        Ok(())
    }
}

#[async_trait]
impl LaneWorker for Dispatcher {
    fn name(&self) -> &'static str {
        "dispatch"
    }

    async fn step(&self, lane: i32, lease: &Lease) -> Result<Step, StepError> {
        match self.log.next_batch(lane, lease).await? {
            Some(batch) => {
                let sent = self.send(lane, lease, batch).await;
                if matches!(sent, Err(StepError::Neighbour(_))) {
                    self.claim_ahead(lane, lease).await?;
                }
                sent.map(|()| Step::Worked)
            }
            None => {
                self.tell_idle(lane, lease).await?;
                Ok(Step::Idle)
            }
        }
    }
}
