//! What an append adds to the figures, written in its transaction.

use std::collections::{BTreeSet, HashMap};

use prost::Message;
use store::bulk::{self, Kind, Rows};
use store::{StoreError, WriteTx, sql};

use super::super::append::{Append, each};
use super::super::log::Outcome;
use super::corrupt;
use crate::domain::judge::Judged;
use crate::domain::keys::Hash;
use crate::domain::near;
use crate::domain::quality::delta::counts_from_bytes;
use crate::domain::quality::{Gathering, gather};

/// What is held of a record in quarantine, or of a message whose key was there with other content.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Held {
    tenant: String,
    source: String,
    day: i32,
    /// Encoded counts; empty for a conflict, which is never taken back.
    counts: Vec<u8>,
}

/// Counts every record that is accepted or quarantined once: one in quarantine is taken back when it is accepted, or comes
/// again with other content. `any_held` tells whether anything is held from before.
pub(in crate::store) async fn write(
    tx: &WriteTx,
    items: &[Append],
    outcomes: &[Vec<Outcome>],
    any_held: bool,
    now: i64,
) -> Result<(), StoreError> {
    let before = match any_held {
        true => load(tx, items, outcomes).await?,
        false => HashMap::new(),
    };
    let mut held = Ledger {
        now: before.clone(),
        gatherings: Vec::new(),
    };
    for (item, judged, outcome) in each(items, outcomes) {
        held.add(&item.tenant, judged, outcome)?;
    }
    let Ledger {
        now: after,
        gatherings,
    } = held;
    keep(tx, &before, after, now).await?;
    let mut rows = Rows::new([
        ("tenant", Kind::Text),
        ("source", Kind::Text),
        ("body", Kind::Bytes),
    ]);
    for (tenant, gathering) in gatherings {
        for (source, days) in gathering.finish() {
            rows.push([
                tenant.as_str().into(),
                source.into(),
                days.to_bytes().into(),
            ]);
        }
    }
    let insert = "INSERT INTO quality_deltas (tenant, source, body) \
        SELECT rows.tenant, rows.source, rows.body FROM {rows}";
    bulk::execute(tx, insert, [], rows).await?;
    Ok(())
}

/// What is held, while records are added.
struct Ledger {
    now: HashMap<Hash, Held>,
    gatherings: Vec<(String, Gathering)>,
}

impl Ledger {
    fn add(&mut self, tenant: &str, judged: &Judged, outcome: Outcome) -> Result<(), StoreError> {
        let Some(seen) = &judged.observation else {
            return Ok(());
        };
        match outcome {
            Outcome::Duplicate | Outcome::Rejected | Outcome::Near(_) => {}
            Outcome::Accepted => {
                self.take_back(&judged.event_id)?;
                let near = judged.marks.iter().any(|mark| mark == near::MARK);
                self.of(tenant).accepted(&judged.source, seen, near);
            }
            Outcome::Quarantined => {
                let counts = gather::quarantined(seen);
                let held = Held {
                    tenant: tenant.to_owned(),
                    source: judged.source.clone(),
                    day: seen.day,
                    counts: counts.encode_to_vec(),
                };
                if self.now.get(&judged.event_id) != Some(&held) {
                    self.take_back(&judged.event_id)?;
                    self.now.insert(judged.event_id, held);
                    self.of(tenant).count(&judged.source, seen.day, &counts, 1);
                }
            }
            Outcome::Conflict => {
                let id = conflict_id(judged);
                if !self.now.contains_key(&id) {
                    let held = Held {
                        tenant: tenant.to_owned(),
                        source: judged.source.clone(),
                        day: seen.day,
                        counts: Vec::new(),
                    };
                    self.now.insert(id, held);
                    let conflict = gather::conflict();
                    self.of(tenant)
                        .count(&judged.source, seen.day, &conflict, 1);
                }
            }
        }
        Ok(())
    }

    fn take_back(&mut self, id: &Hash) -> Result<(), StoreError> {
        let Some(held) = self.now.remove(id) else {
            return Ok(());
        };
        let counts = counts_from_bytes(&held.counts).map_err(corrupt)?;
        self.of(&held.tenant)
            .count(&held.source, held.day, &counts, -1);
        Ok(())
    }

