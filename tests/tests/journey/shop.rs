//! A small shop whose events are the same in every run.

use api::common::{Event, Identifier, Item, Money};
use prost_types::Timestamp;
use std::sync::LazyLock;

/// Customers of the shop.
pub(crate) const CUSTOMERS: usize = 120;
/// Source of its events.
pub(crate) const SOURCE: &str = "shop";
/// Days of its history.
const DAYS: u64 = 360;
/// First second of its history: young enough for live events, the same throughout a run.
static START: LazyLock<i64> = LazyLock::new(|| {
    let today = chrono::Utc::now().timestamp() / 86_400 * 86_400;
    today - (DAYS as i64 + 20) * 86_400
});

/// Returns the day as of which its customers are scored; all events are older.
pub(crate) fn as_of() -> String {
    at(DAYS + 1).format("%Y-%m-%d").to_string()
}

/// Returns the first second of a day of the history.
fn at(day: u64) -> chrono::DateTime<chrono::Utc> {
    chrono::DateTime::from_timestamp(*START + day as i64 * 86_400, 0).expect("a time")
}

/// Numbers that look random and are the same for ever.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: u64) -> u64 {
        // The step and the mixing of SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut it = self.0;
        it = (it ^ (it >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        it = (it ^ (it >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (it ^ (it >> 31)) % below
    }
}

/// Returns the customer number of a customer.
pub(crate) fn customer(index: usize) -> String {
    format!("c{index:04}")
}

/// Returns the events of the shop: orders, some returns, and visits that an e-mail address ties to a customer.
pub(crate) fn events() -> Vec<Event> {
    let mut numbers = Numbers(7);
    let mut events = Vec::new();
    for index in 0..CUSTOMERS {
        let name = customer(index);
        let mut day = numbers.next(DAYS / 2);
        let gap = 5 + numbers.next(60);
        let value = 500 + numbers.next(9_500) as i64;
        for number in 0.. {
            let spent = value / 2 + numbers.next(value as u64) as i64;
            let order = event(
                &format!("{name}-{number}"),
                "Order Completed",
                day,
                &[("customer_id", &name)],
                Some(spent),
            );
            events.push(order);
            if numbers.next(12) == 0 {
                let back = event(
                    &format!("{name}-{number}-r"),
                    "Order Refunded",
                    day,
                    &[("customer_id", &name)],
                    Some(-spent / 2),
                );
                events.push(back);
            }
            if numbers.next(4) == 0 {
                let mail = format!("{name}@example.com");
                let identifiers = [("customer_id", name.as_str()), ("email", mail.as_str())];
                events.push(event(
                    &format!("{name}-{number}-v"),
                    "Product Viewed",
                    day,
                    &identifiers,
                    None,
                ));
            }
            day += 1 + numbers.next(2 * gap);
            if day >= DAYS || numbers.next(9) == 0 {
                break;
            }
        }
    }
    events
}

/// Returns events that nobody can be told of: they belong in quarantine.
pub(crate) fn anonymous_events() -> Vec<Event> {
    (0..5)
        .map(|number| {
            event(
                &format!("nobody-{number}"),
                "Order Completed",
                number,
                &[],
                Some(100),
            )
        })
        .collect()
}

fn event(
    id: &str,
    kind: &str,
    day: u64,
    identifiers: &[(&str, &str)],
    value: Option<i64>,
) -> Event {
    let money = |minor_units| Money {
        currency_code: "EUR".into(),
        minor_units,
    };
    Event {
        message_id: id.into(),
        source: SOURCE.into(),
        r#type: kind.into(),
        event_time: Some(Timestamp {
            seconds: at(day).timestamp() + 40_000,
            nanos: 0,
        }),
        identifiers: identifiers
            .iter()
            .map(|(namespace, value)| Identifier {
                namespace: (*namespace).into(),
                value: (*value).into(),
            })
            .collect(),
        value: value.map(money),
        items: vec![Item {
            product_id: format!("p{}", day % 17),
            quantity_milli: 1_000,
            ..Default::default()
        }],
        properties: None,
    }
}

/// Rows of the shop's old till, as a file: so that imports are part of the story.
pub(crate) fn till_csv() -> String {
    let mut numbers = Numbers(11);
    let mut text = String::from("receipt,sold_at,customer,total\n");
    for row in 0..600 {
        let day = at(numbers.next(DAYS));
        let who = if row % 50 == 49 {
            String::new()
        } else {
            customer(numbers.next(CUSTOMERS as u64) as usize)
        };
        let cents = 100 + numbers.next(5_000);
        text += &format!(
            "{row},{},{who},{}.{:02}\n",
            day.format("%Y-%m-%d"),
            cents / 100,
            cents % 100
        );
    }
    text
}

/// Contract of [`till_csv`].
pub(crate) const TILL_CONTRACT: &str = r#"
apiVersion: v3.0.2
kind: DataContract
id: till
name: Till
version: 1.0.0
status: active
schema:
  - name: receipts
    logicalType: object
    properties:
      - {name: receipt, logicalType: string, required: true, primaryKey: true}
      - {name: sold_at, logicalType: date, required: true}
      - {name: customer, logicalType: string, classification: personal}
      - {name: total, logicalType: number, required: true}
customProperties:
  - property: clientele
    value:
      file: {format: csv, header: true}
      time: {column: sold_at, formats: ["%Y-%m-%d"], zone: UTC, delay: 0s}
      currency: EUR
      identifiers: {customer_id: customer}
      types: Order Completed
      value: total
      properties: {order_id: receipt}
"#;
