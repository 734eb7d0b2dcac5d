//! Reads events in protobuf's JSON mapping, both with `snake_case` and with `camelCase` names.

use api::common::{Event, Identifier, Item, Money};
use chrono::DateTime;
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value as ProtoValue};
use serde_json::{Map, Value};

use crate::domain::Violation;

/// Reads an event; what is wrong is added to `violations`, the rest is read nevertheless.
pub(super) fn event(object: &Value, line: u64, violations: &mut Vec<Violation>) -> Event {
    let mut reader = Reader { line, violations };
    let Some(fields) = object.as_object() else {
        return Event::default();
    };
    let mut event = Event::default();
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
        match name.as_str() {
            "message_id" | "messageId" => event.message_id = reader.text(name, value),
            "source" => event.source = reader.text(name, value),
            "type" => event.r#type = reader.text(name, value),
            "event_time" | "eventTime" => {
                let time = value
                    .as_str()
                    .and_then(|text| DateTime::parse_from_rfc3339(text).ok());
                if time.is_none() {
                    reader.wrong("event_time", "INVALID_TIME", "an RFC 3339 time is expected");
                }
                event.event_time = time.map(|time| runtime::time::to_proto(time.to_utc()));
            }
            "identifiers" => event.identifiers = reader.list(name, value, Reader::identifier),
            "value" => event.value = reader.money(name, value),
            "items" => event.items = reader.list(name, value, Reader::item),
            "properties" => match value.as_object() {
                Some(fields) => event.properties = Some(structure(fields)),
                None => reader.wrong(name, "INVALID_JSON", "an object is expected"),
            },
            _ => reader.wrong(name, "UNKNOWN_FIELD", "an event has no such field"),
        }
    }
    event
}

struct Reader<'v> {
    line: u64,
    violations: &'v mut Vec<Violation>,
}

impl Reader<'_> {
    fn wrong(&mut self, field: &str, reason: &'static str, problem: &str) {
        let text = format!("line {}, {field}: {problem}", self.line);
        self.violations.push(Violation::new(field, reason, text));
    }

    fn text(&mut self, field: &str, value: &Value) -> String {
        match value.as_str() {
            Some(text) => text.to_owned(),
            None => {
                self.wrong(field, "INVALID_JSON", "a text is expected");
                String::new()
            }
        }
    }

    /// Reads a whole number, written as a number or, as protobuf does, as a text.
    fn whole(&mut self, field: &str, value: &Value) -> i64 {
        match value
            .as_i64()
            .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
        {
            Some(number) => number,
            None => {
                self.wrong(field, "INVALID_NUMBER", "a whole number is expected");
                0
            }
        }
    }

    fn list<T>(
        &mut self,
        field: &str,
        value: &Value,
        read: impl Fn(&mut Self, &str, &Map<String, Value>) -> T,
    ) -> Vec<T> {
        let Some(elements) = value.as_array() else {
            self.wrong(field, "INVALID_JSON", "a list is expected");
            return Vec::new();
        };
        let mut all = Vec::with_capacity(elements.len());
        for (index, element) in elements.iter().enumerate() {
            let path = format!("{field}[{index}]");
            match element.as_object() {
                Some(fields) => all.push(read(self, &path, fields)),
                None => self.wrong(&path, "INVALID_JSON", "an object is expected"),
            }
        }
        all
    }

    fn identifier(&mut self, path: &str, fields: &Map<String, Value>) -> Identifier {
        let mut identifier = Identifier::default();
        for (name, value) in fields {
            let field = format!("{path}.{name}");
            match name.as_str() {
                "namespace" => identifier.namespace = self.text(&field, value),
                "value" => identifier.value = self.text(&field, value),
                _ => self.wrong(&field, "UNKNOWN_FIELD", "an identifier has no such field"),
            }
        }
        identifier
    }

    fn money(&mut self, path: &str, value: &Value) -> Option<Money> {
        let Some(fields) = value.as_object() else {
            self.wrong(
                path,
                "INVALID_JSON",
                "an amount is an object with currency_code and minor_units",
            );
            return None;
        };
        let mut money = Money::default();
        for (name, value) in fields {
            let field = format!("{path}.{name}");
            match name.as_str() {
                "currency_code" | "currencyCode" => money.currency_code = self.text(&field, value),
                "minor_units" | "minorUnits" => money.minor_units = self.whole(&field, value),
                _ => self.wrong(&field, "UNKNOWN_FIELD", "an amount has no such field"),
            }
        }
        Some(money)
    }

    fn item(&mut self, path: &str, fields: &Map<String, Value>) -> Item {
        let mut item = Item::default();
        for (name, value) in fields {
            let field = format!("{path}.{name}");
            match name.as_str() {
                "product_id" | "productId" => item.product_id = self.text(&field, value),
                "name" => item.name = self.text(&field, value),
                "category" => item.category = self.text(&field, value),
                "quantity_milli" | "quantityMilli" => {
                    item.quantity_milli = self.whole(&field, value)
                }
                "unit_price" | "unitPrice" => item.unit_price = self.money(&field, value),
                _ => self.wrong(&field, "UNKNOWN_FIELD", "an item has no such field"),
            }
        }
        item
    }
}

fn structure(fields: &Map<String, Value>) -> Struct {
    Struct {
        fields: fields
            .iter()
            .map(|(name, value)| (name.clone(), proto_value(value)))
            .collect(),
    }
}

fn proto_value(value: &Value) -> ProtoValue {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(flag) => Kind::BoolValue(*flag),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Array(elements) => Kind::ListValue(ListValue {
            values: elements.iter().map(proto_value).collect(),
        }),
        Value::Object(fields) => Kind::StructValue(structure(fields)),
    };
    ProtoValue { kind: Some(kind) }
}
