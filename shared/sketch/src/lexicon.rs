//! Which words a column uses, and which values of columns go together.

use std::collections::BTreeMap;

use crate::values::Values;

/// Different words of a column, and different values that others depend on, that are counted.
const WORDS_MAX: u16 = 4096;
/// Characters of a word that are kept.
const WORD_CHARACTERS: u16 = 256;
/// Different values that are counted beside one value that they depend on.
const DEPENDENTS_MAX: u16 = 16;

/// How often which value of one column came with which value of others: of all while there are few, of an even sample of the
/// latter beyond. A function of the multiset of pairs alone, like [`Values`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pairs {
    pub(crate) most: u16,
    pub(crate) kept: BTreeMap<u64, (u64, Values)>,
    pub(crate) over: bool,
}

impl Pairs {
    pub(crate) fn new(most: u16) -> Self {
        Self {
            most,
            kept: BTreeMap::new(),
            over: false,
        }
    }

    /// Adds a pair: the hash of what is depended on, and the dependent value with its hash.
    pub fn add(&mut self, from: u64, to: u64, value: &str) {
        if let Some((count, values)) = self.entry(from) {
            *count += 1;
            values.add(to, value);
        }
    }

    /// Returns the counts beside a hash, `None` when it is not among those that are kept.
    fn entry(&mut self, from: u64) -> Option<&mut (u64, Values)> {
        if !self.kept.contains_key(&from) {
            let full = self.kept.len() >= usize::from(self.most);
            self.over |= full;
            let beyond = |last: &u64| *last < from;
            if full && self.kept.keys().next_back().is_none_or(beyond) {
                return None;
            }
            let values = Values::with_texts(DEPENDENTS_MAX, WORD_CHARACTERS);
            self.kept.insert(from, (0, values));
            if full {
                self.kept.pop_last();
            }
        }
        self.kept.get_mut(&from)
    }

    /// Adds what another has counted.
    pub fn merge(&mut self, other: &Self) {
        for (from, (count, values)) in &other.kept {
            if let Some((mine, ours)) = self.entry(*from) {
                *mine += count;
                ours.merge(values);
            }
        }
        self.over |= other.over;
    }

    /// Returns true when every value that others depend on is counted.
    pub fn is_complete(&self) -> bool {
        !self.over
    }

    /// Returns for each kept hash how often it came, and the values that came with it.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64, &Values)> {
        self.kept
            .iter()
            .map(|(from, (count, values))| (*from, *count, values))
    }
}

/// The words of columns and what goes together, each under a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lexicon {
    /// Words by column.
    pub words: BTreeMap<String, Values>,
    /// Pairs by rule.
    pub pairs: BTreeMap<String, Pairs>,
}

impl Lexicon {
    /// Adds a word of a column.
    pub fn add_word(&mut self, column: &str, hash: u64, word: &str) {
        if !self.words.contains_key(column) {
            let words = Values::with_texts(WORDS_MAX, WORD_CHARACTERS);
            self.words.insert(column.to_owned(), words);
        }
        if let Some(words) = self.words.get_mut(column) {
            words.add(hash, word);
        }
    }

    /// Adds a pair of a rule; see [`Pairs::add`].
    pub fn add_pair(&mut self, rule: &str, from: u64, to: u64, value: &str) {
        if !self.pairs.contains_key(rule) {
            self.pairs.insert(rule.to_owned(), Pairs::new(WORDS_MAX));
        }
        if let Some(pairs) = self.pairs.get_mut(rule) {
            pairs.add(from, to, value);
        }
    }

    /// Adds what another has seen.
    pub fn merge(&mut self, other: &Self) {
        for (name, words) in &other.words {
            match self.words.get_mut(name) {
                Some(mine) => mine.merge(words),
                None => {
                    self.words.insert(name.clone(), words.clone());
                }
            }
        }
        for (name, pairs) in &other.pairs {
            match self.pairs.get_mut(name) {
                Some(mine) => mine.merge(pairs),
                None => {
                    self.pairs.insert(name.clone(), pairs.clone());
                }
            }
        }
    }

    /// Returns true when nothing was added.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty() && self.pairs.is_empty()
    }
}
