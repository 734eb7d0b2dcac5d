//! Reads how far the lanes have come and what became of a tenant's events.

use sea_orm::{AccessMode, ConnectionTrait, IsolationLevel, TransactionTrait};
use store::{Backend, Store, StoreError, sql};

use super::log::{Fill, Lane, Status, instant, place};
use crate::domain::counts::Counts;

pub(super) async fn lanes<C: ConnectionTrait>(db: &C) -> Result<Vec<Lane>, StoreError> {
    let select = "SELECT lane_cursors.lane, lane_id, position, time_us, claimed_batch, claimed_position, applied_batch, \
        through_us, archiving_batch, archived_batch FROM lane_cursors \
        JOIN lane_heads ON lane_heads.lane = lane_cursors.lane ORDER BY lane_cursors.lane";
    let mut lanes = Vec::new();
    for row in sql::query_all(db, select, []).await? {
        lanes.push(Lane {
            lane: sql::get(&row, "lane")?,
            lane_id: sql::get(&row, "lane_id")?,
            head: sql::get(&row, "position")?,
            head_time: instant(sql::get(&row, "time_us")?),
            claimed_batch: sql::get(&row, "claimed_batch")?,
            claimed_position: sql::get(&row, "claimed_position")?,
            applied_batch: sql::get(&row, "applied_batch")?,
            through: instant(sql::get(&row, "through_us")?),
            archiving_batch: sql::get(&row, "archiving_batch")?,
            archived_batch: sql::get(&row, "archived_batch")?,
        });
    }
    Ok(lanes)
}

/// Reads everything as of one moment, so that the laws hold in every answer.
pub(super) async fn status(store: &Store, tenant: &str) -> Result<Status, StoreError> {
    let reader = store.reader();
    let tx = match store.backend() {
        Backend::Postgres => {
            let (isolation, access) = (IsolationLevel::RepeatableRead, AccessMode::ReadOnly);
            reader
                .begin_with_config(Some(isolation), Some(access))
                .await?
        }
        // A transaction of SQLite sees one moment anyway.
        Backend::Sqlite => reader.begin().await?,
    };
    let status = read_status(&tx, tenant).await?;
    tx.rollback().await?;
    Ok(status)
}

async fn read_status<C: ConnectionTrait>(db: &C, tenant: &str) -> Result<Status, StoreError> {
    let mut status = Status {
        pending: pending(db, tenant).await?,
        quarantine: super::quarantine::totals(db, tenant).await?,
        ..Status::default()
    };
    let select = "SELECT source, received, accepted, duplicate, conflict, quarantined, rejected FROM receipt_counts \
        WHERE tenant = $1";
    for row in sql::query_all(db, select, [tenant.into()]).await? {
        let counts = Counts {
            received: sql::get(&row, "received")?,
            accepted: sql::get(&row, "accepted")?,
            duplicate: sql::get(&row, "duplicate")?,
            conflict: sql::get(&row, "conflict")?,
            quarantined: sql::get(&row, "quarantined")?,
            rejected: sql::get(&row, "rejected")?,
        };
        status.sources.insert(sql::get(&row, "source")?, counts);
    }
    let select = "SELECT applied, parked, archived FROM applied_counts WHERE tenant = $1";
    if let Some(row) = sql::query_one(db, select, [tenant.into()]).await? {
        status.applied = sql::get(&row, "applied")?;
        status.parked = sql::get(&row, "parked")?;
        status.archived = sql::get(&row, "archived")?;
    }
    Ok(status)
}

/// Counts in the log the events that no applied batch holds.
async fn pending<C: ConnectionTrait>(db: &C, tenant: &str) -> Result<i64, StoreError> {
    let applied = "SELECT lane_cursors.lane, COALESCE(claims.last_position, lane_cursors.dropped_position) AS position \
        FROM lane_cursors LEFT JOIN claims ON claims.lane = lane_cursors.lane AND claims.number = applied_batch";
    let count =
        "SELECT COUNT(*) AS pending FROM events WHERE place > $1 AND place < $2 AND tenant = $3";
    let mut pending = 0;
    for row in sql::query_all(db, applied, []).await? {
        let (lane, position): (i32, i64) = (sql::get(&row, "lane")?, sql::get(&row, "position")?);
        let values = [
            place(lane, position).into(),
            place(lane + 1, 0).into(),
            tenant.into(),
        ];
        if let Some(row) = sql::query_one(db, count, values).await? {
            pending += sql::get::<i64>(&row, "pending")?;
        }
    }
    Ok(pending)
}

/// Returns how many bytes of events are held of those that may be.
pub(super) async fn fill<C: ConnectionTrait>(db: &C, most: i64) -> Result<Fill, StoreError> {
    let select = "SELECT CAST((SELECT COALESCE(SUM(bytes), 0) FROM lane_heads) - \
        (SELECT COALESCE(SUM(dropped_bytes), 0) FROM lane_cursors) AS BIGINT) AS held";
    let held = match sql::query_one(db, select, []).await? {
        Some(row) => sql::get(&row, "held")?,
        None => 0,
    };
    Ok(Fill { held, most })
}
