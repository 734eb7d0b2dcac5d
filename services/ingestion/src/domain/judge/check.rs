//! What keeps a draft from being accepted.

use chrono::{DateTime, Utc};

use super::{Judge, is_namespace, limits};
use crate::domain::Violation;
use crate::domain::draft::Draft;

impl Judge<'_> {
    /// Adds to the draft's violations all that keeps it from being accepted.
    pub(super) fn check(&self, draft: &mut Draft) {
        let Draft {
            violations,
            identifiers,
            ..
        } = draft;
        let mut fail = |field: &str, reason, text: String| {
            violations.push(Violation::new(field, reason, text))
        };
        if draft.kind.is_empty() {
            fail(
                "type",
                "MISSING_TYPE",
                "an event needs a type, for example `Order Completed`".into(),
            );
        }
        identifiers.retain(|identifier| !identifier.value.trim().is_empty());
        if identifiers.is_empty() {
            fail(
                "identifiers",
                "MISSING_IDENTIFIER",
                "nothing says which customer this is".into(),
            );
        }
        for (index, identifier) in identifiers.iter().enumerate() {
            if !is_namespace(&identifier.namespace) {
                let field = format!("identifiers[{index}].namespace");
                fail(
                    &field,
                    "INVALID_NAMESPACE",
                    "a namespace is lower snake case, at most 64 bytes".into(),
                );
            }
        }
        if let Some(time) = draft.event_time {
            self.check_time(time, draft.history_delay.is_none(), &mut fail);
        }
        if let Some(value) = &draft.value {
            if let Some((part, reason, text)) = self.check_exchange(value, draft.event_time) {
                fail(&format!("value.{part}"), reason, text);
            }
            check_amount(
                "value.minor_units",
                value.minor_units,
                limits::AMOUNT_MAX,
                &mut fail,
            );
            if draft.kind == "Order Refunded" && value.minor_units > 0 {
                fail(
                    "value.minor_units",
                    "INVALID_VALUE",
                    "the value of a refund is negative or zero".into(),
                );
            }
        }
        for (index, item) in draft.items.iter().enumerate() {
            let field = |name: &str| format!("items[{index}].{name}");
            check_amount(
                &field("quantity_milli"),
                item.quantity_milli,
                limits::QUANTITY_MILLI_MAX,
                &mut fail,
            );
            if let Some(price) = &item.unit_price {
                if let Some((part, reason, text)) = self.check_exchange(price, draft.event_time) {
                    fail(&field(&format!("unit_price.{part}")), reason, text);
                }
                check_amount(
                    &field("unit_price.minor_units"),
                    price.minor_units,
                    limits::AMOUNT_MAX,
                    &mut fail,
                );
                let worth = i128::from(item.quantity_milli) * i128::from(price.minor_units) / 1000;
                if worth.unsigned_abs() > u128::from(limits::AMOUNT_MAX.unsigned_abs()) {
                    fail(
                        &field("quantity_milli"),
                        "AMOUNT_OUT_OF_RANGE",
                        "quantity times price is too large".into(),
                    );
                }
            }
        }
    }

    fn check_time(
        &self,
        time: DateTime<Utc>,
        live: bool,
        fail: &mut impl FnMut(&str, &'static str, String),
    ) {
        if time < DateTime::UNIX_EPOCH {
            fail(
                "event_time",
                "TIME_OUT_OF_RANGE",
                "the time lies before 1970".into(),
            );
        } else if time > self.now + self.tolerance.future {
            fail(
                "event_time",
                "TIME_IN_FUTURE",
                "the time lies further in the future than is tolerated".into(),
            );
        } else if live && time < self.now - self.tolerance.age {
            let days = self.tolerance.age.num_days();
            fail(
                "event_time",
                "TOO_OLD",
                format!("a live event may be {days} days old; import older ones as a file"),
            );
        }
    }
}

fn check_amount(
    field: &str,
    amount: i64,
    most: i64,
    fail: &mut impl FnMut(&str, &'static str, String),
) {
    if amount.unsigned_abs() > most.unsigned_abs() {
        fail(
            field,
            "AMOUNT_OUT_OF_RANGE",
            format!("at most {most} either way"),
        );
    }
}
