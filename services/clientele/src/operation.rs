//! Waits for long-running operations and tells how they go.

use crate::cli::ServiceName;
use crate::clients::Clients;
use crate::failure;
use anyhow::bail;
use api::longrunning::operation::Result as Outcome;
use api::longrunning::{CancelOperationRequest, Operation, WaitOperationRequest};
use prost::{Message, Name};
use std::time::Duration;

/// How long one wait asks the service to hold the call.
const WAIT_STEP: Duration = Duration::from_secs(1);
/// Deadline of one such call.
const WAIT_DEADLINE: Duration = Duration::from_secs(30);

/// Waits until an operation has ended and returns its response; `progress` is given its metadata now and then.
///
/// Ctrl-C cancels the operation.
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
    let name = operation.name.clone();
    let waiting = async {
        let mut operation = operation;
        loop {
            if let Some(metadata) = operation
                .metadata
                .as_ref()
                .and_then(|any| M::decode(any.value.as_slice()).ok())
            {
                progress(&metadata);
            }
            if operation.done {
                return finish::<R>(clients, service, operation);
            }
            operation = step(clients, service, &operation.name).await?;
        }
    };
    tokio::select! {
        outcome = waiting => outcome,
        _ = tokio::signal::ctrl_c() => {
            let cancel = clients.request(CancelOperationRequest { name: name.clone() });
            clients.operations(service).cancel_operation(cancel).await.map_err(clients.failed(service))?;
            bail!("stopped at your word; {name} was told to stop too")
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
