//! Folds what appends added into the days, each exactly once.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use store::bulk::{self, Kind, Rows};
use store::lease::Lease;
use store::{Store, StoreError, sql};

use super::super::log::micros;
use super::corrupt;
use crate::domain::quality::{Day, Days};

/// Rows of appends that are folded at once.
const ROWS_MAX: i64 = 64;

/// A tenant and its source.
type Source = (String, String);

/// Adds the oldest rows to their days and deletes them, in one transaction under the lease. Returns true when there may be
/// more of them.
///
/// Only the holder of the lease changes days, so they may be read before the transaction.
pub async fn fold(store: &Store, lease: &Lease) -> Result<bool, StoreError> {
    let select = "SELECT id, tenant, source, body FROM quality_deltas ORDER BY id LIMIT $1";
    let mut ids = Vec::new();
    let mut added: BTreeMap<Source, Days> = BTreeMap::new();
    for row in sql::query_all(store.reader(), select, [ROWS_MAX.into()]).await? {
        ids.push(sql::get::<i64>(&row, "id")?);
        let body: Vec<u8> = sql::get(&row, "body")?;
        let source = (sql::get(&row, "tenant")?, sql::get(&row, "source")?);
        let days = Days::from_bytes(&body).map_err(corrupt)?;
        added.entry(source).or_default().merge(&days);
    }
    if ids.is_empty() {
        return Ok(false);
    }
    let folded = with_days_before(store, &added).await?;
    runtime::crash::point("quality_folding");
    let now = micros(runtime::clock::now());
    let tx = store.begin().await?;
    lease.check(&tx).await?;
    let mut rows = Rows::new([
        ("tenant", Kind::Text),
        ("source", Kind::Text),
        ("day", Kind::Int),
        ("last_us", Kind::BigInt),
        ("counts", Kind::Bytes),
        ("sketches", Kind::Bytes),
    ]);
    for (((tenant, source), day), figures) in folded {
        let (counts, sketches) = figures.to_bytes();
        rows.push([
            tenant.into(),
            source.into(),
            day.into(),
            figures.last_us.into(),
            counts.into(),
            sketches.into(),
        ]);
    }
    let upsert = "INSERT INTO quality_days (tenant, source, day, changed_us, last_us, counts, sketches) \
        SELECT rows.tenant, rows.source, rows.day, $1, rows.last_us, rows.counts, rows.sketches FROM {rows} WHERE TRUE \
        ON CONFLICT (tenant, source, day) DO UPDATE SET changed_us = excluded.changed_us, \
        last_us = excluded.last_us, counts = excluded.counts, sketches = excluded.sketches";
    bulk::execute(&tx, upsert, [now.into()], rows).await?;
    let mut rows = Rows::new([("id", Kind::BigInt)]);
    ids.iter().for_each(|id| rows.push([(*id).into()]));
    let delete = "DELETE FROM quality_deltas WHERE id IN (SELECT rows.id FROM {rows})";
    if bulk::execute(&tx, delete, [], rows).await? != ids.len() as u64 {
        return Err(StoreError::Conflict(
            "another process has folded these figures".into(),
        ));
    }
    tx.commit().await?;
    runtime::crash::point("quality_folded");
    Ok(ids.len() as i64 == ROWS_MAX)
}

/// Returns the days that change, with what was there before.
async fn with_days_before(
    store: &Store,
    added: &BTreeMap<Source, Days>,
) -> Result<BTreeMap<(Source, i32), Day>, StoreError> {
    let mut rows = Rows::new([
        ("tenant", Kind::Text),
        ("source", Kind::Text),
        ("day", Kind::Int),
    ]);
    for ((tenant, source), days) in added {
        for day in days.0.keys() {
            rows.push([
                tenant.as_str().into(),
                source.as_str().into(),
                (*day).into(),
            ]);
        }
    }
    let select = "SELECT quality_days.tenant, quality_days.source, quality_days.day, last_us, counts, sketches \
        FROM quality_days JOIN {rows} ON quality_days.tenant = rows.tenant AND quality_days.source = rows.source \
        AND quality_days.day = rows.day";
    let mut folded = BTreeMap::new();
    for row in bulk::query(store.reader(), select, [], rows).await? {
        let source = (sql::get(&row, "tenant")?, sql::get(&row, "source")?);
        let counts: Vec<u8> = sql::get(&row, "counts")?;
        let sketches: Vec<u8> = sql::get(&row, "sketches")?;
        let mut day = Day::from_bytes(&counts, &sketches).map_err(corrupt)?;
        day.last_us = sql::get(&row, "last_us")?;
        folded.insert((source, sql::get(&row, "day")?), day);
    }
    for (source, days) in added {
        for (day, figures) in &days.0 {
            let key = (source.clone(), *day);
            folded
                .entry(key)
                .or_insert_with(Day::default)
                .merge(figures);
        }
    }
    Ok(folded)
}

/// Forgets what is held since before a time. Returns how many records.
///
/// What is in quarantine still is not forgotten, however old: it may be accepted yet, and would then count twice.
pub async fn forget_held(store: &Store, before: DateTime<Utc>) -> Result<u64, StoreError> {
    let tx = store.begin().await?;
    let delete = "DELETE FROM quality_held WHERE held_us < $1 \
        AND NOT EXISTS (SELECT 1 FROM quarantine WHERE quarantine.event_id = quality_held.id)";
    let forgotten = sql::execute(&tx, delete, [micros(before).into()]).await?;
    tx.commit().await?;
    Ok(forgotten)
}
