//! What can go wrong with the lake.

use deltalake::{DeltaTableError, arrow::error::ArrowError, parquet::errors::ParquetError};
use runtime::fault::Fault;
use tonic::Code;

/// An error of the lake, named for what it means to the caller.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// The folder can not be read or written now.
    #[error("lake unavailable: {0}")]
    Unavailable(String),
    /// Other writers kept winning; trying again later may succeed.
    #[error("lake table {0} is too busy")]
    Busy(&'static str),
    /// What lies in the folder is not what was written.
    #[error("lake damaged: {0}")]
    Damaged(String),
    /// Rows that do not fit the table.
    #[error("rows do not fit the lake's table: {0}")]
    Rows(String),
    /// The caller asked to stop.
    #[error("reading the lake was cancelled")]
    Cancelled,
}

impl Fault for LakeError {
    fn code(&self) -> Code {
        match self {
            Self::Unavailable(_) | Self::Busy(_) => Code::Unavailable,
            Self::Damaged(_) => Code::DataLoss,
            Self::Rows(_) => Code::Internal,
            Self::Cancelled => Code::Cancelled,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "LAKE_UNAVAILABLE",
            Self::Busy(_) => "LAKE_BUSY",
            Self::Damaged(_) => "LAKE_DAMAGED",
            Self::Rows(_) => "LAKE_ROWS_INVALID",
            Self::Cancelled => "CANCELLED",
        }
    }
}

impl From<DeltaTableError> for LakeError {
    fn from(error: DeltaTableError) -> Self {
        match error {
            DeltaTableError::ObjectStore { .. } | DeltaTableError::Io { .. } => {
                Self::Unavailable(error.to_string())
            }
            DeltaTableError::Arrow { .. } | DeltaTableError::SchemaMismatch { .. } => {
                Self::Rows(error.to_string())
            }
            other => Self::Damaged(other.to_string()),
        }
    }
}

impl From<std::io::Error> for LakeError {
    fn from(error: std::io::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<ArrowError> for LakeError {
    fn from(error: ArrowError) -> Self {
        Self::Rows(error.to_string())
    }
}

impl From<ParquetError> for LakeError {
    fn from(error: ParquetError) -> Self {
        Self::Damaged(error.to_string())
    }
}

impl From<tokio::task::JoinError> for LakeError {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::Unavailable(error.to_string())
    }
}
