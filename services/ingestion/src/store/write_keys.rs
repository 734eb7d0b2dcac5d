//! Keys with which client libraries send events of a source. Only their hashes are kept.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, QueryResult};
use store::{StoreError, WriteTx, sql};

use super::log::{instant, micros};

/// A write key without the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteKeyRow {
    /// Id; later keys have greater ones.
    pub id: String,
    /// Tenant.
    pub tenant: String,
    /// Source whose events it may send.
    pub source: String,
    /// First characters of the key.
    pub prefix: String,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// When it was made void; absent while it works.
    pub revoked: Option<DateTime<Utc>>,
}

const COLUMNS: &str = "id, tenant, source, prefix, created_us, revoked_us";

/// Adds a key by its hash.
pub async fn insert(tx: &WriteTx, row: &WriteKeyRow, hash: &[u8; 32]) -> Result<(), StoreError> {
    let insert = "INSERT INTO write_keys (id, tenant, source, hash, prefix, created_us) \
        VALUES ($1, $2, $3, $4, $5, $6)";
    let values = [
        row.id.as_str().into(),
        row.tenant.as_str().into(),
        row.source.as_str().into(),
        hash.to_vec().into(),
        row.prefix.as_str().into(),
        micros(row.created).into(),
    ];
    sql::execute(tx, insert, values).await?;
    Ok(())
}

/// Returns the key of a hash, also when it is void.
pub async fn by_hash<C: ConnectionTrait>(
    db: &C,
    hash: &[u8; 32],
) -> Result<Option<WriteKeyRow>, StoreError> {
    let select = format!("SELECT {COLUMNS} FROM write_keys WHERE hash = $1");
    let row = sql::query_one(db, &select, [hash.to_vec().into()]).await?;
    row.map(|row| read(&row)).transpose()
}

/// Tells how many keys of a source work.
pub async fn count(tx: &WriteTx, tenant: &str, source: &str) -> Result<i64, StoreError> {
    let select = "SELECT COUNT(*) AS count FROM write_keys \
        WHERE tenant = $1 AND source = $2 AND revoked_us IS NULL";
    match sql::query_one(tx, select, [tenant.into(), source.into()]).await? {
        Some(row) => sql::get(&row, "count"),
        None => Ok(0),
    }
}

/// Returns up to `limit` keys of a source that follow `after`, the oldest first.
pub async fn list<C: ConnectionTrait>(
    db: &C,
    tenant: &str,
    source: &str,
    after: &str,
    limit: u64,
) -> Result<Vec<WriteKeyRow>, StoreError> {
    let select = format!(
        "SELECT {COLUMNS} FROM write_keys WHERE tenant = $1 AND source = $2 AND id > $3 ORDER BY id LIMIT $4"
    );
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let values = [tenant.into(), source.into(), after.into(), limit.into()];
    let rows = sql::query_all(db, &select, values).await?;
    rows.iter().map(read).collect()
}

/// Makes a key void; it stays void from the first time on. False when there is no such key.
pub async fn revoke(
    tx: &WriteTx,
    (tenant, source, id): (&str, &str, &str),
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let update = "UPDATE write_keys SET revoked_us = COALESCE(revoked_us, $4) \
        WHERE tenant = $1 AND source = $2 AND id = $3";
    let values = [tenant.into(), source.into(), id.into(), micros(now).into()];
    Ok(sql::execute(tx, update, values).await? == 1)
}

fn read(row: &QueryResult) -> Result<WriteKeyRow, StoreError> {
    Ok(WriteKeyRow {
        id: sql::get(row, "id")?,
        tenant: sql::get(row, "tenant")?,
        source: sql::get(row, "source")?,
        prefix: sql::get(row, "prefix")?,
        created: instant(sql::get(row, "created_us")?),
        revoked: sql::get::<Option<i64>>(row, "revoked_us")?.map(instant),
    })
}
