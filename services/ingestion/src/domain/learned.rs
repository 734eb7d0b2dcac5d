//! The words and pairs of one record from which rules learn what is usual, until they are gathered.

use std::ops::Range;

use sketch::{Lexicon, Salt};

use super::contract::Contract;
use super::lesson::each_word;
use super::observe::Watch;
use super::record::Record;

/// Words and pairs of one record, in one piece of memory.
#[derive(Clone, Debug, Default)]
pub struct Learned {
    /// Columns with the hash of their word and where it stands in the text.
    words: Vec<(usize, u64, Range<u32>)>,
    /// Dependencies by index, with the hash of what is depended on, and the hash of what follows and where it stands.
    pairs: Vec<(usize, u64, u64, Range<u32>)>,
    text: String,
}

impl Learned {
    /// Takes the words and pairs of a record; `None` where the contract has no rule that learns of them.
    pub fn of(contract: &Contract, record: &Record<'_>, salt: &Salt) -> Option<Box<Self>> {
        let mut learned = Self::default();
        each_word(contract, record, salt, |place, hash, word| {
            let start = learned.text.len() as u32;
            learned.text.push_str(word);
            let range = start..learned.text.len() as u32;
            match place {
                Place::Column(column) => learned.words.push((column, hash, range)),
                Place::Dependency(rule, from) => learned.pairs.push((rule, from, hash, range)),
            }
        });
        let nothing = learned.words.is_empty() && learned.pairs.is_empty();
        (!nothing).then(|| Box::new(learned))
    }

    /// Adds them to a lexicon, under the names of what is observed.
    pub fn add_to(&self, watch: &Watch, lexicon: &mut Lexicon) {
        let text = |range: &Range<u32>| &self.text[range.start as usize..range.end as usize];
        for (column, hash, range) in &self.words {
            lexicon.add_word(&watch.fields[*column].name, *hash, text(range));
        }
        for (rule, from, hash, range) in &self.pairs {
            lexicon.add_pair(&watch.dependencies[*rule], *from, *hash, text(range));
        }
    }
}

/// Where a word belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// To the words of a column, by index.
    Column(usize),
    /// To a dependency, by index, beside the hash of what it follows from.
    Dependency(usize, u64),
}
