//! The table `events`: one row per accepted event, with the whole event beside the columns that queries want.

use std::sync::{Arc, LazyLock};

use api::common::{CorrectionAction, StandardEvent};
use deltalake::arrow::array::{
    ArrayRef, AsArray, BinaryBuilder, BooleanArray, Date32Builder, Int32Builder, Int64Builder,
    StringBuilder, TimestampMicrosecondBuilder,
};
use deltalake::arrow::compute::filter_record_batch;
use deltalake::arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, TimeUnit};
use features::{Corrected, Event, EventKind, Item, Touch};
use prost::Message;

use crate::{LakeError, RecordBatch, properties};

/// An event with its place in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct LakeRow {
    /// Lane that carried it.
    pub lane: String,
    /// Number of its batch within the lane.
    pub batch: i64,
    /// Place within the batch.
    pub position: i32,
    /// The event; its first fragment is its own.
    pub event: StandardEvent,
}

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let instant = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let field = |name: &str, kind: DataType| Field::new(name, kind, false);
    let optional = |name: &str, kind: DataType| Field::new(name, kind, true);
    Arc::new(Schema::new(vec![
        field("tenant", DataType::Utf8),
        field("event_day", DataType::Date32),
        field("lane", DataType::Utf8),
        field("batch", DataType::Int64),
        field("position", DataType::Int32),
        field("event_id", DataType::Utf8),
        field("source", DataType::Utf8),
        field("type", DataType::Utf8),
        field("event_time", instant()),
        field("known_time", instant()),
        field("fragment", DataType::Utf8),
        optional("value_minor", DataType::Int64),
        optional("currency", DataType::Utf8),
        optional("order_id", DataType::Utf8),
        optional("channel", DataType::Utf8),
        field("payload", DataType::Binary),
    ]))
});

/// Returns the columns: `event_day` is the day in the tenant's zone, ids are lower-case hexadecimal, `payload` is the
/// encoded `StandardEvent`.
pub fn schema() -> SchemaRef {
    SCHEMA.clone()
}

/// Turns events into rows. Fails with [`LakeError::Rows`] when an event lacks a time or a fragment.
pub fn to_batch(rows: &[LakeRow]) -> Result<RecordBatch, LakeError> {
    let mut columns = Columns::default();
    for row in rows {
        columns.push(row)?;
    }
    columns.finish()
}

#[derive(Default)]
struct Columns {
    tenant: StringBuilder,
    event_day: Date32Builder,
    lane: StringBuilder,
    batch: Int64Builder,
    position: Int32Builder,
    event_id: StringBuilder,
    source: StringBuilder,
    kind: StringBuilder,
    event_time: TimestampMicrosecondBuilder,
    known_time: TimestampMicrosecondBuilder,
    fragment: StringBuilder,
    value_minor: Int64Builder,
    currency: StringBuilder,
    order_id: StringBuilder,
    channel: StringBuilder,
    payload: BinaryBuilder,
}

impl Columns {
    fn push(&mut self, row: &LakeRow) -> Result<(), LakeError> {
        let LakeRow {
            lane,
            batch,
            position,
            event,
        } = row;
        let fragment = event
            .fragments
            .first()
            .ok_or_else(|| LakeError::Rows("event without fragment".to_owned()))?;
        let properties = event.properties.as_ref();
        self.tenant.append_value(&event.tenant);
        self.event_day.append_value(event.local_day);
        self.lane.append_value(lane);
        self.batch.append_value(*batch);
        self.position.append_value(*position);
        self.event_id.append_value(hex(&event.event_id));
        self.source.append_value(&event.source);
        self.kind.append_value(&event.r#type);
        self.event_time
            .append_value(micros(event.event_time.as_ref())?);
        self.known_time
            .append_value(micros(event.known_time.as_ref())?);
        self.fragment.append_value(hex(&fragment.fragment_id));
        self.value_minor
            .append_option(event.value.as_ref().map(|it| it.minor_units));
        self.currency
            .append_option(event.value.as_ref().map(|it| it.currency_code.as_str()));
        self.order_id
            .append_option(properties::text(properties, "order_id"));
        self.channel
            .append_option(properties::text(properties, "channel"));
        self.payload.append_value(event.encode_to_vec());
        Ok(())
    }

    fn finish(mut self) -> Result<RecordBatch, LakeError> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.tenant.finish()),
            Arc::new(self.event_day.finish()),
            Arc::new(self.lane.finish()),
            Arc::new(self.batch.finish()),
            Arc::new(self.position.finish()),
            Arc::new(self.event_id.finish()),
            Arc::new(self.source.finish()),
            Arc::new(self.kind.finish()),
            Arc::new(self.event_time.finish().with_timezone("UTC")),
            Arc::new(self.known_time.finish().with_timezone("UTC")),
            Arc::new(self.fragment.finish()),
            Arc::new(self.value_minor.finish()),
            Arc::new(self.currency.finish()),
            Arc::new(self.order_id.finish()),
            Arc::new(self.channel.finish()),
            Arc::new(self.payload.finish()),
        ];
        Ok(RecordBatch::try_new(schema(), columns)?)
    }
}

