//! Imports a file: reads and judges in one thread, commits batch by batch, goes on after a crash where it was.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use api::common::Money;
use api::ingestion::{
    ChangeCount, ImportFileMetadata, ImportFileRequest, ImportFileResponse, MarkCount, ReasonCount,
    ReceiptCounts,
};
use async_trait::async_trait;
use prost_types::Any;
use runtime::fault::{Fault, status};
use runtime::operations::{OperationContext, OperationHandler};
use store::{Store, StoreError};
use tonic::{Code, Status};

use super::learning::Settling;
use super::reading::{Chunk, Read, Reading, Reads};
use crate::config::ImportConfig;
use crate::domain::contract::{self, Contract};
use crate::domain::counts::{Counts, FileFacts, Summary};
use crate::domain::judge::{Judged, Tenant, Verdict};
use crate::domain::terms::Terms;
use crate::intake::Intake;
use crate::rpc::invalid_contract;
use crate::store::{ImportRow, ImportStep, LogError, Outcome, Step};
use crate::uploads::{Upload, Uploads};

/// Kind of the operation.
pub const IMPORT_KIND: &str = "import-file";
/// Shortest time between two reports of progress.
const REPORT_INTERVAL: Duration = Duration::from_millis(300);
/// Pause between two questions to a neighbour or a database that is down.
const PATIENCE: Duration = Duration::from_millis(500);
/// Batches that are read ahead.
const AHEAD: usize = 2;

/// Imports files.
pub struct Importer {
    intake: Arc<Intake>,
    uploads: Uploads,
    store: Store,
    config: ImportConfig,
}

/// One import at work.
struct Import<'a> {
    importer: &'a Importer,
    context: &'a OperationContext,
    tenant: Tenant,
    upload: Upload,
    read: Arc<AtomicU64>,
    done: ImportRow,
    reported: Instant,
    validate_only: bool,
    encoding: &'static str,
}

impl Importer {
    /// Imports uploads through `intake`.
    pub fn new(intake: Arc<Intake>, uploads: Uploads, store: Store, config: ImportConfig) -> Self {
        Self {
            intake,
            uploads,
            store,
            config,
        }
    }
}

#[async_trait]
impl OperationHandler for Importer {
    async fn run(&self, context: OperationContext, request: Any) -> Result<Any, Status> {
        let request: ImportFileRequest = runtime::any::unpack(&request)?;
        let contract = match request.contract_yaml.as_str() {
            "" => None,
            yaml => Some(contract::parse(yaml).map_err(invalid_contract)?),
        };
        let (upload, place) = self
            .uploads
            .find(context.tenant(), &request.upload)
            .await
            .map_err(|it| status(&it))?;
        let tenant = self.patient_tenant(&context).await?;
        let terms = self.patient_terms(&context, &tenant, &request.source, contract);
        let terms = terms.await?;
        let mut done = self.patient_row(&context).await?;
        same_file(&mut done, &upload)?;
        let ended = upload.imported;
        if ended && done.rows_done == 0 && done.summary.counts == Counts::default() {
            let text = "the file was imported and is kept no more: upload it again";
            return Err(Status::not_found(text));
        }
        let kept = upload.clone();
        let read = Arc::new(AtomicU64::new(0));
        let config = &self.config;
        let mut reading = Reading {
            place,
            file_name: upload.file_name.clone(),
            terms,
            source: request.source,
            tenant: tenant.clone(),
            skip: done.rows_done,
            read: read.clone(),
            limits: config.limits(self.uploads.folder()),
            chunk_rows: config.batch_rows,
            chunk_bytes: config.batch_bytes,
        };
        if !ended {
            let settling = Settling {
                context: &context,
                intake: &self.intake,
                store: &self.store,
                reading: &reading,
                fit: request.fit_baseline,
                validate_only: request.validate_only,
            };
            reading.terms.baseline = settling.settle().await?;
        }
        let reported = Instant::now();
        let validate_only = request.validate_only;
        let import = Import {
            importer: self,
            context: &context,
            tenant,
            upload,
            read,
            done,
            reported,
            validate_only,
            encoding: "",
        };
        if ended {
            // It ended before, and its answer was lost.
            return Ok(runtime::any::pack(&import.response()));
        }
        let chunks = reading.start(self.intake.clone(), AHEAD);
        let answer = import.run(chunks).await?;
        if !validate_only && let Err(error) = self.uploads.imported(&request.upload, &kept).await {
            // It goes when its time is over.
            tracing::warn!(%error, "cannot remove an upload that was imported");
        }
        Ok(answer)
    }
}

