//! Progress of imports, kept in the transactions that commit their rows.

use sea_orm::ConnectionTrait;
use store::{StoreError, WriteTx, sql};
use uuid::Uuid;

use super::append::ImportStep;
use super::log::{Outcome, micros};
use crate::domain::counts::Summary;
use crate::domain::judge::Judged;

/// How far an import has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportRow {
    /// Rows of the file that are committed.
    pub rows_done: i64,
    /// What they came to.
    pub summary: Summary,
}

impl ImportRow {
    /// Reads how far an import has come; the beginning when nothing is committed yet.
    pub async fn load<C: ConnectionTrait>(db: &C, operation: Uuid) -> Result<Self, StoreError> {
        let select = "SELECT rows_done, summary FROM imports WHERE operation = $1";
        let Some(row) = sql::query_one(db, select, [operation.to_string().into()]).await? else {
            return Ok(Self::default());
        };
        let text: String = sql::get(&row, "summary")?;
        let summary = serde_json::from_str(&text)
            .map_err(|error| StoreError::Corrupt(format!("import: {error}")))?;
        Ok(Self {
            rows_done: sql::get(&row, "rows_done")?,
            summary,
        })
    }
}

/// Returns the version of the baseline that an import goes by, 0 for none; `None` when that is not settled yet.
pub async fn baseline_of<C: ConnectionTrait>(
    db: &C,
    operation: Uuid,
) -> Result<Option<i64>, StoreError> {
    let select = "SELECT version FROM import_baselines WHERE operation = $1";
    let row = sql::query_one(db, select, [operation.to_string().into()]).await?;
    row.map(|row| sql::get(&row, "version")).transpose()
}

/// Settles by which version of the baseline an import goes, and returns that; another's decision stays.
pub async fn settle_baseline(
    tx: &WriteTx,
    operation: Uuid,
    version: i64,
) -> Result<i64, StoreError> {
    let insert = "INSERT INTO import_baselines (operation, version, created_us) VALUES ($1, $2, $3) \
        ON CONFLICT (operation) DO NOTHING";
    let now = micros(runtime::clock::now());
    let values = [operation.to_string().into(), version.into(), now.into()];
    sql::execute(tx, insert, values).await?;
    Ok(baseline_of(tx, operation).await?.unwrap_or(version))
}

/// Records a step of an import. Fails when it does not begin where the step before it ended: another process goes on
/// with the import, or this step is committed already.
pub(super) async fn advance(
    tx: &WriteTx,
    tenant: &str,
    step: &ImportStep,
    events: &[Judged],
    outcomes: &[Outcome],
) -> Result<(), StoreError> {
    let after = step.after(events, outcomes);
    let summary =
        serde_json::to_string(&after).map_err(|error| StoreError::Failed(error.to_string()))?;
    let done = step.rows_before + events.len() as i64;
    let operation = step.operation.to_string();
    let changed = if step.rows_before == 0 {
        let insert = "INSERT INTO imports (operation, tenant, rows_done, summary) VALUES ($1, $2, $3, $4) \
            ON CONFLICT (operation) DO NOTHING";
        sql::execute(
            tx,
            insert,
            [operation.into(), tenant.into(), done.into(), summary.into()],
        )
        .await?
    } else {
        let update = "UPDATE imports SET rows_done = $2, summary = $3 WHERE operation = $1 AND rows_done = $4";
        sql::execute(
            tx,
            update,
            [
                operation.into(),
                done.into(),
                summary.into(),
                step.rows_before.into(),
            ],
        )
        .await?
    };
    match changed {
        1 => Ok(()),
        _ => Err(StoreError::Conflict(
            "these rows of the import are committed already".into(),
        )),
    }
}
