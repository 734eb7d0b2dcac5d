//! Sources of a tenant with the history of their contracts.

use api::ingestion::Source;
use chrono::{DateTime, Utc};
use prost::Message;
use sea_orm::{ConnectionTrait, DbBackend, QueryResult};
use store::{StoreError, WriteTx, sql};
use uuid::Uuid;

use super::log::{instant, micros};
use super::runs::{RUN_COLUMNS, RunRow};
use crate::domain::counts::Counts;

/// A source as it is kept.
#[derive(Clone, Debug)]
pub struct SourceRow {
    /// Tenant.
    pub tenant: String,
    /// Id of the source within its tenant.
    pub id: String,
    /// Tells it from an earlier source of the same id.
    pub uid: Uuid,
    /// What its owner said of it, without the contract.
    pub definition: Source,
    /// Its contract; empty when it has none.
    pub contract_yaml: String,
    /// Revision of the contract; 0 when it never had one.
    pub revision: i64,
    /// Changes with every change, from 1.
    pub version: i64,
    /// How far incremental pulls have come, as JSON; empty before the first.
    pub position: String,
    /// Number of the newest pull; 0 before the first.
    pub runs: i64,
    /// When the next pull is due.
    pub next_run: Option<DateTime<Utc>>,
    /// When it was created.
    pub created: DateTime<Utc>,
    /// When it was changed last.
    pub updated: DateTime<Utc>,
}

/// A source with what came of it.
#[derive(Clone, Debug)]
pub struct SourceSight {
    /// The source.
    pub row: SourceRow,
    /// Receipts since it began.
    pub counts: Counts,
    /// Its newest pull.
    pub last_run: Option<RunRow>,
}

const COLUMNS: &str = "s.tenant, s.id, s.uid, s.definition, s.revision, s.version, s.position, s.runs, s.next_run_us, \
    s.created_us, s.updated_us, COALESCE(c.contract_yaml, '') AS contract_yaml";
const JOINED: &str = "sources s LEFT JOIN contract_revisions c \
    ON c.tenant = s.tenant AND c.source = s.id AND c.revision = s.revision";

/// Returns a source, locked against changes when `lock` is true; `None` when there is none.
pub async fn load<C: ConnectionTrait>(
    db: &C,
    tenant: &str,
    id: &str,
    lock: bool,
) -> Result<Option<SourceRow>, StoreError> {
    let lock = match db.get_database_backend() {
        DbBackend::Postgres if lock => " FOR UPDATE OF s",
        _ => "",
    };
    let select = format!("SELECT {COLUMNS} FROM {JOINED} WHERE s.tenant = $1 AND s.id = $2{lock}");
    let row = sql::query_one(db, &select, [tenant.into(), id.into()]).await?;
    row.map(|row| read(&row)).transpose()
}

/// Returns a source by its uid; `None` when it is gone.
pub async fn load_by_uid<C: ConnectionTrait>(
    db: &C,
    uid: Uuid,
) -> Result<Option<SourceRow>, StoreError> {
    let select = format!("SELECT {COLUMNS} FROM {JOINED} WHERE s.uid = $1");
    let row = sql::query_one(db, &select, [uid.into()]).await?;
    row.map(|row| read(&row)).transpose()
}

/// Returns up to `limit` sources whose ids follow `after`, or the one of id `only`, with what came of them.
pub async fn sights<C: ConnectionTrait>(
    db: &C,
    tenant: &str,
    only: Option<&str>,
    after: &str,
    limit: u64,
) -> Result<Vec<SourceSight>, StoreError> {
    let filter = match only {
        Some(_) => "s.id = $2",
        None => "s.id > $2",
    };
    let select = format!(
        "SELECT {COLUMNS}, {RUN_COLUMNS}, n.received, n.accepted, n.duplicate, n.conflict, n.quarantined, n.rejected \
         FROM {JOINED} LEFT JOIN receipt_counts n ON n.tenant = s.tenant AND n.source = s.id \
         LEFT JOIN source_runs r ON r.uid = s.uid AND r.number = s.runs \
         WHERE s.tenant = $1 AND {filter} ORDER BY s.id LIMIT $3"
    );
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let values = [tenant.into(), only.unwrap_or(after).into(), limit.into()];
    let rows = sql::query_all(db, &select, values).await?;
    rows.iter()
        .map(|row| {
            Ok(SourceSight {
                row: read(row)?,
                counts: counts(row)?,
                last_run: RunRow::read_joined(row)?,
            })
        })
        .collect()
}

/// Tells how many sources a tenant has.
pub async fn count(tx: &WriteTx, tenant: &str) -> Result<i64, StoreError> {
    let select = "SELECT COUNT(*) AS count FROM sources WHERE tenant = $1";
    match sql::query_one(tx, select, [tenant.into()]).await? {
        Some(row) => sql::get(&row, "count"),
        None => Ok(0),
    }
}

