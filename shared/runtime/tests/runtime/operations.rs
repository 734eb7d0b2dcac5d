use super::fixture::{PATIENCE, config, serve};
use super::memory_log::MemoryLog;
use api::common::Money;
use api::longrunning::operation::Result as Outcome;
use api::longrunning::operations_client::OperationsClient;
use api::longrunning::*;
use async_trait::async_trait;
use prost_types::Any;
use runtime::any::{pack, unpack};
use runtime::client::Channel;
use runtime::context::{RequestContext, TenantId};
use runtime::fault;
use runtime::operations::{
    OperationContext, OperationHandler, OperationLog, Operations, StartOperation,
};
use runtime::server::{Shutdown, ShutdownTrigger};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tonic::service::Routes;
use tonic::{Code, Status};
use uuid::Uuid;

const LEASE: Duration = Duration::from_secs(4);

/// Counts up to the amount asked for, one step per permit, and stores each step as progress.
#[derive(Clone)]
struct Counter {
    steps: Arc<Semaphore>,
}

#[async_trait]
impl OperationHandler for Counter {
    async fn run(&self, context: OperationContext, request: Any) -> Result<Any, Status> {
        let wanted = unpack::<Money>(&request)?.minor_units;
        let mut money = match context.last_metadata() {
            Some(metadata) => unpack::<Money>(&metadata)?,
            None => Money::default(),
        };
        while money.minor_units < wanted {
            tokio::select! {
                _ = context.cancelled() => {}
                step = self.steps.acquire() => step.map_err(|_| Status::internal("closed"))?.forget(),
            }
            context.checkpoint()?;
            money.minor_units += 1;
            context.progress(pack(&money)).await?;
        }
        Ok(pack(&money))
    }
}

struct Panics;

#[async_trait]
impl OperationHandler for Panics {
    async fn run(&self, _: OperationContext, _: Any) -> Result<Any, Status> {
        panic!("a bug")
    }
}

/// One process of a service: its operations, run in the background.
struct Process {
    operations: Operations,
    steps: Arc<Semaphore>,
    trigger: ShutdownTrigger,
    task: JoinHandle<()>,
}

