//! What can go wrong in a request, named for what it means to the caller.

use runtime::fault::{self, Fault, FieldViolation};
use tonic::{Code, Status};

use crate::domain::violation::Violation;

/// Everything that can go wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The request breaks its contract.
    #[error("{}", summary(.0))]
    Invalid(Vec<Violation>),
    /// No plan holds all constraints. Each is given as text.
    #[error("no plan can hold all of these at once: {}", .0.join("; "))]
    Infeasible(Vec<String>),
    /// There is nothing to build cells from.
    #[error("there are no segments to build cells from: compute segments first, or give cells")]
    NoSegments,
    /// More cells than one allocation may have.
    #[error(
        "{0} cells would have to be built, at most 10,000 are allowed: name fewer segments or channels"
    )]
    TooManyCells(usize),
    /// Segmentation did not answer.
    #[error("segmentation cannot be asked")]
    Segmentation(#[source] Status),
    /// The computation was lost.
    #[error("the allocation was not finished")]
    Lost(#[from] tokio::task::JoinError),
    /// The service is stopping.
    #[error("the service is stopping")]
    Stopping,
}

impl Fault for Error {
    fn code(&self) -> Code {
        match self {
            Self::Invalid(_) => Code::InvalidArgument,
            Self::Infeasible(_) | Self::NoSegments | Self::TooManyCells(_) => {
                Code::FailedPrecondition
            }
            Self::Segmentation(_) | Self::Stopping => Code::Unavailable,
            Self::Lost(_) => Code::Internal,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "INVALID",
            Self::Infeasible(_) => "INFEASIBLE",
            Self::NoSegments => "NO_SEGMENTS",
            Self::TooManyCells(_) => "TOO_MANY_CELLS",
            Self::Segmentation(_) => "SEGMENTATION_UNAVAILABLE",
            Self::Stopping => "STOPPING",
            Self::Lost(_) => "ALLOCATION_LOST",
        }
    }

    fn violations(&self) -> Vec<FieldViolation> {
        let Self::Invalid(violations) = self else {
            return Vec::new();
        };
        let convert = |v: &Violation| FieldViolation {
            field: v.field.clone(),
            reason: v.reason,
            description: v.text.clone(),
        };
        violations.iter().map(convert).collect()
    }

    fn metadata(&self) -> Vec<(String, String)> {
        match self {
            Self::Infeasible(conflict) => conflict
                .iter()
                .enumerate()
                .map(|(i, text)| (format!("constraint_{}", i + 1), text.clone()))
                .collect(),
            _ => Vec::new(),
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        fault::status(&error)
    }
}

fn summary(violations: &[Violation]) -> String {
    match violations {
        [] => "the request is invalid".to_owned(),
        [only] => format!("{}: {}", only.field, only.text),
        [first, rest @ ..] => format!("{}: {} (and {} more)", first.field, first.text, rest.len()),
    }
}
