//! Messages of the Segment HTTP protocol as events.
//!
//! A message is a JSON object with a `type` (`track`, `identify`, `page`, `screen`, `group` or `alias`), a `messageId`, the
//! customer's `userId` and `anonymousId`, and `properties` or `traits`. Its event has the same message id; the event's name is
//! that of the tracked event, or the message's type with a capital. E-mail addresses and phone numbers among the traits
//! become identifiers. Addresses of the network and advertising ids are not taken over.

mod context;
mod order;

use api::common::{Event, Identifier};
use chrono::{DateTime, TimeDelta, Utc};
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value as ProtoValue};
use serde_json::{Map, Value};

use super::Violation;

/// Clocks that differ by less than this are taken to agree; what is left is the way through the network.
const SKEW_TOLERANCE: TimeDelta = TimeDelta::seconds(10);
/// Deepest nesting that is read; the rest of the way of an event allows less.
const DEPTH_MAX: usize = 12;

/// Kind of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Something that the customer did.
    Track,
    /// What is known of the customer.
    Identify,
    /// A page that was seen.
    Page,
    /// A screen of an app that was seen.
    Screen,
    /// The group that the customer belongs to.
    Group,
    /// Two ids of one customer.
    Alias,
}

impl Call {
    /// Reads the `type` of a message.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "track" => Some(Self::Track),
            "identify" => Some(Self::Identify),
            "page" => Some(Self::Page),
            "screen" => Some(Self::Screen),
            "group" => Some(Self::Group),
            "alias" => Some(Self::Alias),
            _ => None,
        }
    }

    /// Returns the name of its events, except of tracked ones, which bring their own.
    fn event_name(self) -> &'static str {
        match self {
            Self::Track => "",
            Self::Identify => "Identify",
            Self::Page => "Page",
            Self::Screen => "Screen",
            Self::Group => "Group",
            Self::Alias => "Alias",
        }
    }
}

/// What is known of a message beside itself.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    /// Kind of the message where the address says it; otherwise the message's own `type` does.
    pub call: Option<Call>,
    /// Source of the write key.
    pub source: &'a str,
    /// Currency of amounts that name none, ISO 4217.
    pub currency: &'a str,
    /// When the caller sent the message, by the caller's clock; the message's own `sentAt` goes first.
    pub sent_at: Option<DateTime<Utc>>,
    /// Context that all messages of a batch share; a message's own goes first.
    pub context: Option<&'a Value>,
    /// When the message arrived, by our clock.
    pub received_at: DateTime<Utc>,
}

/// Turns a message into an event. Fails with every field that cannot be read; their paths are those of the message.
pub fn event(message: &Value, envelope: &Envelope<'_>) -> Result<Event, Vec<Violation>> {
    let Value::Object(message) = message else {
        return Err(vec![Violation::new(
            "",
            "INVALID_MESSAGE",
            "a message is a JSON object",
        )]);
    };
    let mut reader = Reader {
        message,
        found: Vec::new(),
    };
    let call = envelope.call.or_else(|| reader.call());
    let message_id = reader.text("messageId").unwrap_or_default();
    if message_id.is_empty() {
        reader.fail(
            "messageId",
            "REQUIRED",
            "a message needs an id, by which a repeat is known",
        );
    }
    let name = match call {
        Some(Call::Track) => reader.tracked_name(),
        Some(call) => call.event_name().to_owned(),
        None => String::new(),
    };
    let identifiers = reader.identifiers(call, envelope.context);
    let event_time = reader.time(envelope);
    let mut properties = reader.properties(call);
    let currency = order::take_currency(&mut properties, envelope.currency);
    let value = order::take_value(&name, &mut properties, &currency, &mut reader.found);
    let items = order::take_items(&mut properties, &currency, &mut reader.found);
    reader.add_names(call, &mut properties);
    let own = message.get("context");
    if let Some(kept) = context::kept(own.or(envelope.context)) {
        properties.entry("context").or_insert(kept);
    }
    if depth(&properties) > DEPTH_MAX {
        reader.fail(
            "properties",
            "TOO_DEEP",
            "the properties are nested too deep",
        );
        properties.clear();
    }
    if !reader.found.is_empty() {
        return Err(reader.found);
    }
    Ok(Event {
        message_id,
        source: envelope.source.to_owned(),
        r#type: name,
        event_time: Some(runtime::time::to_proto(event_time)),
        identifiers,
        value,
        items,
        properties: (!properties.is_empty()).then(|| proto_struct(properties)),
    })
}

