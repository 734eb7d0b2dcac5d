//! What a handler knows of the operation that it works on.

use super::log::{Claim, OperationLog, OperationRecord};
use super::{LogError, fault};
use crate::context::{RequestContext, TenantId};
use prost_types::Any;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use uuid::Uuid;

/// The operation being worked on. Cheap to clone.
#[derive(Clone)]
pub struct OperationContext {
    shared: Arc<Shared>,
}

struct Shared {
    name: String,
    tenant: TenantId,
    claim: Claim,
    log: Arc<dyn OperationLog>,
    metadata: Mutex<Option<Any>>,
    stop: Stop,
    changes: watch::Sender<u64>,
}

/// Tells a handler to stop, and whether its caller wanted that.
#[derive(Clone, Default)]
pub(super) struct Stop {
    token: CancellationToken,
    by_caller: Arc<AtomicBool>,
}

impl Stop {
    pub(super) fn cancel_by_caller(&self) {
        self.by_caller.store(true, Ordering::Release);
        self.token.cancel();
    }

    pub(super) fn cancel(&self) {
        self.token.cancel();
    }

    pub(super) fn is_by_caller(&self) -> bool {
        self.by_caller.load(Ordering::Acquire)
    }
}

impl OperationContext {
    pub(super) fn new(
        name: String,
        record: &OperationRecord,
        claim: Claim,
        log: Arc<dyn OperationLog>,
        stop: Stop,
        changes: watch::Sender<u64>,
    ) -> Self {
        let metadata = Mutex::new(record.metadata.clone());
        Self {
            shared: Arc::new(Shared {
                name,
                tenant: record.tenant.clone(),
                claim,
                log,
                metadata,
                stop,
                changes,
            }),
        }
    }

    /// Returns the operation's id.
    pub fn id(&self) -> Uuid {
        self.shared.claim.id
    }

    /// Returns the operation's name, `operations/<service>/<id>`.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Returns whose operation it is.
    pub fn tenant(&self) -> &TenantId {
        &self.shared.tenant
    }

    /// Returns the number that grows each time the operation passes to another holder, to guard effects with.
    pub fn fence(&self) -> i64 {
        self.shared.claim.fence
    }

    /// Returns the context of calls that the work makes.
    pub fn request_context(&self) -> RequestContext {
        RequestContext::new(self.tenant().clone())
    }

    /// Stores progress for callers, and for the handler itself after a crash.
    ///
    /// Fails with `ABORTED` when another process took the operation over: the handler must then stop.
    pub async fn progress(&self, metadata: Any) -> Result<(), Status> {
        let saved = self
            .shared
            .log
            .save_progress(&self.shared.claim, metadata.clone())
            .await;
        if matches!(saved, Err(LogError::Lost)) {
            self.shared.stop.cancel();
        }
        saved.map_err(LogError::into_status)?;
        *self
            .shared
            .metadata
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(metadata);
        self.shared.changes.send_modify(|it| *it += 1);
        Ok(())
    }

    /// Returns the progress that was stored last, perhaps by a process that crashed.
    pub fn last_metadata(&self) -> Option<Any> {
        self.shared
            .metadata
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Returns when the work should stop: its caller cancelled it, another process took it over, or this one ends.
    pub async fn cancelled(&self) {
        self.shared.stop.token.cancelled().await;
    }

    /// Tells whether the work should stop; for loops that compute.
    pub fn is_cancelled(&self) -> bool {
        self.shared.stop.token.is_cancelled()
    }

    /// Fails with `CANCELLED` when the work should stop: `context.checkpoint()?` between two steps.
    pub fn checkpoint(&self) -> Result<(), Status> {
        match self.is_cancelled() {
            true => Err(cancelled_status()),
            false => Ok(()),
        }
    }
}

pub(super) fn cancelled_status() -> Status {
    fault::plain(
        Code::Cancelled,
        "OPERATION_CANCELLED",
        "the operation was cancelled",
        None,
    )
}