impl Process {
    fn start(log: Arc<dyn OperationLog>, kinds: &[&'static str]) -> Self {
        let operations = Operations::with_lease(log, "scoring", LEASE);
        let steps = Arc::new(Semaphore::new(0));
        for kind in kinds {
            operations.register(
                kind,
                Arc::new(Counter {
                    steps: steps.clone(),
                }),
            );
        }
        operations.register("panic", Arc::new(Panics));
        let (trigger, shutdown) = Shutdown::new();
        let running = operations.clone();
        let task = tokio::spawn(async move { running.run(shutdown).await });
        Self {
            operations,
            steps,
            trigger,
            task,
        }
    }

    async fn client(&self) -> OperationsClient<Channel> {
        let server = serve("scoring", config(), Routes::new(self.operations.grpc())).await;
        OperationsClient::new(server.channel())
    }

    async fn stop(self) {
        self.trigger.trigger();
        tokio::time::timeout(PATIENCE, self.task)
            .await
            .unwrap()
            .unwrap();
    }
}

fn count_to(wanted: i64) -> StartOperation {
    StartOperation {
        tenant: TenantId::default(),
        kind: "count",
        request_id: None,
        request: pack(&Money {
            minor_units: wanted,
            ..Default::default()
        }),
    }
}

async fn wait(client: &mut OperationsClient<Channel>, name: &str, timeout: Duration) -> Operation {
    let timeout = Some(runtime::time::duration_to_proto(timeout));
    let mut request = tonic::Request::new(WaitOperationRequest {
        name: name.to_owned(),
        timeout,
    });
    request.set_timeout(PATIENCE);
    client.wait_operation(request).await.unwrap().into_inner()
}

#[track_caller]
fn counted(operation: &Operation) -> i64 {
    match &operation.result {
        Some(Outcome::Response(any)) => unpack::<Money>(any).unwrap().minor_units,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn failure(operation: &Operation) -> Status {
    match &operation.result {
        Some(Outcome::Error(status)) => fault::from_rpc(status),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn runs_with_progress_and_answers_those_who_wait() {
    let process = Process::start(Arc::new(MemoryLog::default()), &["count"]);
    let mut client = process.client().await;
    let started = process.operations.start(count_to(2)).await.unwrap();
    assert!(started.name.starts_with("operations/scoring/") && !started.done);

    let early = wait(&mut client, &started.name, Duration::from_millis(10)).await;
    assert!(!early.done);

    process.steps.add_permits(2);
    let done = wait(&mut client, &started.name, PATIENCE).await;

    assert_eq!(counted(&done), 2);
    assert_eq!(
        unpack::<Money>(&done.metadata.unwrap())
            .unwrap()
            .minor_units,
        2
    );
}

#[tokio::test]
async fn starts_once_per_request_id() {
    let process = Process::start(Arc::new(MemoryLog::default()), &["count"]);
    let request_id = Some(Uuid::new_v4());

    let first = process
        .operations
        .start(StartOperation {
            request_id,
            ..count_to(2)
        })
        .await
        .unwrap();
    let again = process
        .operations
        .start(StartOperation {
            request_id,
            ..count_to(2)
        })
        .await
        .unwrap();
    let other = process
        .operations
        .start(StartOperation {
            request_id,
            ..count_to(3)
        })
        .await
        .unwrap_err();

    assert_eq!(first.name, again.name);
    assert_eq!(other.code(), Code::AlreadyExists);
    assert_eq!(fault::reason(&other).as_deref(), Some("REQUEST_ID_REUSED"));
}

#[tokio::test]
async fn stops_when_cancelled() {
    let process = Process::start(Arc::new(MemoryLog::default()), &["count"]);
    let mut client = process.client().await;
    let started = process.operations.start(count_to(2)).await.unwrap();

    client
        .cancel_operation(CancelOperationRequest {
            name: started.name.clone(),
        })
        .await
        .unwrap();

    assert_eq!(
        failure(&wait(&mut client, &started.name, PATIENCE).await).code(),
        Code::Cancelled
    );
}

#[tokio::test]
async fn fails_cleanly_when_its_handler_panics() {
    let process = Process::start(Arc::new(MemoryLog::default()), &[]);
    let mut client = process.client().await;

    let started = process
        .operations
        .start(StartOperation {
            kind: "panic",
            ..count_to(1)
        })
        .await
        .unwrap();

    assert_eq!(
        failure(&wait(&mut client, &started.name, PATIENCE).await).code(),
        Code::Internal
    );
}

#[tokio::test]
async fn goes_on_in_the_next_process_from_its_last_progress() {
    let log = Arc::new(MemoryLog::default());
    let first = Process::start(log.clone(), &["count"]);
    let mut client = first.client().await;
    let started = first.operations.start(count_to(3)).await.unwrap();
    first.steps.add_permits(1);
    tokio::time::timeout(PATIENCE, async {
        while wait(&mut client, &started.name, Duration::from_millis(10))
            .await
            .metadata
            .is_none()
        {}
    })
    .await
    .unwrap();
    first.stop().await;

    let second = Process::start(log, &["count"]);
    second.operations.resume().await.unwrap();
    // Two steps are left; had it started over, it would wait for a third.
    second.steps.add_permits(2);

    let done = wait(&mut second.client().await, &started.name, PATIENCE).await;
    assert_eq!(counted(&done), 3);
}

#[tokio::test]
async fn passes_to_another_replica_when_its_holder_falls_silent() {
    let log = Arc::new(MemoryLog::default());
    let first = Process::start(log.clone(), &["count"]);
    let started = first.operations.start(count_to(1)).await.unwrap();
    let second = Process::start(log.clone(), &["count"]);
    second.steps.add_permits(1);
    let mut client = second.client().await;

    // While the first lives, the second leaves its work alone.
    assert!(!wait(&mut client, &started.name, LEASE).await.done);

    // A newer claim is all that the first would see of a successor after a long pause.
    let id: Uuid = started.name.rsplit('/').next().unwrap().parse().unwrap();
    tokio::time::timeout(PATIENCE, async {
        first.task.abort();
        first.operations.run(aborted()).await;
    })
    .await
    .unwrap();
    assert!(
        log.claim(id, Uuid::new_v4(), Duration::ZERO)
            .await
            .unwrap()
            .is_some()
    );

    assert_eq!(
        counted(&wait(&mut client, &started.name, PATIENCE).await),
        1
    );
}

fn aborted() -> Shutdown {
    let (trigger, shutdown) = Shutdown::new();
    trigger.trigger();
    shutdown
}

#[tokio::test]
async fn fails_cleanly_when_nobody_knows_its_kind_any_more() {
    let log = Arc::new(MemoryLog::default());
    let first = Process::start(log.clone(), &["count"]);
    let started = first.operations.start(count_to(1)).await.unwrap();
    first.stop().await;

    let second = Process::start(log, &[]);
    second.operations.resume().await.unwrap();

    let done = wait(&mut second.client().await, &started.name, PATIENCE).await;
    let status = failure(&done);
    assert_eq!(status.code(), Code::Unimplemented);
    assert_eq!(
        fault::reason(&status).as_deref(),
        Some("OPERATION_KIND_UNKNOWN")
    );
}

#[tokio::test]
async fn lists_in_pages_and_shows_each_tenant_its_own() {
    let process = Process::start(Arc::new(MemoryLog::default()), &["count"]);
    let mut client = process.client().await;
    let mut names = Vec::new();
    for _ in 0..3 {
        names.push(process.operations.start(count_to(1)).await.unwrap().name);
    }
    names.reverse();

    let page = ListOperationsRequest {
        page_size: 2,
        ..Default::default()
    };
    let first = client
        .list_operations(page.clone())
        .await
        .unwrap()
        .into_inner();
    let rest = ListOperationsRequest {
        page_token: first.next_page_token.clone(),
        ..page
    };
    let second = client.list_operations(rest).await.unwrap().into_inner();
    let found: Vec<_> = first
        .operations
        .into_iter()
        .chain(second.operations)
        .map(|it| it.name)
        .collect();
    assert_eq!(found, names);
    assert_eq!(second.next_page_token, "");

    let stranger = RequestContext::new(TenantId::parse("other").unwrap());
    let ask = GetOperationRequest {
        name: names[0].clone(),
    };
    assert_eq!(
        client
            .get_operation(stranger.request(ask))
            .await
            .unwrap_err()
            .code(),
        Code::NotFound
    );
    let bad = ListOperationsRequest {
        page_size: -1,
        page_token: "?".into(),
        filter: "x".into(),
        ..Default::default()
    };
    assert_eq!(
        fault::violations(&client.list_operations(bad).await.unwrap_err()).len(),
        3
    );
}

#[tokio::test]
async fn forgets_what_is_deleted() {
    let process = Process::start(Arc::new(MemoryLog::default()), &["count"]);
    let mut client = process.client().await;
    let name = process.operations.start(count_to(1)).await.unwrap().name;

    client
        .delete_operation(DeleteOperationRequest { name: name.clone() })
        .await
        .unwrap();

    let status = client
        .get_operation(GetOperationRequest { name: name.clone() })
        .await
        .unwrap_err();
    assert_eq!(
        fault::reason(&status).as_deref(),
        Some("OPERATION_NOT_FOUND")
    );
    assert_eq!(
        client
            .delete_operation(DeleteOperationRequest { name })
            .await
            .unwrap_err()
            .code(),
        Code::NotFound
    );
}
