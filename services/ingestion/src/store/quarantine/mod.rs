//! Quarantine: records that could not be accepted, until they are replayed, given up, or overtaken by a good delivery.
//!
//! Whoever changes quarantine holds the lanes' ends, as appends do: then what the totals say of it is exact.

mod enter;
mod filter;
mod jobs;
mod leave;
mod read;
mod replay;

pub(super) use enter::{admit, write};
pub use filter::{Filter, Position};
pub use jobs::Job;
pub use read::Record;
pub use replay::{Judgement, ReplayStep, Replayed};

pub use leave::Discard;
pub(super) use leave::release_accepted;

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DbBackend};
use serde::{Deserialize, Serialize};
use store::{StoreError, WriteTx, sql};

use crate::domain::Violation;

/// Bounds of quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuarantineLimits {
    /// Most records of one source.
    pub source_records: i64,
    /// Most bytes of one source's records.
    pub source_bytes: i64,
    /// Most records of one tenant.
    pub tenant_records: i64,
    /// Most bytes of one tenant's records.
    pub tenant_bytes: i64,
}

/// What became of a source's quarantined records: entered = held + replayed + discarded + superseded + expired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// In quarantine now.
    pub held: i64,
    /// Bytes of these.
    pub bytes: i64,
    /// Ever came in, each once however often it was sent.
    pub entered: i64,
    /// Committed by a replay.
    pub replayed: i64,
    /// Given up.
    pub discarded: i64,
    /// Left because the same message had been accepted in another form.
    pub superseded: i64,
    /// Left because they had been kept for as long as is configured.
    pub expired: i64,
}

/// One thing that is wrong with a record, as quarantine keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Field at fault.
    pub field: String,
    /// Stable reason.
    pub reason: String,
    /// Sentence for a person.
    pub description: String,
}

impl From<&Violation> for Finding {
    fn from(it: &Violation) -> Self {
        Self {
            field: it.field.clone(),
            reason: it.reason.to_owned(),
            description: it.description.clone(),
        }
    }
}

/// Returns violations as they are stored.
fn findings_text(violations: &[Violation]) -> Result<String, StoreError> {
    let findings: Vec<Finding> = violations.iter().map(Finding::from).collect();
    to_json(&findings)
}

fn to_json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Failed(error.to_string()))
}

fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Corrupt(format!("quarantine: {error}")))
}

/// Waits for the appends' turn and takes it.
async fn take_turn(tx: &WriteTx) -> Result<(), StoreError> {
    if tx.get_database_backend() == DbBackend::Postgres {
        let lock = "SELECT lane FROM lane_heads ORDER BY lane FOR UPDATE";
        sql::query_all(tx, lock, []).await?;
    }
    Ok(())
}

/// Changes of totals, by tenant and source.
type Changes = BTreeMap<(String, String), Totals>;

/// Adds changes to the totals.
async fn add_totals(tx: &WriteTx, changes: &Changes) -> Result<(), StoreError> {
    let upsert = "INSERT INTO quarantine_totals (tenant, source, held, bytes, entered, replayed, discarded, superseded, \
        expired) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (tenant, source) DO UPDATE SET \
        held = quarantine_totals.held + excluded.held, bytes = quarantine_totals.bytes + excluded.bytes, \
        entered = quarantine_totals.entered + excluded.entered, \
        replayed = quarantine_totals.replayed + excluded.replayed, \
        discarded = quarantine_totals.discarded + excluded.discarded, \
        superseded = quarantine_totals.superseded + excluded.superseded, \
        expired = quarantine_totals.expired + excluded.expired";
    for ((tenant, source), it) in changes {
        let numbers = [
            it.held,
            it.bytes,
            it.entered,
            it.replayed,
            it.discarded,
            it.superseded,
            it.expired,
        ];
        let names = [tenant.as_str().into(), source.as_str().into()];
        sql::execute(tx, upsert, names.into_iter().chain(numbers.map(Into::into))).await?;
    }
    Ok(())
}

/// Reads the totals of a tenant by source.
pub(super) async fn totals<C: ConnectionTrait>(
    db: &C,
    tenant: &str,
) -> Result<BTreeMap<String, Totals>, StoreError> {
    let select = "SELECT source, held, bytes, entered, replayed, discarded, superseded, expired FROM quarantine_totals \
        WHERE tenant = $1";
    let mut found = BTreeMap::new();
    for row in sql::query_all(db, select, [tenant.into()]).await? {
        let totals = Totals {
            held: sql::get(&row, "held")?,
            bytes: sql::get(&row, "bytes")?,
            entered: sql::get(&row, "entered")?,
            replayed: sql::get(&row, "replayed")?,
            discarded: sql::get(&row, "discarded")?,
            superseded: sql::get(&row, "superseded")?,
            expired: sql::get(&row, "expired")?,
        };
        found.insert(sql::get(&row, "source")?, totals);
    }
    Ok(found)
}
