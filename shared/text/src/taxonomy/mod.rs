//! Tags of free text by a taxonomy: phrases and patterns, in Chinese and English, that count unless they are negated.

mod negation;
mod node;
mod parse;
mod search;

pub use parse::{
    EXAMPLES_MAX, PATTERN_BYTES_MAX, PATTERNS_MAX, PHRASES_MAX, TAG_BYTES_MAX, TAGS_MAX,
    YAML_BYTES_MAX, parse,
};
pub use search::TEXT_BYTES_MAX;

use std::ops::Range;

use negation::Negation;
use search::Search;

/// Something wrong in the text of a taxonomy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {text}")]
pub struct Mistake {
    /// Where: `tags[3].patterns[0]`.
    pub path: String,
    /// Stable reason in upper snake case.
    pub reason: &'static str,
    /// Sentence for a person.
    pub text: String,
}

/// A tag of a taxonomy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Path, levels separated by `/`: `logistics/delivery-time`.
    pub path: String,
    /// Name for people; empty when it has none.
    pub name: String,
    /// Index of the tag that a negated phrase means instead; `None` means that it then says nothing.
    pub negated: Option<usize>,
}

/// A text and the tags that it should get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// The text.
    pub text: String,
    /// Paths of all the tags that it should get, by name.
    pub tags: Vec<String>,
}

/// A tag that was found in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tagged<'t> {
    /// Path of the tag.
    pub tag: &'t str,
    /// Bytes of the original text that gave it: the first place that does.
    pub place: Range<usize>,
}

/// A taxonomy, ready to tag.
#[derive(Clone, Debug)]
pub struct Taxonomy {
    tags: Vec<Tag>,
    examples: Vec<Example>,
    negation: Negation,
    search: Search,
}

impl Taxonomy {
    /// Reads a taxonomy from YAML. Fails with every mistake, each with its path.
    pub fn parse(yaml: &str) -> Result<Self, Vec<Mistake>> {
        parse(yaml)
    }

    /// Returns the tags in the order of the text.
    pub fn tags(&self) -> &[Tag] {
        &self.tags
    }

    /// Returns the examples, those of the tags first.
    pub fn examples(&self) -> &[Example] {
        &self.examples
    }

    /// Returns the tags of a text in order of their paths, each once. A tag says less than one below it and is left out beside it.
    ///
    /// Of texts longer than [`TEXT_BYTES_MAX`] the beginning is read.
    pub fn find(&self, text: &str) -> Vec<Tagged<'_>> {
        let mut first: Vec<Option<Range<usize>>> = vec![None; self.tags.len()];
        self.search.each(text, &self.negation, |hit| {
            let tag = match hit.negated {
                false => Some(hit.tag),
                true => self.tags[hit.tag].negated,
            };
            if let Some(tag) = tag {
                let earlier = first[tag].as_ref().is_none_or(|known| {
                    (hit.place.start, hit.place.end) < (known.start, known.end)
                });
                if earlier {
                    first[tag] = Some(hit.place);
                }
            }
        });
        let mut found: Vec<Tagged<'_>> = first
            .into_iter()
            .zip(&self.tags)
            .filter_map(|(place, tag)| {
                let tag = tag.path.as_str();
                place.map(|place| Tagged { tag, place })
            })
            .collect();
        found.sort_by(|a, b| a.tag.cmp(b.tag));
        // Sorted, but `a-b` stands between `a` and `a/b`, so every later one is asked.
        let below = |tag: &str, other: &str| {
            other
                .strip_prefix(tag)
                .is_some_and(|rest| rest.starts_with('/'))
        };
        let general: Vec<bool> = found
            .iter()
            .map(|one| found.iter().any(|other| below(one.tag, other.tag)))
            .collect();
        let mut general = general.into_iter();
        found.retain(|_| !general.next().unwrap_or(false));
        found
    }

    /// Returns the examples that get other tags than they should, each with the tags that it gets.
    pub fn failures(&self) -> Vec<(&Example, Vec<&str>)> {
        self.examples
            .iter()
            .filter_map(|example| {
                let found: Vec<&str> = self.find(&example.text).iter().map(|one| one.tag).collect();
                (example.tags != found).then_some((example, found))
            })
            .collect()
    }
}
