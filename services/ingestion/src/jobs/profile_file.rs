//! Reads a file without a contract, tells what its columns look like, and proposes a contract.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use api::ingestion::{ColumnProfile, ImportFileMetadata, ProfileFileRequest, ProfileFileResponse};
use async_trait::async_trait;
use prost_types::Any;
use runtime::fault::{Fault, status};
use runtime::operations::{OperationContext, OperationHandler};
use tonic::{Code, Status};

use crate::config::ImportConfig;
use crate::domain::profiling::{self, ColumnSurvey, Surroundings, Survey};
use crate::file;
use crate::intake::Intake;
use crate::uploads::{Upload, Uploads};

/// Kind of the operation.
pub const PROFILE_FILE_KIND: &str = "profile-file";
/// Time between two reports of progress.
const REPORT_INTERVAL: Duration = Duration::from_millis(500);

/// Profiles files.
pub struct Profiler {
    intake: Arc<Intake>,
    uploads: Uploads,
    config: ImportConfig,
}

impl Profiler {
    /// Profiles uploads; of tenants it asks `intake`.
    pub fn new(intake: Arc<Intake>, uploads: Uploads, config: ImportConfig) -> Self {
        Self {
            intake,
            uploads,
            config,
        }
    }

    /// Returns what is known beside the file. A tenant that is not there, or cannot be asked, is guessed.
    async fn surroundings(
        &self,
        context: &OperationContext,
        upload: &Upload,
        source: String,
    ) -> Surroundings {
        let tenant = self.intake.tenant(context.tenant()).await;
        if let Err(fault) = &tenant
            && fault.code() == Code::Unavailable
        {
            tracing::info!("a file is profiled without knowing its tenant's zone and currency");
        }
        let tenant = tenant.ok();
        Surroundings {
            file_name: upload.file_name.clone(),
            source,
            zone: tenant.as_ref().map(|it| it.zone.name().to_owned()),
            currency: tenant.map(|it| it.currency),
            today: runtime::clock::now().date_naive(),
        }
    }
}

#[async_trait]
impl OperationHandler for Profiler {
    async fn run(&self, context: OperationContext, request: Any) -> Result<Any, Status> {
        let request: ProfileFileRequest = runtime::any::unpack(&request)?;
        let (upload, place) = self
            .uploads
            .find(context.tenant(), &request.upload)
            .await
            .map_err(|it| status(&it))?;
        let around = self.surroundings(&context, &upload, request.source).await;
        let read = Arc::new(AtomicU64::new(0));
        let limits = self.config.limits(self.uploads.folder());
        let mut reading = {
            let (read, name) = (read.clone(), upload.file_name.clone());
            tokio::task::spawn_blocking(move || file::survey(&place, &name, &limits, read))
        };
        let surveyed = loop {
            match tokio::time::timeout(REPORT_INTERVAL, &mut reading).await {
                Ok(ended) => break ended,
                Err(_) => report(&context, &upload, &read).await?,
            }
            // The thread reads on to the end of the file; nobody waits for it.
            context.checkpoint()?;
        };
        let survey = surveyed
            .map_err(|_| Status::internal("reading the file broke down"))?
            .map_err(|fault| status(&fault))?;
        report(&context, &upload, &read).await?;
        Ok(runtime::any::pack(&profile_response(&survey, &around)))
    }
}

async fn report(
    context: &OperationContext,
    upload: &Upload,
    read: &AtomicU64,
) -> Result<(), Status> {
    let metadata = ImportFileMetadata {
        file_name: upload.file_name.clone(),
        read_bytes: read.load(Ordering::Relaxed) as i64,
        size_bytes: upload.size_bytes as i64,
        receipts: None,
    };
    match context.progress(runtime::any::pack(&metadata)).await {
        // Progress is for onlookers.
        Err(error) if error.code() == Code::Unavailable => Ok(()),
        told => told,
    }
}

/// Returns what a file looks like, with a contract proposed for it, as it is told.
pub fn profile_response(survey: &Survey, around: &Surroundings) -> ProfileFileResponse {
    let shape = &survey.shape;
    let format = match shape.compression {
        "" => shape.format.to_owned(),
        compression => format!("{}+{compression}", shape.format),
    };
    ProfileFileResponse {
        file_name: around.file_name.clone(),
        format,
        encoding: shape.encoding.to_owned(),
        rows: survey.rows as i64,
        columns: survey.columns.iter().map(column).collect(),
        contract_yaml: profiling::propose(survey, around),
        remarks: profiling::remarks(survey),
    }
}

fn column(column: &ColumnSurvey) -> ColumnProfile {
    ColumnProfile {
        name: column.name.clone(),
        logical_type: column.kind.logical_type().to_owned(),
        missing: column.missing as i64,
        distinct: column.distinct as i64,
        min: column.range.0.clone(),
        max: column.range.1.clone(),
        examples: column.examples.clone(),
        personal: column.personal.unwrap_or_default().to_owned(),
    }
}
