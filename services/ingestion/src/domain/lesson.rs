//! What a baseline is learned from: the values of records before they were cleaned.

use std::collections::BTreeMap;

use sketch::{Column as Sketch, Keep, Lexicon, Salt};

use super::baseline::Baseline;
use super::contract::Contract;
use super::learned::Place;
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
        let lexicon = &mut self.lexicon;
        each_word(contract, record, salt, |place, hash, word| match place {
            Place::Column(index) => lexicon.add_word(&contract.columns[index].name, hash, word),
            Place::Dependency(rule, from) => {
                lexicon.add_pair(&contract.dependencies[rule].id, from, hash, word);
            }
        });
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

/// Calls `learn` with every word of a record that a rule of the contract learns of: where it belongs, its hash, and itself.
pub fn each_word(
    contract: &Contract,
    record: &Record<'_>,
    salt: &Salt,
    mut learn: impl FnMut(Place, u64, &str),
) {
    for (index, column) in contract.columns.iter().enumerate() {
        let checked = column
            .clean
            .as_ref()
            .is_some_and(|it| it.spelling.is_some());
        if checked && let Some(word) = record.uncleaned(index).0 {
            learn(Place::Column(index), salt.hash(word), word);
        }
    }
    for (rule, dependency) in contract.dependencies.iter().enumerate() {
        let texts = |index: &usize| record.uncleaned(*index).0;
        let Some(from) = joined(dependency.from.iter().map(texts)) else {
            continue;
        };
        if let Some(value) = record.uncleaned(dependency.to).0 {
            let place = Place::Dependency(rule, salt.hash(&from));
            learn(place, salt.hash(value), value);
        }
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
