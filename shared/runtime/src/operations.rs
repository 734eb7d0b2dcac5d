//! Work of more than a second: stored, with progress, cancellable, resumed after a crash.
//!
//! A service registers one [`OperationHandler`] per kind of work, starts operations with [`Operations::start`], serves
//! [`Operations::grpc`] beside its own services, calls [`Operations::resume`] once at start and runs
//! [`Operations::run`] in the background. An [`OperationLog`] keeps the operations; it hands each to one holder at a
//! time by a fenced lease, so that two replicas never both record the end of one.

mod context;
mod log;
mod rpc;
mod runner;

pub use context::OperationContext;
pub use log::{
    Claim, Created, ListPage, LogError, NewOperation, OperationLog, OperationRecord, Outcome,
    Renewal,
};
pub use rpc::OperationsRpc;

use crate::context::TenantId;
use crate::fault;
use crate::server::Shutdown;
use api::longrunning::Operation;
use api::longrunning::operations_server::OperationsServer;
use async_trait::async_trait;
use prost_types::Any;
use runner::Runner;
use std::sync::Arc;
use std::time::Duration;
use tonic::{Code, Status};
use uuid::Uuid;

/// How long a holder keeps an operation without a sign of life.
const LEASE: Duration = Duration::from_secs(10);

/// Does one kind of work.
#[async_trait]
pub trait OperationHandler: Send + Sync + 'static {
    /// Does the work and returns its response.
    ///
    /// After a crash it is called again with the same request: it must go on from what its own store and
    /// [`OperationContext::last_metadata`] tell, or start over without doubling effects. It should return soon after
    /// [`OperationContext::cancelled`]; where the process ends instead, it is dropped at an await.
    async fn run(&self, context: OperationContext, request: Any) -> Result<Any, Status>;
}

/// What to start.
#[derive(Debug, Clone)]
pub struct StartOperation {
    /// Whose operation it is.
    pub tenant: TenantId,
    /// Which registered handler does it.
    pub kind: &'static str,
    /// The caller's id of the request; the same id of the same tenant and kind returns the operation started first.
    pub request_id: Option<Uuid>,
    /// What the handler is to do.
    pub request: Any,
}

/// The operations of one service. Cheap to clone.
#[derive(Clone)]
pub struct Operations {
    runner: Arc<Runner>,
}

impl Operations {
    /// Makes the operations of a service over a log. `service_name` is part of every operation's name.
    pub fn new(log: Arc<dyn OperationLog>, service_name: &str) -> Self {
        Self::with_lease(log, service_name, LEASE)
    }

    /// As [`Operations::new`], with another length of the lease: how long a crashed holder's work waits for the next.
    pub fn with_lease(log: Arc<dyn OperationLog>, service_name: &str, lease: Duration) -> Self {
        Self {
            runner: Arc::new(Runner::new(log, service_name, lease)),
        }
    }

    /// Registers the handler of a kind, before [`Operations::resume`]; a second one replaces the first.
    pub fn register(&self, kind: &'static str, handler: Arc<dyn OperationHandler>) {
        self.runner.register(kind, handler);
    }

    /// Stores an operation and starts it in the background.
    ///
    /// Fails with `ALREADY_EXISTS` (reason `REQUEST_ID_REUSED`) when the request id came with another request before,
    /// and with the log's own errors.
    pub async fn start(&self, start: StartOperation) -> Result<Operation, Status> {
        let StartOperation {
            tenant,
            kind,
            request_id,
            request,
        } = start;
        if !self.runner.knows(kind) {
            return Err(unknown_kind(kind));
        }
        let new = NewOperation {
            id: Uuid::now_v7(),
            tenant,
            kind: kind.to_owned(),
            request_id,
            request: request.clone(),
            create_time: crate::clock::now(),
        };
        let Created { record, existed } = self
            .runner
            .log()
            .create(new)
            .await
            .map_err(LogError::into_status)?;
        if existed && record.request != request {
            return Err(fault::plain(
                Code::AlreadyExists,
                "REQUEST_ID_REUSED",
                "request_id was used before with another request",
                None,
            ));
        }
        let operation = self.to_proto(&record);
        if record.outcome.is_none() && !existed {
            self.runner.spawn(record);
        }
        Ok(operation)
    }

    /// Takes up the operations that nobody works on: those of a process that crashed or stopped.
    pub async fn resume(&self) -> Result<(), Status> {
        self.runner.resume().await.map_err(LogError::into_status)
    }

    /// Takes up abandoned operations for as long as the process runs. At shutdown it stops the running ones, which
    /// stay unfinished and are resumed by the next process, and returns when they have stopped.
    pub async fn run(&self, shutdown: Shutdown) {
        self.runner.clone().run(shutdown).await;
    }

    /// Returns an operation as callers see it, or `NOT_FOUND` (reason `OPERATION_NOT_FOUND`).
    pub async fn get(&self, tenant: &TenantId, name: &str) -> Result<Operation, Status> {
        self.record(tenant, name)
            .await
            .map(|record| self.to_proto(&record))
    }

    /// Returns the gRPC service `google.longrunning.Operations`.
    pub fn grpc(&self) -> OperationsServer<OperationsRpc> {
        OperationsServer::new(OperationsRpc::new(self.clone()))
    }

    async fn record(&self, tenant: &TenantId, name: &str) -> Result<OperationRecord, Status> {
        let id = self.runner.id_of(name).ok_or_else(not_found)?;
        self.runner
            .log()
            .load(tenant, id)
            .await
            .map_err(LogError::into_status)?
            .ok_or_else(not_found)
    }

    fn to_proto(&self, record: &OperationRecord) -> Operation {
        use api::longrunning::operation::Result as Proto;
        let result = record.outcome.clone().map(|it| match it {
            Outcome::Response(response) => Proto::Response(response),
            Outcome::Error(error) => Proto::Error(error),
        });
        Operation {
            name: self.runner.name_of(record.id),
            metadata: record.metadata.clone(),
            done: result.is_some(),
            result,
        }
    }
}

fn not_found() -> Status {
    fault::plain(
        Code::NotFound,
        "OPERATION_NOT_FOUND",
        "no such operation",
        None,
    )
}

fn unknown_kind(kind: &str) -> Status {
    let message = format!("this server does not know operations of the kind `{kind}`");
    fault::plain(
        Code::Unimplemented,
        "OPERATION_KIND_UNKNOWN",
        &message,
        None,
    )
}
