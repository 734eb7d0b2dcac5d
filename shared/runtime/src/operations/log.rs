//! Where operations are kept.

use crate::context::TenantId;
use crate::fault::{self, Fault};
use api::google::rpc;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use prost_types::Any;
use std::time::Duration;
use tonic::{Code, Status};
use uuid::Uuid;

/// An operation to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct NewOperation {
    /// Its id, a UUID of version 7, so that ids sort by time.
    pub id: Uuid,
    /// Whose it is.
    pub tenant: TenantId,
    /// Which handler does it.
    pub kind: String,
    /// The caller's id of the request, unique within tenant and kind.
    pub request_id: Option<Uuid>,
    /// What the handler is to do.
    pub request: Any,
    /// When it was asked for.
    pub create_time: DateTime<Utc>,
}

/// An operation as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct OperationRecord {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub tenant: TenantId,
    /// Which handler does it.
    pub kind: String,
    /// The caller's id of the request.
    pub request_id: Option<Uuid>,
    /// What the handler is to do.
    pub request: Any,
    /// The last progress that was saved.
    pub metadata: Option<Any>,
    /// How it ended, if it has.
    pub outcome: Option<Outcome>,
    /// Whether its caller wants it to stop.
    pub cancel_requested: bool,
    /// When it was asked for.
    pub create_time: DateTime<Utc>,
    /// When it last changed.
    pub update_time: DateTime<Utc>,
}

/// How an operation ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// With a response.
    Response(Any),
    /// With an error; a cancelled operation has code `CANCELLED`.
    Error(rpc::Status),
}

/// The answer to [`OperationLog::create`].
#[derive(Debug, Clone, PartialEq)]
pub struct Created {
    /// The operation, new or found.
    pub record: OperationRecord,
    /// Whether the same tenant, kind and request id had one already.
    pub existed: bool,
}

/// The right to work on one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The operation.
    pub id: Uuid,
    /// Who holds it.
    pub holder: Uuid,
    /// Grows with every claim of this operation; a smaller one has lost its right.
    pub fence: i64,
}

/// The answer to [`OperationLog::renew`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewal {
    /// Whether the operation's caller wants it to stop.
    pub cancel_requested: bool,
}

/// One page of a list, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListPage {
    /// List operations older than this one: those with a smaller id.
    pub before: Option<Uuid>,
    /// List only those that have ended, or only those that have not.
    pub done: Option<bool>,
    /// Most operations to return, at least 1.
    pub limit: u64,
}

/// Why the log did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The claim is no longer the operation's newest, or the operation is gone or has ended.
    #[error("the claim on the operation is lost")]
    Lost,
    /// The store failed.
    #[error("{0}")]
    Store(Box<dyn Fault + Send + Sync>),
}

impl LogError {
    /// Wraps a store's error.
    pub fn store(fault: impl Fault + Send + Sync + 'static) -> Self {
        Self::Store(Box::new(fault))
    }

    /// Returns what a caller is told.
    pub fn into_status(self) -> Status {
        match self {
            Self::Lost => fault::plain(
                Code::Aborted,
                "OPERATION_CLAIM_LOST",
                "another server took the operation over",
                None,
            ),
            Self::Store(fault) => fault::status(&*fault),
        }
    }
}

/// Keeps operations. Leases run by the log's own clock.
#[async_trait]
pub trait OperationLog: Send + Sync + 'static {
    /// Stores an operation, or returns the one that has the same tenant, kind and request id.
    async fn create(&self, operation: NewOperation) -> Result<Created, LogError>;

    /// Returns an operation of a tenant.
    async fn load(&self, tenant: &TenantId, id: Uuid) -> Result<Option<OperationRecord>, LogError>;

    /// Returns a tenant's operations by falling id.
    async fn list(
        &self,
        tenant: &TenantId,
        page: ListPage,
    ) -> Result<Vec<OperationRecord>, LogError>;

    /// Returns up to `limit` operations of all tenants that have not ended and that nobody holds, oldest first.
    async fn unfinished(&self, limit: u64) -> Result<Vec<OperationRecord>, LogError>;

    /// Gives an unfinished operation to a holder for a time, with a fence greater than any before.
    /// Returns `None` when it has ended, is gone, or another holder's time still runs.
    async fn claim(
        &self,
        id: Uuid,
        holder: Uuid,
        lease: Duration,
    ) -> Result<Option<Claim>, LogError>;

    /// Lengthens a claim. Fails with [`LogError::Lost`] when there is a newer one, or nothing left to hold.
    async fn renew(&self, claim: &Claim, lease: Duration) -> Result<Renewal, LogError>;

    /// Gives a claim up, so that the next holder need not wait; a lost claim is no error.
    async fn release(&self, claim: &Claim) -> Result<(), LogError>;

    /// Stores progress. Fails with [`LogError::Lost`] as `renew` does.
    async fn save_progress(&self, claim: &Claim, metadata: Any) -> Result<(), LogError>;

    /// Stores the end. Fails with [`LogError::Lost`] as `renew` does.
    async fn finish(&self, claim: &Claim, outcome: Outcome) -> Result<(), LogError>;

    /// Notes that the caller wants the operation to stop; nothing happens to one that has ended.
    /// Returns whether the tenant has such an operation.
    async fn request_cancel(&self, tenant: &TenantId, id: Uuid) -> Result<bool, LogError>;

    /// Forgets an operation, ended or not: whoever holds it loses the claim. Returns whether there was one.
    async fn delete(&self, tenant: &TenantId, id: Uuid) -> Result<bool, LogError>;
}
