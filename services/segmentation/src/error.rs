//! What can go wrong in a request, named for what it means to the caller.

use lake::LakeError;
use runtime::fault::{self, Fault, FieldViolation, Invalid};
use store::StoreError;
use tonic::{Code, Status};

/// Everything that can go wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The request breaks its contract.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// There is no such segment.
    #[error("there is no segment `{0}`")]
    SegmentNotFound(String),
    /// There is no such customer.
    #[error("there is no such customer")]
    CustomerNotFound,
    /// Segments were computed anew between two pages.
    #[error("the segment was computed anew since the first page; begin again without page_token")]
    Recomputed,
    /// Nobody has bought anything.
    #[error("no customer has a purchase on or before {0}")]
    NoCustomers(String),
    /// Profile did not answer.
    #[error("profile cannot be asked")]
    Profile(#[source] Status),
    /// An ordinal that a bitmap cannot hold.
    #[error("ordinal {0} is out of range")]
    Ordinal(i64),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The lake failed.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// What was stored cannot be read.
    #[error("stored segment is damaged: {0}")]
    Damaged(String),
    /// The computation was lost.
    #[error("the computation was not finished")]
    Lost(#[from] tokio::task::JoinError),
}

impl Error {
    /// What a caller is told when profile answers with an error: profile's own words where the request is at fault or the
    /// time is up, else that profile cannot be asked.
    pub(crate) fn of_profile(status: Status) -> Status {
        match status.code() {
            Code::InvalidArgument
            | Code::NotFound
            | Code::FailedPrecondition
            | Code::DeadlineExceeded => status,
            _ => Self::Profile(status).into(),
        }
    }
}

impl Fault for Error {
    fn code(&self) -> Code {
        match self {
            Self::Invalid(_) => Code::InvalidArgument,
            Self::SegmentNotFound(_) | Self::CustomerNotFound => Code::NotFound,
            Self::Recomputed => Code::Aborted,
            Self::NoCustomers(_) => Code::FailedPrecondition,
            Self::Profile(_) => Code::Unavailable,
            Self::Store(error) => error.code(),
            Self::Lake(error) => error.code(),
            Self::Ordinal(_) | Self::Damaged(_) | Self::Lost(_) => Code::Internal,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "INVALID",
            Self::SegmentNotFound(_) => "SEGMENT_NOT_FOUND",
            Self::CustomerNotFound => "CUSTOMER_NOT_FOUND",
            Self::Recomputed => "SEGMENT_RECOMPUTED",
            Self::NoCustomers(_) => "NO_CUSTOMERS",
            Self::Profile(_) => "PROFILE_UNAVAILABLE",
            Self::Store(error) => error.reason(),
            Self::Lake(error) => error.reason(),
            Self::Ordinal(_) => "ORDINAL_OUT_OF_RANGE",
            Self::Damaged(_) => "SEGMENT_DAMAGED",
            Self::Lost(_) => "COMPUTATION_LOST",
        }
    }

    fn violations(&self) -> Vec<FieldViolation> {
        match self {
            Self::Invalid(invalid) => invalid.all().to_vec(),
            Self::Store(error) => error.violations(),
            _ => Vec::new(),
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        fault::status(&error)
    }
}
