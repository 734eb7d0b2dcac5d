//! Events and identities to test with.

use api::common::{FragmentRef, Item, Money, StandardEvent};
use chrono::{DateTime, Utc};
use lake::events::LakeRow;
use lake::identity::IdentityRow;
use prost_types::{Struct, Timestamp, Value, value::Kind};
use uuid::Uuid;

pub(crate) const TENANT: &str = "default";

/// Time at noon of a day.
pub(crate) fn noon(day: i32) -> DateTime<Utc> {
    DateTime::from_timestamp(i64::from(day) * 86_400 + 43_200, 0).unwrap()
}

pub(crate) fn fragment(number: u64) -> [u8; 16] {
    u128::from(number).to_be_bytes()
}

pub(crate) fn customer(number: u64) -> Uuid {
    Uuid::from_u128(0xc0 << 64 | u128::from(number))
}

/// An order line of a fragment, known at noon of its day.
pub(crate) fn order(tenant: &str, number: u64, of_fragment: u64, day: i32) -> StandardEvent {
    let time = Some(Timestamp {
        seconds: noon(day).timestamp(),
        nanos: 0,
    });
    let text = |text: String| Value {
        kind: Some(Kind::StringValue(text)),
    };
    StandardEvent {
        event_id: u128::from(number).to_be_bytes().to_vec(),
        tenant: tenant.to_owned(),
        source: "shop".to_owned(),
        r#type: "Order Completed".to_owned(),
        event_time: time,
        known_time: time,
        fragments: vec![FragmentRef {
            fragment_id: fragment(of_fragment).to_vec(),
            namespace: "customer_id".into(),
            strength: 3,
        }],
        value: Some(Money {
            currency_code: "GBP".into(),
            minor_units: 100 + number as i64 % 900,
        }),
        items: vec![Item {
            product_id: format!("p{}", number % 300),
            category: format!("c{}", number % 7),
            quantity_milli: 2_000,
            unit_price: Some(Money {
                currency_code: "GBP".into(),
                minor_units: 50,
            }),
            ..Item::default()
        }],
        properties: Some(Struct {
            fields: [("order_id".to_owned(), text((number / 20).to_string()))].into(),
        }),
        local_day: day,
        ..StandardEvent::default()
    }
}

/// Rows of one batch of a lane.
pub(crate) fn batch(
    lane: &str,
    number: i64,
    events: impl IntoIterator<Item = StandardEvent>,
) -> Vec<LakeRow> {
    let place = |(position, event)| LakeRow {
        lane: lane.to_owned(),
        batch: number,
        position: position as i32,
        event,
    };
    events.into_iter().enumerate().map(place).collect()
}

pub(crate) fn owner(
    of_fragment: u64,
    to: u64,
    change_seq: i64,
    known: DateTime<Utc>,
) -> IdentityRow {
    IdentityRow {
        tenant: TENANT.to_owned(),
        fragment: fragment(of_fragment),
        customer_id: customer(to),
        ordinal: to as i64,
        change_seq,
        known_time: known,
    }
}
