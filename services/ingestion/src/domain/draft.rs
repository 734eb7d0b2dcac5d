//! An event before it is judged: what a caller or a row of a file said, with what was wrong about saying it.

use api::common::{AppliedTag, Correction, Event, Identifier, Item, Money};
use chrono::{DateTime, TimeDelta, Utc};
use prost::Message;
use prost_types::Struct;

use super::Violation;
use super::cells::Cells;
use super::keys::{Hash, Keys, hex};
use super::near::NearKey;
use super::observe::Observation;
use super::record::Change;

/// Longest message id, in bytes.
pub const MESSAGE_ID_BYTES_MAX: usize = 128;

/// An event on its way to be judged.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// Caller's key of the message within its source.
    pub message_id: String,
    /// Id of the event where it is known already: out of quarantine, where personal data are hidden in the message id, so
    /// that the id cannot be had from it any more.
    pub event_id: Option<Hash>,
    /// Source that sent it.
    pub source: String,
    /// Event name of the Segment specification.
    pub kind: String,
    /// When it happened; absent when it was not readable.
    pub event_time: Option<DateTime<Utc>>,
    /// For imported history, how long after the event it could be known; absent for live events.
    pub history_delay: Option<TimeDelta>,
    /// Identifiers as the source wrote them.
    pub identifiers: Vec<Identifier>,
    /// Total value, in the source's currency.
    pub value: Option<Money>,
    /// Value as it came, once the value is in the tenant's currency and came in another.
    pub original_value: Option<Money>,
    /// Lines of the order or basket.
    pub items: Vec<Item>,
    /// Everything else.
    pub properties: Option<Struct>,
    /// Names set by the contract's rules.
    pub marks: Vec<String>,
    /// What cleaning did.
    pub corrections: Vec<Correction>,
    /// What standardising did.
    pub changes: Vec<Change>,
    /// Tags of the event's texts.
    pub tags: Vec<AppliedTag>,
    /// Values of the record as the source wrote them; absent for events without columns.
    pub cells: Option<Cells>,
    /// What quality counts of it.
    pub observation: Option<Box<Observation>>,
    /// What makes it near to others; absent where that is not looked for.
    pub near: Option<NearKey>,
    /// What was found wrong so far.
    pub violations: Vec<Violation>,
    /// True when nothing of the row could be read, so that judging it further would only repeat that.
    pub unreadable: bool,
    /// Hash of the content, by which a repeat is told from a conflict.
    pub content: Hash,
    /// Bytes that it came in.
    pub size: usize,
    /// Most bytes that it may come in; absent means as many as any event.
    pub size_max: Option<usize>,
    /// True when it comes out of quarantine: then identifiers may be hashes, and properties are masked already.
    pub kept: bool,
}

/// What hashed identifiers and masked values begin with.
pub const HASHED: &str = "hash:";

/// Returns the fragment behind an identifier that quarantine has hashed.
pub fn hashed_fragment(value: &str) -> Option<Hash> {
    let digits = value.strip_prefix(HASHED)?;
    if digits.len() != 32 {
        return None;
    }
    let mut hash = Hash::default();
    for (byte, pair) in hash.iter_mut().zip(digits.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}

impl Draft {
    /// Takes an event as it came over the wire.
    pub fn from_event(event: Event, keys: &Keys) -> Self {
        let encoded = event.encode_to_vec();
        let mut violations = Vec::new();
        let event_time = match event.event_time {
            None => {
                violations.push(Violation::new(
                    "event_time",
                    "MISSING_TIME",
                    "an event needs a time",
                ));
                None
            }
            Some(time) => {
                let read = runtime::time::from_proto(&time);
                if read.is_none() {
                    violations.push(Violation::new(
                        "event_time",
                        "INVALID_TIME",
                        "the time is out of range",
                    ));
                }
                read
            }
        };
        Self {
            message_id: event.message_id,
            source: event.source,
            kind: event.r#type,
            event_time,
            identifiers: event.identifiers,
            value: event.value,
            items: event.items,
            properties: event.properties,
            violations,
            content: keys.content([encoded.as_slice()]),
            size: encoded.len(),
            ..Self::default()
        }
    }

    /// Returns the event as it may be kept in quarantine, identifiers hashed. Its properties must be masked already.
    pub fn hashed(self, keys: &Keys, tenant: &str) -> Event {
        let identifiers = self
            .identifiers
            .into_iter()
            .map(|Identifier { namespace, value }| {
                let known = self.kept.then(|| hashed_fragment(&value)).flatten();
                let hash = known.unwrap_or_else(|| keys.fragment(tenant, &namespace, &value));
                let value = format!("{HASHED}{}", hex(&hash));
                Identifier { namespace, value }
            })
            .collect();
        Event {
            message_id: text::hide(&self.message_id).into_owned(),
            source: self.source,
            r#type: self.kind,
            event_time: self.event_time.map(runtime::time::to_proto),
            identifiers,
            value: self.value,
            items: self.items,
            properties: self.properties,
        }
    }
}
