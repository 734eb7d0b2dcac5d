//! Features, freshness and identifiers in the words of the contract.

use api::common::{Freshness, IdentifierStrength};
use api::profile::feature_value::Value as ProtoValue;
use api::profile::{FeatureValue, ProfileIdentifier, ValueStatus};
use chrono::DateTime;
use chrono_tz::Tz;
use features::{Cell, Status, Value};

use crate::domain::batch::hex;
use crate::domain::days;
use crate::domain::identity::{Identifier, Strength};
use crate::service::Fresh;

/// A feature's value; days become the instants at which they begin in `zone`.
pub(crate) fn feature(name: &str, cell: &Cell, zone: Tz) -> FeatureValue {
    let value = match &cell.value {
        None => None,
        Some(Value::Number(number)) => Some(ProtoValue::Number(*number)),
        Some(Value::Text(text)) => Some(ProtoValue::Text(text.clone())),
        Some(Value::Flag(flag)) => Some(ProtoValue::Flag(*flag)),
        Some(Value::Day(day)) => {
            days::start_of(*day, zone).map(|it| ProtoValue::Time(runtime::time::to_proto(it)))
        }
    };
    let status = match (cell.status, &value) {
        (_, None) | (Status::Unknown, _) => ValueStatus::Unknown,
        (Status::Present, _) => ValueStatus::Present,
        (Status::Default, _) => ValueStatus::Default,
    };
    FeatureValue {
        name: name.to_owned(),
        value,
        status: status.into(),
        corrected: cell.corrected,
    }
}

/// How fresh an answer is.
pub(crate) fn freshness(fresh: &Fresh) -> Freshness {
    let complete_through = fresh
        .complete_through_ms
        .and_then(DateTime::from_timestamp_millis);
    Freshness {
        complete_through: complete_through.map(runtime::time::to_proto),
        degraded: !fresh.reasons.is_empty(),
        degraded_reasons: fresh.reasons.iter().map(|it| (*it).to_owned()).collect(),
    }
}

/// An identifier without its value.
pub(crate) fn identifier(identifier: &Identifier) -> ProfileIdentifier {
    let strength = match identifier.strength {
        Strength::Weak => IdentifierStrength::Weak,
        Strength::Medium => IdentifierStrength::Medium,
        Strength::Strong => IdentifierStrength::Strong,
    };
    ProfileIdentifier {
        namespace: identifier.namespace.clone(),
        fragment_id: hex(&identifier.fragment),
        strength: strength.into(),
    }
}

/// A time of the store as the contract's.
pub(crate) fn time(ms: i64) -> Option<prost_types::Timestamp> {
    DateTime::from_timestamp_millis(ms).map(runtime::time::to_proto)
}
