use std::time::Duration;

use runtime::fault::{Fault, FieldViolation, Invalid};
use store::StoreError;
use tonic::Code;

use crate::tenants::TenantError;

/// Why a source is not served as asked.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// There is no source of this id.
    #[error("there is no source `{0}`")]
    NotFound(String),
    /// There is one already.
    #[error("there is a source `{0}` already")]
    Exists(String),
    /// It has changed since it was read.
    #[error("the source `{0}` has changed since it was read; read it again")]
    EtagMismatch(String),
    /// It is paused.
    #[error("the source `{0}` is paused")]
    Paused(String),
    /// Data is sent to it; there is nothing to pull.
    #[error("the source `{0}` is sent to and cannot be pulled")]
    NotPulled(String),
    /// Events were made for another revision of its contract.
    #[error("the source `{source_id}` is at revision {present} of its contract, not at `{asked}`")]
    RevisionMismatch {
        /// The source.
        source_id: String,
        /// Its present revision.
        present: i64,
        /// The revision asked for.
        asked: String,
    },
    /// The tenant has as many as it may have.
    #[error("there may be {most} {what}")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// How many there may be.
        most: i64,
    },
    /// There is no write key of this name.
    #[error("there is no write key `{0}`")]
    KeyNotFound(String),
    /// The request breaks its contract.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The tenant is not served.
    #[error(transparent)]
    Tenant(#[from] TenantError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for SourceError {
    fn code(&self) -> Code {
        match self {
            Self::NotFound(_) | Self::KeyNotFound(_) => Code::NotFound,
            Self::Exists(_) => Code::AlreadyExists,
            Self::EtagMismatch(_) => Code::Aborted,
            Self::Paused(_) | Self::NotPulled(_) | Self::RevisionMismatch { .. } => {
                Code::FailedPrecondition
            }
            Self::TooMany { .. } => Code::ResourceExhausted,
            Self::Invalid(error) => error.code(),
            Self::Tenant(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "SOURCE_NOT_FOUND",
            Self::Exists(_) => "SOURCE_EXISTS",
            Self::EtagMismatch(_) => "ETAG_MISMATCH",
            Self::Paused(_) => "SOURCE_PAUSED",
            Self::NotPulled(_) => "SOURCE_NOT_PULLED",
            Self::RevisionMismatch { .. } => "CONTRACT_REVISION_MISMATCH",
            Self::TooMany { .. } => "TOO_MANY",
            Self::KeyNotFound(_) => "WRITE_KEY_NOT_FOUND",
            Self::Invalid(error) => error.reason(),
            Self::Tenant(error) => error.reason(),
            Self::Store(error) => error.reason(),
        }
    }

    fn violations(&self) -> Vec<FieldViolation> {
        match self {
            Self::Invalid(error) => error.violations(),
            Self::Store(error) => error.violations(),
            _ => Vec::new(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Tenant(error) => error.retry_after(),
            Self::Store(error) => error.retry_after(),
            _ => None,
        }
    }
}

impl From<SourceError> for tonic::Status {
    fn from(error: SourceError) -> Self {
        runtime::fault::status(&error)
    }
}
