//! Questions to the lake in SQL, and replays of history, each within one tenant.
//!
//! Only crates that ask questions depend on this one: it brings the query engine. Appending is in the crate `lake`.

mod error;
mod sql;

use std::ops::ControlFlow;
use std::path::Path;

pub use error::QueryError;
pub use lake::{
    CustomerHistory, Lake, LakeError, RecordBatch, Replay, ReplayProgress, ReplayRequest,
};
pub use sql::{Answer, SqlLimits};

/// A lake to ask. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LakeQuery {
    lake: Lake,
    limits: SqlLimits,
}

impl LakeQuery {
    /// Opens the lake in a folder, creating what is not there, with the default [`SqlLimits`].
    pub async fn open(root: &Path) -> Result<Self, LakeError> {
        Ok(Self::new(Lake::open(root).await?, SqlLimits::default()))
    }

    /// Asks a lake that is open already.
    pub fn new(lake: Lake, limits: SqlLimits) -> Self {
        Self { lake, limits }
    }

    /// Returns the lake that is asked.
    pub fn lake(&self) -> &Lake {
        &self.lake
    }

    /// Replays a tenant's history into states; see [`Lake::replay`].
    pub async fn replay<P>(&self, request: &ReplayRequest, progress: P) -> Result<Replay, LakeError>
    where
        P: FnMut(ReplayProgress) -> ControlFlow<()> + Send + 'static,
    {
        self.lake.replay(request, progress).await
    }
}
