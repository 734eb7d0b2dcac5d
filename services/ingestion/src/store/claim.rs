//! Claims of batches, and what profile answered to them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbBackend, QueryResult};
use store::lease::Lease;
use store::{StoreError, WriteTx, sql};

use super::log::{AppliedBatch, Batch, DatabaseLog, LoggedEvent, instant, micros, place};

/// Where a lane's cursors stand.
struct Cursor {
    lane_id: String,
    claimed_batch: i64,
    claimed_position: i64,
    applied_batch: i64,
    head: i64,
    head_time: i64,
}

/// Ends of a claimed batch.
pub(super) struct Claim {
    pub(super) number: i64,
    pub(super) first: i64,
    pub(super) last: i64,
    through: i64,
}

/// Returns the claimed batch that is to be applied next, claiming one where there is none.
pub(super) async fn next_batch(
    log: &DatabaseLog,
    lane: i32,
    lease: &Lease,
) -> Result<Option<Batch>, StoreError> {
    let Some(cursor) = cursor(log, lane).await? else {
        return Ok(None);
    };
    let number = cursor.applied_batch + 1;
    if cursor.applied_batch < cursor.claimed_batch {
        let claim = claims(log.store.reader(), lane, number, number)
            .await?
            .pop();
        let claim = claim.ok_or_else(|| {
            StoreError::Corrupt(format!("batch {number} of lane {lane} is claimed and gone"))
        })?;
        let events = load(log, lane, claim.first, claim.last)
            .await?
            .into_iter()
            .map(|(event, _)| event)
            .collect();
        return Ok(Some(Batch {
            lane_id: cursor.lane_id,
            number,
            through: instant(claim.through),
            events,
        }));
    }
    claim(log, lane, lease, &cursor).await
}

/// Claims the next batch of a lane, whatever has been applied, so that it can be archived. Returns whether there was one.
pub(super) async fn claim_ahead(
    log: &DatabaseLog,
    lane: i32,
    lease: &Lease,
) -> Result<bool, StoreError> {
    match cursor(log, lane).await? {
        Some(cursor) => Ok(claim(log, lane, lease, &cursor).await?.is_some()),
        None => Ok(false),
    }
}

/// Claims what stands behind the newest claim of a lane, as much as one batch holds; `None` when nothing does.
async fn claim(
    log: &DatabaseLog,
    lane: i32,
    lease: &Lease,
    cursor: &Cursor,
) -> Result<Option<Batch>, StoreError> {
    let number = cursor.claimed_batch + 1;
    if cursor.head == cursor.claimed_position {
        return Ok(None);
    }
    let first = cursor.claimed_position + 1;
    let most = i64::try_from(log.limits.batch_events).unwrap_or(i64::MAX);
    // One more than fits, whose time is the watermark.
    let mut events = load(
        log,
        lane,
        first,
        cursor.head.min(first.saturating_add(most)),
    )
    .await?;
    let mut bytes = 0;
    let fits = |(event, _): &&(LoggedEvent, i64)| {
        bytes += event.payload.len();
        bytes <= log.limits.batch_bytes
    };
    let count = events
        .iter()
        .take(log.limits.batch_events)
        .take_while(fits)
        .count()
        .max(1);
    let last = first + count as i64 - 1;
    let through = events
        .get(count)
        .map_or(cursor.head_time, |(_, accepted)| *accepted);
    events.truncate(count);
    if events.len() != count {
        return Err(StoreError::Corrupt(format!(
            "lane {lane} misses events from position {first}"
        )));
    }
    let claim = Claim {
        number,
        first,
        last,
        through,
    };
    commit_claim(log, lane, lease, &claim).await?;
    runtime::crash::point("claimed");
    let events = events.into_iter().map(|(event, _)| event).collect();
    Ok(Some(Batch {
        lane_id: cursor.lane_id.clone(),
        number,
        through: instant(through),
        events,
    }))
}

async fn commit_claim(
    log: &DatabaseLog,
    lane: i32,
    lease: &Lease,
    claim: &Claim,
) -> Result<(), StoreError> {
    let Claim {
        number,
        first,
        last,
        through,
    } = *claim;
    let tx = log.store.begin().await?;
    lease.check(&tx).await?;
    let advance = "UPDATE lane_cursors SET claimed_batch = $2, claimed_position = $3 \
        WHERE lane = $1 AND claimed_batch = $2 - 1 AND claimed_position = $4 - 1";
    let values = [lane.into(), number.into(), last.into(), first.into()];
    expect_one(sql::execute(&tx, advance, values).await?, lane)?;
    let insert = "INSERT INTO claims (lane, number, first_position, last_position, through_us) VALUES ($1, $2, $3, $4, $5)";
    let values = [
        lane.into(),
        number.into(),
        first.into(),
        last.into(),
        through.into(),
    ];
    sql::execute(&tx, insert, values).await?;
    tx.commit().await
}

