//! What a baseline is learned from: the values of records before they were cleaned.

use std::collections::BTreeMap;

use sketch::{Column as Sketch, Keep, Lexicon, Salt};

use super::baseline::Baseline;
use super::contract::Contract;
use super::record::Record;

/// Gathers what a baseline is computed from. A function of the multiset of records alone.
#[derive(Clone, Debug, Default)]
pub struct Lesson {
    /// Sketches by column.
    pub columns: BTreeMap<String, Sketch>,
    /// Words and pairs, for the rules that need them.
    pub lexicon: Lexicon,
    /// First and last day of event time.
    pub days: Option<(i32, i32)>,
}

/// Reasons of cleaning itself; other faults keep a number from being learned from.
const OWN_REASONS: [&str; 3] = ["OUTLIER", "MISSPELT", "DEPENDENCY_BROKEN"];

impl Lesson {
    /// Adds a record that has gone through the stages.
    pub fn observe(&mut self, contract: &Contract, record: &Record<'_>, salt: &Salt) {
        for (index, column) in contract.columns.iter().enumerate() {
            let (text, number) = record.uncleaned(index);
            let wrong = record
                .violations
                .iter()
                .any(|it| it.field == column.name && !OWN_REASONS.contains(&it.reason));
            let number = number.filter(|_| !wrong).map(|number| number.to_f64());
            let keep = if column.personal {
                Keep::Counts
            } else {
                Keep::Values
            };
            if !self.columns.contains_key(&column.name) {
                self.columns.insert(column.name.clone(), Sketch::default());
            }
            if let Some(sketch) = self.columns.get_mut(&column.name) {
                sketch.add(text, number, salt, keep);
            }
        }
        observe_words(&mut self.lexicon, contract, record, salt);
    }

    /// Adds the day on which a record happened.
    pub fn saw_day(&mut self, day: i32) {
        self.days = Some(match self.days {
            None => (day, day),
            Some((first, last)) => (first.min(day), last.max(day)),
        });
    }

    /// Computes the baseline.
    pub fn fit(&self) -> Baseline {
        Baseline::fit(&self.columns, &self.lexicon, self.days)
    }
}

/// Adds the words of a record and what goes together in it, for the columns and rules of the contract that learn from them.
pub fn observe_words(lexicon: &mut Lexicon, contract: &Contract, record: &Record<'_>, salt: &Salt) {
    for (index, column) in contract.columns.iter().enumerate() {
        let checked = column
            .clean
            .as_ref()
            .is_some_and(|it| it.spelling.is_some());
        if checked && let Some(word) = record.uncleaned(index).0 {
            lexicon.add_word(&column.name, salt.hash(word), word);
        }
    }
    for dependency in &contract.dependencies {
        let texts = |index: &usize| record.uncleaned(*index).0;
        let Some(from) = joined(dependency.from.iter().map(texts)) else {
            continue;
        };
        let Some(value) = record.uncleaned(dependency.to).0 else {
            continue;
        };
        lexicon.add_pair(&dependency.id, salt.hash(&from), salt.hash(value), value);
    }
}

/// Joins values to one text that no other values make; `None` when one is missing.
pub fn joined<'a>(values: impl Iterator<Item = Option<&'a str>>) -> Option<String> {
    let mut all = String::new();
    for value in values {
        let value = value?;
        all.push_str(&value.len().to_string());
        all.push(':');
        all.push_str(value);
    }
    Some(all)
}