/// Returns a message as text without what changes when it is sent again, so that a repeat has the same content.
pub fn content(message: &Value) -> String {
    let Value::Object(fields) = message else {
        return message.to_string();
    };
    let kept: Map<String, Value> = fields
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "sentAt" | "receivedAt" | "writeKey"))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    Value::Object(kept).to_string()
}

/// Reads a time as client libraries write it.
pub fn time(value: &Value) -> Option<DateTime<Utc>> {
    match value {
        Value::String(text) => DateTime::parse_from_rfc3339(text.trim())
            .map(|time| time.to_utc())
            .or_else(|_| {
                // Without an offset the text means UTC.
                text.trim()
                    .parse::<chrono::NaiveDateTime>()
                    .map(|local| local.and_utc())
            })
            .ok(),
        Value::Number(number) => number.as_i64().and_then(DateTime::from_timestamp_millis),
        _ => None,
    }
}

/// Reads one message and collects what is wrong with it.
struct Reader<'a> {
    message: &'a Map<String, Value>,
    found: Vec<Violation>,
}

impl Reader<'_> {
    fn fail(&mut self, field: &str, reason: &'static str, text: &str) {
        self.found.push(Violation::new(field, reason, text));
    }

    fn call(&mut self) -> Option<Call> {
        let call = self
            .message
            .get("type")
            .and_then(Value::as_str)
            .and_then(Call::parse);
        if call.is_none() {
            self.fail(
                "type",
                "INVALID_TYPE",
                "a type is track, identify, page, screen, group or alias",
            );
        }
        call
    }

    /// Returns a field as text; numbers are taken as they are written.
    fn text(&mut self, name: &str) -> Option<String> {
        match scalar(self.message.get(name)?) {
            Ok(text) => text,
            Err(()) => {
                self.fail(name, "INVALID_TEXT", "the field is a text");
                None
            }
        }
    }

    fn tracked_name(&mut self) -> String {
        let name = self.text("event").unwrap_or_default().trim().to_owned();
        if name.is_empty() && self.found.iter().all(|it| it.field != "event") {
            self.fail("event", "REQUIRED", "a tracked event needs a name");
        }
        name
    }

    fn identifiers(&mut self, call: Option<Call>, shared: Option<&Value>) -> Vec<Identifier> {
        let mut identifiers = Vec::new();
        let mut add = |namespace: &str, value: Option<String>| {
            if let Some(value) = value.filter(|value| !value.trim().is_empty()) {
                identifiers.push(Identifier {
                    namespace: namespace.to_owned(),
                    value,
                });
            }
        };
        add("customer_id", self.text("userId"));
        add("anonymous_id", self.text("anonymousId"));
        if call == Some(Call::Alias) {
            add("anonymous_id", self.text("previousId"));
        }
        let own = self.message.get("context");
        // A group's traits are the group's.
        let traits = match call {
            Some(Call::Group) => None,
            _ => self.message.get("traits"),
        };
        let places = [
            traits,
            own.and_then(|it| it.get("traits")),
            shared.and_then(|it| it.get("traits")),
        ];
        for (namespace, names) in [
            ("email", ["email", "emailAddress"]),
            ("phone", ["phone", "phoneNumber"]),
        ] {
            let found = places.iter().flatten().find_map(|traits| {
                names
                    .iter()
                    .find_map(|name| scalar(traits.get(name)?).ok().flatten())
            });
            add(namespace, found);
        }
        let device = own
            .or(shared)
            .and_then(|it| it.pointer("/device/id"))
            .and_then(|it| scalar(it).ok().flatten());
        add("device_id", device);
        identifiers
    }

    /// Returns when the event happened. Where the caller's clock is wrong, by how far it was off when the message was sent:
    /// time = received - (sent - time).
    fn time(&mut self, envelope: &Envelope<'_>) -> DateTime<Utc> {
        let given = ["originalTimestamp", "timestamp"]
            .iter()
            .find_map(|name| Some((*name, self.message.get(*name)?)))
            .filter(|(_, value)| !value.is_null());
        let Some((name, value)) = given else {
            return envelope.received_at;
        };
        let Some(original) = time(value) else {
            self.fail(
                name,
                "INVALID_TIME",
                "a time is written as RFC 3339, for example 2026-02-01T12:00:00Z",
            );
            return envelope.received_at;
        };
        let sent = self
            .message
            .get("sentAt")
            .and_then(time)
            .or(envelope.sent_at);
        let skew = sent.map_or(TimeDelta::zero(), |sent| envelope.received_at - sent);
        match skew.abs() > SKEW_TOLERANCE {
            true => original.checked_add_signed(skew).unwrap_or(original),
            false => original,
        }
    }

    /// Returns the properties, or the traits of calls that have no properties, without what became an identifier.
    fn properties(&mut self, call: Option<Call>) -> Map<String, Value> {
        let name = match call {
            Some(Call::Identify | Call::Group) => "traits",
            _ => "properties",
        };
        let mut properties = match self.message.get(name) {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(fields)) => fields.clone(),
            Some(_) => {
                self.fail(name, "INVALID_OBJECT", "the field is a JSON object");
                Map::new()
            }
        };
        if call == Some(Call::Identify) {
            for known in ["email", "emailAddress", "phone", "phoneNumber"] {
                if properties
                    .get(known)
                    .is_some_and(|it| matches!(scalar(it), Ok(Some(_))))
                {
                    properties.remove(known);
                }
            }
        }
        properties.retain(|_, value| !value.is_null());
        properties
    }

    /// Adds the names of pages, screens and groups under names that are not those of persons.
    fn add_names(&mut self, call: Option<Call>, properties: &mut Map<String, Value>) {
        let prefix = match call {
            Some(Call::Page) => "page",
            Some(Call::Screen) => "screen",
            Some(Call::Group) => {
                if let Some(id) = self.text("groupId") {
                    properties.insert("group_id".into(), id.into());
                }
                return;
            }
            _ => return,
        };
        for name in ["name", "category"] {
            let inner = properties.remove(name);
            let value = self
                .text(name)
                .map(Value::from)
                .or(inner.filter(Value::is_string));
            if let Some(value) = value {
                properties.insert(format!("{prefix}_{name}"), value);
            }
        }
    }
}

