//! Baselines of `QualityService`: fitted to the figures of a period, and read.

use api::ingestion::{Baseline as Message, FitBaselineRequest, GetBaselineRequest};
use prost::Message as _;
use runtime::context::TenantId;
use runtime::fault::{Fault, Violations};
use store::{Store, StoreError, idempotency};
use tonic::{Code, Status};
use uuid::Uuid;

use super::quality::read_period;
use super::sources::{read_name, read_request_id};
use crate::domain::baseline::Baseline;
use crate::domain::quality::baseline::{fit, message};
use crate::sources::finish;
use crate::store::quality::{self, BaselineRow};

/// Name under which answers of `FitBaseline` are kept.
const FIT: &str = "FitBaseline";
/// Bytes of the hash of a request in front of its kept answer.
const DIGEST_BYTES: usize = 32;

/// Why there is no baseline.
#[derive(Debug, thiserror::Error)]
enum BaselineError {
    /// The source has none, or none of this version.
    #[error("the source `{0}` has no such baseline; fit one to its figures first")]
    NotFound(String),
    /// The period has no accepted records.
    #[error("the source `{0}` has no accepted records in this period")]
    NoRecords(String),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for BaselineError {
    fn code(&self) -> Code {
        match self {
            Self::NotFound(_) => Code::NotFound,
            Self::NoRecords(_) => Code::FailedPrecondition,
            Self::Store(error) => error.code(),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "BASELINE_NOT_FOUND",
            Self::NoRecords(_) => "NO_RECORDS",
            Self::Store(error) => error.reason(),
        }
    }

    fn violations(&self) -> Vec<runtime::fault::FieldViolation> {
        match self {
            Self::Store(error) => error.violations(),
            _ => Vec::new(),
        }
    }

    fn retry_after(&self) -> Option<std::time::Duration> {
        match self {
            Self::Store(error) => error.retry_after(),
            _ => None,
        }
    }
}

impl From<BaselineError> for Status {
    fn from(error: BaselineError) -> Self {
        runtime::fault::status(&error)
    }
}

/// Computes and stores a baseline.
pub(super) async fn fit_baseline(
    store: &Store,
    tenant: &TenantId,
    request: FitBaselineRequest,
) -> Result<Message, Status> {
    let mut found = Violations::new();
    let source = read_name(&mut found, "source", &request.source);
    let period = read_period(&mut found, &request.from_day, &request.to_day);
    let request_id = read_request_id(&mut found, &request.request_id);
    finish(found)?;
    let tenant = tenant.as_str();
    let days = quality::days(store.reader(), tenant, &source, period);
    let days = days.await.map_err(BaselineError::from)?;
    let asked = [&request.source, &request.from_day, &request.to_day];
    Ok(
        keep(store, tenant, &source, request_id, &digest(asked), || {
            fit(&days)
        })
        .await?,
    )
}

/// Stores a baseline once per request id and returns it.
async fn keep(
    store: &Store,
    tenant: &str,
    source: &str,
    request_id: Option<Uuid>,
    digest: &[u8; DIGEST_BYTES],
    fit: impl FnOnce() -> Option<Baseline>,
) -> Result<Message, BaselineError> {
    let tx = store.begin().await?;
    if let Some(id) = request_id
        && let Some(kept) = idempotency::replay_or_run(&tx, tenant, id, FIT).await?
    {
        let corrupt = || StoreError::Corrupt("a kept answer cannot be read".into());
        let (before, answer) = kept.split_at_checked(DIGEST_BYTES).ok_or_else(corrupt)?;
        if before != digest {
            return Err(StoreError::RequestReused.into());
        }
        return Ok(Message::decode(answer).map_err(|_| corrupt())?);
    }
    let baseline = fit().ok_or_else(|| BaselineError::NoRecords(source.to_owned()))?;
    let body =
        serde_json::to_vec(&baseline).map_err(|error| StoreError::Failed(error.to_string()))?;
    let now = runtime::clock::now();
    let row = quality::add_baseline(&tx, tenant, source, now, |_| body).await?;
    let answer = message(&name(source), &baseline, row.version, row.created);
    if let Some(id) = request_id {
        let kept = [digest.as_slice(), &answer.encode_to_vec()].concat();
        idempotency::remember(&tx, tenant, id, FIT, &kept).await?;
    }
    tx.commit().await?;
    Ok(answer)
}

/// Returns a stored baseline.
pub(super) async fn get_baseline(
    store: &Store,
    tenant: &TenantId,
    request: GetBaselineRequest,
) -> Result<Message, Status> {
    let mut found = Violations::new();
    let source = read_name(&mut found, "source", &request.source);
    found.require(
        request.version >= 0,
        "version",
        "OUT_OF_RANGE",
        "must be 0 (the one in force) or more",
    );
    finish(found)?;
    let row = quality::load_baseline(store.reader(), tenant.as_str(), &source, request.version);
    let row = row.await.map_err(BaselineError::from)?;
    let BaselineRow {
        version,
        body,
        created,
    } = row.ok_or_else(|| BaselineError::NotFound(source.clone()))?;
    let baseline: Baseline = serde_json::from_slice(&body)
        .map_err(|error| BaselineError::from(StoreError::Corrupt(format!("baseline: {error}"))))?;
    Ok(message(&name(&source), &baseline, version, created))
}

fn name(source: &str) -> String {
    format!("sources/{source}")
}

fn digest(parts: [&String; 3]) -> [u8; DIGEST_BYTES] {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    *hasher.finalize().as_bytes()
}
