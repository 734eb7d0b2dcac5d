//! What can go wrong with a question.

use deltalake::datafusion::error::DataFusionError;
use lake::LakeError;
use runtime::fault::Fault;
use tonic::Code;

/// An error of a question, named for what it means to the caller.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The SQL is wrong, names what is not there, or wants to change something.
    #[error("query refused: {0}")]
    Refused(String),
    /// The question needs more memory, rows or time than it may have.
    #[error("query needs more than it may have: {0}")]
    TooLarge(String),
    /// The engine failed.
    #[error("query failed: {0}")]
    Failed(String),
    /// The lake failed.
    #[error(transparent)]
    Lake(#[from] LakeError),
}

impl Fault for QueryError {
    fn code(&self) -> Code {
        match self {
            Self::Refused(_) => Code::InvalidArgument,
            Self::TooLarge(_) => Code::ResourceExhausted,
            Self::Failed(_) => Code::Internal,
            Self::Lake(error) => error.code(),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Refused(_) => "QUERY_REFUSED",
            Self::TooLarge(_) => "QUERY_TOO_LARGE",
            Self::Failed(_) => "QUERY_FAILED",
            Self::Lake(error) => error.reason(),
        }
    }
}

impl From<DataFusionError> for QueryError {
    fn from(error: DataFusionError) -> Self {
        let text = error.to_string();
        match error.find_root() {
            DataFusionError::SQL(..)
            | DataFusionError::Plan(_)
            | DataFusionError::SchemaError(..) => Self::Refused(text),
            DataFusionError::NotImplemented(_) => Self::Refused(text),
            DataFusionError::ResourcesExhausted(_) => Self::TooLarge(text),
            _ => Self::Failed(text),
        }
    }
}
