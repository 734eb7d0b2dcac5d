//! One pull, from page to page.

use std::sync::Arc;
use std::time::{Duration, Instant};

use runtime::context::TenantId;
use runtime::fault::Fault;
use runtime::server::Shutdown;
use store::StoreError;
use store::lease::Lease;
use tokio_util::sync::CancellationToken;
use tonic::Code;
use uuid::Uuid;

use super::Pulls;
use crate::domain::judge::{Judged, Tenant};
use crate::domain::terms::Terms;
use crate::pull::cursor::write;
use crate::pull::{self, Next, Opening, Page, Position, Progress, PullFault, Puller};
use crate::sources::RegisteredSource;
use crate::store::runs::{self, RunRow, RunState};
use crate::store::{LogError, PullStep, Step, sources};
use crate::tenants::TenantError;

/// First and longest pause between two attempts.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));
/// Pauses that a server may ask for in a row.
const WAITS_MAX: u32 = 5;

/// Why work on a pull stops without its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stop {
    /// The process shuts down, the source is paused or gone, or another goes on.
    #[error("it is left to another turn")]
    Left,
    /// The database failed.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Log(error.into())
    }
}

/// What ended a pull.
enum End {
    Done(RunState, Option<Position>),
    Failed(String),
}

/// A pull at work.
struct Run<'a> {
    pulls: &'a Pulls,
    lease: &'a Lease,
    source: RegisteredSource,
    row: RunRow,
    shutdown: &'a Shutdown,
    lost: &'a CancellationToken,
}

/// Works on the unfinished pulls of a source.
pub(super) async fn work(
    pulls: &Pulls,
    uid: Uuid,
    lease: &Lease,
    shutdown: &Shutdown,
    lost: &CancellationToken,
) -> Result<(), Stop> {
    while let Some(row) = runs::oldest_unfinished(pulls.store.reader(), uid).await? {
        let Some(source) = sources::load_by_uid(pulls.store.reader(), uid).await? else {
            return Ok(());
        };
        let position = Position::read(&source.position);
        let mut source = RegisteredSource::from_row(source)?;
        let baselines = pulls.intake.sources().baselines();
        source.baseline = baselines.in_force(&source.tenant, &source.id).await?;
        if source.paused || shutdown.is_cancelled() {
            return Ok(());
        }
        let mut run = Run {
            pulls,
            lease,
            source,
            row,
            shutdown,
            lost,
        };
        let end = match run.pages(position).await {
            Ok(end) => end,
            Err(Stop::Left) => return Ok(()),
            Err(stop) => return Err(stop),
        };
        run.end(end).await?;
    }
    Ok(())
}