impl Importer {
    /// Returns the tenant, waiting for profile while it is down.
    async fn patient_tenant(&self, context: &OperationContext) -> Result<Tenant, Status> {
        loop {
            match self.intake.tenant(context.tenant()).await {
                Ok(tenant) => return Ok(tenant),
                Err(fault) if fault.code() == Code::Unavailable => pause(context, PATIENCE).await?,
                Err(fault) => return Err(status(&fault)),
            }
        }
    }

    /// Reads on what terms the rows are taken, waiting while the database is down.
    async fn patient_terms(
        &self,
        context: &OperationContext,
        tenant: &Tenant,
        source: &str,
        contract: Option<Contract>,
    ) -> Result<Terms, Status> {
        loop {
            let terms = self.intake.terms(tenant, source, contract.clone()).await;
            match terms {
                Err(error) if error.is_retryable() => pause(context, PATIENCE).await?,
                terms => return terms.map_err(|error| status(&error)),
            }
        }
    }

    /// Reads how far the import has come, waiting while the database is down.
    async fn patient_row(&self, context: &OperationContext) -> Result<ImportRow, Status> {
        loop {
            match ImportRow::load(self.store.reader(), context.id()).await {
                Ok(row) => return Ok(row),
                Err(error) => patience(context, error).await?,
            }
        }
    }
}

/// Waits for a database that is down; fails with any other error.
pub(super) async fn patience(context: &OperationContext, error: StoreError) -> Result<(), Status> {
    match error.is_retryable() {
        true => pause(context, PATIENCE).await,
        false => Err(status(&error)),
    }
}

/// Fails when a file that was imported in part is not the same any more: its rows could not be told apart.
fn same_file(done: &mut ImportRow, upload: &Upload) -> Result<(), Status> {
    let Some(modified_micros) = upload.modified_micros else {
        return Ok(());
    };
    let facts = FileFacts {
        size_bytes: upload.size_bytes,
        modified_micros,
    };
    if done.rows_done > 0 && done.summary.file != Some(facts) {
        let text = format!(
            "{} was changed while it was imported: import it again, nothing is counted twice",
            upload.file_name
        );
        return Err(Status::failed_precondition(text));
    }
    done.summary.file = Some(facts);
    Ok(())
}

/// Waits, unless the operation is to stop.
pub(super) async fn pause(context: &OperationContext, length: Duration) -> Result<(), Status> {
    tokio::select! {
        () = tokio::time::sleep(length) => Ok(()),
        () = context.cancelled() => context.checkpoint(),
    }
}

