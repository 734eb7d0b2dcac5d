//! Tables of exchange rates, one per tenant.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, QueryResult};
use store::bulk::{self, Kind, Rows};
use store::{StoreError, WriteTx, sql};

use super::log::{instant, micros};

/// What one unit of a currency was worth on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateRow {
    /// Code of the currency.
    pub currency: String,
    /// Day since 1970.
    pub day: i32,
    /// Rate as text.
    pub rate: String,
    /// When it was set.
    pub updated: DateTime<Utc>,
}

/// Where a list of rates goes on, and what it holds.
#[derive(Clone, Debug)]
pub struct RateFilter<'a> {
    /// Currency; empty means all.
    pub currency: &'a str,
    /// First and last day.
    pub days: (i32, i32),
    /// Currency and day of the last one that was listed.
    pub after: (String, i32),
}

/// Takes the turn to change a tenant's rates and lets others notice the change.
pub async fn begin_change(tx: &WriteTx, tenant: &str) -> Result<(), StoreError> {
    let next = "INSERT INTO exchange_rate_versions (tenant, version) VALUES ($1, 1) \
        ON CONFLICT (tenant) DO UPDATE SET version = exchange_rate_versions.version + 1";
    sql::execute(tx, next, [tenant.into()]).await?;
    Ok(())
}

/// Sets rates; a day that has one gets the new one.
pub async fn set(tx: &WriteTx, tenant: &str, rows: &[RateRow]) -> Result<u64, StoreError> {
    let columns = [
        ("currency", Kind::Text),
        ("day", Kind::Int),
        ("rate", Kind::Text),
        ("updated_us", Kind::BigInt),
    ];
    let mut all = Rows::new(columns);
    for row in rows {
        all.push([
            row.currency.as_str().into(),
            row.day.into(),
            row.rate.as_str().into(),
            micros(row.updated).into(),
        ]);
    }
    let insert = "INSERT INTO exchange_rates (tenant, currency, day, rate, updated_us) \
        SELECT $1, currency, day, rate, updated_us FROM {rows} WHERE true \
        ON CONFLICT (tenant, currency, day) DO UPDATE SET rate = excluded.rate, updated_us = excluded.updated_us";
    bulk::execute(tx, insert, [tenant.into()], all).await
}

/// Removes the rates of these currencies and days; returns how many there were.
pub async fn remove(
    tx: &WriteTx,
    tenant: &str,
    places: &[(String, i32)],
) -> Result<u64, StoreError> {
    let delete = "DELETE FROM exchange_rates WHERE tenant = $1 AND currency = $2 AND day = $3";
    let mut removed = 0;
    for (currency, day) in places {
        let values = [tenant.into(), currency.as_str().into(), (*day).into()];
        removed += sql::execute(tx, delete, values).await?;
    }
    Ok(removed)
}

/// Tells how many rates a tenant has.
pub async fn count(tx: &WriteTx, tenant: &str) -> Result<i64, StoreError> {
    let select = "SELECT COUNT(*) AS count FROM exchange_rates WHERE tenant = $1";
    match sql::query_one(tx, select, [tenant.into()]).await? {
        Some(row) => sql::get(&row, "count"),
        None => Ok(0),
    }
}

/// Returns the version of a tenant's rates, 0 when it never had any.
pub async fn version<C: ConnectionTrait>(db: &C, tenant: &str) -> Result<i64, StoreError> {
    let select = "SELECT version FROM exchange_rate_versions WHERE tenant = $1";
    match sql::query_one(db, select, [tenant.into()]).await? {
        Some(row) => sql::get(&row, "version"),
        None => Ok(0),
    }
}

/// Returns up to `limit` rates by currency and day.
pub async fn list<C: ConnectionTrait>(
    db: &C,
    tenant: &str,
    filter: &RateFilter<'_>,
    limit: u64,
) -> Result<Vec<RateRow>, StoreError> {
    let select = "SELECT currency, day, rate, updated_us FROM exchange_rates \
        WHERE tenant = $1 AND ($2 = '' OR currency = $2) AND day BETWEEN $3 AND $4 \
        AND (currency > $5 OR (currency = $5 AND day > $6)) ORDER BY currency, day LIMIT $7";
    let values = [
        tenant.into(),
        filter.currency.into(),
        filter.days.0.into(),
        filter.days.1.into(),
        filter.after.0.as_str().into(),
        filter.after.1.into(),
        i64::try_from(limit).unwrap_or(i64::MAX).into(),
    ];
    let rows = sql::query_all(db, select, values).await?;
    rows.iter().map(read).collect()
}

fn read(row: &QueryResult) -> Result<RateRow, StoreError> {
    Ok(RateRow {
        currency: sql::get(row, "currency")?,
        day: sql::get(row, "day")?,
        rate: sql::get(row, "rate")?,
        updated: instant(sql::get(row, "updated_us")?),
    })
}
