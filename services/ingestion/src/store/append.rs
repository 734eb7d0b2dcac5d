//! Commits events: keys, events, quarantine, counts and the progress of imports in one transaction.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DbBackend};
use store::bulk::{self, Kind, Rows};
use store::{StoreError, WriteTx, group, sql};
use uuid::Uuid;

use super::log::{LogError, Outcome, micros, place};
use super::quarantine::QuarantineLimits;
use super::runs::PullStep;
use crate::domain::contract::DuplicateAction;
use crate::domain::counts::{Counts, Summary};
use crate::domain::judge::{Judged, Standard, Verdict};
use crate::domain::keys::Hash;
use crate::domain::near;

/// Judged events of one tenant, to be committed together.
#[derive(Clone, Debug)]
pub struct Append {
    /// Tenant.
    pub tenant: String,
    /// Events; shared, because the caller needs them for its receipts, or to try again.
    pub events: Arc<[Judged]>,
    /// The step of an import or a pull that they are.
    pub step: Option<Step>,
}

/// The part of longer work that an append is: it advances with the append, in one transaction.
#[derive(Clone, Debug)]
pub enum Step {
    /// Of an import of a file.
    Import(ImportStep),
    /// Of a pull.
    Pull(PullStep),
}

/// A step of an import: rows that are counted once, because they count only where the step before them ended.
#[derive(Clone, Debug)]
pub struct ImportStep {
    /// Operation.
    pub operation: Uuid,
    /// Rows before this step.
    pub rows_before: i64,
    /// What the rows before came to.
    pub before: Summary,
    /// Lines of the events.
    pub lines: Vec<u64>,
}

impl ImportStep {
    /// Returns what the rows up to the end of this step came to.
    pub fn after(&self, events: &[Judged], outcomes: &[Outcome]) -> Summary {
        let mut summary = self.before.clone();
        for ((judged, outcome), line) in events.iter().zip(outcomes).zip(&self.lines) {
            summary.add_row(judged, *line);
            count(&mut summary.counts, *outcome);
            match outcome {
                Outcome::Near(DuplicateAction::Flag) => summary.add_mark(near::MARK),
                Outcome::Near(_) => summary.add_reason(&near::violation(), *line),
                _ => {}
            }
            if outcome.counted() == Outcome::Accepted {
                summary.add_accepted(judged);
            }
        }
        summary.counts.received += events.len() as i64;
        summary
    }
}

/// Adds an outcome to the counts; what was received is counted apart.
pub(crate) fn count(counts: &mut Counts, outcome: Outcome) {
    match outcome.counted() {
        Outcome::Accepted => counts.accepted += 1,
        Outcome::Duplicate => counts.duplicate += 1,
        Outcome::Conflict => counts.conflict += 1,
        Outcome::Quarantined => counts.quarantined += 1,
        Outcome::Rejected | Outcome::Near(_) => counts.rejected += 1,
    }
}

/// Writes groups of appends.
pub(super) struct Appender {
    pub(super) lanes: u64,
    pub(super) bytes_max: i64,
    pub(super) quarantine: QuarantineLimits,
}

/// End of a lane while events are added to it.
pub(super) struct Head {
    lane: i32,
    position: i64,
    bytes: i64,
    moved: bool,
}

#[async_trait]
impl group::Batch for Appender {
    type Item = Append;
    type Answer = Result<Vec<Outcome>, LogError>;

    async fn write(&self, tx: &WriteTx, items: &[Append]) -> Result<Vec<Self::Answer>, StoreError> {
        let mut ends = take_heads(tx).await?;
        if ends.held > self.bytes_max {
            let full = LogError::Full {
                held: ends.held,
                most: self.bytes_max,
            };
            return Ok(items.iter().map(|_| Err(full.clone())).collect());
        }
        let refused = super::quarantine::admit(tx, items, &self.quarantine).await?;
        if refused.iter().all(Option::is_none) {
            let outcomes = self.write_admitted(tx, items, &mut ends).await?;
            return Ok(outcomes.into_iter().map(Ok).collect());
        }
        let admitted: Vec<Append> = items
            .iter()
            .zip(&refused)
            .filter(|(_, refused)| refused.is_none())
            .map(|(item, _)| item.clone())
            .collect();
        let outcomes = self.write_admitted(tx, &admitted, &mut ends).await?;
        let mut outcomes = outcomes.into_iter();
        Ok(refused
            .into_iter()
            .map(|refused| match refused {
                Some(refused) => Err(refused),
                None => Ok(outcomes.next().unwrap_or_default()),
            })
            .collect())
    }

