//! Runs operations, each under a lease, and takes up those that nobody runs.

use super::context::{OperationContext, Stop, cancelled_status};
use super::log::{Claim, LogError, OperationLog, OperationRecord, Outcome};
use super::{OperationHandler, unknown_kind};
use crate::{crash, fault, server::Shutdown};
use prost_types::Any;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::{Code, Status};
use uuid::Uuid;

/// Most abandoned operations taken up at once.
const RESUME_MAX: u64 = 64;
/// How long handlers may take to stop when the process ends.
const STOP_GRACE: Duration = Duration::from_secs(5);
/// How often the end of an operation is offered to a log that fails.
const FINISH_ATTEMPTS: u32 = 10;

pub(super) struct Runner {
    log: Arc<dyn OperationLog>,
    service_name: String,
    holder: Uuid,
    lease: Duration,
    handlers: RwLock<HashMap<&'static str, Arc<dyn OperationHandler>>>,
    running: Mutex<HashMap<Uuid, Stop>>,
    tasks: TaskTracker,
    stopping: CancellationToken,
    /// Moves whenever an operation of this process changes, so that those who wait look again.
    changes: watch::Sender<u64>,
}

/// Why the work on an operation is over.
enum End {
    /// The handler returned.
    Returned(Result<Result<Any, Status>, JoinError>),
    /// The claim is lost, or can no longer be proved.
    Lost,
    /// The process ends.
    Stopped,
}

impl Runner {
    pub(super) fn new(log: Arc<dyn OperationLog>, service_name: &str, lease: Duration) -> Self {
        Self {
            log,
            service_name: service_name.to_owned(),
            holder: Uuid::new_v4(),
            lease,
            handlers: RwLock::default(),
            running: Mutex::default(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            changes: watch::Sender::new(0),
        }
    }

    pub(super) fn log(&self) -> &dyn OperationLog {
        &*self.log
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(super) fn register(&self, kind: &'static str, handler: Arc<dyn OperationHandler>) {
        self.handlers
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(kind, handler);
    }

    pub(super) fn knows(&self, kind: &str) -> bool {
        self.handler(kind).is_some()
    }

    fn handler(&self, kind: &str) -> Option<Arc<dyn OperationHandler>> {
        self.handlers
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(kind)
            .cloned()
    }

    pub(super) fn name_of(&self, id: Uuid) -> String {
        format!("operations/{}/{id}", self.service_name)
    }

    pub(super) fn id_of(&self, name: &str) -> Option<Uuid> {
        name.strip_prefix("operations/")?
            .strip_prefix(self.service_name.as_str())?
            .strip_prefix('/')?
            .parse()
            .ok()
    }

    /// Tells the handler at once, if it runs here; elsewhere its holder sees the request at its next renewal.
    pub(super) fn cancel_here(&self, id: Uuid) {
        if let Some(stop) = self.running().get(&id) {
            stop.cancel_by_caller();
        }
    }

    fn running(&self) -> std::sync::MutexGuard<'_, HashMap<Uuid, Stop>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn resume(self: &Arc<Self>) -> Result<(), LogError> {
        for record in self.log.unfinished(RESUME_MAX).await? {
            self.spawn(record);
        }
        Ok(())
    }

    pub(super) async fn run(self: Arc<Self>, shutdown: Shutdown) {
        let mut look = interval(self.lease / 2);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = shutdown.cancelled() => break,
                _ = look.tick() => {
                    if let Err(error) = self.resume().await {
                        tracing::warn!(%error, "cannot look for abandoned operations");
                    }
                }
            }
        }
        self.stopping.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Works on an operation in the background, unless this process does so already.
    pub(super) fn spawn(self: &Arc<Self>, record: OperationRecord) {
        if self.stopping.is_cancelled() {
            return;
        }
        let id = record.id;
        let stop = Stop::default();
        match self.running().entry(id) {
            Entry::Occupied(_) => return,
            Entry::Vacant(place) => place.insert(stop.clone()),
        };
        let runner = self.clone();
        self.tasks.spawn(async move {
            if let Err(error) = runner.work(record, stop).await {
                tracing::warn!(operation = %id, %error, "operation left for another attempt");
            }
            runner.running().remove(&id);
            runner.changes.send_modify(|it| *it += 1);
        });
    }

