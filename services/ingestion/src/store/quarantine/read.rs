//! Reads records.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ConnectionTrait, QueryResult};
use store::{StoreError, sql};

use super::filter::after;
use super::{Filter, Finding, Position, from_json};
use crate::domain::keys::Hash;
use crate::store::log::{DatabaseLog, instant};

/// A record in quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Id of the event that it would be.
    pub event_id: Hash,
    /// Source that sent it.
    pub source: String,
    /// Message id within the source.
    pub message_id: String,
    /// Hash of the content as it came last.
    pub content: Hash,
    /// Everything that is wrong with it.
    pub findings: Vec<Finding>,
    /// Marks of the contract.
    pub marks: Vec<String>,
    /// The event as far as it could be read, encoded, identifiers hashed and properties masked.
    pub event: Vec<u8>,
    /// Cells by column, as JSON; absent for events.
    pub cells: Option<String>,
    /// For history, how long after the event it could be known.
    pub history: Option<TimeDelta>,
    /// When it came first, in microseconds since 1970.
    pub first_us: i64,
    /// When it came last.
    pub last_time: DateTime<Utc>,
    /// How often it came.
    pub times: i64,
    /// Fields that were corrected.
    pub corrected: Vec<String>,
    /// Grows with every change.
    pub version: i64,
}

impl Record {
    /// Returns the record's place in the order.
    pub fn position(&self) -> Position {
        Position {
            first_us: self.first_us,
            event_id: self.event_id,
        }
    }
}

const COLUMNS: &str = "event_id, source, message_id, content, violations, marks, event, cells, history_us, first_us, \
    last_us, times, corrected, version";

impl DatabaseLog {
    /// Returns the records after a position that a filter means, newest first, at most `limit`.
    pub async fn quarantined(
        &self,
        tenant: &str,
        filter: &Filter,
        position: Position,
        limit: u64,
    ) -> Result<Vec<Record>, StoreError> {
        let db = self.store.reader();
        let mut values = Vec::new();
        let condition = filter.condition(tenant, db.get_database_backend(), &mut values);
        let after = after(position, &mut values);
        let select = format!(
            "SELECT {COLUMNS} FROM quarantine WHERE {condition} AND {after} \
             ORDER BY first_us DESC, event_id DESC LIMIT {limit}"
        );
        let rows = sql::query_all(db, &select, values).await?;
        rows.iter().map(record).collect()
    }

    /// Counts the records that a filter means.
    pub async fn count_quarantined(
        &self,
        tenant: &str,
        filter: &Filter,
    ) -> Result<i64, StoreError> {
        let db = self.store.reader();
        let mut values = Vec::new();
        let condition = filter.condition(tenant, db.get_database_backend(), &mut values);
        let select = format!("SELECT COUNT(*) AS count FROM quarantine WHERE {condition}");
        match sql::query_one(db, &select, values).await? {
            Some(row) => sql::get(&row, "count"),
            None => Ok(0),
        }
    }

    /// Returns a record of a tenant.
    pub async fn find_quarantined(
        &self,
        tenant: &str,
        event_id: Hash,
    ) -> Result<Option<Record>, StoreError> {
        load(self.store.reader(), tenant, event_id).await
    }
}

/// Returns a record of a tenant.
pub(super) async fn load<C: ConnectionTrait>(
    db: &C,
    tenant: &str,
    event_id: Hash,
) -> Result<Option<Record>, StoreError> {
    let select = format!("SELECT {COLUMNS} FROM quarantine WHERE event_id = $1 AND tenant = $2");
    let values = [event_id.to_vec().into(), tenant.into()];
    let row = sql::query_one(db, &select, values).await?;
    row.as_ref().map(record).transpose()
}

fn record(row: &QueryResult) -> Result<Record, StoreError> {
    let marks: String = sql::get(row, "marks")?;
    let corrected: String = sql::get(row, "corrected")?;
    Ok(Record {
        event_id: hash(sql::get(row, "event_id")?)?,
        source: sql::get(row, "source")?,
        message_id: sql::get(row, "message_id")?,
        content: hash(sql::get(row, "content")?)?,
        findings: from_json(&sql::get::<String>(row, "violations")?)?,
        // Marks were once joined by commas.
        marks: match marks.starts_with('[') {
            true => from_json(&marks)?,
            false => marks
                .split(',')
                .filter(|it| !it.is_empty())
                .map(str::to_owned)
                .collect(),
        },
        event: sql::get(row, "event")?,
        cells: sql::get(row, "cells")?,
        history: sql::get::<Option<i64>>(row, "history_us")?.map(TimeDelta::microseconds),
        first_us: sql::get(row, "first_us")?,
        last_time: instant(sql::get(row, "last_us")?),
        times: sql::get(row, "times")?,
        corrected: match corrected.as_str() {
            "" => Vec::new(),
            text => from_json(text)?,
        },
        version: sql::get(row, "version")?,
    })
}

pub(super) fn hash(bytes: Vec<u8>) -> Result<Hash, StoreError> {
    Hash::try_from(bytes).map_err(|_| StoreError::Corrupt("a hash does not have 16 bytes".into()))
}
