//! Pulls: planned once, worked on under a fenced lease, and advanced in the transactions that commit their records.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, QueryResult};
use store::lease::Lease;
use store::{StoreError, WriteTx, sql};
use uuid::Uuid;

use super::append::count;
use super::log::{Outcome, instant, micros};
use crate::domain::counts::Counts;

/// Pulls of a source that are remembered.
const REMEMBERED: i64 = 100;

/// How a pull stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunState {
    /// It has not begun.
    Planned,
    /// It is under way.
    Running,
    /// It came to its end.
    Succeeded,
    /// It failed.
    Failed,
    /// Nothing had changed.
    Unchanged,
}

impl RunState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Unchanged => "unchanged",
        }
    }

    fn parse(text: &str) -> Result<Self, StoreError> {
        let all = [
            Self::Planned,
            Self::Running,
            Self::Succeeded,
            Self::Failed,
            Self::Unchanged,
        ];
        all.into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| StoreError::Corrupt(format!("a pull is `{text}`")))
    }
}

/// One pull.
#[derive(Clone, Debug)]
pub struct RunRow {
    /// Source that it belongs to.
    pub uid: Uuid,
    /// Number, from 1.
    pub number: i64,
    /// How it stands.
    pub state: RunState,
    /// When it began.
    pub started: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended: Option<DateTime<Utc>>,
    /// Pages that are committed.
    pub pages: i64,
    /// How far it has come, as JSON; empty before its first page.
    pub progress: String,
    /// Receipts of its records.
    pub counts: Counts,
    /// What went wrong, for a person; empty when nothing did.
    pub error: String,
}

/// Columns of a pull, joined as `r`.
pub(super) const RUN_COLUMNS: &str = "r.uid AS run_uid, r.number AS run_number, r.state AS run_state, \
    r.start_us AS run_start_us, r.end_us AS run_end_us, r.pages AS run_pages, r.progress AS run_progress, \
    r.counts AS run_counts, r.error AS run_error";

impl RunRow {
    /// Reads the columns of a pull; `None` when the row has none.
    pub(super) fn read_joined(row: &QueryResult) -> Result<Option<Self>, StoreError> {
        let Some(uid) = sql::get::<Option<Uuid>>(row, "run_uid")? else {
            return Ok(None);
        };
        let counts: String = sql::get(row, "run_counts")?;
        let state: String = sql::get(row, "run_state")?;
        Ok(Some(Self {
            uid,
            number: sql::get(row, "run_number")?,
            state: RunState::parse(&state)?,
            started: sql::get::<Option<i64>>(row, "run_start_us")?.map(instant),
            ended: sql::get::<Option<i64>>(row, "run_end_us")?.map(instant),
            pages: sql::get(row, "run_pages")?,
            progress: sql::get(row, "run_progress")?,
            counts: serde_json::from_str(&counts)
                .map_err(|error| StoreError::Corrupt(format!("pull: {error}")))?,
            error: sql::get(row, "run_error")?,
        }))
    }
}

/// A step of a pull: records that count once, because they count only where the step before them ended.
#[derive(Clone, Debug)]
pub struct PullStep {
    /// Lease under which the pull is worked on.
    pub lease: Lease,
    /// Source.
    pub uid: Uuid,
    /// Number of the pull.
    pub number: i64,
    /// Pages before this one.
    pub pages_before: i64,
    /// What the records before came to.
    pub before: Counts,
    /// How far the pull has come after this page, as JSON.
    pub progress: String,
    /// Where the next pull begins after this page, as JSON; absent leaves it where it was.
    pub position: Option<String>,
    /// A file that ends with this page: its name and what it is known by.
    pub file_taken: Option<(String, Vec<String>)>,
}

impl PullStep {
    /// Returns what the records up to the end of this step came to.
    pub fn after(&self, outcomes: &[Outcome]) -> Counts {
        let mut counts = self.before;
        outcomes
            .iter()
            .for_each(|outcome| count(&mut counts, *outcome));
        counts.received += outcomes.len() as i64;
        counts
    }
}

