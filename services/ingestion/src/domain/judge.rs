//! Standardises a draft and says what shall become of it.

use api::common::{FragmentRef, Identifier, IdentifierStrength, Item, StandardEvent};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use prost::Message;

use super::Violation;
use super::decimal::is_currency_code;
use super::draft::{Draft, MESSAGE_ID_BYTES_MAX};
use super::instant::{local_day, local_minute};
use super::keys::{Hash, Keys, hex};
use super::mask::{self, Policies};

/// What judging needs to know of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Id of the tenant.
    pub id: String,
    /// Zone in which its days begin.
    pub zone: Tz,
    /// ISO 4217 code in which its values are summed.
    pub currency: String,
}

/// Bounds on time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tolerance {
    /// How far in the future an event may lie.
    pub future: TimeDelta,
    /// How old a live event may be: as old as its key is remembered, so that it cannot count twice.
    pub age: TimeDelta,
}

/// Most identifiers, items and bytes that an event may have.
pub mod limits {
    /// Most identifiers.
    pub const IDENTIFIERS_MAX: usize = 16;
    /// Most items.
    pub const ITEMS_MAX: usize = 500;
    /// Most bytes of encoded properties.
    pub const PROPERTIES_BYTES_MAX: usize = 32 * 1024;
    /// Most bytes of a whole event.
    pub const EVENT_BYTES_MAX: usize = 512 * 1024;
    /// Longest event type and source name.
    pub const NAME_BYTES_MAX: usize = 64;
    /// Longest identifier.
    pub const IDENTIFIER_BYTES_MAX: usize = 512;
    /// Largest amount in minor units, so that no sum over a customer's life can overflow.
    pub const AMOUNT_MAX: i64 = 10_000_000_000_000;
    /// Largest quantity, in thousandths.
    pub const QUANTITY_MILLI_MAX: i64 = 1_000_000_000_000;
}

/// A draft after judgement.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Caller's key of the message; empty when it had none.
    pub message_id: String,
    /// Source to count it under; empty when it had no valid one.
    pub source: String,
    /// Keyed hash of tenant, source and message id.
    pub event_id: Hash,
    /// Hash of the content.
    pub content: Hash,
    /// Marks, those of the contract and `missing_identifier`.
    pub marks: Vec<String>,
    /// What shall become of it.
    pub verdict: Verdict,
}

/// What shall become of an event, as far as it can be told without looking at the log.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// It may be committed.
    Accept(Standard),
    /// It is kept aside with its reasons.
    Quarantine {
        /// The event, masked and encoded.
        kept: Vec<u8>,
        /// Everything that is wrong with it.
        violations: Vec<Violation>,
    },
    /// It cannot even be kept.
    Reject(Vec<Violation>),
}

/// An event that may be committed.
#[derive(Clone, Debug)]
pub struct Standard {
    /// Encoded [`StandardEvent`].
    pub payload: Vec<u8>,
    /// Its own fragment, which chooses its lane.
    pub fragment: Hash,
    /// When it happened.
    pub event_time: DateTime<Utc>,
    /// Value in the tenant's minor units.
    pub value_minor: Option<i64>,
}

/// Judges the drafts of one tenant.
pub struct Judge<'a> {
    /// Keys of the hashes.
    pub keys: &'a Keys,
    /// Tenant whose events they are.
    pub tenant: &'a Tenant,
    /// Bounds on time.
    pub tolerance: Tolerance,
    /// What becomes of personal properties.
    pub policies: &'a Policies,
    /// The present.
    pub now: DateTime<Utc>,
}

