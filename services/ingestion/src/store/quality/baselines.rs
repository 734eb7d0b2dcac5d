//! Baselines, one row per version; none is ever changed.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbBackend, Value};
use store::{StoreError, WriteTx, sql};

use super::super::log::{instant, micros};

/// A stored baseline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaselineRow {
    /// Version, from 1.
    pub version: i64,
    /// What it says, encoded.
    pub body: Vec<u8>,
    /// When it was stored.
    pub created: DateTime<Utc>,
}

/// Stores the next version of a source's baseline; `body` is made for its version. Two that are stored at the same time
/// take turns.
pub async fn add(
    tx: &WriteTx,
    tenant: &str,
    source: &str,
    created: DateTime<Utc>,
    body: impl FnOnce(i64) -> Vec<u8>,
) -> Result<BaselineRow, StoreError> {
    if tx.get_database_backend() == DbBackend::Postgres {
        // SQLite has one writer at a time anyway.
        let lock = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";
        let name = format!("baseline/{tenant}/{source}");
        sql::query_one(tx, lock, [name.into()]).await?;
    }
    let version = load(tx, tenant, source, 0)
        .await?
        .map_or(1, |it| it.version + 1);
    let row = BaselineRow {
        version,
        body: body(version),
        created,
    };
    let insert = "INSERT INTO quality_baselines (tenant, source, version, body, created_us) VALUES ($1, $2, $3, $4, $5)";
    let values: [Value; 5] = [
        tenant.into(),
        source.into(),
        version.into(),
        row.body.clone().into(),
        micros(created).into(),
    ];
    sql::execute(tx, insert, values).await?;
    Ok(row)
}

/// Returns the number of the newest version of a source's baseline.
pub async fn newest<C: ConnectionTrait>(
    db: &C,
    tenant: &str,
    source: &str,
) -> Result<Option<i64>, StoreError> {
    let select =
        "SELECT MAX(version) AS version FROM quality_baselines WHERE tenant = $1 AND source = $2";
    let row = sql::query_one(db, select, [tenant.into(), source.into()]).await?;
    row.map_or(Ok(None), |row| sql::get(&row, "version"))
}

/// Returns a version of a source's baseline; 0 means the newest.
pub async fn load<C: ConnectionTrait>(
    db: &C,
    tenant: &str,
    source: &str,
    version: i64,
) -> Result<Option<BaselineRow>, StoreError> {
    let select = "SELECT version, body, created_us FROM quality_baselines \
        WHERE tenant = $1 AND source = $2 AND ($3 = 0 OR version = $3) ORDER BY version DESC LIMIT 1";
    let values: [Value; 3] = [tenant.into(), source.into(), version.into()];
    let Some(row) = sql::query_one(db, select, values).await? else {
        return Ok(None);
    };
    Ok(Some(BaselineRow {
        version: sql::get(&row, "version")?,
        body: sql::get(&row, "body")?,
        created: instant(sql::get(&row, "created_us")?),
    }))
}
