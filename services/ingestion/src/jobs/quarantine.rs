//! Replays and discards quarantined records, step by step; after a crash each goes on where it was.

use std::collections::BTreeMap;
use std::time::Duration;

use api::ingestion::{
    DiscardQuarantinedMetadata, DiscardQuarantinedRequest, DiscardQuarantinedResponse,
    ReplayQuarantinedMetadata, ReplayQuarantinedRequest, ReplayQuarantinedResponse,
};
use async_trait::async_trait;
use prost_types::Any;
use runtime::fault::{Fault, Violations, status};
use runtime::operations::{OperationContext, OperationHandler};
use store::StoreError;
use tonic::{Code, Status};

use super::import::{pause, receipts, would_be};
use crate::domain::counts::Counts;
use crate::domain::judge::Tenant;
use crate::domain::terms::Terms;
use crate::metrics::Metrics;
use crate::rejudge::Rejudge;
use crate::rpc::read_filter;
use crate::sources::SourceError;
use crate::store::{
    DatabaseLog, Discard, Filter, Job, LogError, Outcome, Record, ReplayStep, count,
};

/// Kind of the operation that replays records.
pub const REPLAY_KIND: &str = "replay-quarantined";
/// Kind of the operation that gives records up.
pub const DISCARD_KIND: &str = "discard-quarantined";
/// Records that are judged and committed together.
const STEP_RECORDS: u64 = 200;
/// Pause between two attempts while something is down or full.
const PATIENCE: Duration = Duration::from_millis(500);

/// Replays quarantined records.
pub(crate) struct Replayer {
    log: DatabaseLog,
    rejudge: Rejudge,
    metrics: Metrics,
}

/// Gives quarantined records up.
pub(crate) struct Discarder {
    log: DatabaseLog,
    metrics: Metrics,
}

impl Replayer {
    /// Judges through `rejudge` and commits to `log`.
    pub(crate) fn new(log: DatabaseLog, rejudge: Rejudge, metrics: Metrics) -> Self {
        Self {
            log,
            rejudge,
            metrics,
        }
    }

    /// Returns the tenant, waiting for profile while it is down.
    async fn tenant(&self, context: &OperationContext) -> Result<Tenant, Status> {
        loop {
            match self.rejudge.intake().tenant(context.tenant()).await {
                Ok(tenant) => return Ok(tenant),
                Err(fault) if fault.code() == Code::Unavailable => pause(context, PATIENCE).await?,
                Err(fault) => return Err(status(&fault)),
            }
        }
    }

    /// Judges the next records and commits those that pass. Returns how far the operation is; `None` at its end.
    async fn step(
        &self,
        context: &OperationContext,
        tenant: &Tenant,
        filter: &Filter,
        job: &Job,
        validate_only: bool,
    ) -> Result<Option<Job>, LogError> {
        let records = self
            .log
            .quarantined(&tenant.id, filter, job.position, STEP_RECORDS)
            .await?;
        let Some(position) = records.last().map(Record::position) else {
            return Ok(None);
        };
        let mut terms: BTreeMap<&str, Terms> = BTreeMap::new();
        for record in &records {
            if !terms.contains_key(record.source.as_str()) {
                let found = self.rejudge.terms(tenant, &record.source).await;
                terms.insert(&record.source, found.map_err(step_error)?);
            }
        }
        let plain = Terms::default();
        let records: Vec<_> = records
            .iter()
            .filter(|record| record.first_us <= job.begun_us)
            .map(|record| {
                let terms = terms.get(record.source.as_str()).unwrap_or(&plain);
                (record.version, self.rejudge.judge(tenant, terms, record))
            })
            .collect();
        if validate_only {
            let mut next = *job;
            next.steps += 1;
            next.position = position;
            for (_, judged) in &records {
                next.counts.received += 1;
                count(&mut next.counts, kept_outcome(would_be(judged)));
            }
            return Ok(Some(next));
        }
        let step = ReplayStep {
            tenant: tenant.id.clone(),
            operation: context.id(),
            job: *job,
            records,
            position,
        };
        let replayed = self.log.replay(&step).await?;
        self.metrics.replayed(&tenant.id, &replayed.outcomes);
        Ok(Some(replayed.job))
    }
}

fn step_error(error: SourceError) -> LogError {
    match error {
        SourceError::Store(error) => error.into(),
        other => StoreError::Failed(other.to_string()).into(),
    }
}