impl Run<'_> {
    async fn pages(&mut self, position: Option<Position>) -> Result<End, Stop> {
        let opener = self.pulls.opener.clone();
        let mut progress = Progress::read(&self.row.progress);
        if self.row.state == RunState::Planned {
            progress = match opener.begin(&self.source.definition, position.as_ref()) {
                Ok(progress) => progress,
                Err(fault) => return Ok(End::Failed(fault.to_string())),
            };
            self.begin(&progress).await?;
        }
        let tenant = match self.tenant().await? {
            Ok(tenant) => tenant,
            Err(error) => return Ok(End::Failed(error.to_string())),
        };
        let now = self.pulls.intake.terms(&tenant, &self.source.id, None);
        let terms = Terms {
            rates: now.await?.rates,
            ..self.source.terms()
        };
        let opened = opener.open(&Opening {
            intake: &self.pulls.intake,
            tenant: &tenant,
            id: &self.source.id,
            uid: self.source.uid,
            definition: &self.source.definition,
            terms: &terms,
            progress: &progress,
            position: position.as_ref(),
            rows_max: None,
        });
        let mut puller = match opened {
            Ok(puller) => puller,
            Err(fault) => return Ok(End::Failed(fault.to_string())),
        };
        loop {
            match self.patiently(&mut *puller).await? {
                Ok(Next::Page(page)) => {
                    if let Some(problem) = self.take(page).await? {
                        return Ok(End::Failed(problem));
                    }
                    runtime::crash::point("pull_page");
                }
                Ok(Next::End(position)) => return Ok(End::Done(RunState::Succeeded, position)),
                Ok(Next::Unchanged) => return Ok(End::Done(RunState::Unchanged, None)),
                Err(fault) => return Ok(End::Failed(fault.to_string())),
            }
            self.may_go_on().await?;
        }
    }

    async fn begin(&mut self, progress: &Progress) -> Result<(), Stop> {
        let now = runtime::clock::now();
        let progress = write(progress);
        loop {
            let begun = async {
                let tx = self.pulls.store.begin().await?;
                runs::begin(&tx, self.lease, &self.row, &progress, now).await?;
                tx.commit().await
            };
            match begun.await {
                Ok(()) => break,
                Err(error) => self.survive(error).await?,
            }
        }
        self.row.state = RunState::Running;
        self.row.progress = progress;
        Ok(())
    }

    /// Asks for the next page, again while the other side is away, and for as long as the configuration is patient.
    async fn patiently(&self, puller: &mut dyn Puller) -> Result<Result<Next, PullFault>, Stop> {
        let began = Instant::now();
        let (mut pause, mut waits) = (PAUSE.0, 0);
        loop {
            let fault = tokio::select! {
                next = puller.next() => match next {
                    Err(fault) => fault,
                    next => return Ok(next),
                },
                () = self.stopping() => return Err(Stop::Left),
            };
            let PullFault::Away { wait, .. } = &fault else {
                return Ok(Err(fault));
            };
            let wait = match wait {
                Some(wait) if waits < WAITS_MAX => *wait,
                None if began.elapsed() < self.pulls.config.patience => pause,
                _ => return Ok(Err(fault)),
            };
            waits += 1;
            pause = (pause * 2).min(PAUSE.1);
            self.sleep(wait.max(PAUSE.0)).await?;
        }
    }

    /// Judges and commits a page. Returns what keeps the records from being taken.
    async fn take(&mut self, page: Page) -> Result<Option<String>, Stop> {
        let tenant = match self.tenant().await? {
            Ok(tenant) => tenant,
            Err(error) => return Ok(Some(error.to_string())),
        };
        let records = page.records;
        let terms = Terms {
            contract: self.source.contract.clone(),
            revision: self.source.revision,
            ..self
                .pulls
                .intake
                .terms(&tenant, &self.source.id, None)
                .await?
        };
        let (intake, id) = (self.pulls.intake.clone(), self.source.id.clone());
        let judging = {
            let (intake, tenant) = (intake.clone(), tenant.clone());
            tokio::task::spawn_blocking(move || pull::judge(&intake, &tenant, &id, &terms, records))
        };
        let Ok(judged) = judging.await else {
            return Ok(Some("the records cannot be judged".into()));
        };
        let judged: Arc<[Judged]> = judged.into();
        let step = PullStep {
            lease: self.lease.clone(),
            uid: self.row.uid,
            number: self.row.number,
            pages_before: self.row.pages,
            before: self.row.counts,
            progress: write(&page.progress),
            position: page.position.as_ref().map(write),
            file_taken: page.file_taken,
        };
        intake.count_received(&tenant, judged.len());
        let settled = self.settle(&tenant, &judged, step).await;
        if !matches!(settled, Ok(true)) {
            intake.count_unanswered(&tenant, judged.len());
        }
        match settled {
            // It is full until its owner makes room: the pull ends here, and the next one goes on behind what was taken.
            Err(Stop::Log(full @ LogError::QuarantineFull { .. })) => Ok(Some(full.to_string())),
            settled => settled.map(|_| None),
        }
    }

    /// Commits a step, patiently; false when a commit whose answer was lost had happened.
    async fn settle(
        &mut self,
        tenant: &Tenant,
        judged: &Arc<[Judged]>,
        step: PullStep,
    ) -> Result<bool, Stop> {
        let mut pause = PAUSE.0;
        loop {
            let intake = &self.pulls.intake;
            match intake
                .commit(tenant, judged.clone(), Some(Step::Pull(step.clone())))
                .await
            {
                Ok(outcomes) => {
                    self.row.pages += 1;
                    self.row.counts = step.after(&outcomes);
                    return Ok(true);
                }
                Err(LogError::Full { .. }) => {}
                Err(LogError::Store(error)) if error.is_retryable() => {}
                Err(LogError::Store(StoreError::Conflict(_))) => {
                    let reader = self.pulls.store.reader();
                    let now = runs::oldest_unfinished(reader, self.row.uid).await?;
                    match now {
                        Some(row)
                            if row.number == self.row.number
                                && row.pages == step.pages_before + 1
                                && row.progress == step.progress =>
                        {
                            self.row = row;
                            return Ok(false);
                        }
                        _ => return Err(Stop::Left),
                    }
                }
                Err(LogError::Store(StoreError::Fenced(_))) => return Err(Stop::Left),
                Err(error) => return Err(error.into()),
            }
            self.sleep(pause).await?;
            pause = (pause * 2).min(PAUSE.1);
        }
    }

    /// Returns the tenant, waiting for profile while it is down.
    async fn tenant(&self) -> Result<Result<Tenant, TenantError>, Stop> {
        let Ok(id) = TenantId::parse(&self.source.tenant) else {
            return Err(Stop::Left);
        };
        let mut pause = PAUSE.0;
        loop {
            match self.pulls.intake.tenant(&id).await {
                Err(error) if error.code() == Code::Unavailable => {}
                answer => return Ok(answer),
            }
            self.sleep(pause).await?;
            pause = (pause * 2).min(PAUSE.1);
        }
    }

    async fn end(&self, end: End) -> Result<(), Stop> {
        let (state, error, position) = match &end {
            End::Done(state, position) => (*state, "", position.as_ref().map(write)),
            End::Failed(error) => (RunState::Failed, error.as_str(), None),
        };
        if state == RunState::Failed {
            let source = &self.source.id;
            tracing::warn!(tenant = self.source.tenant, source, error, "a pull failed");
        }
        loop {
            let ended = async {
                let now = runtime::clock::now();
                let run = (self.row.uid, self.row.number);
                let tx = self.pulls.store.begin().await?;
                let how = (state, error);
                runs::end(&tx, self.lease, run, how, position.as_deref(), now).await?;
                tx.commit().await
            };
            match ended.await {
                Ok(()) => break,
                Err(error) => self.survive(error).await?,
            }
        }
        runtime::crash::point("pull_ended");
        Ok(())
    }

    /// Waits after an error that passes by itself, and stops after any other.
    async fn survive(&self, error: StoreError) -> Result<(), Stop> {
        match error {
            error if error.is_retryable() => self.sleep(PAUSE.0).await,
            StoreError::Fenced(_) | StoreError::Conflict(_) => Err(Stop::Left),
            error => Err(error.into()),
        }
    }

    /// Stops when the source was paused or deleted meanwhile.
    async fn may_go_on(&self) -> Result<(), Stop> {
        let source = &self.source;
        let sources = self.pulls.intake.sources();
        match sources.get(&source.tenant, &source.id).await {
            Ok(Some(now)) if now.uid == source.uid && !now.paused => Ok(()),
            Ok(_) => Err(Stop::Left),
            Err(error) if error.is_retryable() => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn stopping(&self) {
        tokio::select! {
            () = self.shutdown.cancelled() => {}
            () = self.lost.cancelled() => {}
        }
    }

    async fn sleep(&self, length: Duration) -> Result<(), Stop> {
        tokio::select! {
            () = tokio::time::sleep(length) => Ok(()),
            () = self.stopping() => Err(Stop::Left),
        }
    }
}