/// Records answers: counts by tenant, parked events, the cursor.
pub(super) async fn applied(
    log: &DatabaseLog,
    lane: i32,
    lease: &Lease,
    answers: AppliedBatch<'_>,
) -> Result<(), StoreError> {
    let AppliedBatch { batch, parked } = answers;
    let tx = log.store.begin().await?;
    lease.check(&tx).await?;
    let advance = "UPDATE lane_cursors SET applied_batch = $2, through_us = $3 WHERE lane = $1 AND applied_batch = $2 - 1";
    let values = [
        lane.into(),
        batch.number.into(),
        micros(batch.through).into(),
    ];
    expect_one(sql::execute(&tx, advance, values).await?, lane)?;
    let mut counts: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    batch
        .events
        .iter()
        .for_each(|event| counts.entry(&event.tenant).or_default().0 += 1);
    let now = micros(runtime::clock::now());
    for (index, reason) in parked {
        let Some(event) = batch.events.get(index) else {
            continue;
        };
        let (applied, refused) = counts.entry(&event.tenant).or_default();
        *applied -= 1;
        *refused += 1;
        let insert = "INSERT INTO parked (place, tenant, lane, batch, reason, payload, parked_us) \
            VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let values = [
            event.place.into(),
            event.tenant.as_str().into(),
            lane.into(),
            batch.number.into(),
            reason.into(),
            event.payload.clone().into(),
            now.into(),
        ];
        sql::execute(&tx, insert, values).await?;
    }
    for (tenant, (applied, refused)) in counts {
        add_counts(&tx, tenant, [applied, refused, 0]).await?;
    }
    tx.commit().await
}

/// Adds to what is applied, parked and archived of a tenant.
pub(super) async fn add_counts(
    tx: &WriteTx,
    tenant: &str,
    added: [i64; 3],
) -> Result<(), StoreError> {
    let upsert = "INSERT INTO applied_counts (tenant, applied, parked, archived) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (tenant) DO UPDATE SET applied = applied_counts.applied + excluded.applied, \
        parked = applied_counts.parked + excluded.parked, archived = applied_counts.archived + excluded.archived";
    let [applied, parked, archived] = added;
    sql::execute(
        tx,
        upsert,
        [
            tenant.into(),
            applied.into(),
            parked.into(),
            archived.into(),
        ],
    )
    .await?;
    Ok(())
}

/// Moves an idle lane's end to `now`, so that every event to come is later, and returns that time.
pub(super) async fn idle_through(
    log: &DatabaseLog,
    lane: i32,
    lease: &Lease,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let tx = log.store.begin().await?;
    lease.check(&tx).await?;
    let lock = match tx.get_database_backend() {
        DbBackend::Postgres => " FOR UPDATE",
        _ => "",
    };
    let select = format!("SELECT position, time_us FROM lane_heads WHERE lane = $1{lock}");
    let Some(row) = sql::query_one(&tx, &select, [lane.into()]).await? else {
        return Ok(None);
    };
    let head: i64 = sql::get(&row, "position")?;
    let through = micros(now).max(sql::get(&row, "time_us")?);
    let idle = "UPDATE lane_cursors SET through_us = $2 \
        WHERE lane = $1 AND claimed_position = $3 AND claimed_batch = applied_batch";
    if sql::execute(&tx, idle, [lane.into(), through.into(), head.into()]).await? == 0 {
        return Ok(None);
    }
    sql::execute(
        &tx,
        "UPDATE lane_heads SET time_us = $2 WHERE lane = $1",
        [lane.into(), through.into()],
    )
    .await?;
    tx.commit().await?;
    Ok(Some(instant(through)))
}

async fn cursor(log: &DatabaseLog, lane: i32) -> Result<Option<Cursor>, StoreError> {
    let select = "SELECT lane_id, claimed_batch, claimed_position, applied_batch, position, time_us \
        FROM lane_cursors JOIN lane_heads ON lane_heads.lane = lane_cursors.lane WHERE lane_cursors.lane = $1";
    let row = sql::query_one(log.store.reader(), select, [lane.into()]).await?;
    let read = |row: QueryResult| -> Result<Cursor, StoreError> {
        Ok(Cursor {
            lane_id: sql::get(&row, "lane_id")?,
            claimed_batch: sql::get(&row, "claimed_batch")?,
            claimed_position: sql::get(&row, "claimed_position")?,
            applied_batch: sql::get(&row, "applied_batch")?,
            head: sql::get(&row, "position")?,
            head_time: sql::get(&row, "time_us")?,
        })
    };
    row.map(read).transpose()
}

/// Reads the claims numbered `first` to `last`, in order.
pub(super) async fn claims<C: ConnectionTrait>(
    db: &C,
    lane: i32,
    first: i64,
    last: i64,
) -> Result<Vec<Claim>, StoreError> {
    let select = "SELECT number, first_position, last_position, through_us FROM claims \
        WHERE lane = $1 AND number BETWEEN $2 AND $3 ORDER BY number";
    let mut found = Vec::new();
    for row in sql::query_all(db, select, [lane.into(), first.into(), last.into()]).await? {
        found.push(Claim {
            number: sql::get(&row, "number")?,
            first: sql::get(&row, "first_position")?,
            last: sql::get(&row, "last_position")?,
            through: sql::get(&row, "through_us")?,
        });
    }
    Ok(found)
}

/// Reads the events of a range of positions, each with when it was accepted.
pub(super) async fn load(
    log: &DatabaseLog,
    lane: i32,
    first: i64,
    last: i64,
) -> Result<Vec<(LoggedEvent, i64)>, StoreError> {
    let select = "SELECT place, tenant, accepted_us, payload FROM events WHERE place BETWEEN $1 AND $2 ORDER BY place";
    let values = [place(lane, first).into(), place(lane, last).into()];
    let mut events = Vec::new();
    for row in sql::query_all(log.store.reader(), select, values).await? {
        let event = LoggedEvent {
            place: sql::get(&row, "place")?,
            tenant: sql::get(&row, "tenant")?,
            payload: sql::get(&row, "payload")?,
        };
        events.push((event, sql::get(&row, "accepted_us")?));
    }
    Ok(events)
}

/// Fails unless a cursor moved: then another process has moved it.
pub(super) fn expect_one(changed: u64, lane: i32) -> Result<(), StoreError> {
    match changed {
        1 => Ok(()),
        _ => Err(StoreError::Fenced(format!("lane {lane}"))),
    }
}
