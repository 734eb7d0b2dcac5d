use std::time::Duration;

use runtime::fault::Fault;
use tonic::Code;

/// Why the cache did not help. Never a reason to fail a read: the database has the answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CacheError {
    /// The cache cannot be reached, or did not answer in time; what was sent may have been done.
    #[error("cache unavailable: {0}")]
    Unavailable(String),
    /// The epoch is not known well enough to read the cache by it.
    #[error("epoch of the cache is not known: {0}")]
    EpochUnknown(String),
    /// A writer switched the cache off because it cannot reach it.
    #[error("cache is suspended")]
    Suspended,
    /// The cache answered what it should not, or is set up in a way that breaks its promise.
    #[error("cache misbehaves: {0}")]
    Broken(String),
    /// Settings that cannot be right.
    #[error("{0}")]
    Misconfigured(String),
}

impl Fault for CacheError {
    fn code(&self) -> Code {
        match self {
            Self::Unavailable(_) | Self::EpochUnknown(_) | Self::Suspended => Code::Unavailable,
            Self::Broken(_) | Self::Misconfigured(_) => Code::Internal,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Unavailable(_) | Self::EpochUnknown(_) | Self::Suspended => "CACHE_UNAVAILABLE",
            Self::Broken(_) => "CACHE_BROKEN",
            Self::Misconfigured(_) => "CACHE_MISCONFIGURED",
        }
    }

    fn told(&self) -> String {
        match self {
            Self::Unavailable(_) => "the cache is away; try again later".to_owned(),
            _ => self.to_string(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        (self.code() == Code::Unavailable).then_some(Duration::from_millis(500))
    }
}