    async fn work(self: &Arc<Self>, record: OperationRecord, stop: Stop) -> Result<(), LogError> {
        let Some(claim) = self.log.claim(record.id, self.holder, self.lease).await? else {
            return Ok(());
        };
        // What was stored may be newer than what was listed: a progress, or a wish to cancel.
        let Some(record) = self.log.load(&record.tenant, record.id).await? else {
            return Ok(());
        };
        crash::point("operation_started");
        if record.cancel_requested {
            return self.finish(&claim, Err(cancelled_status())).await;
        }
        let Some(handler) = self.handler(&record.kind) else {
            return self.finish(&claim, Err(unknown_kind(&record.kind))).await;
        };
        let context = OperationContext::new(
            self.name_of(record.id),
            &record,
            claim,
            self.log.clone(),
            stop.clone(),
            self.changes.clone(),
        );
        let request = record.request.clone();
        let mut task = tokio::spawn(async move { handler.run(context, request).await });
        let end = self.supervise(&claim, &stop, &mut task).await;
        task.abort();
        self.conclude(&claim, &stop, end).await
    }

    /// Keeps the claim alive while the handler works.
    async fn supervise(
        &self,
        claim: &Claim,
        stop: &Stop,
        task: &mut JoinHandle<Result<Any, Status>>,
    ) -> End {
        let mut beat = interval(self.lease / 4);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut renewed = Instant::now();
        loop {
            tokio::select! {
                result = &mut *task => return End::Returned(result),
                _ = self.stopping.cancelled() => {
                    stop.cancel();
                    return match timeout(STOP_GRACE, &mut *task).await {
                        Ok(result) => End::Returned(result),
                        Err(_) => End::Stopped,
                    };
                }
                _ = beat.tick() => match self.log.renew(claim, self.lease).await {
                    Ok(renewal) => {
                        renewed = Instant::now();
                        if renewal.cancel_requested {
                            stop.cancel_by_caller();
                        }
                    }
                    Err(LogError::Store(error)) if renewed.elapsed() < self.lease => {
                        tracing::warn!(operation = %claim.id, %error, "cannot renew the claim on an operation");
                    }
                    Err(_) => {
                        stop.cancel();
                        return End::Lost;
                    }
                }
            }
        }
    }

    async fn conclude(&self, claim: &Claim, stop: &Stop, end: End) -> Result<(), LogError> {
        let result = match end {
            End::Lost => return Err(LogError::Lost),
            End::Stopped => return self.log.release(claim).await,
            End::Returned(Err(panic)) => {
                tracing::error!(operation = %claim.id, error = %panic, "an operation's handler panicked");
                Err(fault::plain(
                    Code::Internal,
                    "OPERATION_PANICKED",
                    "internal error",
                    None,
                ))
            }
            End::Returned(Ok(result)) => result,
        };
        match result {
            Err(_) if stop.is_by_caller() => self.finish(claim, Err(cancelled_status())).await,
            Err(_) if self.stopping.is_cancelled() => self.log.release(claim).await,
            result => self.finish(claim, result).await,
        }
    }

    /// Stores the end, patiently: work that was done should not be done again because the store was away for a moment.
    async fn finish(&self, claim: &Claim, result: Result<Any, Status>) -> Result<(), LogError> {
        let outcome = match result {
            Ok(response) => Outcome::Response(response),
            Err(status) => Outcome::Error(fault::to_rpc(&status)),
        };
        for _ in 1..FINISH_ATTEMPTS {
            match self.log.finish(claim, outcome.clone()).await {
                Err(LogError::Store(error)) if !self.stopping.is_cancelled() => {
                    tracing::warn!(operation = %claim.id, %error, "cannot store the end of an operation");
                    sleep(self.lease / 8).await;
                }
                other => return other,
            }
        }
        self.log.finish(claim, outcome).await
    }
}