    fn weight(&self, item: &Append) -> usize {
        item.events.len().max(1)
    }
}

impl Appender {
    /// Writes all that appends bring and returns what became of each event.
    async fn write_admitted(
        &self,
        tx: &WriteTx,
        items: &[Append],
        ends: &mut Ends,
    ) -> Result<Vec<Vec<Outcome>>, StoreError> {
        let now = ends.now;
        let keys = take_keys(tx, items, now).await?;
        let settled = super::near::settle(tx, items, settle(items, keys, now), now).await?;
        let (told, appends) = (settled.told, items);
        let (items, outcomes) = (&*settled.items, settled.outcomes);
        self.write_events(tx, items, &outcomes, &mut ends.heads, now)
            .await?;
        let quarantined = each(items, &outcomes)
            .filter(|(_, _, outcome)| *outcome == Outcome::Quarantined)
            .map(|(item, judged, _)| (item, judged));
        super::quarantine::write(tx, quarantined, now).await?;
        write_counts(tx, items, &outcomes).await?;
        super::quality::write(tx, items, &outcomes, ends.any_observed, now).await?;
        write_heads(tx, &ends.heads, now).await?;
        for (item, outcomes) in appends.iter().zip(&told) {
            match &item.step {
                Some(Step::Import(step)) => {
                    super::imports::advance(tx, &item.tenant, step, &item.events, outcomes).await?;
                }
                Some(Step::Pull(step)) => super::runs::advance(tx, step, outcomes, now).await?,
                None => {}
            }
        }
        Ok(told)
    }

    pub(super) async fn write_events(
        &self,
        tx: &WriteTx,
        items: &[Append],
        outcomes: &[Vec<Outcome>],
        heads: &mut [Head],
        now: i64,
    ) -> Result<(), StoreError> {
        // One statement per tenant, so that the tenant is sent once and not with every row.
        let mut tenants: BTreeMap<&str, Rows> = BTreeMap::new();
        for (item, judged, _) in
            each(items, outcomes).filter(|(_, _, outcome)| *outcome == Outcome::Accepted)
        {
            let Verdict::Accept(standard) = &judged.verdict else {
                continue;
            };
            let head = &mut heads[self.lane_of(standard)];
            head.position += 1;
            head.bytes += standard.payload.len() as i64;
            head.moved = true;
            let place = place(head.lane, head.position);
            let columns = [("place", Kind::BigInt), ("payload", Kind::Bytes)];
            let rows = tenants
                .entry(&item.tenant)
                .or_insert_with(|| Rows::new(columns));
            rows.push([place.into(), standard.payload.clone().into()]);
        }
        let insert = "INSERT INTO events (place, tenant, accepted_us, payload) \
            SELECT rows.place, $1, $2, rows.payload FROM {rows}";
        for (tenant, rows) in tenants {
            bulk::execute(tx, insert, [tenant.into(), now.into()], rows).await?;
        }
        Ok(())
    }

    /// Returns the lane of an event: all events of a fragment share one.
    fn lane_of(&self, standard: &Standard) -> usize {
        let mut first = [0; 8];
        first.copy_from_slice(&standard.fragment[..8]);
        (u64::from_le_bytes(first) % self.lanes) as usize
    }
}

/// Returns every event with its append and outcome.
pub(super) fn each<'a>(
    items: &'a [Append],
    outcomes: &'a [Vec<Outcome>],
) -> impl Iterator<Item = (&'a Append, &'a Judged, Outcome)> {
    items.iter().zip(outcomes).flat_map(|(item, outcomes)| {
        item.events
            .iter()
            .zip(outcomes)
            .map(move |(judged, outcome)| (item, judged, *outcome))
    })
}

