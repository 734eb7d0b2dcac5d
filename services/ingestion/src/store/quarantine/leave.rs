//! Records on their way out of quarantine: given up, overtaken, or kept for long enough. Replays have a file of their own.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::QueryResult;
use store::bulk::{self, Kind, Rows};
use store::{StoreError, WriteTx, sql};
use uuid::Uuid;

use super::filter::after;
use super::{Changes, Filter, Job, Position, add_totals, jobs, take_turn};
use crate::domain::keys::Hash;
use crate::store::log::{DatabaseLog, micros};

/// Most records that one transaction takes out.
const RECORDS_MAX: u64 = 500;

/// Why records leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaving {
    /// A replay committed them.
    Replayed,
    /// The same message had been accepted in another form.
    Superseded,
    /// Somebody gave them up.
    Discarded,
    /// They were kept for long enough.
    Expired,
}

/// A discard: who wants records given up, and why.
#[derive(Clone, Debug)]
pub struct Discard {
    /// Tenant.
    pub tenant: String,
    /// Operation.
    pub operation: Uuid,
    /// Who asked, as far as it is known.
    pub actor: String,
    /// Why.
    pub why: String,
    /// Which.
    pub filter: Filter,
}

/// Takes records out and counts them in the totals; returns how many there were by tenant and source.
pub(super) async fn remove(
    tx: &WriteTx,
    ids: &[Hash],
    leaving: Leaving,
) -> Result<BTreeMap<(String, String), i64>, StoreError> {
    let mut rows = Rows::new([("event_id", Kind::Bytes)]);
    ids.iter().for_each(|id| rows.push([id.to_vec().into()]));
    let delete = "DELETE FROM quarantine WHERE event_id IN (SELECT rows.event_id FROM {rows}) \
        RETURNING tenant, source, bytes";
    let mut changes = Changes::new();
    let mut counts = BTreeMap::new();
    for row in bulk::query(tx, delete, [], rows).await? {
        let key: (String, String) = (sql::get(&row, "tenant")?, sql::get(&row, "source")?);
        *counts.entry(key.clone()).or_default() += 1;
        let change = changes.entry(key).or_default();
        change.held -= 1;
        change.bytes -= sql::get::<i64>(&row, "bytes")?;
        match leaving {
            Leaving::Replayed => change.replayed += 1,
            Leaving::Superseded => change.superseded += 1,
            Leaving::Discarded => change.discarded += 1,
            Leaving::Expired => change.expired += 1,
        }
    }
    add_totals(tx, &changes).await?;
    Ok(counts)
}

/// Writes into the ledger what was taken out for good.
async fn note(
    tx: &WriteTx,
    what: &str,
    (actor, why, operation): (&str, &str, &str),
    counts: &BTreeMap<(String, String), i64>,
) -> Result<(), StoreError> {
    let insert = "INSERT INTO quarantine_ledger (tenant, source, what, actor, why, operation, records, at_us) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let now = micros(runtime::clock::now());
    for ((tenant, source), records) in counts {
        let values = [
            tenant.as_str().into(),
            source.as_str().into(),
            what.into(),
            actor.into(),
            why.into(),
            operation.into(),
            (*records).into(),
            now.into(),
        ];
        sql::execute(tx, insert, values).await?;
    }
    Ok(())
}

impl DatabaseLog {
    /// Takes the next records of a discard out of quarantine, with an entry in the ledger, in one transaction. Returns how far
    /// the operation has come; `None` when nothing is left.
    pub async fn discard(&self, discard: &Discard, job: &Job) -> Result<Option<Job>, StoreError> {
        let tx = self.store.begin().await?;
        take_turn(&tx).await?;
        let mut values = Vec::new();
        let backend = sea_orm::ConnectionTrait::get_database_backend(&tx);
        let condition = discard
            .filter
            .condition(&discard.tenant, backend, &mut values);
        let after = after(job.position, &mut values);
        values.push(job.begun_us.into());
        let begun = values.len();
        let select = format!(
            "SELECT event_id, first_us FROM quarantine WHERE {condition} AND {after} AND first_us <= ${begun} \
             ORDER BY first_us DESC, event_id DESC LIMIT {RECORDS_MAX}"
        );
        let rows = sql::query_all(&tx, &select, values).await?;
        let Some(last) = rows.last() else {
            return Ok(None);
        };
        let mut next = *job;
        next.steps += 1;
        next.position = position(last)?;
        let ids = rows
            .iter()
            .map(|row| Ok(position(row)?.event_id))
            .collect::<Result<Vec<_>, StoreError>>()?;
        let counts = remove(&tx, &ids, Leaving::Discarded).await?;
        next.counts.received += counts.values().sum::<i64>();
        let operation = discard.operation.to_string();
        let words = (
            discard.actor.as_str(),
            discard.why.as_str(),
            operation.as_str(),
        );
        note(&tx, "discard", words, &counts).await?;
        jobs::advance(&tx, &discard.tenant, discard.operation, &next).await?;
        runtime::crash::point("quarantine_discarding");
        tx.commit().await?;
        Ok(Some(next))
    }

    /// Takes out what came last before a time, with an entry in the ledger. Returns how many records that were.
    pub async fn expire_quarantined(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        let find = format!(
            "SELECT event_id FROM quarantine WHERE last_us < $1 ORDER BY last_us LIMIT {RECORDS_MAX}"
        );
        let why = "kept for as long as the configuration says";
        take_out(self, &find, Some(before), Leaving::Expired, why).await
    }
}

/// Takes out what was accepted later, in another form.
pub(in crate::store) async fn release_accepted(log: &DatabaseLog) -> Result<u64, StoreError> {
    let find = format!(
        "SELECT quarantine.event_id FROM quarantine \
         JOIN message_keys ON message_keys.event_id = quarantine.event_id LIMIT {RECORDS_MAX}"
    );
    take_out(log, &find, None, Leaving::Superseded, "").await
}

/// Takes out what a query finds, step by step.
async fn take_out(
    log: &DatabaseLog,
    find: &str,
    before: Option<DateTime<Utc>>,
    leaving: Leaving,
    why: &str,
) -> Result<u64, StoreError> {
    let mut left = 0;
    loop {
        let values: Vec<sea_orm::Value> = before.map(|it| micros(it).into()).into_iter().collect();
        // Mostly there is nothing, and then nobody needs to wait.
        let found = sql::query_all(log.store.reader(), find, values.clone()).await?;
        if found.is_empty() {
            return Ok(left);
        }
        let tx = log.store.begin().await?;
        take_turn(&tx).await?;
        let ids = sql::query_all(&tx, find, values)
            .await?
            .iter()
            .map(|row| super::read::hash(sql::get(row, "event_id")?))
            .collect::<Result<Vec<_>, StoreError>>()?;
        let counts = remove(&tx, &ids, leaving).await?;
        if leaving == Leaving::Expired {
            note(&tx, "expire", ("ingestion", why, ""), &counts).await?;
        }
        tx.commit().await?;
        left += counts.values().sum::<i64>().unsigned_abs();
    }
}

fn position(row: &QueryResult) -> Result<Position, StoreError> {
    Ok(Position {
        first_us: sql::get(row, "first_us")?,
        event_id: super::read::hash(sql::get(row, "event_id")?)?,
    })
}