/// Leaves out the rows of a lane whose batch is at or below `stored`.
pub(crate) fn after_batch(
    rows: &RecordBatch,
    lane: &str,
    stored: i64,
) -> Result<RecordBatch, LakeError> {
    let missing = |name: &str| LakeError::Rows(format!("column {name} is missing"));
    let lanes = rows
        .column_by_name("lane")
        .and_then(|it| it.as_string_opt::<i32>())
        .ok_or_else(|| missing("lane"))?;
    let batches = rows
        .column_by_name("batch")
        .and_then(|it| it.as_primitive_opt::<Int64Type>())
        .ok_or_else(|| missing("batch"))?;
    let keep: BooleanArray = (0..rows.num_rows())
        .map(|row| Some(lanes.value(row) != lane || stored < batches.value(row)))
        .collect();
    if keep.true_count() == keep.len() {
        return Ok(rows.clone());
    }
    Ok(filter_record_batch(rows, &keep)?)
}

/// Returns what the state of a customer takes from an event.
///
/// The order is `properties.order_id` or, without one, the event itself. An order without a value is worth its items.
/// Without a local time of day, the hour is UTC's.
pub fn from_standard(event: &StandardEvent) -> Event {
    let properties = event.properties.as_ref();
    let kind = EventKind::from_name(&event.r#type);
    let event_time_ms = event.event_time.as_ref().map_or(0, |it| {
        it.seconds
            .saturating_mul(1_000)
            .saturating_add(i64::from(it.nanos) / 1_000_000)
    });
    let items: Vec<Item> = event.items.iter().map(item).collect();
    let worth = |items: &[Item]| {
        let worth: i128 = items
            .iter()
            .map(|it| i128::from(it.quantity_milli) * i128::from(it.price_minor) / 1_000)
            .sum();
        worth.clamp(-i128::from(AMOUNT_MAX), i128::from(AMOUNT_MAX)) as i64
    };
    let value_minor = match (&event.value, kind) {
        (Some(value), _) => Some(bounded(value.minor_units)),
        (None, EventKind::OrderCompleted) if !items.is_empty() => Some(worth(&items)),
        _ => None,
    };
    let order_hash = match properties::text(properties, "order_id") {
        Some(order_id) => features::hash32(order_id.as_bytes()),
        None => features::hash32(&event.event_id),
    };
    let utc_hour = event_time_ms.div_euclid(3_600_000).rem_euclid(24) as i32;
    Event {
        event_time_ms,
        local_day: event.local_day,
        local_hour: event
            .local_minute
            .map_or(utc_hour, |minute| minute / 60)
            .clamp(0, 23) as u8,
        kind,
        value_minor,
        order_hash,
        discount_minor: properties::number(properties, "discount_minor")
            .map_or(0, |it| bounded(it.round() as i64)),
        channel: properties::text(properties, "channel").unwrap_or_default(),
        touch: properties::text(properties, "touch").and_then(|it| Touch::from_name(&it)),
        rating_milli: properties::number(properties, "rating")
            .map(|it| bounded((it * 1_000.0).round() as i64)),
        nps: properties::number(properties, "nps").map(|it| it.round() as i32),
        items,
        corrected: corrected(event),
    }
}

/// Returns what of an event cleaning filled, changed or took out; what it only flagged is as the source told it.
fn corrected(event: &StandardEvent) -> Corrected {
    let mut corrected = Corrected::default();
    let changed = event.corrections.iter().filter(|it| {
        !matches!(
            it.action(),
            CorrectionAction::Flagged | CorrectionAction::Unspecified
        )
    });
    for target in changed.flat_map(|it| &it.targets) {
        let parts = ["value", "items", "properties.discount_minor"];
        corrected.amounts |= parts.contains(&target.as_str())
            || target.starts_with("value.")
            || (target.starts_with("items[")
                && (target.contains("].quantity") || target.contains("].unit_price")));
        corrected.rating |= target == "properties.rating";
        corrected.nps |= target == "properties.nps";
    }
    corrected
}

/// Largest amount that a state is given, so that no event, however odd, makes its sums overflow. Ingestion accepts no more.
const AMOUNT_MAX: i64 = 10_000_000_000_000;

fn bounded(amount: i64) -> i64 {
    amount.clamp(-AMOUNT_MAX, AMOUNT_MAX)
}

fn item(item: &api::common::Item) -> Item {
    Item {
        product: item.product_id.clone(),
        category: item.category.clone(),
        quantity_milli: bounded(item.quantity_milli),
        price_minor: item
            .unit_price
            .as_ref()
            .map_or(0, |it| bounded(it.minor_units)),
    }
}

/// Writes bytes as lower-case hexadecimal, as ids are written in the lake.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| {
        [
            DIGITS[usize::from(byte >> 4)],
            DIGITS[usize::from(byte & 15)],
        ]
    });
    digits.map(char::from).collect()
}

fn micros(time: Option<&prost_types::Timestamp>) -> Result<i64, LakeError> {
    let time = time.ok_or_else(|| LakeError::Rows("event without time".to_owned()))?;
    Ok(time
        .seconds
        .saturating_mul(1_000_000)
        .saturating_add(i64::from(time.nanos) / 1_000))
}
