//! Learns which values go together, and finds records in which they do not.
//!
//! What is learned depends neither on the order of the records nor on how they were parted: it is made of exact counts,
//! bounded by keeping those keys whose hashes are smallest.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::contract::{Contract, Dependency, DependencyAction};
use super::decimal::Decimal;
use super::record::{Action, Correction, Record};

/// Most settling values that are kept of one dependency.
const KEYS_MAX: usize = 20_000;
/// Most different settled values of one key; with more nothing is settled.
const VALUES_MAX: usize = 64;
/// Stands between the parts of a key; no value has it where it counts.
const BETWEEN: char = '\u{1f}';

/// Counts which values go together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Learner {
    dependencies: BTreeMap<String, Counts>,
}

/// Counts of one dependency.
#[derive(Clone, Debug, Default, PartialEq)]
struct Counts {
    keys: HashMap<String, Tally>,
    /// Hashes of the keys, to find the largest.
    order: BTreeSet<(u64, String)>,
}

/// Counts of one key.
#[derive(Clone, Debug, Default, PartialEq)]
struct Tally {
    records: u32,
    values: BTreeMap<String, u32>,
    /// Whether there were more values than are counted.
    many: bool,
}

/// What goes with what, as learned.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tables {
    /// By the dependency's id and the settling values: the settled value.
    tables: BTreeMap<String, HashMap<String, String>>,
}

impl Learner {
    /// Counts a record that has gone through standardisation and the checks of types.
    pub fn add(&mut self, contract: &Contract, record: &Record<'_>) {
        for dependency in &contract.dependencies {
            let Some(key) = key_of(dependency, record) else {
                continue;
            };
            let Some(value) = record.cells[dependency.to].text() else {
                continue;
            };
            if !self.dependencies.contains_key(&dependency.id) {
                self.dependencies
                    .insert(dependency.id.clone(), Counts::default());
            }
            if let Some(counts) = self.dependencies.get_mut(&dependency.id) {
                counts.add(key, |tally| tally.add(value, 1));
            }
        }
    }

    /// Adds what another has counted.
    pub fn merge(&mut self, other: Self) {
        for (id, counts) in other.dependencies {
            let own = self.dependencies.entry(id).or_default();
            for (key, tally) in counts.keys {
                own.add(key, |own| own.merge(tally));
            }
        }
    }

    /// Returns what follows from the counts.
    pub fn finish(self, contract: &Contract) -> Tables {
        let mut tables = BTreeMap::new();
        for dependency in &contract.dependencies {
            let Some(counts) = self.dependencies.get(&dependency.id) else {
                continue;
            };
            let settled = |(key, tally): (&String, &Tally)| {
                let value = tally.settled(dependency)?;
                Some((key.clone(), value.to_owned()))
            };
            let table: HashMap<String, String> = counts.keys.iter().filter_map(settled).collect();
            tables.insert(dependency.id.clone(), table);
        }
        Tables { tables }
    }
}

impl Counts {
    fn add(&mut self, key: String, count: impl FnOnce(&mut Tally)) {
        if let Some(tally) = self.keys.get_mut(&key) {
            return count(tally);
        }
        let place = (hash(&key), key);
        if self.keys.len() >= KEYS_MAX {
            // A key that is given up never comes back: what is left is always the smallest, counted from its first record.
            match self.order.last() {
                Some(last) if *last > place => {
                    if let Some((_, largest)) = self.order.pop_last() {
                        self.keys.remove(&largest);
                    }
                }
                _ => return,
            }
        }
        let mut tally = Tally::default();
        count(&mut tally);
        self.keys.insert(place.1.clone(), tally);
        self.order.insert(place);
    }
}

impl Tally {
    fn add(&mut self, value: &str, records: u32) {
        self.records = self.records.saturating_add(records);
        if self.many {
            return;
        }
        if let Some(count) = self.values.get_mut(value) {
            *count = count.saturating_add(records);
        } else if self.values.len() < VALUES_MAX {
            self.values.insert(value.to_owned(), records);
        } else {
            self.many = true;
            self.values.clear();
        }
    }

    fn merge(&mut self, other: Self) {
        if other.many {
            self.many = true;
            self.values.clear();
            self.records = self.records.saturating_add(other.records);
            return;
        }
        for (value, records) in &other.values {
            self.add(value, *records);
        }
    }

    /// Returns the value that the key settles; `None` when there is too little to tell.
    fn settled(&self, dependency: &Dependency) -> Option<&str> {
        let (value, count) = self.values.iter().max_by_key(|(_, count)| **count)?;
        let share = f64::from(*count) / f64::from(self.records);
        let enough = self.records >= dependency.support && share >= dependency.share;
        enough.then_some(value.as_str())
    }
}

/// Treats values that do not fit what was learned, and notes what was done.
pub fn check(contract: &Contract, tables: Option<&Tables>, record: &mut Record<'_>) {
    let Some(tables) = tables else {
        return;
    };
    for dependency in &contract.dependencies {
        let Some(table) = tables.tables.get(&dependency.id) else {
            continue;
        };
        let expected = key_of(dependency, record).and_then(|key| table.get(&key));
        let value = record.cells[dependency.to].text();
        if let (Some(expected), Some(value)) = (expected, value)
            && value != expected
        {
            treat(contract, dependency, expected, record);
        }
    }
}

fn treat(contract: &Contract, dependency: &Dependency, expected: &str, record: &mut Record<'_>) {
    let cell = &mut record.cells[dependency.to];
    let original = cell.text().map(str::to_owned);
    let action = match dependency.action {
        DependencyAction::Quarantine => {
            let problem = format!(
                "does not go with the value of {}, which others have with `{}`",
                names(contract, dependency),
                expected.chars().take(40).collect::<String>()
            );
            record.fail(contract, dependency.to, "DEPENDENCY_BROKEN", &problem);
            return;
        }
        DependencyAction::Flag => Action::Flagged,
        DependencyAction::Correct => {
            if cell.number.is_some() {
                cell.number = Decimal::parse(expected);
            }
            cell.text = Some(expected.to_owned().into());
            Action::Corrected
        }
    };
    record.corrections.push(Correction {
        column: dependency.to,
        action,
        method: "dependency",
        original,
    });
}

fn names(contract: &Contract, dependency: &Dependency) -> String {
    let names = dependency.from.iter();
    let names: Vec<&str> = names
        .map(|index| contract.columns[*index].name.as_str())
        .collect();
    names.join(" and ")
}

/// Returns the settling values of a record; `None` when one is missing.
fn key_of(dependency: &Dependency, record: &Record<'_>) -> Option<String> {
    let mut key = String::new();
    for (number, index) in dependency.from.iter().enumerate() {
        if number > 0 {
            key.push(BETWEEN);
        }
        key.push_str(record.cells[*index].text()?);
    }
    Some(key)
}

fn hash(text: &str) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..8]);
    u64::from_le_bytes(first)
}

#[cfg(test)]
#[path = "dependencies_tests.rs"]
mod tests;