/// Records a step of a pull. Fails with [`StoreError::Fenced`] when another works on it, and with a conflict when it does
/// not begin where the step before it ended, or the pull is over.
pub(super) async fn advance(
    tx: &WriteTx,
    step: &PullStep,
    outcomes: &[Outcome],
    now: i64,
) -> Result<(), StoreError> {
    step.lease.check(tx).await?;
    let update = "UPDATE source_runs SET pages = pages + 1, progress = $4, counts = $5 \
        WHERE uid = $1 AND number = $2 AND pages = $3 AND end_us IS NULL";
    let values = [
        step.uid.into(),
        step.number.into(),
        step.pages_before.into(),
        step.progress.as_str().into(),
        counts_text(&step.after(outcomes))?.into(),
    ];
    if sql::execute(tx, update, values).await? != 1 {
        let problem = "this page of the pull is committed already, or the pull is over";
        return Err(StoreError::Conflict(problem.into()));
    }
    if let Some(position) = &step.position {
        let update = "UPDATE sources SET position = $2 WHERE uid = $1";
        sql::execute(tx, update, [step.uid.into(), position.as_str().into()]).await?;
    }
    if let Some((name, known_by)) = &step.file_taken {
        let insert = "INSERT INTO source_files (uid, name, fingerprint, taken_us) VALUES ($1, $2, $3, $4) \
            ON CONFLICT DO NOTHING";
        for fingerprint in known_by {
            let values = [
                step.uid.into(),
                name.as_str().into(),
                fingerprint.as_str().into(),
                now.into(),
            ];
            sql::execute(tx, insert, values).await?;
        }
    }
    Ok(())
}

fn counts_text(counts: &Counts) -> Result<String, StoreError> {
    serde_json::to_string(counts).map_err(|error| StoreError::Failed(error.to_string()))
}

/// Plans a pull unless one waits to begin already, and returns its number.
pub async fn plan(tx: &WriteTx, uid: Uuid, now: DateTime<Utc>) -> Result<i64, StoreError> {
    let waiting =
        "SELECT number FROM source_runs WHERE uid = $1 AND end_us IS NULL AND start_us IS NULL";
    if let Some(row) = sql::query_one(tx, waiting, [uid.into()]).await? {
        return sql::get(&row, "number");
    }
    let take = "UPDATE sources SET runs = runs + 1 WHERE uid = $1 RETURNING runs";
    let Some(row) = sql::query_one(tx, take, [uid.into()]).await? else {
        return Err(StoreError::Conflict("the source is gone".into()));
    };
    let number: i64 = sql::get(&row, "runs")?;
    let insert = "INSERT INTO source_runs (uid, number, state, planned_us, pages, progress, counts, error) \
        VALUES ($1, $2, $3, $4, 0, '', $5, '')";
    let values = [
        uid.into(),
        number.into(),
        RunState::Planned.as_str().into(),
        micros(now).into(),
        counts_text(&Counts::default())?.into(),
    ];
    sql::execute(tx, insert, values).await?;
    let forget = "DELETE FROM source_runs WHERE uid = $1 AND number <= $2 AND end_us IS NOT NULL";
    sql::execute(tx, forget, [uid.into(), (number - REMEMBERED).into()]).await?;
    Ok(number)
}

/// A source whose pull is due.
#[derive(Clone, Debug)]
pub struct DueSource {
    /// The source.
    pub uid: Uuid,
    /// When its pull is due.
    pub due: DateTime<Utc>,
}

