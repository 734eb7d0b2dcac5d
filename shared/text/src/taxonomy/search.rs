//! Finds phrases and patterns in a text.

use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};
use regex::{Regex, RegexSet};

use super::negation::Negation;
use crate::fold::{Case, Folded};

/// Most bytes of a text that are read.
pub const TEXT_BYTES_MAX: usize = 32 * 1024;
/// Most places of one pattern that are looked at: each costs another walk over the text.
const PLACES_MAX: usize = 16;

/// Phrases and patterns of all tags.
#[derive(Clone, Debug)]
pub(super) struct Search {
    phrases: AhoCorasick,
    phrase_tags: Vec<usize>,
    set: RegexSet,
    patterns: Vec<Regex>,
    pattern_tags: Vec<usize>,
}

/// A place that speaks for a tag.
pub(super) struct Hit {
    pub(super) tag: usize,
    pub(super) negated: bool,
    /// Bytes of the original text.
    pub(super) place: Range<usize>,
}

impl Search {
    /// Searches for folded phrases and for patterns, each with the index of its tag. `None` when they are too large together.
    pub(super) fn new(phrases: &[(String, usize)], patterns: Vec<(Regex, usize)>) -> Option<Self> {
        let built = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .build(phrases.iter().map(|(phrase, _)| phrase.as_str()))
            .ok()?;
        let set = regex::RegexSetBuilder::new(patterns.iter().map(|(it, _)| it.as_str()))
            .case_insensitive(true)
            .size_limit(64 << 20)
            .build()
            .ok()?;
        let (patterns, pattern_tags) = patterns.into_iter().unzip();
        Some(Self {
            phrases: built,
            phrase_tags: phrases.iter().map(|(_, tag)| *tag).collect(),
            set,
            patterns,
            pattern_tags,
        })
    }

    /// Calls `hit` for every place of the text that speaks for a tag.
    pub(super) fn each(&self, text: &str, negation: &Negation, mut hit: impl FnMut(Hit)) {
        let text = &text[..text.floor_char_boundary(TEXT_BYTES_MAX)];
        let folded = Folded::new(text, Case::Lower);
        let searched = folded.as_str();
        let mut clauses = None;
        let mut tell = |tag: usize, found: Range<usize>| {
            let clauses = clauses.get_or_insert_with(|| negation.clauses(searched));
            hit(Hit {
                tag,
                negated: clauses.denies(found.start),
                place: folded.origin(found),
            });
        };
        for found in self.phrases.find_overlapping_iter(searched) {
            if is_word(searched, found.range()) {
                tell(self.phrase_tags[found.pattern().as_usize()], found.range());
            }
        }
        if self.patterns.is_empty() {
            return;
        }
        for index in self.set.matches(searched) {
            for found in self.patterns[index].find_iter(searched).take(PLACES_MAX) {
                if !found.is_empty() {
                    tell(self.pattern_tags[index], found.range());
                }
            }
        }
    }
}

/// Returns whether a place does not begin or end within a word. Chinese has no blanks between words, so there every place will do.
pub(super) fn is_word(text: &str, place: Range<usize>) -> bool {
    let letter = |c: char| c.is_alphanumeric() && (c as u32) < 0x2e80;
    let (Some(first), Some(last)) = (
        text[place.clone()].chars().next(),
        text[place.clone()].chars().next_back(),
    ) else {
        return false;
    };
    let before = text[..place.start].chars().next_back();
    let after = text[place.end..].chars().next();
    let begins_within = letter(first) && before.is_some_and(letter);
    let ends_within = letter(last) && after.is_some_and(letter);
    !(begins_within || ends_within)
}
