//! Which records are meant.

use sea_orm::{DbBackend, Value};
use serde::{Deserialize, Serialize};

use crate::domain::keys::Hash;

/// Conditions on records of a tenant, all of which must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// Source.
    pub source: Option<String>,
    /// One of the reasons.
    pub reason: Option<String>,
    /// A field at fault.
    pub field: Option<String>,
    /// Came last at or after this time, in microseconds since 1970.
    pub from_us: Option<i64>,
    /// Came last before this time, in microseconds since 1970.
    pub to_us: Option<i64>,
    /// Ids of the records; empty means any.
    pub ids: Vec<Hash>,
}

/// A place in the order of records, the newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// When the record came first, in microseconds since 1970.
    pub first_us: i64,
    /// Its id.
    pub event_id: Hash,
}

impl Position {
    /// Before all records.
    pub const START: Self = Self {
        first_us: i64::MAX,
        event_id: [0xff; 16],
    };
}

impl Filter {
    /// Returns the filter as a condition of SQL, and adds its values to `values`.
    pub(super) fn condition(
        &self,
        tenant: &str,
        backend: DbBackend,
        values: &mut Vec<Value>,
    ) -> String {
        let mut add = |value: Value| {
            values.push(value);
            format!("${}", values.len())
        };
        let mut all = vec![format!("tenant = {}", add(tenant.into()))];
        if let Some(source) = &self.source {
            all.push(format!("source = {}", add(source.as_str().into())));
        }
        // A value of the JSON text stands between quotes that no value can hold unescaped.
        let holds = |name: &str, value: &str| {
            let value = serde_json::Value::from(value).to_string();
            format!("\"{name}\":{value}")
        };
        let found = match backend {
            DbBackend::Postgres => "strpos",
            _ => "instr",
        };
        for (name, value) in [("reason", &self.reason), ("field", &self.field)] {
            if let Some(value) = value {
                let text = add(holds(name, value).into());
                all.push(format!("{found}(violations, {text}) > 0"));
            }
        }
        if let Some(from) = self.from_us {
            all.push(format!("last_us >= {}", add(from.into())));
        }
        if let Some(to) = self.to_us {
            all.push(format!("last_us < {}", add(to.into())));
        }
        if !self.ids.is_empty() {
            let ids: Vec<String> = self.ids.iter().map(|id| add(id.to_vec().into())).collect();
            all.push(format!("event_id IN ({})", ids.join(", ")));
        }
        all.join(" AND ")
    }
}

/// Returns the condition that a record comes after a position, and adds its values to `values`.
pub(super) fn after(position: Position, values: &mut Vec<Value>) -> String {
    values.push(position.first_us.into());
    let first = values.len();
    values.push(position.event_id.to_vec().into());
    let id = values.len();
    format!("(first_us < ${first} OR (first_us = ${first} AND event_id < ${id}))")
}