/// Returns a scalar as text, nothing for null. Fails for lists and objects.
fn scalar(value: &Value) -> Result<Option<String>, ()> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        Value::Number(number) => Ok(Some(number.to_string())),
        Value::Bool(flag) => Ok(Some(flag.to_string())),
        Value::Array(_) | Value::Object(_) => Err(()),
    }
}

/// Returns how deep properties are nested, from 1.
fn depth(fields: &Map<String, Value>) -> usize {
    fn of(value: &Value) -> usize {
        match value {
            Value::Array(values) => 1 + values.iter().map(of).max().unwrap_or(0),
            Value::Object(fields) => 1 + fields.values().map(of).max().unwrap_or(0),
            _ => 0,
        }
    }
    1 + fields.values().map(of).max().unwrap_or(0)
}

fn proto_struct(fields: Map<String, Value>) -> Struct {
    Struct {
        fields: fields
            .into_iter()
            .map(|(name, value)| (name, proto_value(value)))
            .collect(),
    }
}

fn proto_value(value: Value) -> ProtoValue {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(flag) => Kind::BoolValue(flag),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Value::String(text) => Kind::StringValue(text),
        Value::Array(values) => Kind::ListValue(ListValue {
            values: values.into_iter().map(proto_value).collect(),
        }),
        Value::Object(fields) => Kind::StructValue(proto_struct(fields)),
    };
    ProtoValue { kind: Some(kind) }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
