//! `google.longrunning.Operations` over the log.

use super::log::{ListPage, LogError};
use super::{Operations, not_found};
use crate::context::RequestContext;
use crate::fault::{Invalid, Violations};
use crate::server::Draining;
use api::longrunning::operations_server::Operations as Service;
use api::longrunning::{
    CancelOperationRequest, DeleteOperationRequest, GetOperationRequest, ListOperationsRequest,
    ListOperationsResponse, Operation, WaitOperationRequest,
};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};
use tonic::{Request, Response, Status};
use uuid::Uuid;

/// Operations in a page when the caller asks for no number.
const PAGE_DEFAULT: i32 = 50;
/// Most operations in a page.
const PAGE_MAX: i32 = 500;
/// Longest wait when the caller gives neither a timeout nor a deadline.
const WAIT_MAX: Duration = Duration::from_secs(300);
/// How often a wait looks at an operation that another process runs.
const WAIT_STEP: Duration = Duration::from_millis(250);
/// Time kept back from the deadline, to answer before it passes.
const ANSWER_TIME: Duration = Duration::from_millis(50);

/// The gRPC service; made by [`Operations::grpc`].
#[derive(Clone)]
pub struct OperationsRpc {
    operations: Operations,
}

impl OperationsRpc {
    pub(super) fn new(operations: Operations) -> Self {
        Self { operations }
    }

    fn id(&self, name: &str) -> Result<Uuid, Status> {
        self.operations.runner.id_of(name).ok_or_else(not_found)
    }
}

#[tonic::async_trait]
impl Service for OperationsRpc {
    async fn list_operations(
        &self,
        request: Request<ListOperationsRequest>,
    ) -> Result<Response<ListOperationsResponse>, Status> {
        let context = RequestContext::from_request(&request)?;
        let page = page(&request.into_inner())?;

        let log = self.operations.runner.log();
        let mut records = log
            .list(
                &context.tenant,
                ListPage {
                    limit: page.limit + 1,
                    ..page
                },
            )
            .await
            .map_err(LogError::into_status)?;

        // One more than asked for tells whether another page follows.
        let more = records.len() as u64 > page.limit;
        if more {
            records.pop();
        }
        let next_page_token = match records.last() {
            Some(last) if more => last.id.simple().to_string(),
            _ => String::new(),
        };
        let operations = records
            .iter()
            .map(|it| self.operations.to_proto(it))
            .collect();
        Ok(Response::new(ListOperationsResponse {
            operations,
            next_page_token,
            ..Default::default()
        }))
    }

    async fn get_operation(
        &self,
        request: Request<GetOperationRequest>,
    ) -> Result<Response<Operation>, Status> {
        let context = RequestContext::from_request(&request)?;
        self.operations
            .get(&context.tenant, &request.get_ref().name)
            .await
            .map(Response::new)
    }

    async fn delete_operation(
        &self,
        request: Request<DeleteOperationRequest>,
    ) -> Result<Response<()>, Status> {
        let context = RequestContext::from_request(&request)?;
        let id = self.id(&request.get_ref().name)?;
        match self
            .operations
            .runner
            .log()
            .delete(&context.tenant, id)
            .await
            .map_err(LogError::into_status)?
        {
            true => Ok(Response::new(())),
            false => Err(not_found()),
        }
    }

    async fn cancel_operation(
        &self,
        request: Request<CancelOperationRequest>,
    ) -> Result<Response<()>, Status> {
        let context = RequestContext::from_request(&request)?;
        let id = self.id(&request.get_ref().name)?;
        let known = self
            .operations
            .runner
            .log()
            .request_cancel(&context.tenant, id)
            .await;
        if !known.map_err(LogError::into_status)? {
            return Err(not_found());
        }
        self.operations.runner.cancel_here(id);
        Ok(Response::new(()))
    }

    async fn wait_operation(
        &self,
        request: Request<WaitOperationRequest>,
    ) -> Result<Response<Operation>, Status> {
        let context = RequestContext::from_request(&request)?;
        let draining = request
            .extensions()
            .get::<Draining>()
            .cloned()
            .unwrap_or_default();
        let WaitOperationRequest { name, timeout } = request.into_inner();
        let until = wait_until(timeout, &context)?;

        let mut changes = self.operations.runner.changes();
        loop {
            // Marked as seen before the look, so that a change during the look wakes us.
            changes.borrow_and_update();
            let operation = self.operations.get(&context.tenant, &name).await?;
            if operation.done || until <= Instant::now() || draining.is_on() {
                return Ok(Response::new(operation));
            }
            let step = until.min(Instant::now() + WAIT_STEP);
            tokio::select! {
                _ = changes.changed() => {}
                _ = sleep_until(step) => {}
                _ = draining.begun() => {}
            }
        }
    }
}

/// Returns when a wait must answer: the earliest of timeout, deadline and our own limit.
fn wait_until(
    timeout: Option<prost_types::Duration>,
    context: &RequestContext,
) -> Result<Instant, Status> {
    let mut length = WAIT_MAX;
    if let Some(timeout) = timeout {
        let problem = || Invalid::field("timeout", "OUT_OF_RANGE", "must not be negative");
        length = length.min(crate::time::duration_from_proto(&timeout).ok_or_else(problem)?);
    }
    if let Some(deadline) = context.deadline {
        length = length.min(deadline.left().saturating_sub(ANSWER_TIME));
    }
    Ok(Instant::now() + length)
}

fn page(request: &ListOperationsRequest) -> Result<ListPage, Invalid> {
    let mut found = Violations::new();
    found.require(
        request.page_size >= 0,
        "page_size",
        "OUT_OF_RANGE",
        "must not be negative",
    );
    let before = match request.page_token.as_str() {
        "" => None,
        token => found.take("page_token", "MALFORMED", Uuid::try_parse(token)),
    };
    let done = match request.filter.trim() {
        "" => None,
        "done = true" | "done=true" => Some(true),
        "done = false" | "done=false" => Some(false),
        _ => {
            found.push(
                "filter",
                "UNSUPPORTED",
                "may be empty, `done = true` or `done = false`",
            );
            None
        }
    };
    found.finish()?;
    let limit = match request.page_size {
        0 => PAGE_DEFAULT,
        size => size.min(PAGE_MAX),
    };
    Ok(ListPage {
        before,
        done,
        limit: u64::from(limit.unsigned_abs()),
    })
}
