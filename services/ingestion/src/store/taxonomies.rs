//! Versions of taxonomies, and which of them are in force.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, QueryResult};
use store::{StoreError, WriteTx, sql};

use super::log::{instant, micros};

/// A version as it is kept.
#[derive(Clone, Debug)]
pub struct TaxonomyRow {
    /// Id of the taxonomy within its tenant.
    pub id: String,
    /// Number of the version, from 1.
    pub number: i64,
    /// Its text; empty in lists.
    pub yaml: String,
    /// Number of its tags.
    pub tags: i32,
    /// Whether it is in force.
    pub active: bool,
    /// When it was stored.
    pub created: DateTime<Utc>,
    /// When it was put in force last.
    pub activated: Option<DateTime<Utc>>,
}

/// Where a page of versions ended: creation in microseconds, id and number.
pub type Place = (i64, String, i64);

const JOINED: &str = "taxonomy_versions v LEFT JOIN active_taxonomies a \
    ON a.tenant = v.tenant AND a.id = v.id AND a.number = v.number";
const COLUMNS: &str = "v.id, v.number, v.tags, v.created_us, v.activated_us, a.number AS active";

impl TaxonomyRow {
    /// Returns where a page that ends with this version ends.
    pub fn place(&self) -> Place {
        (micros(self.created), self.id.clone(), self.number)
    }
}

/// Keeps a text as the next version of its taxonomy and returns its number.
pub async fn add(
    tx: &WriteTx,
    tenant: &str,
    id: &str,
    (yaml, tags): (&str, i32),
    now: DateTime<Utc>,
) -> Result<i64, StoreError> {
    let insert = "INSERT INTO taxonomy_versions (tenant, id, number, yaml, tags, created_us) \
        SELECT $1, $2, 1 + COALESCE(MAX(number), 0), $3, $4, $5 FROM taxonomy_versions \
        WHERE tenant = $1 AND id = $2 RETURNING number";
    let values = [
        tenant.into(),
        id.into(),
        yaml.into(),
        tags.into(),
        micros(now).into(),
    ];
    sql::query_one(tx, insert, values).await?.map_or_else(
        || Err(StoreError::Failed("no version was written".into())),
        |row| sql::get(&row, "number"),
    )
}

/// Tells how many other taxonomies a tenant has.
pub async fn count_others(tx: &WriteTx, tenant: &str, id: &str) -> Result<i64, StoreError> {
    let select =
        "SELECT COUNT(DISTINCT id) AS count FROM taxonomy_versions WHERE tenant = $1 AND id <> $2";
    match sql::query_one(tx, select, [tenant.into(), id.into()]).await? {
        Some(row) => sql::get(&row, "count"),
        None => Ok(0),
    }
}

/// Returns a version with its text, the one in force when `number` is absent; `None` when there is none.
pub async fn load<C: ConnectionTrait>(
    db: &C,
    tenant: &str,
    id: &str,
    number: Option<i64>,
) -> Result<Option<TaxonomyRow>, StoreError> {
    let which = match number {
        Some(_) => "v.number = $3",
        None => "a.number IS NOT NULL AND $3 = 0",
    };
    let select = format!(
        "SELECT {COLUMNS}, v.yaml FROM {JOINED} WHERE v.tenant = $1 AND v.id = $2 AND {which}"
    );
    let values = [tenant.into(), id.into(), number.unwrap_or_default().into()];
    let row = sql::query_one(db, &select, values).await?;
    row.map(|row| {
        Ok(TaxonomyRow {
            yaml: sql::get(&row, "yaml")?,
            ..read(&row)?
        })
    })
    .transpose()
}

/// Returns up to `limit` versions without their texts, newest first, of one taxonomy or all.
pub async fn list<C: ConnectionTrait>(
    db: &C,
    tenant: &str,
    only: &str,
    after: Option<&Place>,
    limit: u64,
) -> Result<Vec<TaxonomyRow>, StoreError> {
    let (created, id, number) = after.cloned().unwrap_or((i64::MAX, String::new(), 0));
    let select = format!(
        "SELECT {COLUMNS} FROM {JOINED} WHERE v.tenant = $1 AND ($2 = '' OR v.id = $2) \
         AND (v.created_us, v.id, v.number) < ($3, $4, $5) \
         ORDER BY v.created_us DESC, v.id DESC, v.number DESC LIMIT $6"
    );
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let values = [
        tenant.into(),
        only.into(),
        created.into(),
        id.into(),
        number.into(),
        limit.into(),
    ];
    let rows = sql::query_all(db, &select, values).await?;
    rows.iter().map(read).collect()
}

/// Puts a version in force in place of another of its taxonomy.
pub async fn activate(
    tx: &WriteTx,
    tenant: &str,
    id: &str,
    number: i64,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let upsert = "INSERT INTO active_taxonomies (tenant, id, number) VALUES ($1, $2, $3) \
        ON CONFLICT (tenant, id) DO UPDATE SET number = excluded.number";
    sql::execute(tx, upsert, [tenant.into(), id.into(), number.into()]).await?;
    let update = "UPDATE taxonomy_versions SET activated_us = $4 WHERE tenant = $1 AND id = $2 AND number = $3";
    let values = [tenant.into(), id.into(), number.into(), micros(now).into()];
    sql::execute(tx, update, values).await?;
    Ok(())
}

/// Returns the versions in force: id and number.
pub async fn active<C: ConnectionTrait>(
    db: &C,
    tenant: &str,
) -> Result<Vec<(String, i64)>, StoreError> {
    let select = "SELECT id, number FROM active_taxonomies WHERE tenant = $1 ORDER BY id";
    let rows = sql::query_all(db, select, [tenant.into()]).await?;
    rows.iter()
        .map(|row| Ok((sql::get(row, "id")?, sql::get(row, "number")?)))
        .collect()
}

fn read(row: &QueryResult) -> Result<TaxonomyRow, StoreError> {
    Ok(TaxonomyRow {
        id: sql::get(row, "id")?,
        number: sql::get(row, "number")?,
        yaml: String::new(),
        tags: sql::get(row, "tags")?,
        active: sql::get::<Option<i64>>(row, "active")?.is_some(),
        created: instant(sql::get(row, "created_us")?),
        activated: sql::get::<Option<i64>>(row, "activated_us")?.map(instant),
    })
}