/// Ends of the lanes, and what an append must know of the log.
pub(super) struct Ends {
    /// Ends of the lanes.
    pub(super) heads: Vec<Head>,
    /// Bytes of events that are held.
    pub(super) held: i64,
    /// Time of this transaction, later than that of every one before.
    pub(super) now: i64,
    /// Whether quality holds what records in quarantine added.
    pub(super) any_observed: bool,
}

/// Locks the lanes' ends, so that appends take turns, and returns them.
pub(super) async fn take_heads(tx: &WriteTx) -> Result<Ends, StoreError> {
    let lock = match tx.get_database_backend() {
        DbBackend::Postgres => " FOR UPDATE",
        _ => "",
    };
    let select =
        format!("SELECT lane, position, time_us, bytes FROM lane_heads ORDER BY lane{lock}");
    let mut heads = Vec::new();
    let mut now = micros(runtime::clock::now());
    let mut held = 0;
    for row in sql::query_all(tx, &select, []).await? {
        let bytes: i64 = sql::get(&row, "bytes")?;
        held += bytes;
        now = now.max(sql::get::<i64>(&row, "time_us")? + 1);
        heads.push(Head {
            lane: sql::get(&row, "lane")?,
            position: sql::get(&row, "position")?,
            bytes,
            moved: false,
        });
    }
    let rest = "SELECT CAST(COALESCE(SUM(dropped_bytes), 0) AS BIGINT) AS dropped, \
        CAST((SELECT COUNT(*) FROM (SELECT 1 FROM quality_held LIMIT 1) AS one) AS BIGINT) AS observed FROM lane_cursors";
    let mut any_observed = true;
    if let Some(row) = sql::query_one(tx, rest, []).await? {
        held -= sql::get::<i64>(&row, "dropped")?;
        any_observed = sql::get::<i64>(&row, "observed")? > 0;
    }
    Ok(Ends {
        heads,
        held,
        now,
        any_observed,
    })
}

/// Content and commit of a key.
pub(super) type Keys = HashMap<Hash, (Hash, i64)>;

/// Writes the keys of what may be accepted, and returns those keys that were there before, by their contents.
pub(super) async fn take_keys(
    tx: &WriteTx,
    items: &[Append],
    now: i64,
) -> Result<Keys, StoreError> {
    let mut wanted: BTreeMap<Hash, (&str, Hash)> = BTreeMap::new();
    let mut asked: Vec<Hash> = Vec::new();
    for item in items {
        for judged in item.events.iter() {
            match judged.verdict {
                Verdict::Accept(_) => {
                    wanted
                        .entry(judged.event_id)
                        .or_insert((&item.tenant, judged.content));
                }
                Verdict::Quarantine { .. } => asked.push(judged.event_id),
                Verdict::Reject(_) => {}
            }
        }
    }
    // In the order of the key, so that neighbours of the index are written together.
    let mut tenants: BTreeMap<&str, Rows> = BTreeMap::new();
    for (event_id, (tenant, content)) in &wanted {
        let columns = [("event_id", Kind::Bytes), ("content", Kind::Bytes)];
        let rows = tenants.entry(*tenant).or_insert_with(|| Rows::new(columns));
        rows.push([event_id.to_vec().into(), content.to_vec().into()]);
    }
    let insert = "INSERT INTO message_keys (event_id, tenant, content, accepted_us) \
        SELECT rows.event_id, $1, rows.content, $2 FROM {rows} WHERE TRUE ON CONFLICT (event_id) DO NOTHING";
    let mut fresh = 0;
    for (tenant, rows) in tenants {
        fresh += bulk::execute(tx, insert, [tenant.into(), now.into()], rows).await?;
    }
    if fresh < wanted.len() as u64 {
        asked.extend(wanted.keys());
    }
    let mut rows = Rows::new([("event_id", Kind::Bytes)]);
    asked
        .iter()
        .for_each(|event_id| rows.push([event_id.to_vec().into()]));
    let select = "SELECT message_keys.event_id, message_keys.content, message_keys.accepted_us FROM message_keys \
        JOIN {rows} ON message_keys.event_id = rows.event_id";
    let mut known = Keys::new();
    for row in bulk::query(tx, select, [], rows).await? {
        let key = (
            hash(sql::get(&row, "content")?)?,
            sql::get(&row, "accepted_us")?,
        );
        known.insert(hash(sql::get(&row, "event_id")?)?, key);
    }
    Ok(known)
}

