//! How far operations over quarantine have come, kept in the transactions that do their steps.

use sea_orm::ConnectionTrait;
use store::{StoreError, WriteTx, sql};
use uuid::Uuid;

use super::{Position, from_json, to_json};
use crate::domain::counts::Counts;
use crate::store::log::{DatabaseLog, micros};

/// How far an operation over quarantine has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// Steps that are done.
    pub steps: i64,
    /// The last record that was dealt with; those before it are never looked at again.
    pub position: Position,
    /// What became of the records so far; a discard counts them as received alone.
    pub counts: Counts,
    /// When the operation began, in microseconds since 1970: what came first after that is not meant.
    pub begun_us: i64,
}

impl DatabaseLog {
    /// Reads how far an operation has come; its beginning when it has done nothing yet.
    pub async fn quarantine_job(&self, operation: Uuid) -> Result<Job, StoreError> {
        let begun = Job {
            steps: 0,
            position: Position::START,
            counts: Counts::default(),
            begun_us: micros(runtime::clock::now()),
        };
        Ok(load(self.store.reader(), operation).await?.unwrap_or(begun))
    }
}

async fn load<C: ConnectionTrait>(db: &C, operation: Uuid) -> Result<Option<Job>, StoreError> {
    let select = "SELECT steps, first_us, event_id, counts, begun_us FROM quarantine_jobs WHERE operation = $1";
    let Some(row) = sql::query_one(db, select, [operation.to_string().into()]).await? else {
        return Ok(None);
    };
    Ok(Some(Job {
        steps: sql::get(&row, "steps")?,
        position: Position {
            first_us: sql::get(&row, "first_us")?,
            event_id: super::read::hash(sql::get(&row, "event_id")?)?,
        },
        counts: from_json(&sql::get::<String>(&row, "counts")?)?,
        begun_us: sql::get(&row, "begun_us")?,
    }))
}

/// Records the next step of an operation. Fails with a conflict when that step is done already: by another process, or by
/// a commit whose answer was lost.
pub(super) async fn advance(
    tx: &WriteTx,
    tenant: &str,
    operation: Uuid,
    after: &Job,
) -> Result<(), StoreError> {
    let values = [
        operation.to_string().into(),
        tenant.into(),
        after.steps.into(),
        after.position.first_us.into(),
        after.position.event_id.to_vec().into(),
        to_json(&after.counts)?.into(),
        after.begun_us.into(),
    ];
    let upsert = "INSERT INTO quarantine_jobs (operation, tenant, steps, first_us, event_id, counts, begun_us) \
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (operation) DO UPDATE SET steps = excluded.steps, \
        first_us = excluded.first_us, event_id = excluded.event_id, counts = excluded.counts \
        WHERE quarantine_jobs.steps = excluded.steps - 1";
    match sql::execute(tx, upsert, values).await? {
        1 => Ok(()),
        _ => Err(StoreError::Conflict(
            "this step of the operation is done already".into(),
        )),
    }
}
