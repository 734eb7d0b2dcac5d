//! The table `identity`: which customer a fragment belonged to, from when on.

use std::sync::{Arc, LazyLock};

use chrono::{DateTime, Utc};
use deltalake::arrow::array::{ArrayRef, Int64Builder, StringBuilder, TimestampMicrosecondBuilder};
use deltalake::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use uuid::Uuid;

use crate::{LakeError, RecordBatch, events::hex};

/// A fragment came to a customer: with its first event, or by a merge or a split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityRow {
    /// Tenant.
    pub tenant: String,
    /// The fragment.
    pub fragment: [u8; 16],
    /// Customer that it belongs to from here on.
    pub customer_id: Uuid,
    /// The customer's dense number within the tenant.
    pub ordinal: i64,
    /// Number of the change; of a fragment's rows the one with the highest holds.
    pub change_seq: i64,
    /// When it could be known: the `known_time` of the event that caused it.
    pub known_time: DateTime<Utc>,
}

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let field = |name: &str, kind: DataType| Field::new(name, kind, false);
    Arc::new(Schema::new(vec![
        field("tenant", DataType::Utf8),
        field("fragment", DataType::Utf8),
        field("customer_id", DataType::Utf8),
        field("ordinal", DataType::Int64),
        field("change_seq", DataType::Int64),
        field(
            "known_time",
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        ),
    ]))
});

/// Returns the columns; ids are lower-case text.
pub fn schema() -> SchemaRef {
    SCHEMA.clone()
}

/// Turns changes into rows.
pub fn to_batch(rows: &[IdentityRow]) -> Result<RecordBatch, LakeError> {
    let (mut tenants, mut fragments, mut customers) = (
        StringBuilder::new(),
        StringBuilder::new(),
        StringBuilder::new(),
    );
    let (mut ordinals, mut changes) = (Int64Builder::new(), Int64Builder::new());
    let mut known = TimestampMicrosecondBuilder::new();
    for row in rows {
        tenants.append_value(&row.tenant);
        fragments.append_value(hex(&row.fragment));
        customers.append_value(row.customer_id.to_string());
        ordinals.append_value(row.ordinal);
        changes.append_value(row.change_seq);
        known.append_value(row.known_time.timestamp_micros());
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(tenants.finish()),
        Arc::new(fragments.finish()),
        Arc::new(customers.finish()),
        Arc::new(ordinals.finish()),
        Arc::new(changes.finish()),
        Arc::new(known.finish().with_timezone("UTC")),
    ];
    Ok(RecordBatch::try_new(schema(), columns)?)
}
