//! Takes personal data out of what is stored: by the name of a field, by what the contract says of it, and by what its text says.

mod known;
mod masker;

pub use known::is_told;
pub use masker::{Masker, Masking};

use std::collections::BTreeMap;

use known::{plain, well_known};
use vault::{KeyId, PartialRule};

/// Deepest nesting of properties that is kept.
pub const DEPTH_MAX: usize = 8;

/// What becomes of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Kept as it came: the contract says that it is not personal here.
    Keep,
    /// Replaced by a keyed hash, so that equal values can still be matched.
    Hash(Option<KeyId>),
    /// Taken out.
    Drop,
    /// Hidden but for a few characters.
    Partial(PartialRule),
    /// Replaced by a token of the same form, where there are enough values of that form; otherwise by a hash.
    Token(Option<KeyId>),
    /// Sealed under the active key.
    Encrypt,
    /// Free text: the personal data in it are taken out.
    Text,
}

impl Policy {
    /// Returns whether the value itself is hidden, not only what a text says.
    pub fn hides(self) -> bool {
        !matches!(self, Self::Keep | Self::Text)
    }

    /// Reads the name of a policy.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "keep" => Some(Self::Keep),
            "hash" => Some(Self::Hash(None)),
            "drop" => Some(Self::Drop),
            "partial" => Some(Self::Partial(PartialRule::Aware)),
            "token" => Some(Self::Token(None)),
            "encrypt" => Some(Self::Encrypt),
            "text" => Some(Self::Text),
            _ => None,
        }
    }
}

/// Policies by property name; names that are not listed follow the well-known ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policies {
    properties: BTreeMap<String, Policy>,
    /// Policies of the parts of items, by their names.
    items: BTreeMap<String, Policy>,
}

impl Policies {
    /// Sets the policy of one property, wherever it lies.
    pub fn set(&mut self, name: &str, policy: Policy) {
        self.properties.insert(plain(name), policy);
    }

    /// Sets the policy of one property unless it has one.
    pub fn set_default(&mut self, name: &str, policy: Policy) {
        self.properties.entry(plain(name)).or_insert(policy);
    }

    /// Sets the policy of a part of items: `product_id`, `name` or `category`.
    pub fn set_item(&mut self, part: &str, policy: Policy) {
        self.items.insert(part.to_owned(), policy);
    }

    /// Returns what becomes of a property of this name; `None` when nothing is known of it.
    pub fn of(&self, name: &str) -> Option<Policy> {
        let plain = plain(name);
        let told = self.properties.get(&plain).copied();
        told.or_else(|| well_known(&plain))
    }

    /// Returns what becomes of a part of items; `None` when nothing is said of it.
    fn of_item(&self, part: &str) -> Option<Policy> {
        self.items.get(part).copied()
    }
}

#[cfg(test)]
#[path = "mask_tests.rs"]
mod tests;
