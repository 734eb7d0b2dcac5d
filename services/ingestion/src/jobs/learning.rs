//! Settles by which baseline an import goes; where it is asked for, computes one from the file itself.

use std::sync::{Arc, Mutex, PoisonError};

use runtime::fault::status;
use runtime::operations::OperationContext;
use store::{Store, StoreError};
use tonic::Status;

use super::import::patience;
use super::reading::Reading;
use crate::domain::baseline::Baseline;
use crate::domain::instant::local_day;
use crate::domain::lesson::Lesson;
use crate::file::{FileFault, Rows};
use crate::intake::Intake;
use crate::store::{imports, quality};

/// Settles by which baseline an import goes.
pub(super) struct Settling<'a> {
    pub(super) context: &'a OperationContext,
    pub(super) intake: &'a Arc<Intake>,
    pub(super) store: &'a Store,
    pub(super) reading: &'a Reading,
    /// Whether the file is read once more, for a baseline of its own.
    pub(super) fit: bool,
    /// Whether nothing may be stored.
    pub(super) validate_only: bool,
}

/// How far it is settled.
enum Settled {
    /// The import goes by this one.
    By(Option<Arc<Baseline>>),
    /// It must be computed first.
    NotYet,
}

impl Settling<'_> {
    /// Returns the baseline, `None` where there is none. It is the same one after a restart, whatever was computed since.
    pub(super) async fn settle(&self) -> Result<Option<Arc<Baseline>>, Status> {
        let contract = self.reading.terms.contract.as_ref();
        if !self.fit && !contract.is_some_and(|it| it.cleans()) {
            return Ok(None);
        }
        let mut learned = None;
        loop {
            match self.settled(learned.as_ref()).await {
                Ok(Settled::By(baseline)) => return Ok(baseline),
                Ok(Settled::NotYet) => learned = Some(self.learn().await?.fit()),
                Err(error) => patience(self.context, error).await?,
            }
        }
    }

    /// Settles it in the database, as far as that can be done without reading the file.
    async fn settled(&self, learned: Option<&Baseline>) -> Result<Settled, StoreError> {
        let (tenant, source) = (&self.reading.tenant.id, &self.reading.source);
        let baselines = self.intake.sources().baselines();
        let known = imports::baseline_of(self.store.reader(), self.context.id()).await?;
        let version = match (known, learned) {
            (Some(version), _) => version,
            (None, None) if self.fit => return Ok(Settled::NotYet),
            (None, Some(learned)) if self.validate_only => {
                return Ok(Settled::By(Some(baselines.ready(learned.clone()))));
            }
            (None, Some(learned)) => self.keep(learned).await?,
            (None, None) => {
                let newest = baselines.in_force(tenant, source).await?;
                if self.validate_only {
                    return Ok(Settled::By(newest));
                }
                let tx = self.store.begin().await?;
                let newest = newest.map_or(0, |it| it.version);
                let version = imports::settle_baseline(&tx, self.context.id(), newest).await?;
                tx.commit().await?;
                version
            }
        };
        let baseline = match version {
            0 => None,
            version => baselines.of_version(tenant, source, version).await?,
        };
        Ok(Settled::By(baseline))
    }

    /// Stores a baseline for this import, unless it has one already, and returns its version.
    async fn keep(&self, learned: &Baseline) -> Result<i64, StoreError> {
        let (tenant, source) = (&self.reading.tenant.id, &self.reading.source);
        let body =
            serde_json::to_vec(learned).map_err(|error| StoreError::Failed(error.to_string()))?;
        let tx = self.store.begin().await?;
        if let Some(version) = imports::baseline_of(&tx, self.context.id()).await? {
            return Ok(version);
        }
        let now = runtime::clock::now();
        let row = quality::add_baseline(&tx, tenant, source, now, |_| body).await?;
        let version = imports::settle_baseline(&tx, self.context.id(), row.version).await?;
        if version != row.version {
            // Another process was faster; its baseline counts, and this one goes with the transaction.
            return Ok(version);
        }
        tx.commit().await?;
        self.intake.sources().forget(tenant, source);
        Ok(version)
    }

    /// Reads the file for what its values usually look like.
    async fn learn(&self) -> Result<Lesson, Status> {
        let (reading, intake) = (self.reading.clone(), self.intake.clone());
        let context = self.context.clone();
        let read = move || learn(&reading, &intake, || context.is_cancelled());
        let learned = tokio::task::spawn_blocking(read)
            .await
            .map_err(|_| Status::internal("reading the file broke down"))?;
        self.context.checkpoint()?;
        learned.map_err(|fault| status(&fault))
    }
}

/// Gathers what a baseline is learned from, until the file or the patience of the caller ends.
fn learn(
    reading: &Reading,
    intake: &Intake,
    stopped: impl Fn() -> bool,
) -> Result<Lesson, FileFault> {
    let Some(contract) = reading.terms.contract.as_deref() else {
        let problem = "the source has no contract by which a file could be read";
        return Err(FileFault::new(&reading.file_name, 0, 0, problem));
    };
    let lesson = Mutex::new(Lesson::default());
    let what = (contract, reading.source.as_str(), intake.keys());
    let limits = reading.limits.clone();
    let mut rows = Rows::open(
        &reading.place,
        &reading.file_name,
        what,
        limits,
        Arc::default(),
    )?
    .with_lesson(Some(&lesson));
    while let Some((_, draft)) = rows.read_row()? {
        if let Some(time) = draft.event_time {
            let mut lesson = lesson.lock().unwrap_or_else(PoisonError::into_inner);
            lesson.saw_day(local_day(time, reading.tenant.zone));
        }
        if stopped() {
            break;
        }
    }
    drop(rows);
    Ok(lesson.into_inner().unwrap_or_else(PoisonError::into_inner))
}
