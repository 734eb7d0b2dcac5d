//! Drops what is no longer needed.

use chrono::{DateTime, Utc};
use store::lease::Lease;
use store::{StoreError, sql};

use super::log::{DatabaseLog, micros, place};

/// Most events that one transaction drops.
const EVENTS_MAX: i64 = 5000;

/// Drops the oldest events of a lane that are applied, archived and accepted before a time.
pub(super) async fn trim(
    log: &DatabaseLog,
    lane: i32,
    lease: &Lease,
    before: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let done = "SELECT dropped_position, COALESCE(MAX(last_position), dropped_position) AS position FROM lane_cursors \
        LEFT JOIN claims ON claims.lane = lane_cursors.lane AND number <= applied_batch AND number <= archived_batch \
        WHERE lane_cursors.lane = $1 GROUP BY dropped_position";
    let Some(row) = sql::query_one(log.store.reader(), done, [lane.into()]).await? else {
        return Ok(0);
    };
    let dropped: i64 = sql::get(&row, "dropped_position")?;
    let last = sql::get::<i64>(&row, "position")?.min(dropped + EVENTS_MAX);
    let old = "SELECT COUNT(*) AS count, CAST(COALESCE(SUM(LENGTH(payload)), 0) AS BIGINT) AS bytes, \
        MAX(place) AS place FROM events WHERE place BETWEEN $1 AND $2 AND accepted_us < $3";
    let values = [
        place(lane, dropped + 1).into(),
        place(lane, last).into(),
        micros(before).into(),
    ];
    let Some(row) = sql::query_one(log.store.reader(), old, values).await? else {
        return Ok(0);
    };
    let Some(newest) = sql::get::<Option<i64>>(&row, "place")? else {
        return Ok(0);
    };
    let (count, bytes): (i64, i64) = (sql::get(&row, "count")?, sql::get(&row, "bytes")?);
    let position = newest - place(lane, 0);

    let tx = log.store.begin().await?;
    lease.check(&tx).await?;
    let advance = "UPDATE lane_cursors SET dropped_position = $2, dropped_bytes = dropped_bytes + $3 \
        WHERE lane = $1 AND dropped_position = $4";
    let values = [lane.into(), position.into(), bytes.into(), dropped.into()];
    super::claim::expect_one(sql::execute(&tx, advance, values).await?, lane)?;
    let delete = "DELETE FROM events WHERE place BETWEEN $1 AND $2";
    sql::execute(
        &tx,
        delete,
        [place(lane, dropped + 1).into(), newest.into()],
    )
    .await?;
    let delete = "DELETE FROM claims WHERE lane = $1 AND last_position <= $2";
    sql::execute(&tx, delete, [lane.into(), position.into()]).await?;
    tx.commit().await?;
    Ok(count.unsigned_abs())
}

/// Forgets the keys of messages accepted before a time.
pub(super) async fn forget_keys(
    log: &DatabaseLog,
    before: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let tx = log.store.begin().await?;
    let deleted = sql::execute(
        &tx,
        "DELETE FROM message_keys WHERE accepted_us < $1",
        [micros(before).into()],
    )
    .await?;
    // Nothing can come near to these any more.
    sql::execute(
        &tx,
        "DELETE FROM near_keys WHERE until_us < $1",
        [micros(runtime::clock::now()).into()],
    )
    .await?;
    sql::execute(
        &tx,
        "DELETE FROM import_baselines WHERE created_us < $1",
        [micros(before).into()],
    )
    .await?;
    tx.commit().await?;
    Ok(deleted)
}
