//! Everything that can go wrong in a request, named for what it means to the caller.

use lake::LakeError;
use runtime::fault::{Fault, FieldViolation, Invalid};
use store::StoreError;
use tonic::{Code, Status};

use crate::domain::batch::BatchError;

/// A failure of this service.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request breaks its contract; every violation is listed.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// There is no such tenant.
    #[error("no tenant {0:?}")]
    TenantNotFound(String),
    /// The tenant is known but not served.
    #[error("tenant {0:?} is suspended")]
    TenantSuspended(String),
    /// The id is taken, perhaps by a deleted tenant.
    #[error("tenant id {0:?} is taken")]
    TenantExists(String),
    /// The resource changed since the caller read it.
    #[error("the tenant has changed: read it again")]
    EtagMismatch,
    /// There is no such customer.
    #[error("no such customer")]
    CustomerNotFound,
    /// Names that are not in the catalogue.
    #[error("{} feature name(s) are not in the catalogue", .0.len())]
    FeatureUnknown(Vec<FieldViolation>),
    /// The batch is neither the next nor an earlier one of its lane.
    #[error("lane {lane:?} is at batch {last}: batch {number} cannot follow")]
    BatchOutOfOrder {
        /// The lane.
        lane: String,
        /// Its newest batch.
        last: i64,
        /// The batch that was sent.
        number: i64,
    },
    /// A dispatcher is about to begin and is not where this service is: one of the two was restored without the other.
    #[error(
        "lane {lane:?} is at batch {last} here and at {told} there: they are not of the same backup"
    )]
    LaneMismatch {
        /// The lane.
        lane: String,
        /// Its newest batch.
        last: i64,
        /// The newest batch that the dispatcher knows to be applied.
        told: i64,
    },
    /// The answers of an old batch are no longer kept.
    #[error("answers of batch {number} of lane {lane:?} are no longer kept")]
    BatchForgotten {
        /// The lane.
        lane: String,
        /// The batch that was sent.
        number: i64,
    },
    /// The caller's lease has been taken over.
    #[error("fencing number {given} is below {seen}: another dispatcher holds lane {lane:?}")]
    Fenced {
        /// The lane.
        lane: String,
        /// Number that the caller gave.
        given: i64,
        /// Highest number seen.
        seen: i64,
    },
    /// The feed was trimmed beyond the position.
    #[error("the feed begins after position {floor}: begin at 0 or read the customers anew")]
    PositionExpired {
        /// Oldest position from which the feed can be read.
        floor: i64,
    },
    /// The service is about to stop; the caller goes on elsewhere.
    #[error("the service is shutting down")]
    ShuttingDown,
    /// The cache cannot be reached, so nothing can be marked in it.
    #[error("the feature cache cannot be reached")]
    CacheAway,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The lake failed.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// What is stored cannot be read.
    #[error(transparent)]
    Batch(#[from] BatchError),
}

impl Error {
    /// Tells whether the same transaction may succeed when it is begun again.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::CacheAway | Self::Store(StoreError::Conflict(_) | StoreError::Unavailable(_))
        )
    }
}

impl Fault for Error {
    fn code(&self) -> Code {
        match self {
            Self::Invalid(fault) => fault.code(),
            Self::TenantNotFound(_) | Self::CustomerNotFound => Code::NotFound,
            Self::TenantSuspended(_)
            | Self::BatchOutOfOrder { .. }
            | Self::LaneMismatch { .. }
            | Self::BatchForgotten { .. } => Code::FailedPrecondition,
            Self::TenantExists(_) => Code::AlreadyExists,
            Self::EtagMismatch | Self::Fenced { .. } => Code::Aborted,
            Self::FeatureUnknown(_) => Code::InvalidArgument,
            Self::PositionExpired { .. } => Code::OutOfRange,
            Self::ShuttingDown | Self::CacheAway => Code::Unavailable,
            Self::Store(fault) => fault.code(),
            Self::Lake(_) | Self::Batch(_) => Code::Internal,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(fault) => fault.reason(),
            Self::TenantNotFound(_) => "TENANT_NOT_FOUND",
            Self::TenantSuspended(_) => "TENANT_SUSPENDED",
            Self::TenantExists(_) => "TENANT_EXISTS",
            Self::EtagMismatch => "ETAG_MISMATCH",
            Self::CustomerNotFound => "CUSTOMER_NOT_FOUND",
            Self::FeatureUnknown(_) => "FEATURE_UNKNOWN",
            Self::BatchOutOfOrder { .. } => "BATCH_OUT_OF_ORDER",
            Self::LaneMismatch { .. } => "LANE_MISMATCH",
            Self::BatchForgotten { .. } => "BATCH_FORGOTTEN",
            Self::Fenced { .. } => "FENCED",
            Self::PositionExpired { .. } => "POSITION_EXPIRED",
            Self::ShuttingDown => "SHUTTING_DOWN",
            Self::CacheAway => "CACHE_UNAVAILABLE",
            Self::Store(fault) => fault.reason(),
            Self::Lake(_) => "LAKE_FAILED",
            Self::Batch(_) => "STATE_UNREADABLE",
        }
    }

    fn violations(&self) -> Vec<FieldViolation> {
        match self {
            Self::Invalid(fault) => fault.violations(),
            Self::FeatureUnknown(violations) => violations.clone(),
            Self::Store(fault) => fault.violations(),
            _ => Vec::new(),
        }
    }

    fn metadata(&self) -> Vec<(String, String)> {
        match self {
            Self::TenantNotFound(tenant)
            | Self::TenantSuspended(tenant)
            | Self::TenantExists(tenant) => {
                vec![("tenant".to_owned(), tenant.clone())]
            }
            Self::BatchOutOfOrder { lane, last, .. } | Self::LaneMismatch { lane, last, .. } => {
                vec![
                    ("lane".to_owned(), lane.clone()),
                    ("last_number".to_owned(), last.to_string()),
                ]
            }
            Self::PositionExpired { floor } => vec![("floor".to_owned(), floor.to_string())],
            _ => Vec::new(),
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        runtime::fault::status(&error)
    }
}
