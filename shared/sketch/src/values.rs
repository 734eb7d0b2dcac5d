//! How often which values come, in bounded room.

use std::collections::BTreeMap;

/// Counts of values: of all while there are few, of a sample of them beyond.
///
/// Kept are the values with the smallest hashes, so that what is kept, and each kept count, is a function of the multiset
/// alone: a value that is among them now has been among them from its first time on. Beyond `most` different values the
/// kept ones are an even sample of the different values with exact counts; which value is most frequent is then unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Values {
    pub(crate) most: u16,
    pub(crate) text_max: u16,
    pub(crate) kept: BTreeMap<u64, (String, u64)>,
    pub(crate) over: bool,
}

/// A value and how often it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frequent {
    /// The value; one that is longer than is kept is cut and ends in `…`.
    pub value: String,
    /// How often it came.
    pub count: u64,
}

/// Longest text that is kept unless told otherwise, in characters.
const TEXT_MAX: u16 = 64;

impl Values {
    /// Counts at most `most` different values and keeps 64 characters of each.
    pub fn new(most: u16) -> Self {
        Self::with_texts(most, TEXT_MAX)
    }

    /// Counts at most `most` different values and keeps `text_max` characters of each.
    pub fn with_texts(most: u16, text_max: u16) -> Self {
        Self {
            most,
            text_max,
            kept: BTreeMap::new(),
            over: false,
        }
    }

    /// Adds a value with its hash.
    pub fn add(&mut self, hash: u64, value: &str) {
        self.add_times(hash, value, 1);
    }

    pub(crate) fn add_times(&mut self, hash: u64, value: &str, times: u64) {
        if let Some((_, count)) = self.kept.get_mut(&hash) {
            *count += times;
            return;
        }
        let full = self.kept.len() >= usize::from(self.most);
        self.over |= full;
        if full
            && self
                .kept
                .last_key_value()
                .is_none_or(|(last, _)| *last < hash)
        {
            return;
        }
        self.kept.insert(hash, (cut(value, self.text_max), times));
        if full {
            self.kept.pop_last();
        }
    }

    /// Adds what another has counted.
    pub fn merge(&mut self, other: &Self) {
        for (hash, (value, count)) in &other.kept {
            self.add_times(*hash, value, *count);
        }
        self.over |= other.over;
    }

    /// Returns true when every value is counted.
    pub fn is_complete(&self) -> bool {
        !self.over
    }

    /// Returns the kept values with their hashes and counts, by hash.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &str, u64)> {
        self.kept
            .iter()
            .map(|(hash, (value, count))| (*hash, value.as_str(), *count))
    }

    /// Returns the kept values, most frequent first, then by value.
    pub fn ranked(&self) -> Vec<Frequent> {
        let mut all: Vec<Frequent> = self
            .kept
            .values()
            .map(|(value, count)| Frequent {
                value: value.clone(),
                count: *count,
            })
            .collect();
        all.sort_by(|left, right| {
            right
                .count
                .cmp(&left.count)
                .then_with(|| left.value.cmp(&right.value))
        });
        all
    }

    /// Returns the most frequent value, the first in order of several; `None` when none repeats, when there were too many
    /// different ones to know, and when it is longer than is kept.
    pub fn mode(&self) -> Option<Frequent> {
        if self.over {
            return None;
        }
        self.ranked()
            .into_iter()
            .next()
            .filter(|first| first.count > 1 && !first.value.ends_with('…'))
    }
}

/// Cuts a text where it becomes too long.
fn cut(text: &str, most: u16) -> String {
    // A text that was cut before ends in the sign of that, one character beyond the bound.
    if text.ends_with('…') && text.chars().count() == usize::from(most) + 1 {
        return text.to_owned();
    }
    match text.char_indices().nth(usize::from(most)) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
