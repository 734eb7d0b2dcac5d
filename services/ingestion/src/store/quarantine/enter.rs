//! Records on their way into quarantine.

use std::collections::{BTreeMap, HashMap};

use store::bulk::{self, Kind, Rows};
use store::{StoreError, WriteTx};

use super::{Changes, QuarantineLimits, Totals, add_totals, findings_text, to_json, totals};
use crate::domain::judge::{Judged, Verdict};
use crate::domain::kept::KeptCells;
use crate::domain::keys::Hash;
use crate::store::append::Append;
use crate::store::log::LogError;

/// What quarantine holds of a message that comes again.
struct Held {
    bytes: i64,
    content: Vec<u8>,
    corrected: bool,
}

/// Says which appends cannot be taken because they would overfill quarantine: `None` for those that can.
///
/// An append is taken whole or not at all, so that its caller can send it again as it is.
pub(in crate::store) async fn admit(
    tx: &WriteTx,
    items: &[Append],
    limits: &QuarantineLimits,
) -> Result<Vec<Option<LogError>>, StoreError> {
    let mut refused: Vec<Option<LogError>> = items.iter().map(|_| None).collect();
    let wanting: Vec<&Judged> = items
        .iter()
        .flat_map(|item| item.events.iter())
        .filter(|judged| matches!(judged.verdict, Verdict::Quarantine { .. }))
        .collect();
    if wanting.is_empty() {
        return Ok(refused);
    }
    let mut held = held(tx, wanting.iter().map(|judged| judged.event_id)).await?;
    let mut known: BTreeMap<&str, BTreeMap<String, Totals>> = BTreeMap::new();
    for (item, refused) in items.iter().zip(&mut refused) {
        if !known.contains_key(item.tenant.as_str()) {
            known.insert(&item.tenant, totals(tx, &item.tenant).await?);
        }
        let Some(tenant) = known.get_mut(item.tenant.as_str()) else {
            continue;
        };
        let mut after = tenant.clone();
        let mut fresh = Vec::new();
        for judged in item.events.iter() {
            let Verdict::Quarantine { kept, cells, .. } = &judged.verdict else {
                continue;
            };
            if held.contains_key(&judged.event_id) {
                continue;
            }
            let entry = after.entry(judged.source.clone()).or_default();
            entry.held += 1;
            entry.bytes += size(kept, text(cells).as_deref());
            fresh.push(judged.event_id);
        }
        *refused = fresh
            .first()
            .and_then(|_| overfull(&after, limits))
            .map(|of| LogError::QuarantineFull { of });
        if refused.is_none() {
            *tenant = after;
            for event_id in fresh {
                let seen = Held {
                    bytes: 0,
                    content: Vec::new(),
                    corrected: false,
                };
                held.insert(event_id, seen);
            }
        }
    }
    Ok(refused)
}

/// Returns the source that has too much in quarantine; of a tenant with too much, the one with the most.
fn overfull(after: &BTreeMap<String, Totals>, limits: &QuarantineLimits) -> Option<String> {
    let beyond = after
        .iter()
        .find(|(_, it)| it.held > limits.source_records || it.bytes > limits.source_bytes);
    if let Some((source, _)) = beyond {
        return Some(source.clone());
    }
    let (records, bytes) = after.values().fold((0, 0), |(records, bytes), it| {
        (records + it.held, bytes + it.bytes)
    });
    if records <= limits.tenant_records && bytes <= limits.tenant_bytes {
        return None;
    }
    after
        .iter()
        .max_by_key(|(_, it)| it.bytes)
        .map(|(source, _)| source.clone())
}

/// Returns cells as they are stored.
fn text(cells: &Option<KeptCells>) -> Option<String> {
    cells.as_ref().map(KeptCells::to_json)
}

/// Returns the bytes that a record counts.
pub(super) fn size(event: &[u8], cells: Option<&str>) -> i64 {
    (event.len() + cells.map_or(0, str::len)) as i64
}

/// Returns those of the messages that quarantine holds.
async fn held(
    tx: &WriteTx,
    event_ids: impl Iterator<Item = Hash>,
) -> Result<HashMap<Hash, Held>, StoreError> {
    let mut rows = Rows::new([("event_id", Kind::Bytes)]);
    for event_id in event_ids {
        rows.push([event_id.to_vec().into()]);
    }
    let select = "SELECT quarantine.event_id, quarantine.content, quarantine.bytes, quarantine.corrected FROM quarantine \
        JOIN {rows} ON quarantine.event_id = rows.event_id";
    let mut held = HashMap::new();
    for row in bulk::query(tx, select, [], rows).await? {
        let known = Held {
            bytes: store::sql::get(&row, "bytes")?,
            content: store::sql::get(&row, "content")?,
            corrected: !store::sql::get::<String>(&row, "corrected")?.is_empty(),
        };
        held.insert(
            super::read::hash(store::sql::get(&row, "event_id")?)?,
            known,
        );
    }
    Ok(held)
}