/// Adds a source; false when there is one of its id.
pub async fn insert(tx: &WriteTx, row: &SourceRow) -> Result<bool, StoreError> {
    let insert = "INSERT INTO sources (tenant, id, uid, definition, revision, version, paused, runs, position, \
        next_run_us, created_us, updated_us) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, '', $8, $9, $10) \
        ON CONFLICT (tenant, id) DO NOTHING";
    let values = [
        row.tenant.as_str().into(),
        row.id.as_str().into(),
        row.uid.into(),
        row.definition.encode_to_vec().into(),
        row.revision.into(),
        row.version.into(),
        row.definition.paused.into(),
        row.next_run.map(micros).into(),
        micros(row.created).into(),
        micros(row.updated).into(),
    ];
    Ok(sql::execute(tx, insert, values).await? == 1)
}

/// Writes a changed source.
pub async fn update(tx: &WriteTx, row: &SourceRow) -> Result<(), StoreError> {
    let update = "UPDATE sources SET definition = $2, revision = $3, version = $4, paused = $5, position = $6, \
        next_run_us = $7, updated_us = $8 WHERE uid = $1";
    let values = [
        row.uid.into(),
        row.definition.encode_to_vec().into(),
        row.revision.into(),
        row.version.into(),
        row.definition.paused.into(),
        row.position.as_str().into(),
        row.next_run.map(micros).into(),
        micros(row.updated).into(),
    ];
    match sql::execute(tx, update, values).await? {
        1 => Ok(()),
        _ => Err(StoreError::Conflict("the source is gone".into())),
    }
}

/// Keeps a contract as the next revision of its source and returns its number.
pub async fn add_revision(
    tx: &WriteTx,
    tenant: &str,
    source: &str,
    contract_yaml: &str,
    now: DateTime<Utc>,
) -> Result<i64, StoreError> {
    let insert = "INSERT INTO contract_revisions (tenant, source, revision, contract_yaml, created_us) \
        SELECT $1, $2, 1 + COALESCE(MAX(revision), 0), $3, $4 FROM contract_revisions \
        WHERE tenant = $1 AND source = $2 RETURNING revision";
    let values = [
        tenant.into(),
        source.into(),
        contract_yaml.into(),
        micros(now).into(),
    ];
    let row = sql::query_one(tx, insert, values).await?;
    row.map_or_else(
        || Err(StoreError::Failed("no revision was written".into())),
        |row| sql::get(&row, "revision"),
    )
}

/// Deletes a source with its pulls and write keys; what it brought and its contracts stay. False when there is none.
pub async fn delete(tx: &WriteTx, tenant: &str, id: &str) -> Result<bool, StoreError> {
    let delete = "DELETE FROM sources WHERE tenant = $1 AND id = $2 RETURNING uid";
    let Some(row) = sql::query_one(tx, delete, [tenant.into(), id.into()]).await? else {
        return Ok(false);
    };
    let uid: Uuid = sql::get(&row, "uid")?;
    for table in ["source_runs", "source_files"] {
        let delete = format!("DELETE FROM {table} WHERE uid = $1");
        sql::execute(tx, &delete, [uid.into()]).await?;
    }
    // Whoever works on a pull finds out with its next page.
    let lease = "DELETE FROM leases WHERE name = $1";
    sql::execute(tx, lease, [super::runs::lease_name(uid).into()]).await?;
    let keys = "DELETE FROM write_keys WHERE tenant = $1 AND source = $2";
    sql::execute(tx, keys, [tenant.into(), id.into()]).await?;
    Ok(true)
}

fn read(row: &QueryResult) -> Result<SourceRow, StoreError> {
    let definition: Vec<u8> = sql::get(row, "definition")?;
    let damaged = |error| StoreError::Corrupt(format!("source: {error}"));
    Ok(SourceRow {
        tenant: sql::get(row, "tenant")?,
        id: sql::get(row, "id")?,
        uid: sql::get(row, "uid")?,
        definition: Source::decode(&*definition).map_err(damaged)?,
        contract_yaml: sql::get(row, "contract_yaml")?,
        revision: sql::get(row, "revision")?,
        version: sql::get(row, "version")?,
        position: sql::get(row, "position")?,
        runs: sql::get(row, "runs")?,
        next_run: sql::get::<Option<i64>>(row, "next_run_us")?.map(instant),
        created: instant(sql::get(row, "created_us")?),
        updated: instant(sql::get(row, "updated_us")?),
    })
}

fn counts(row: &QueryResult) -> Result<Counts, StoreError> {
    let number = |name: &str| -> Result<i64, StoreError> {
        Ok(sql::get::<Option<i64>>(row, name)?.unwrap_or_default())
    };
    Ok(Counts {
        received: number("received")?,
        accepted: number("accepted")?,
        duplicate: number("duplicate")?,
        conflict: number("conflict")?,
        quarantined: number("quarantined")?,
        rejected: number("rejected")?,
    })
}
