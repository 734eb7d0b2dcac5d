//! Reading single values out of an event's properties.

use prost_types::{Struct, value::Kind};

fn kind<'a>(properties: Option<&'a Struct>, name: &str) -> Option<&'a Kind> {
    properties?.fields.get(name)?.kind.as_ref()
}

/// Returns a text; numbers without a fraction are written as integers, as sources often send ids so.
pub(crate) fn text(properties: Option<&Struct>, name: &str) -> Option<String> {
    match kind(properties, name)? {
        Kind::StringValue(text) if !text.is_empty() => Some(text.clone()),
        Kind::NumberValue(number) if number.fract() == 0.0 => Some(format!("{number:.0}")),
        Kind::NumberValue(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Returns a number, also when it was sent as text.
pub(crate) fn number(properties: Option<&Struct>, name: &str) -> Option<f64> {
    match kind(properties, name)? {
        Kind::NumberValue(number) => Some(*number),
        Kind::StringValue(text) => text.trim().parse().ok(),
        _ => None,
    }
    .filter(|number| number.is_finite())
}
