//! Masks one event.

use std::borrow::Cow;

use prost_types::value::Kind;
use prost_types::{Struct, Value};
use text::{Detector, Kind as Personal};
use vault::{KeyId, KeyRing, partial};

use super::known::{is_code, is_text, is_told};
use super::{DEPTH_MAX, Policies, Policy};
use crate::domain::Violation;
use crate::domain::contract::Column;
use crate::domain::decimal::is_currency_code;
use crate::domain::draft::{Draft, HASHED};
use crate::domain::keys::{Hash, Keys, hex};

/// Longest sentence about what is wrong.
const DESCRIPTION_CHARACTERS_MAX: usize = 1000;
/// From this length on, a text is searched as what people write is.
const PROSE_BYTES: usize = 60;

/// With what values are masked.
#[derive(Clone, Debug)]
pub struct Masking {
    /// Keys of tokens and sealed values.
    pub ring: KeyRing,
    /// Finds personal data in free text.
    pub detector: Detector,
    /// Whether every text is searched, not only those that people write.
    pub free_text: bool,
}

/// Masks the drafts of one tenant.
pub struct Masker<'a> {
    /// Keys of the hashes, and with what values are masked.
    pub keys: &'a Keys,
    /// Tenant.
    pub tenant: &'a str,
    /// What becomes of fields.
    pub policies: &'a Policies,
    /// Id of the event, which sealed values are bound to.
    pub event_id: &'a Hash,
}

impl Masker<'_> {
    /// Takes personal data out of a draft: its properties, items, type, marks of what was wrong, and original values.
    ///
    /// Returns false when the properties are nested deeper than [`DEPTH_MAX`]; what lies deeper is taken out then, for it may be
    /// personal.
    pub fn draft(&self, draft: &mut Draft) -> bool {
        let masking = self.keys.masking();
        let told = is_told(&draft.kind);
        let at = At {
            masker: self,
            masking: &masking,
            told,
            kept: draft.kept,
        };
        let shallow = match &mut draft.properties {
            Some(properties) => at.fields(properties, 1),
            None => true,
        };
        for item in &mut draft.items {
            at.item("product_id", &mut item.product_id);
            at.item("name", &mut item.name);
            at.item("category", &mut item.category);
        }
        at.hide(&mut draft.kind);
        for identifier in &mut draft.identifiers {
            // Only a namespace that is none is longer than a word.
            at.hide(&mut identifier.namespace);
        }
        let prices = draft.items.iter_mut().map(|item| &mut item.unit_price);
        let amounts = prices.chain([&mut draft.value]).flatten();
        for money in amounts.filter(|money| !is_currency_code(&money.currency_code)) {
            at.hide(&mut money.currency_code);
        }
        for correction in &mut draft.corrections {
            at.hide(&mut correction.original);
        }
        self.violations(&mut draft.violations);
        shallow
    }

    /// Takes personal data out of the sentences about what is wrong.
    pub fn violations(&self, violations: &mut [Violation]) {
        let masking = self.keys.masking();
        for violation in violations {
            for text in [&mut violation.description, &mut violation.field] {
                if let Cow::Owned(hidden) = masking.detector.redact(text).text {
                    *text = hidden;
                }
            }
            let cut = violation
                .description
                .char_indices()
                .nth(DESCRIPTION_CHARACTERS_MAX);
            if let Some((at, _)) = cut {
                violation.description.truncate(at);
            }
        }
    }

    /// Returns an original value of a column that is not personal as it may be kept: without the personal data that its text
    /// says.
    pub fn searched(&self, column: &Column, value: &str) -> String {
        if column.mask.is_some_and(|mask| mask.policy == Policy::Keep) {
            return value.to_owned();
        }
        let masking = self.keys.masking();
        let at = At {
            masker: self,
            masking: &masking,
            told: column.mask.is_some() || column.tags.is_some(),
            kept: false,
        };
        at.search(&column.name, value).into_owned()
    }
}

/// A masker at work.
struct At<'a> {
    masker: &'a Masker<'a>,
    masking: &'a Masking,
    /// Whether the event brings what people write.
    told: bool,
    /// Whether it comes out of quarantine, where it was masked before.
    kept: bool,
}

