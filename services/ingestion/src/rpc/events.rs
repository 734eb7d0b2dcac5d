//! `EventService`.

use std::pin::Pin;
use std::sync::Arc;

use api::common::Event;
use api::ingestion::event_service_server::EventService;
use api::ingestion::{
    BatchIngestEventsRequest, BatchIngestEventsResponse, GetLogStatusRequest, GetLogStatusResponse,
    IngestEventsRequest, IngestEventsResponse, LaneStatus, QuarantineCounts, Receipt, ReceiptCode,
    SourceStatus, Violation,
};
use futures::{Stream, StreamExt};
use runtime::context::{RequestContext, TenantId};
use runtime::fault::{Invalid, OrStatus, Violations};
use tonic::{Request, Response, Status, Streaming};

use crate::domain::contract::DuplicateAction;
use crate::domain::counts::Counts;
use crate::domain::judge::{Judged, Verdict};
use crate::domain::near;
use crate::intake::{Arrival, Intake};
use crate::jobs::receipts;
use crate::limits::Pace;
use crate::store::{Lane, Outcome, Totals};

/// Most events of one message.
const EVENTS_MAX: usize = 1000;
/// Messages of one stream that are worked on at once.
const IN_FLIGHT: usize = 8;

/// Serves `EventService`.
pub(crate) struct EventRpc {
    intake: Arc<Intake>,
}

impl EventRpc {
    /// Takes events through `intake`.
    pub(crate) fn new(intake: Arc<Intake>) -> Self {
        Self { intake }
    }
}

#[tonic::async_trait]
impl EventService for EventRpc {
    type IngestEventsStream =
        Pin<Box<dyn Stream<Item = Result<IngestEventsResponse, Status>> + Send>>;

    async fn ingest_events(
        &self,
        request: Request<Streaming<IngestEventsRequest>>,
    ) -> Result<Response<Self::IngestEventsStream>, Status> {
        let tenant = RequestContext::from_request(&request)?.tenant;
        let intake = self.intake.clone();
        let answers = request.into_inner().map(move |message| {
            let (intake, tenant) = (intake.clone(), tenant.clone());
            async move {
                let IngestEventsRequest { sequence, events } = message?;
                let receipts = take(&intake, &tenant, events, "", Pace::Wait).await?;
                Ok(IngestEventsResponse { sequence, receipts })
            }
        });
        // Answers keep the order of the messages; messages that wait together share a commit.
        Ok(Response::new(Box::pin(answers.buffered(IN_FLIGHT))))
    }

    async fn batch_ingest_events(
        &self,
        request: Request<BatchIngestEventsRequest>,
    ) -> Result<Response<BatchIngestEventsResponse>, Status> {
        let tenant = RequestContext::from_request(&request)?.tenant;
        let BatchIngestEventsRequest { events, contract } = request.into_inner();
        let receipts = take(&self.intake, &tenant, events, &contract, Pace::Refuse).await?;
        Ok(Response::new(BatchIngestEventsResponse { receipts }))
    }

    async fn get_log_status(
        &self,
        request: Request<GetLogStatusRequest>,
    ) -> Result<Response<GetLogStatusResponse>, Status> {
        let tenant = RequestContext::from_request(&request)?.tenant;
        let log = self.intake.log();
        let status = log.status(tenant.as_str()).await.or_status()?;
        let lanes = log.lanes().await.or_status()?;
        let fill = log.fill().await.or_status()?;
        let accepted: i64 = status.sources.values().map(|counts| counts.accepted).sum();
        let replayed: i64 = status.quarantine.values().map(|it| it.replayed).sum();
        let source = |(source, counts): (String, Counts)| SourceStatus {
            receipts: Some(receipts(&counts)),
            quarantine: Some(quarantine(status.quarantine.get(&source))),
            source,
        };
        Ok(Response::new(GetLogStatusResponse {
            sources: status.sources.clone().into_iter().map(source).collect(),
            lanes: lanes.into_iter().map(lane_status).collect(),
            accepted: accepted + replayed,
            applied: status.applied,
            parked: status.parked,
            pending: status.pending,
            archived: status.archived,
            log_bytes: fill.held,
            log_bytes_max: fill.most,
        }))
    }
}

