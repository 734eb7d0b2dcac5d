//! Plans of what goes to the lake.
//!
//! A plan is committed before it is acted on, so that a successor repeats the same append: the lake tells by lane and
//! last batch that it has it already.

use std::collections::BTreeMap;

use store::lease::Lease;
use store::{StoreError, sql};

use super::claim::{add_counts, claims, expect_one, load};
use super::log::{ArchivePlan, DatabaseLog, place};

/// Most batches of one append.
const BATCHES_MAX: i64 = 1000;

pub(super) async fn plan(
    log: &DatabaseLog,
    lane: i32,
    lease: &Lease,
) -> Result<Option<ArchivePlan>, StoreError> {
    let select = "SELECT lane_id, claimed_batch, archiving_batch, archived_batch FROM lane_cursors WHERE lane = $1";
    let Some(row) = sql::query_one(log.store.reader(), select, [lane.into()]).await? else {
        return Ok(None);
    };
    let archived: i64 = sql::get(&row, "archived_batch")?;
    let planned: i64 = sql::get(&row, "archiving_batch")?;
    let claimed: i64 = sql::get(&row, "claimed_batch")?;
    let last = if planned > archived {
        planned
    } else {
        claimed.min(archived + BATCHES_MAX)
    };
    if last == archived {
        return Ok(None);
    }
    let mut found = claims(log.store.reader(), lane, archived + 1, last).await?;
    if planned <= archived {
        let mut events = 0;
        let fits = found.iter().take_while(|claim| {
            events += claim.last - claim.first + 1;
            events <= log.limits.archive_events
        });
        let count = fits.count().max(1);
        found.truncate(count);
    }
    let (Some(first), Some(newest)) = (found.first(), found.last()) else {
        return Err(StoreError::Corrupt(format!(
            "batch {} of lane {lane} is claimed and gone",
            archived + 1
        )));
    };
    let last_batch = newest.number;
    if planned <= archived {
        let tx = log.store.begin().await?;
        lease.check(&tx).await?;
        let advance =
            "UPDATE lane_cursors SET archiving_batch = $2 WHERE lane = $1 AND archiving_batch = $3";
        expect_one(
            sql::execute(
                &tx,
                advance,
                [lane.into(), last_batch.into(), planned.into()],
            )
            .await?,
            lane,
        )?;
        tx.commit().await?;
    }
    let mut events = load(log, lane, first.first, newest.last)
        .await?
        .into_iter()
        .map(|(event, _)| event)
        .peekable();
    let mut batches = Vec::with_capacity(found.len());
    for claim in &found {
        let mut of_batch = Vec::new();
        while let Some(event) = events.next_if(|event| event.place <= place(lane, claim.last)) {
            of_batch.push(event);
        }
        batches.push((claim.number, of_batch));
    }
    Ok(Some(ArchivePlan {
        lane_id: sql::get(&row, "lane_id")?,
        last_batch,
        batches,
    }))
}

pub(super) async fn archived(
    log: &DatabaseLog,
    lane: i32,
    lease: &Lease,
    plan: &ArchivePlan,
) -> Result<(), StoreError> {
    let tx = log.store.begin().await?;
    lease.check(&tx).await?;
    let advance = "UPDATE lane_cursors SET archived_batch = $2 WHERE lane = $1 AND archiving_batch = $2 AND archived_batch < $2";
    expect_one(
        sql::execute(&tx, advance, [lane.into(), plan.last_batch.into()]).await?,
        lane,
    )?;
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    for event in plan.batches.iter().flat_map(|(_, events)| events) {
        *counts.entry(&event.tenant).or_default() += 1;
    }
    for (tenant, count) in counts {
        add_counts(&tx, tenant, [0, 0, count]).await?;
    }
    tx.commit().await
}