    fn of(&mut self, tenant: &str) -> &mut Gathering {
        let known = self.gatherings.iter().position(|(it, _)| it == tenant);
        let index = known.unwrap_or_else(|| {
            self.gatherings
                .push((tenant.to_owned(), Gathering::default()));
            self.gatherings.len() - 1
        });
        &mut self.gatherings[index].1
    }
}

/// Returns under which id a message of a known key with other content is remembered: both are keyed hashes, so no event
/// has it.
fn conflict_id(judged: &Judged) -> Hash {
    let mut id = judged.event_id;
    id.iter_mut()
        .zip(judged.content)
        .for_each(|(id, content)| *id ^= content.rotate_left(1) ^ 0x5a);
    id
}

/// Loads what is held of the records of an append.
async fn load(
    tx: &WriteTx,
    items: &[Append],
    outcomes: &[Vec<Outcome>],
) -> Result<HashMap<Hash, Held>, StoreError> {
    let id = |(_, judged, outcome): (&Append, &Judged, Outcome)| match outcome {
        Outcome::Accepted | Outcome::Quarantined => Some(judged.event_id),
        Outcome::Conflict => Some(conflict_id(judged)),
        Outcome::Duplicate | Outcome::Rejected | Outcome::Near(_) => None,
    };
    let ids: BTreeSet<Hash> = each(items, outcomes).filter_map(id).collect();
    let mut rows = Rows::new([("id", Kind::Bytes)]);
    ids.iter().for_each(|id| rows.push([id.to_vec().into()]));
    let select = "SELECT quality_held.id, tenant, source, day, counts FROM quality_held \
        JOIN {rows} ON quality_held.id = rows.id";
    let mut held = HashMap::new();
    for row in bulk::query(tx, select, [], rows).await? {
        let id: Vec<u8> = sql::get(&row, "id")?;
        let id = Hash::try_from(id)
            .map_err(|_| StoreError::Corrupt("a hash does not have 16 bytes".into()))?;
        let one = Held {
            tenant: sql::get(&row, "tenant")?,
            source: sql::get(&row, "source")?,
            day: sql::get(&row, "day")?,
            counts: sql::get(&row, "counts")?,
        };
        held.insert(id, one);
    }
    Ok(held)
}

/// Writes what is held now where it differs from before.
async fn keep(
    tx: &WriteTx,
    before: &HashMap<Hash, Held>,
    after: HashMap<Hash, Held>,
    now: i64,
) -> Result<(), StoreError> {
    let mut gone = Rows::new([("id", Kind::Bytes)]);
    for id in before.keys().filter(|id| !after.contains_key(*id)) {
        gone.push([id.to_vec().into()]);
    }
    let delete = "DELETE FROM quality_held WHERE id IN (SELECT rows.id FROM {rows})";
    bulk::execute(tx, delete, [], gone).await?;
    let mut changed: Vec<(Hash, Held)> = after
        .into_iter()
        .filter(|(id, held)| before.get(id) != Some(held))
        .collect();
    changed.sort_unstable_by_key(|(id, _)| *id);
    let mut rows = Rows::new([
        ("id", Kind::Bytes),
        ("tenant", Kind::Text),
        ("source", Kind::Text),
        ("day", Kind::Int),
        ("counts", Kind::Bytes),
    ]);
    for (id, held) in changed {
        rows.push([
            id.to_vec().into(),
            held.tenant.into(),
            held.source.into(),
            held.day.into(),
            held.counts.into(),
        ]);
    }
    let upsert = "INSERT INTO quality_held (id, tenant, source, day, counts, held_us) \
        SELECT rows.id, rows.tenant, rows.source, rows.day, rows.counts, $1 FROM {rows} WHERE TRUE \
        ON CONFLICT (id) DO UPDATE SET day = excluded.day, counts = excluded.counts, held_us = excluded.held_us";
    bulk::execute(tx, upsert, [now.into()], rows).await?;
    Ok(())
}
