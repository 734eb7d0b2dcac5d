//! Waits for long-running operations and tells how they go.

use crate::cli::ServiceName;
use crate::clients::Clients;
use crate::failure;
use crate::interrupt::{self, Interrupted};
use anyhow::bail;
use api::longrunning::operation::Result as Outcome;
use api::longrunning::{CancelOperationRequest, Operation, WaitOperationRequest};
use prost::{Message, Name};
use std::time::{Duration, Instant};

/// How long one wait asks the service to hold the call.
const WAIT_STEP: Duration = Duration::from_secs(1);
/// How long a cancelled operation is waited for, to tell what it has done.
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// Deadline of one such call.
const WAIT_DEADLINE: Duration = Duration::from_secs(30);

/// Waits until an operation has ended and returns its response; `progress` is given its metadata now and then.
///
/// Ctrl-C cancels the operation; its last metadata are told before the error is returned.
pub(crate) async fn wait<R, M>(
    clients: &Clients,
    service: ServiceName,
    operation: Operation,
    mut progress: impl FnMut(&M),
) -> anyhow::Result<R>
where
    R: Message + Name + Default,
    M: Message + Name + Default,
{
    let mut operation = operation;
    let mut stop = std::pin::pin!(interrupt::mine());
    let mut deadline = None;
    loop {
        if let Some(metadata) = operation
            .metadata
            .as_ref()
            .and_then(|any| M::decode(any.value.as_slice()).ok())
        {
            progress(&metadata);
        }
        if operation.done && deadline.is_some() {
            return Err(Interrupted.into());
        }
        if operation.done {
            return finish::<R>(clients, service, operation);
        }
        if deadline.is_some_and(|it| Instant::now() > it) {
            return Err(anyhow::Error::from(Interrupted).context(format!(
                "{} was told to stop, and has not yet",
                operation.name
            )));
        }
        tokio::select! {
            next = step(clients, service, &operation.name) => operation = next?,
            () = &mut stop, if deadline.is_none() => {
                deadline = Some(Instant::now() + STOP_LIMIT);
                let cancel = CancelOperationRequest { name: operation.name.clone() };
                let told = clients.operations(service).cancel_operation(clients.request(cancel)).await;
                told.map_err(clients.failed(service))?;
            }
        }
    }
}

async fn step(clients: &Clients, service: ServiceName, name: &str) -> anyhow::Result<Operation> {
    let request = WaitOperationRequest {
        name: name.to_owned(),
        timeout: Some(prost_types::Duration {
            seconds: WAIT_STEP.as_secs() as i64,
            nanos: 0,
        }),
    };
    let answer = clients
        .operations(service)
        .wait_operation(clients.request_within(request, WAIT_DEADLINE))
        .await;
    answer
        .map(tonic::Response::into_inner)
        .map_err(clients.failed(service))
}

fn finish<R: Message + Name + Default>(
    clients: &Clients,
    service: ServiceName,
    operation: Operation,
) -> anyhow::Result<R> {
    match operation.result {
        Some(Outcome::Response(any)) => Ok(R::decode(any.value.as_slice())?),
        Some(Outcome::Error(status)) => Err(failure::of_operation(
            service,
            clients.endpoint(service),
            status,
        )),
        None => bail!(
            "{} ended without a result: look at the {} service's log",
            operation.name,
            service.as_str()
        ),
    }
}