/// Keeps the quarantined events of a transaction.
///
/// The last of several deliveries of a message stays, and tells how many there were; but a record that was corrected
/// keeps its correction when the same content comes again.
pub(in crate::store) async fn write<'a>(
    tx: &WriteTx,
    quarantined: impl Iterator<Item = (&'a Append, &'a Judged)>,
    now: i64,
) -> Result<(), StoreError> {
    let mut kept: BTreeMap<Hash, (&Append, &Judged, i64)> = BTreeMap::new();
    for (item, judged) in quarantined {
        let times = kept.get(&judged.event_id).map_or(0, |(_, _, times)| *times);
        kept.insert(judged.event_id, (item, judged, times + 1));
    }
    if kept.is_empty() {
        return Ok(());
    }
    let held = held(tx, kept.keys().copied()).await?;
    let mut changes = Changes::new();
    let mut rows = columns();
    for (event_id, (item, judged, times)) in kept {
        let Verdict::Quarantine {
            kept,
            violations,
            cells,
            history,
        } = &judged.verdict
        else {
            continue;
        };
        let cells = text(cells);
        let bytes = size(kept, cells.as_deref());
        let change = changes
            .entry((item.tenant.clone(), judged.source.clone()))
            .or_default();
        match held.get(&event_id) {
            None => {
                change.held += 1;
                change.entered += 1;
                change.bytes += bytes;
            }
            Some(old) if old.corrected && old.content == judged.content => {}
            Some(old) => change.bytes += bytes - old.bytes,
        }
        rows.push([
            event_id.to_vec().into(),
            item.tenant.as_str().into(),
            judged.source.as_str().into(),
            text::hide(&judged.message_id).into_owned().into(),
            judged.content.to_vec().into(),
            findings_text(violations)?.into(),
            to_json(&judged.marks)?.into(),
            kept.clone().into(),
            cells.into(),
            history.and_then(|it| it.num_microseconds()).into(),
            times.into(),
            bytes.into(),
        ]);
    }
    bulk::execute(tx, UPSERT, [now.into()], rows).await?;
    add_totals(tx, &changes).await
}

fn columns() -> Rows {
    Rows::new([
        ("event_id", Kind::Bytes),
        ("tenant", Kind::Text),
        ("source", Kind::Text),
        ("message_id", Kind::Text),
        ("content", Kind::Bytes),
        ("violations", Kind::Text),
        ("marks", Kind::Text),
        ("event", Kind::Bytes),
        ("cells", Kind::Text),
        ("history_us", Kind::BigInt),
        ("times", Kind::BigInt),
        ("bytes", Kind::BigInt),
    ])
}

/// Where a record was corrected and the same content comes again, what is there stays.
const UPSERT: &str = "INSERT INTO quarantine (event_id, tenant, source, message_id, content, violations, marks, event, \
    cells, history_us, first_us, last_us, times, bytes, corrected, version) SELECT rows.event_id, rows.tenant, rows.source, \
    rows.message_id, rows.content, rows.violations, rows.marks, rows.event, rows.cells, rows.history_us, $1, $1, \
    rows.times, rows.bytes, '', 0 FROM {rows} WHERE TRUE ON CONFLICT (event_id) DO UPDATE SET \
    violations = CASE WHEN quarantine.corrected <> '' AND quarantine.content = excluded.content \
        THEN quarantine.violations ELSE excluded.violations END, \
    marks = CASE WHEN quarantine.corrected <> '' AND quarantine.content = excluded.content \
        THEN quarantine.marks ELSE excluded.marks END, \
    event = CASE WHEN quarantine.corrected <> '' AND quarantine.content = excluded.content \
        THEN quarantine.event ELSE excluded.event END, \
    cells = CASE WHEN quarantine.corrected <> '' AND quarantine.content = excluded.content \
        THEN quarantine.cells ELSE excluded.cells END, \
    bytes = CASE WHEN quarantine.corrected <> '' AND quarantine.content = excluded.content \
        THEN quarantine.bytes ELSE excluded.bytes END, \
    corrected = CASE WHEN quarantine.content = excluded.content THEN quarantine.corrected ELSE '' END, \
    content = excluded.content, history_us = excluded.history_us, last_us = excluded.last_us, \
    times = quarantine.times + excluded.times, version = quarantine.version + 1";