fn quarantine(totals: Option<&Totals>) -> QuarantineCounts {
    let Totals {
        held,
        bytes,
        entered,
        replayed,
        discarded,
        superseded,
        expired,
    } = totals.copied().unwrap_or_default();
    QuarantineCounts {
        entered,
        held,
        replayed,
        discarded,
        superseded,
        expired,
        held_bytes: bytes,
    }
}

fn lane_status(lane: Lane) -> LaneStatus {
    LaneStatus {
        lane: lane.lane_id,
        unclaimed: lane.head - lane.claimed_position,
        claimed_batch: lane.claimed_batch,
        applied_batch: lane.applied_batch,
        archived_batch: lane.archived_batch,
        complete_through: Some(runtime::time::to_proto(lane.through)),
    }
}

/// Takes the events of one message and gives their receipts.
async fn take(
    intake: &Intake,
    tenant: &TenantId,
    events: Vec<Event>,
    revision: &str,
    pace: Pace,
) -> Result<Vec<Receipt>, Status> {
    let mut found = Violations::new();
    found.require(
        !events.is_empty(),
        "events",
        "REQUIRED",
        "a message has at least one event",
    );
    found.require(
        events.len() <= EVENTS_MAX,
        "events",
        "TOO_MANY",
        format!("a message has at most {EVENTS_MAX} events"),
    );
    found
        .finish()
        .map_err(|invalid: Invalid| Status::from(invalid))?;
    let arrival = Arrival {
        revision,
        pace,
        contents: Vec::new(),
    };
    let (judged, outcomes) = intake.take(tenant, events, arrival).await?;
    Ok(judged
        .iter()
        .zip(outcomes)
        .map(|(judged, outcome)| receipt(judged, outcome))
        .collect())
}

fn receipt(judged: &Judged, outcome: Outcome) -> Receipt {
    let (code, violations) = match (outcome, &judged.verdict) {
        (Outcome::Accepted, _) => (ReceiptCode::Accepted, Vec::new()),
        (Outcome::Duplicate, _) => (ReceiptCode::Duplicate, Vec::new()),
        (Outcome::Conflict, _) => (ReceiptCode::Conflict, vec![other_content()]),
        (Outcome::Quarantined, Verdict::Quarantine { violations, .. }) => {
            (ReceiptCode::Quarantined, told(violations))
        }
        (Outcome::Quarantined, _) => (ReceiptCode::Quarantined, Vec::new()),
        (Outcome::Rejected, Verdict::Reject(violations)) => {
            (ReceiptCode::Rejected, told(violations))
        }
        (Outcome::Rejected, _) => (ReceiptCode::Rejected, Vec::new()),
        (Outcome::Near(action), _) => match action {
            DuplicateAction::Flag => (ReceiptCode::Accepted, Vec::new()),
            DuplicateAction::Quarantine => (ReceiptCode::Quarantined, told(&[near::violation()])),
            DuplicateAction::Drop => (ReceiptCode::Duplicate, told(&[near::violation()])),
        },
    };
    Receipt {
        message_id: judged.message_id.clone(),
        code: code.into(),
        violations,
    }
}

fn other_content() -> Violation {
    Violation {
        field: "message_id".into(),
        reason: "CONTENT_DIFFERS".into(),
        description:
            "an event with this message id and other content was accepted before; that one stays"
                .into(),
    }
}

fn told(violations: &[crate::domain::Violation]) -> Vec<Violation> {
    let told = |it: &crate::domain::Violation| Violation {
        field: it.field.clone(),
        reason: it.reason.to_owned(),
        description: it.description.clone(),
    };
    violations.iter().map(told).collect()
}
