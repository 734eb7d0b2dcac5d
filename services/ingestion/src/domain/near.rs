//! Near duplicates: records of a source that agree in some columns and happened at nearly the same time.
//!
//! The first that is taken in stays; what becomes of later ones the contract says. Which one is the first is decided where
//! events are committed, so that two doors that bring both at the same time cannot both be the first.

use prost::Message;

use api::common::StandardEvent;

use super::Violation;
use super::contract::{Contract, DuplicateAction};
use super::judge::{Standard, Verdict};
use super::keys::{Hash, Keys};
use super::record::Record;

/// Mark of a near duplicate that is taken in.
pub const MARK: &str = "near_duplicate";
/// Reason for which one is not.
pub const REASON: &str = "NEAR_DUPLICATE";

/// What makes records near.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NearKey {
    /// Hash of the columns in which they agree.
    pub hash: Hash,
    /// Longest time between them, in microseconds.
    pub within_us: i64,
    /// What becomes of the later one.
    pub action: DuplicateAction,
}

/// What the log compares of an event that may be accepted.
#[derive(Clone, Debug)]
pub struct Near {
    /// What makes it near to others of its tenant and source.
    pub key: NearKey,
    /// When it happened, in microseconds since 1970.
    pub time_us: i64,
    /// The verdict when it is to be kept aside.
    pub aside: Option<Verdict>,
}

/// Returns what makes a record near to others; `None` when the contract does not ask for it, or when a value is missing.
pub fn key(contract: &Contract, keys: &Keys, record: &Record<'_>) -> Option<NearKey> {
    let rule = contract.duplicates.as_ref()?;
    let texts = rule.key.iter().map(|index| record.cells[*index].text());
    let texts: Vec<&str> = texts.collect::<Option<_>>()?;
    Some(NearKey {
        hash: keys.content(texts.iter().map(|text| text.as_bytes())),
        within_us: rule.within.num_microseconds()?,
        action: rule.action,
    })
}

/// Returns what is wrong with a near duplicate.
pub fn violation() -> Violation {
    let text =
        "a record that agrees in the contract's columns was taken in at nearly the same time";
    Violation::new("", REASON, text)
}

/// Returns an event with the mark of a near duplicate.
pub fn marked(standard: &Standard) -> Standard {
    let mut marked = standard.clone();
    // Bytes that were encoded in this process are decoded again.
    if let Ok(mut event) = StandardEvent::decode(standard.payload.as_slice()) {
        event.marks.push(MARK.to_owned());
        marked.payload = event.encode_to_vec();
    }
    marked
}