impl Judge<'_> {
    /// Judges one draft; everything that is wrong with it is listed.
    pub fn judge(&self, mut draft: Draft) -> Judged {
        let event_id = self
            .keys
            .event_id(&self.tenant.id, &draft.source, &draft.message_id);
        let refused = malformed(&draft);
        let judged = |draft_source: &str, message_id: String, content, marks, verdict| Judged {
            message_id,
            source: if is_source_name(draft_source) {
                draft_source.to_owned()
            } else {
                String::new()
            },
            event_id,
            content,
            marks,
            verdict,
        };
        if !refused.is_empty() {
            let source = std::mem::take(&mut draft.source);
            let mut message_id = std::mem::take(&mut draft.message_id);
            if message_id.len() > MESSAGE_ID_BYTES_MAX {
                message_id.clear();
            }
            return judged(
                &source,
                message_id,
                draft.content,
                draft.marks,
                Verdict::Reject(refused),
            );
        }
        if !draft.unreadable {
            self.check(&mut draft);
        }
        let source = draft.source.clone();
        let message_id = draft.message_id.clone();
        let content = draft.content;
        let violations = std::mem::take(&mut draft.violations);
        let time = draft.event_time.filter(|_| violations.is_empty());
        match time {
            None => {
                let mut marks = std::mem::take(&mut draft.marks);
                if violations
                    .iter()
                    .any(|violation| violation.reason == "MISSING_IDENTIFIER")
                {
                    marks.push("missing_identifier".to_owned());
                }
                let kept = draft.hashed(self.keys, &self.tenant.id).encode_to_vec();
                judged(
                    &source,
                    message_id,
                    content,
                    marks,
                    Verdict::Quarantine { kept, violations },
                )
            }
            Some(time) => {
                let marks = draft.marks.clone();
                let standard = self.standardise(draft, event_id, time);
                judged(
                    &source,
                    message_id,
                    content,
                    marks,
                    Verdict::Accept(standard),
                )
            }
        }
    }

    /// Adds to the draft's violations all that keeps it from being accepted.
    fn check(&self, draft: &mut Draft) {
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
            self.check_currency("value.currency_code", &value.currency_code, &mut fail);
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
                self.check_currency(
                    &field("unit_price.currency_code"),
                    &price.currency_code,
                    &mut fail,
                );
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
        if let Some(properties) = &mut draft.properties {
            let hash =
                |name: &str, value: &str| hex(&self.keys.fragment(&self.tenant.id, name, value));
            if !mask::mask(properties, self.policies, &hash) {
                fail(
                    "properties",
                    "TOO_DEEP",
                    format!("properties are at most {} levels deep", mask::DEPTH_MAX),
                );
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

    fn check_currency(
        &self,
        field: &str,
        code: &str,
        fail: &mut impl FnMut(&str, &'static str, String),
    ) {
        if code == self.tenant.currency {
            return;
        }
        if is_currency_code(code) {
            let text = format!(
                "no rate is known from {code} to the tenant's {}",
                self.tenant.currency
            );
            fail(field, "NO_EXCHANGE_RATE", text);
        } else {
            fail(
                field,
                "INVALID_CURRENCY",
                "a currency is an ISO 4217 code, for example `GBP`".into(),
            );
        }
    }

    fn standardise(&self, draft: Draft, event_id: Hash, time: DateTime<Utc>) -> Standard {
        let fragments = self.fragments(&draft.identifiers);
        let known_time = match draft.history_delay {
            Some(delay) => time + delay,
            None => self.now,
        };
        let mut fragment = Hash::default();
        fragment.copy_from_slice(&fragments[0].fragment_id);
        let value_minor = draft.value.as_ref().map(|value| value.minor_units);
        let event = StandardEvent {
            event_id: event_id.to_vec(),
            tenant: self.tenant.id.clone(),
            source: draft.source,
            r#type: draft.kind,
            event_time: Some(runtime::time::to_proto(time)),
            known_time: Some(runtime::time::to_proto(known_time)),
            fragments,
            value: draft.value,
            original_value: None,
            items: draft.items,
            properties: draft.properties,
            local_day: local_day(time, self.tenant.zone),
            local_minute: Some(local_minute(time, self.tenant.zone)),
            marks: draft.marks,
            ..Default::default()
        };
        Standard {
            payload: event.encode_to_vec(),
            fragment,
            event_time: time,
            value_minor,
        }
    }

    /// Returns the fragments of the identifiers, the strongest first, each once.
    fn fragments(&self, identifiers: &[Identifier]) -> Vec<FragmentRef> {
        let mut ordered: Vec<_> = identifiers
            .iter()
            .map(|one| (strength(&one.namespace), one))
            .collect();
        ordered.sort_by(|(left, a), (right, b)| {
            right
                .cmp(left)
                .then_with(|| (&a.namespace, a.value.trim()).cmp(&(&b.namespace, b.value.trim())))
        });
        let mut fragments: Vec<FragmentRef> = Vec::with_capacity(ordered.len());
        for (strength, Identifier { namespace, value }) in ordered {
            let fragment_id = self
                .keys
                .fragment(&self.tenant.id, namespace, value)
                .to_vec();
            if fragments
                .iter()
                .all(|known| known.fragment_id != fragment_id)
            {
                fragments.push(FragmentRef {
                    fragment_id,
                    namespace: namespace.clone(),
                    strength: strength.into(),
                });
            }
        }
        fragments
    }
}

/// Returns how far identifiers of a namespace identify a person.
pub fn strength(namespace: &str) -> IdentifierStrength {
    match namespace {
        "customer_id" | "login" | "loyalty_id" | "crm_id" => IdentifierStrength::Strong,
        "email" | "phone" => IdentifierStrength::Medium,
        _ => IdentifierStrength::Weak,
    }
}

/// Returns true for 1 to 64 bytes of `[a-z0-9_-]`.
pub fn is_source_name(name: &str) -> bool {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    (1..=limits::NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(plain)
}

fn is_namespace(name: &str) -> bool {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
    (1..=limits::NAME_BYTES_MAX).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(plain)
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

/// Lists what makes a draft too malformed to keep.
fn malformed(draft: &Draft) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut fail =
        |field: &str, reason, text: String| found.push(Violation::new(field, reason, text));
    match draft.message_id.len() {
        0 => fail(
            "message_id",
            "MISSING_MESSAGE_ID",
            "an event needs a message id".into(),
        ),
        // A database may refuse such characters, and with them everything that shares the commit.
        1..=MESSAGE_ID_BYTES_MAX if draft.message_id.contains(char::is_control) => {
            fail(
                "message_id",
                "INVALID_MESSAGE_ID",
                "a message id has no control characters".into(),
            );
        }
        1..=MESSAGE_ID_BYTES_MAX => {}
        _ => fail(
            "message_id",
            "TOO_LONG",
            format!("a message id has at most {MESSAGE_ID_BYTES_MAX} bytes"),
        ),
    }
    if !is_source_name(&draft.source) {
        fail(
            "source",
            "INVALID_SOURCE",
            "a source is 1 to 64 bytes of a-z, 0-9, _ and -".into(),
        );
    }
    if draft.kind.len() > limits::NAME_BYTES_MAX {
        fail(
            "type",
            "TOO_LONG",
            format!("a type has at most {} bytes", limits::NAME_BYTES_MAX),
        );
    }
    if draft.identifiers.len() > limits::IDENTIFIERS_MAX {
        fail(
            "identifiers",
            "TOO_MANY",
            format!(
                "an event has at most {} identifiers",
                limits::IDENTIFIERS_MAX
            ),
        );
    }
    for (index, identifier) in draft
        .identifiers
        .iter()
        .enumerate()
        .take(limits::IDENTIFIERS_MAX)
    {
        if identifier.value.len() > limits::IDENTIFIER_BYTES_MAX {
            let text = format!(
                "an identifier has at most {} bytes",
                limits::IDENTIFIER_BYTES_MAX
            );
            fail(&format!("identifiers[{index}].value"), "TOO_LONG", text);
        }
        if identifier.namespace.len() > limits::NAME_BYTES_MAX {
            let text = format!("a namespace has at most {} bytes", limits::NAME_BYTES_MAX);
            fail(&format!("identifiers[{index}].namespace"), "TOO_LONG", text);
        }
    }
    if draft.items.len() > limits::ITEMS_MAX {
        fail(
            "items",
            "TOO_MANY",
            format!("an event has at most {} items", limits::ITEMS_MAX),
        );
    }
    for (index, item) in draft.items.iter().enumerate().take(limits::ITEMS_MAX) {
        check_item(index, item, &mut fail);
    }
    if draft
        .properties
        .as_ref()
        .is_some_and(|properties| properties.encoded_len() > limits::PROPERTIES_BYTES_MAX)
    {
        fail(
            "properties",
            "TOO_LARGE",
            format!(
                "properties have at most {} bytes",
                limits::PROPERTIES_BYTES_MAX
            ),
        );
    }
    if draft.size > limits::EVENT_BYTES_MAX {
        fail(
            "",
            "TOO_LARGE",
            format!("an event has at most {} bytes", limits::EVENT_BYTES_MAX),
        );
    }
    found
}

fn check_item(index: usize, item: &Item, fail: &mut impl FnMut(&str, &'static str, String)) {
    for (name, text, most) in [
        ("product_id", &item.product_id, 128),
        ("name", &item.name, 512),
        ("category", &item.category, 256),
    ] {
        if text.len() > most {
            fail(
                &format!("items[{index}].{name}"),
                "TOO_LONG",
                format!("at most {most} bytes"),
            );
        }
    }
}