fn hash(bytes: Vec<u8>) -> Result<Hash, StoreError> {
    Hash::try_from(bytes).map_err(|_| StoreError::Corrupt("a hash does not have 16 bytes".into()))
}

/// Says what becomes of each event. `keys` are those that exist; a key of this very transaction counts from the second
/// event that bears it.
pub(super) fn settle(items: &[Append], keys: Keys, now: i64) -> Vec<Vec<Outcome>> {
    let mut known: HashMap<Hash, Hash> = keys
        .into_iter()
        .filter(|(_, (_, accepted))| *accepted != now)
        .map(|(event_id, (content, _))| (event_id, content))
        .collect();
    let mut one = |judged: &Judged| match (&judged.verdict, known.get(&judged.event_id)) {
        (Verdict::Reject(_), _) => Outcome::Rejected,
        (_, Some(content)) if *content == judged.content => Outcome::Duplicate,
        (_, Some(_)) => Outcome::Conflict,
        (Verdict::Quarantine { .. }, None) => Outcome::Quarantined,
        (Verdict::Accept(_), None) => {
            known.insert(judged.event_id, judged.content);
            Outcome::Accepted
        }
    };
    items
        .iter()
        .map(|item| item.events.iter().map(&mut one).collect())
        .collect()
}

async fn write_counts(
    tx: &WriteTx,
    items: &[Append],
    outcomes: &[Vec<Outcome>],
) -> Result<(), StoreError> {
    let mut all: BTreeMap<(&str, &str), Counts> = BTreeMap::new();
    for item in items {
        for judged in item.events.iter() {
            all.entry((&item.tenant, &judged.source))
                .or_default()
                .received += 1;
        }
    }
    for (item, judged, outcome) in each(items, outcomes) {
        count(
            all.entry((&item.tenant, &judged.source)).or_default(),
            outcome,
        );
    }
    let upsert = "INSERT INTO receipt_counts (tenant, source, received, accepted, duplicate, conflict, quarantined, \
        rejected) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (tenant, source) DO UPDATE SET \
        received = receipt_counts.received + excluded.received, \
        accepted = receipt_counts.accepted + excluded.accepted, \
        duplicate = receipt_counts.duplicate + excluded.duplicate, \
        conflict = receipt_counts.conflict + excluded.conflict, \
        quarantined = receipt_counts.quarantined + excluded.quarantined, \
        rejected = receipt_counts.rejected + excluded.rejected";
    for ((tenant, source), counts) in all {
        let Counts {
            received,
            accepted,
            duplicate,
            conflict,
            quarantined,
            rejected,
        } = counts;
        let numbers = [
            received,
            accepted,
            duplicate,
            conflict,
            quarantined,
            rejected,
        ];
        let values = [tenant.into(), source.into()]
            .into_iter()
            .chain(numbers.map(Into::into));
        sql::execute(tx, upsert, values).await?;
    }
    Ok(())
}

pub(super) async fn write_heads(tx: &WriteTx, heads: &[Head], now: i64) -> Result<(), StoreError> {
    let update = "UPDATE lane_heads SET position = $2, bytes = $3, time_us = $4 WHERE lane = $1";
    for head in heads.iter().filter(|head| head.moved) {
        sql::execute(
            tx,
            update,
            [
                head.lane.into(),
                head.position.into(),
                head.bytes.into(),
                now.into(),
            ],
        )
        .await?;
    }
    Ok(())
}