impl At<'_> {
    fn fields(&self, fields: &mut Struct, depth: usize) -> bool {
        if depth > DEPTH_MAX {
            fields.fields.clear();
            return false;
        }
        let mut shallow = true;
        fields.fields.retain(|name, value| {
            // A name can be personal too, where it stands for a person.
            if !self.masking.detector.detect(name).is_empty() {
                return false;
            }
            match self.masker.policies.of(name) {
                // That somebody has a phone says not whose it is.
                Some(Policy::Hash(_)) if matches!(value.kind, Some(Kind::BoolValue(_))) => {}
                Some(Policy::Keep) => shallow &= self.inner(None, value, depth),
                Some(Policy::Text) => shallow &= self.inner(Some((name, true)), value, depth),
                None => shallow &= self.inner(Some((name, false)), value, depth),
                Some(policy) => {
                    let masked = text_of(value).and_then(|text| self.text(policy, name, &text));
                    value.kind = masked.map(Kind::StringValue);
                }
            }
            value.kind.is_some()
        });
        shallow
    }

    /// Masks what lies in a value. `search` names the field whose texts are searched, and whether it is free text for sure.
    fn inner(&self, search: Option<(&str, bool)>, value: &mut Value, depth: usize) -> bool {
        match &mut value.kind {
            Some(Kind::StructValue(inner)) => return self.fields(inner, depth + 1),
            Some(Kind::ListValue(list)) if depth >= DEPTH_MAX => {
                list.values.clear();
                return false;
            }
            Some(Kind::ListValue(list)) => {
                // Every element is masked, also those after one that is too deep.
                return list.values.iter_mut().fold(true, |shallow, value| {
                    self.inner(search, value, depth + 1) & shallow
                });
            }
            Some(Kind::StringValue(text)) => {
                let found = match search {
                    Some((_, true)) => self.masking.detector.redact(text).text,
                    Some((name, false)) => self.search(name, text),
                    None => Cow::Borrowed(text.as_str()),
                };
                if let Cow::Owned(hidden) = found {
                    *text = hidden;
                }
            }
            Some(Kind::NumberValue(number)) => {
                let digits = number.to_string();
                if search.is_some() && text::personal::is_card(digits.as_bytes()) {
                    value.kind = Some(Kind::StringValue(Personal::Card.placeholder().to_owned()));
                }
            }
            _ => {}
        }
        true
    }

    /// Returns a text without the personal data in it, as far as a field of this name is searched.
    fn search<'t>(&self, name: &str, text: &'t str) -> Cow<'t, str> {
        // What is longer than a name of anything is written by a person.
        if self.told || is_text(name) || (self.masking.free_text && text.len() >= PROSE_BYTES) {
            return self.masking.detector.redact(text).text;
        }
        self.search_surely(is_code(name), text)
    }

    /// Returns a text that is no free text without the personal data in it that can be nothing else.
    fn search_surely<'t>(&self, code: bool, text: &'t str) -> Cow<'t, str> {
        if !self.masking.free_text {
            return Cow::Borrowed(text);
        }
        let sure = |kind| match kind {
            Personal::Email | Personal::IdNumber => true,
            Personal::Card | Personal::Ip | Personal::Phone => !code,
            // The name of a shop or of a town is no free text.
            Personal::Address | Personal::Name => false,
        };
        self.masking.detector.redact_kinds(text, sure).text
    }

    fn item(&self, part: &str, text: &mut String) {
        match self.masker.policies.of_item(part) {
            Some(Policy::Keep) => {}
            Some(policy) => *text = self.text(policy, part, text).unwrap_or_default(),
            None if text.is_empty() => {}
            None => {
                if let Cow::Owned(hidden) = self.search_surely(part == "product_id", text) {
                    *text = hidden;
                }
            }
        }
    }

    /// Takes personal data out of a text that is no value.
    fn hide(&self, text: &mut String) {
        if let Cow::Owned(hidden) = self.masking.detector.redact(text).text {
            *text = hidden;
        }
    }

    /// Masks a text; `None` when nothing of it stays.
    fn text(&self, policy: Policy, name: &str, text: &str) -> Option<String> {
        let Masker {
            keys,
            tenant,
            event_id,
            ..
        } = self.masker;
        let ring = &self.masking.ring;
        let policy = match policy {
            // What was masked before stays so. Nobody can tell a token from a value, so a hash stands in its place.
            Policy::Hash(_) | Policy::Encrypt | Policy::Token(_) | Policy::Partial(_)
                if self.kept && (text.starts_with(HASHED) || vault::key_of(text).is_some()) =>
            {
                Policy::Keep
            }
            Policy::Token(_) | Policy::Partial(_) if self.kept => Policy::Hash(None),
            policy => policy,
        };
        match policy {
            Policy::Keep => Some(text.to_owned()),
            Policy::Drop => None,
            Policy::Hash(None) => Some(format!(
                "{HASHED}{}",
                hex(&keys.fragment(tenant, name, text))
            )),
            // A key that is not in the ring hides the value, as every mask must.
            Policy::Hash(Some(key)) => ring
                .hash(key, (tenant, name), text)
                .ok()
                .map(|hash| format!("{HASHED}{key}:{hash}")),
            Policy::Partial(rule) => Some(partial(rule, text)),
            Policy::Token(key) => ring
                .token(key.unwrap_or(KeyId::FIRST), (tenant, name), text)
                .ok()
                .or_else(|| self.text(Policy::Hash(None), name, text)),
            Policy::Encrypt => Some(ring.seal((tenant, name), *event_id, text)),
            Policy::Text => Some(self.masking.detector.redact(text).text.into_owned()),
        }
    }
}

/// Returns a scalar's text; lists and structures of a personal field are dropped whole.
fn text_of(value: &Value) -> Option<String> {
    match &value.kind {
        Some(Kind::StringValue(text)) => Some(text.clone()),
        Some(Kind::NumberValue(number)) => Some(number.to_string()),
        Some(Kind::BoolValue(flag)) => Some(flag.to_string()),
        _ => None,
    }
}
