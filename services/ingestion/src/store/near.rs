//! Finds near duplicates among what an append would accept, exactly: appends take turns, so that each sees all before it.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};

use store::bulk::{self, Kind, Rows};
use store::{StoreError, WriteTx, sql};

use super::append::{Append, each};
use super::log::Outcome;
use crate::domain::contract::DuplicateAction;
use crate::domain::judge::{Judged, Verdict};
use crate::domain::keys::Hash;
use crate::domain::near::{self, Near};

/// For how long after its commit something can still come near to a record, beyond the window: 30 days in microseconds.
const KEEP_US: i64 = 30 * 86_400 * 1_000_000;

/// Times and ids of what was accepted, by what makes it near.
type Known = HashMap<Hash, Vec<(i64, Hash)>>;

/// Appends with what became of their events, after near duplicates were looked for.
pub(super) struct Settled<'a> {
    /// The appends; near duplicates are marked or kept aside in them.
    pub(super) items: Cow<'a, [Append]>,
    /// What became of each event, in the words of the log.
    pub(super) outcomes: Vec<Vec<Outcome>>,
    /// The same, as the caller is told it.
    pub(super) told: Vec<Vec<Outcome>>,
}

/// Looks for near duplicates among the events that would be accepted.
pub(super) async fn settle<'a>(
    tx: &WriteTx,
    items: &'a [Append],
    mut outcomes: Vec<Vec<Outcome>>,
    now: i64,
) -> Result<Settled<'a>, StoreError> {
    let mut known = load(tx, items, &outcomes).await?;
    if known.is_empty() {
        return Ok(Settled {
            items: Cow::Borrowed(items),
            told: outcomes.clone(),
            outcomes,
        });
    }
    let mut told = outcomes.clone();
    let mut fresh = Rows::new([
        ("near", Kind::Bytes),
        ("time_us", Kind::BigInt),
        ("event_id", Kind::Bytes),
        ("until_us", Kind::BigInt),
    ]);
    let mut aside: HashSet<Hash> = HashSet::new();
    let mut changed: Vec<Append> = items.to_vec();
    for (at, item) in items.iter().enumerate() {
        let mut events: Vec<Judged> = Vec::new();
        for (index, judged) in item.events.iter().enumerate() {
            let Some(near) = &judged.near else {
                continue;
            };
            let outcome = &mut outcomes[at][index];
            // A repeat of what was just kept aside is kept aside as well.
            let repeated = aside.contains(&judged.event_id) && *outcome == Outcome::Duplicate;
            if *outcome != Outcome::Accepted && !repeated {
                continue;
            }
            let others = known.entry(near.key.hash).or_default();
            let close = |(time, id): &(i64, Hash)| {
                *id != judged.event_id
                    && time.abs_diff(near.time_us) <= near.key.within_us.unsigned_abs()
            };
            let found = repeated || others.iter().any(close);
            if found {
                let action = near.key.action;
                told[at][index] = Outcome::Near(action);
                *outcome = Outcome::Near(action).counted();
                if events.is_empty() {
                    events = item.events.to_vec();
                }
                change(&mut events[index], near);
                if action == DuplicateAction::Quarantine {
                    aside.insert(judged.event_id);
                }
            }
            if *outcome == Outcome::Accepted {
                others.push((near.time_us, judged.event_id));
                fresh.push([
                    near.key.hash.to_vec().into(),
                    near.time_us.into(),
                    judged.event_id.to_vec().into(),
                    now.saturating_add(2 * near.key.within_us + KEEP_US).into(),
                ]);
            }
        }
        if !events.is_empty() {
            changed[at].events = events.into();
        }
    }
    let insert = "INSERT INTO near_keys (near, time_us, event_id, until_us) \
        SELECT rows.near, rows.time_us, rows.event_id, rows.until_us FROM {rows} WHERE TRUE ON CONFLICT DO NOTHING";
    bulk::execute(tx, insert, [], fresh).await?;
    release(tx, &aside).await?;
    Ok(Settled {
        items: Cow::Owned(changed),
        outcomes,
        told,
    })
}

/// Marks a near duplicate, or puts it aside.
fn change(judged: &mut Judged, near: &Near) {
    match near.key.action {
        DuplicateAction::Flag => {
            judged.marks.push(near::MARK.to_owned());
            if let Verdict::Accept(standard) = &judged.verdict {
                judged.verdict = Verdict::Accept(near::marked(standard));
            }
        }
        DuplicateAction::Quarantine => {
            if let Some(aside) = &near.aside {
                judged.verdict = aside.clone();
            }
            if let Some(seen) = &mut judged.observation {
                seen.faults.push((near::REASON, String::new()));
            }
        }
        DuplicateAction::Drop => {}
    }
}

/// Loads what was accepted near to the events; an entry for every event that is compared at all.
async fn load(
    tx: &WriteTx,
    items: &[Append],
    outcomes: &[Vec<Outcome>],
) -> Result<Known, StoreError> {
    let mut windows: BTreeSet<(Hash, i64, i64)> = BTreeSet::new();
    for (_, judged, outcome) in each(items, outcomes) {
        if let Some(near) = judged
            .near
            .as_ref()
            .filter(|_| outcome == Outcome::Accepted)
        {
            let (time, within) = (near.time_us, near.key.within_us);
            windows.insert((
                near.key.hash,
                time.saturating_sub(within),
                time.saturating_add(within),
            ));
        }
    }
    let mut known = Known::new();
    let mut rows = Rows::new([
        ("near", Kind::Bytes),
        ("low", Kind::BigInt),
        ("high", Kind::BigInt),
    ]);
    for (hash, low, high) in windows {
        known.entry(hash).or_default();
        rows.push([hash.to_vec().into(), low.into(), high.into()]);
    }
    let select = "SELECT near_keys.near, near_keys.time_us, near_keys.event_id FROM near_keys \
        JOIN {rows} ON near_keys.near = rows.near AND near_keys.time_us BETWEEN rows.low AND rows.high";
    for row in bulk::query(tx, select, [], rows).await? {
        let near = hash(sql::get(&row, "near")?)?;
        let place = (
            sql::get(&row, "time_us")?,
            hash(sql::get(&row, "event_id")?)?,
        );
        known.entry(near).or_default().push(place);
    }
    Ok(known)
}

/// Gives the keys of what is kept aside back: it was not accepted.
async fn release(tx: &WriteTx, aside: &HashSet<Hash>) -> Result<(), StoreError> {
    let mut ids: Vec<&Hash> = aside.iter().collect();
    ids.sort_unstable();
    let mut rows = Rows::new([("event_id", Kind::Bytes)]);
    ids.iter().for_each(|id| rows.push([id.to_vec().into()]));
    let delete = "DELETE FROM message_keys WHERE event_id IN (SELECT rows.event_id FROM {rows})";
    bulk::execute(tx, delete, [], rows).await?;
    Ok(())
}

fn hash(bytes: Vec<u8>) -> Result<Hash, StoreError> {
    Hash::try_from(bytes).map_err(|_| StoreError::Corrupt("a hash does not have 16 bytes".into()))
}