/// Returns what becomes of a record that is in quarantine already.
fn kept_outcome(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Rejected => Outcome::Quarantined,
        other => other,
    }
}

#[async_trait]
impl OperationHandler for Replayer {
    async fn run(&self, context: OperationContext, request: Any) -> Result<Any, Status> {
        let request: ReplayQuarantinedRequest = runtime::any::unpack(&request)?;
        let filter = filter(request.filter)?;
        let tenant = self.tenant(&context).await?;
        let mut job = patient_job(&self.log, &context).await?;
        loop {
            context.checkpoint()?;
            match self
                .step(&context, &tenant, &filter, &job, request.validate_only)
                .await
            {
                Ok(Some(next)) => {
                    job = next;
                    let receipts = Some(receipts(&job.counts));
                    tell(&context, &ReplayQuarantinedMetadata { receipts }).await?;
                }
                Ok(None) => break,
                Err(LogError::Full { .. }) => pause(&context, PATIENCE).await?,
                Err(LogError::Store(error)) => {
                    job = after_failure(&self.log, &context, job, error).await?;
                }
                Err(error) => return Err(status(&error)),
            }
        }
        let receipts = Some(receipts(&job.counts));
        Ok(runtime::any::pack(&ReplayQuarantinedResponse { receipts }))
    }
}

impl Discarder {
    /// Takes records out of `log`.
    pub(crate) fn new(log: DatabaseLog, metrics: Metrics) -> Self {
        Self { log, metrics }
    }
}

#[async_trait]
impl OperationHandler for Discarder {
    async fn run(&self, context: OperationContext, request: Any) -> Result<Any, Status> {
        let request: DiscardQuarantinedRequest = runtime::any::unpack(&request)?;
        let discard = Discard {
            tenant: context.tenant().to_string(),
            operation: context.id(),
            actor: request.requested_by,
            why: request.justification,
            filter: filter(request.filter)?,
        };
        let mut job = patient_job(&self.log, &context).await?;
        loop {
            context.checkpoint()?;
            match self.log.discard(&discard, &job).await {
                Ok(Some(next)) => {
                    let records = next.counts.received - job.counts.received;
                    self.metrics.discarded(&discard.tenant, records);
                    job = next;
                    let discarded = job.counts.received;
                    tell(&context, &DiscardQuarantinedMetadata { discarded }).await?;
                }
                Ok(None) => break,
                Err(error) => job = after_failure(&self.log, &context, job, error).await?,
            }
        }
        let Counts { received, .. } = job.counts;
        Ok(runtime::any::pack(&DiscardQuarantinedResponse {
            discarded: received,
        }))
    }
}

fn filter(filter: Option<api::ingestion::QuarantineFilter>) -> Result<Filter, Status> {
    let mut found = Violations::new();
    let filter = read_filter(filter.unwrap_or_default(), &mut found);
    found.finish().map_err(Status::from)?;
    Ok(filter)
}

/// Reads how far an operation has come, waiting while the database is down.
async fn patient_job(log: &DatabaseLog, context: &OperationContext) -> Result<Job, Status> {
    loop {
        match log.quarantine_job(context.id()).await {
            Err(error) if error.is_retryable() => pause(context, PATIENCE).await?,
            read => return read.map_err(|error| status(&error)),
        }
    }
}

/// Decides how to go on after a step failed: a database that is down is waited for; what changed meanwhile, or was committed
/// without an answer, is read again.
async fn after_failure(
    log: &DatabaseLog,
    context: &OperationContext,
    job: Job,
    error: StoreError,
) -> Result<Job, Status> {
    match error {
        StoreError::Conflict(_) => {}
        error if error.is_retryable() => pause(context, PATIENCE).await?,
        error => return Err(status(&error)),
    }
    let stored = patient_job(log, context).await?;
    // An operation that has committed nothing yet keeps the time at which it began.
    Ok(if stored.steps == 0 { job } else { stored })
}

/// Stores progress for onlookers; what the work itself needs is committed with its steps.
async fn tell<M: prost::Name>(context: &OperationContext, metadata: &M) -> Result<(), Status> {
    match context.progress(runtime::any::pack(metadata)).await {
        Err(error) if error.code() == Code::Unavailable => {
            tracing::warn!(%error, "cannot store the progress of an operation over quarantine");
            Ok(())
        }
        told => told,
    }
}