impl Import<'_> {
    async fn run(mut self, mut chunks: Reads) -> Result<Any, Status> {
        loop {
            let Some(next) = chunks.recv().await else {
                return Err(Status::internal("reading the file broke down"));
            };
            self.context.checkpoint()?;
            match next {
                Ok(Read::Rows(chunk)) => self.commit(chunk).await?,
                Ok(Read::End(encoding)) => {
                    self.encoding = encoding;
                    break;
                }
                Err(fault) => {
                    self.report().await?;
                    return Err(status(&fault));
                }
            }
            if self.reported.elapsed() >= REPORT_INTERVAL {
                self.report().await?;
            }
        }
        self.report().await?;
        Ok(runtime::any::pack(&self.response()))
    }

    /// Commits a chunk, patiently: a database that is down or a log that is full makes the import wait, not fail.
    async fn commit(&mut self, chunk: Chunk) -> Result<(), Status> {
        let Chunk { events, lines, .. } = chunk;
        let events: Arc<[Judged]> = events.into();
        let rows_before = self.done.rows_done;
        let step = ImportStep {
            operation: self.context.id(),
            rows_before,
            before: std::mem::take(&mut self.done.summary),
            lines,
        };
        if self.validate_only {
            let outcomes: Vec<_> = events.iter().map(would_be).collect();
            let rows_done = rows_before + events.len() as i64;
            self.done = ImportRow {
                rows_done,
                summary: step.after(&events, &outcomes),
            };
            return Ok(());
        }
        let intake = self.importer.intake.clone();
        intake.count_received(&self.tenant, events.len());
        let settled = self.settle(&events, &step).await;
        if !matches!(settled, Ok(true)) {
            intake.count_unanswered(&self.tenant, events.len());
        }
        settled.map(|_| ())
    }

    /// Commits a step and returns true; false when a commit whose answer was lost had happened.
    async fn settle(&mut self, events: &Arc<[Judged]>, step: &ImportStep) -> Result<bool, Status> {
        let rows_done = step.rows_before + events.len() as i64;
        let mut wait = Duration::from_millis(50);
        loop {
            match self
                .importer
                .intake
                .commit(
                    &self.tenant,
                    events.clone(),
                    Some(Step::Import(step.clone())),
                )
                .await
            {
                Ok(outcomes) => {
                    self.done = ImportRow {
                        rows_done,
                        summary: step.after(events, &outcomes),
                    };
                    runtime::crash::point("import_batch");
                    return Ok(true);
                }
                Err(LogError::Full { .. }) => {}
                Err(LogError::Store(error)) if error.is_retryable() => {}
                Err(LogError::Store(StoreError::Conflict(_))) => {
                    self.done = self.importer.patient_row(self.context).await?;
                    if self.done.rows_done == rows_done {
                        return Ok(false);
                    }
                    return Err(Status::aborted("another server goes on with this import"));
                }
                Err(error) => return Err(status(&error)),
            }
            pause(self.context, wait).await?;
            wait = (wait * 2).min(Duration::from_secs(5));
        }
    }

    async fn report(&mut self) -> Result<(), Status> {
        self.reported = Instant::now();
        let metadata = ImportFileMetadata {
            file_name: self.upload.file_name.clone(),
            read_bytes: self.read.load(Ordering::Relaxed) as i64,
            size_bytes: self.upload.size_bytes as i64,
            receipts: Some(receipts(&self.done.summary.counts)),
        };
        match self.context.progress(runtime::any::pack(&metadata)).await {
            // Progress is for onlookers; what the import needs is committed with its rows.
            Err(error) if error.code() == Code::Unavailable => {
                tracing::warn!(%error, "cannot store the progress of an import");
                Ok(())
            }
            told => told,
        }
    }

    fn response(&self) -> ImportFileResponse {
        let Summary {
            counts,
            reasons,
            marks,
            changes,
            first_time,
            last_time,
            value_minor,
            file: _,
        } = &self.done.summary;
        let mut reasons: Vec<ReasonCount> = reasons
            .iter()
            .map(|(key, it)| ReasonCount {
                reason: key.split('|').next().unwrap_or_default().to_owned(),
                field: it.field.clone(),
                rows: it.rows,
                first_line: it.first_line as i64,
                description: it.description.clone(),
            })
            .collect();
        reasons.sort_by(|a, b| b.rows.cmp(&a.rows).then_with(|| a.reason.cmp(&b.reason)));
        let mut marks: Vec<MarkCount> = marks
            .iter()
            .map(|(mark, rows)| MarkCount {
                mark: mark.clone(),
                rows: *rows,
            })
            .collect();
        marks.sort_by(|a, b| b.rows.cmp(&a.rows).then_with(|| a.mark.cmp(&b.mark)));
        let text = |time: &Option<chrono::DateTime<chrono::Utc>>| {
            time.map(|time| time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
                .unwrap_or_default()
        };
        ImportFileResponse {
            file_name: self.upload.file_name.clone(),
            receipts: Some(receipts(counts)),
            reasons,
            marks,
            first_event_time: text(first_time),
            last_event_time: text(last_time),
            value: Some(Money {
                currency_code: self.tenant.currency.clone(),
                minor_units: *value_minor,
            }),
            encoding: self.encoding.to_owned(),
            changes: change_counts(changes),
        }
    }
}

/// Returns what was changed, most frequent first, and by name among equals.
fn change_counts(changes: &BTreeMap<String, BTreeMap<String, i64>>) -> Vec<ChangeCount> {
    let of_field = |(field, kinds): (&String, &BTreeMap<String, i64>)| {
        let count = |(change, values): (&String, &i64)| ChangeCount {
            field: field.clone(),
            change: change.clone(),
            values: *values,
        };
        kinds.iter().map(count).collect::<Vec<_>>()
    };
    let mut counts: Vec<ChangeCount> = changes.iter().flat_map(of_field).collect();
    counts.sort_by_key(|count| std::cmp::Reverse(count.values));
    counts
}

/// Returns what would become of a row if nothing like it had come before.
pub(super) fn would_be(judged: &Judged) -> Outcome {
    match judged.verdict {
        Verdict::Accept(_) => Outcome::Accepted,
        Verdict::Quarantine { .. } => Outcome::Quarantined,
        Verdict::Reject(_) => Outcome::Rejected,
    }
}

/// Returns counts as a message.
pub(crate) fn receipts(counts: &Counts) -> ReceiptCounts {
    let Counts {
        received,
        accepted,
        duplicate,
        conflict,
        quarantined,
        rejected,
    } = *counts;
    ReceiptCounts {
        received,
        accepted,
        duplicate,
        conflict,
        quarantined,
        rejected,
    }
}