/// Returns up to `limit` sources whose pulls are due, the longest due first.
pub async fn due<C: ConnectionTrait>(
    db: &C,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<DueSource>, StoreError> {
    let select = "SELECT uid, next_run_us FROM sources WHERE next_run_us <= $1 ORDER BY next_run_us LIMIT $2";
    let rows = sql::query_all(db, select, [micros(now).into(), limit.into()]).await?;
    rows.iter()
        .map(|row| {
            Ok(DueSource {
                uid: sql::get(row, "uid")?,
                due: instant(sql::get(row, "next_run_us")?),
            })
        })
        .collect()
}

/// Moves a due source on to its next pull. False when another has done so: of many that see it due, one plans its pull.
pub async fn take_due(
    tx: &WriteTx,
    due: &DueSource,
    next: Option<DateTime<Utc>>,
) -> Result<bool, StoreError> {
    let update = "UPDATE sources SET next_run_us = $3 WHERE uid = $1 AND next_run_us = $2";
    let values = [
        due.uid.into(),
        micros(due.due).into(),
        next.map(micros).into(),
    ];
    Ok(sql::execute(tx, update, values).await? == 1)
}

/// Tells whether a pull of the source is planned or under way.
pub async fn is_unfinished<C: ConnectionTrait>(db: &C, uid: Uuid) -> Result<bool, StoreError> {
    let select = "SELECT number FROM source_runs WHERE uid = $1 AND end_us IS NULL LIMIT 1";
    Ok(sql::query_one(db, select, [uid.into()]).await?.is_some())
}

/// Returns the sources that have pulls to work on, the longest waiting first. Paused ones are left alone.
pub async fn waiting<C: ConnectionTrait>(db: &C, limit: i64) -> Result<Vec<Uuid>, StoreError> {
    let select = "SELECT r.uid, MIN(r.planned_us) AS planned FROM source_runs r JOIN sources s ON s.uid = r.uid \
        WHERE r.end_us IS NULL AND NOT s.paused GROUP BY r.uid ORDER BY planned LIMIT $1";
    let rows = sql::query_all(db, select, [limit.into()]).await?;
    rows.iter().map(|row| sql::get(row, "uid")).collect()
}

/// Returns the name of the lease under which the pulls of a source are worked on.
pub fn lease_name(uid: Uuid) -> String {
    format!("pull-{}", uid.simple())
}

/// Returns the oldest pull of a source that is not over.
pub async fn oldest_unfinished<C: ConnectionTrait>(
    db: &C,
    uid: Uuid,
) -> Result<Option<RunRow>, StoreError> {
    let select = format!(
        "SELECT {RUN_COLUMNS} FROM source_runs r WHERE r.uid = $1 AND r.end_us IS NULL ORDER BY r.number LIMIT 1"
    );
    match sql::query_one(db, &select, [uid.into()]).await? {
        Some(row) => RunRow::read_joined(&row),
        None => Ok(None),
    }
}

/// Begins a planned pull.
pub async fn begin(
    tx: &WriteTx,
    lease: &Lease,
    run: &RunRow,
    progress: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    lease.check(tx).await?;
    let update = "UPDATE source_runs SET state = $3, start_us = $4, progress = $5 \
        WHERE uid = $1 AND number = $2 AND end_us IS NULL";
    let values = [
        run.uid.into(),
        run.number.into(),
        RunState::Running.as_str().into(),
        micros(now).into(),
        progress.into(),
    ];
    changed(sql::execute(tx, update, values).await?)
}

/// Ends a pull. `position` is where the next one begins; absent leaves it where it was.
pub async fn end(
    tx: &WriteTx,
    lease: &Lease,
    run: (Uuid, i64),
    (state, error): (RunState, &str),
    position: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    lease.check(tx).await?;
    let update = "UPDATE source_runs SET state = $3, end_us = $4, error = $5, progress = '', \
        start_us = COALESCE(start_us, $4) WHERE uid = $1 AND number = $2 AND end_us IS NULL";
    let values = [
        run.0.into(),
        run.1.into(),
        state.as_str().into(),
        micros(now).into(),
        error.into(),
    ];
    changed(sql::execute(tx, update, values).await?)?;
    if let Some(position) = position {
        let update = "UPDATE sources SET position = $2 WHERE uid = $1";
        sql::execute(tx, update, [run.0.into(), position.into()]).await?;
    }
    Ok(())
}

/// Ends the pulls of a source that are under way, because what they pull from is no more.
pub async fn abandon(
    tx: &WriteTx,
    uid: Uuid,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let update = "UPDATE source_runs SET state = $2, end_us = $3, error = $4, progress = '' \
        WHERE uid = $1 AND end_us IS NULL AND start_us IS NOT NULL";
    let values = [
        uid.into(),
        RunState::Failed.as_str().into(),
        micros(now).into(),
        reason.into(),
    ];
    sql::execute(tx, update, values).await?;
    Ok(())
}

fn changed(rows: u64) -> Result<(), StoreError> {
    match rows {
        1 => Ok(()),
        _ => Err(StoreError::Conflict("the pull is over".into())),
    }
}

/// Tells whether a file of this name and fingerprint is taken in.
pub async fn is_file_taken<C: ConnectionTrait>(
    db: &C,
    uid: Uuid,
    name: &str,
    fingerprint: &str,
) -> Result<bool, StoreError> {
    let select = "SELECT name FROM source_files WHERE uid = $1 AND name = $2 AND fingerprint = $3";
    let values = [uid.into(), name.into(), fingerprint.into()];
    Ok(sql::query_one(db, select, values).await?.is_some())
}
