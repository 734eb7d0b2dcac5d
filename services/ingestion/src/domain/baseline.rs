//! What values of a source usually look like: what gaps are filled with and outliers are judged by.
//!
//! A baseline is computed once, stored under a version, and never changes. What becomes of a record depends on it and on the
//! record alone, so that neither batches nor the order of arrival can show.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use sketch::{Column as Sketch, Figures, Lexicon, Salt, Values};

/// What values of a source usually look like.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// Version, from 1; 0 for one that is not stored.
    #[serde(skip)]
    pub version: i64,
    /// First day of event time that it was computed from, in days since 1970-01-01; absent when no record told its time.
    pub from_day: Option<i32>,
    /// Last day.
    pub to_day: Option<i32>,
    /// Fields by column.
    pub fields: BTreeMap<String, FieldBaseline>,
    /// What usually goes together, by the dependency's id.
    pub dependencies: BTreeMap<String, Usual>,
    /// Key of the hashes; set when it is loaded.
    #[serde(skip)]
    pub salt: Option<SharedSalt>,
}

/// A key of hashes that baselines share.
#[derive(Clone, Debug)]
pub struct SharedSalt(pub Arc<Salt>);

impl PartialEq for SharedSalt {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// What values of a field usually look like.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FieldBaseline {
    /// Records.
    pub records: u64,
    /// Of these, without a value.
    pub missing: u64,
    /// Numbers; absent for texts.
    pub figures: Option<Figures>,
    /// Most frequent value; absent when none repeats, when there are too many, and when they are personal.
    pub mode: Option<String>,
    /// Words with their counts, most frequent first; for columns whose spelling is checked.
    #[serde(default)]
    pub words: Vec<(String, u64)>,
    #[serde(skip)]
    counts: Counts,
}

/// Counts by word, made when they are first asked for. They follow from the words, so that they make no difference.
#[derive(Clone, Debug, Default)]
struct Counts(OnceLock<HashMap<String, u64>>);

impl PartialEq for Counts {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl FieldBaseline {
    /// Returns the share of records without a value, 0 to 1; 1 when there were none.
    pub fn missing_share(&self) -> f64 {
        if self.records == 0 {
            1.0
        } else {
            self.missing as f64 / self.records as f64
        }
    }

    /// Returns how often a word came.
    pub fn count(&self, word: &str) -> u64 {
        let counts = || self.words.iter().cloned().collect();
        let counts = self.counts.0.get_or_init(counts);
        counts.get(word).copied().unwrap_or(0)
    }
}

/// Which value usually goes with which.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usual {
    /// By the hash of what it follows from.
    pub values: BTreeMap<u64, UsualValue>,
}

/// The value that usually goes with others.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UsualValue {
    /// Its hash.
    pub hash: u64,
    /// The value; empty when it is too long to be kept.
    pub text: String,
    /// Records that had it.
    pub count: u64,
    /// Records with the same values in the columns that it follows from.
    pub records: u64,
}

impl Baseline {
    /// Computes a baseline from the sketches of columns, by their names, and from words and pairs. `days` are the first and the
    /// last day of event time.
    pub fn fit(
        columns: &BTreeMap<String, Sketch>,
        lexicon: &Lexicon,
        days: Option<(i32, i32)>,
    ) -> Self {
        let field = |(name, column): (&String, &Sketch)| {
            let mode = column.values.mode();
            let words = lexicon.words.get(name).map(ranked).unwrap_or_default();
            let baseline = FieldBaseline {
                records: column.records,
                missing: column.missing,
                figures: column.figures().map(rounded),
                mode: mode.map(|mode| mode.value),
                words,
                counts: Counts::default(),
            };
            (name.clone(), baseline)
        };
        Self {
            version: 0,
            from_day: days.map(|days| days.0),
            to_day: days.map(|days| days.1),
            fields: columns.iter().map(field).collect(),
            dependencies: lexicon
                .pairs
                .iter()
                .map(|(name, pairs)| {
                    let values = pairs.iter().filter_map(|(from, records, values)| {
                        Some((from, usual(records, values)?))
                    });
                    let values = values.collect();
                    (name.clone(), Usual { values })
                })
                .collect(),
            salt: None,
        }
    }

    /// Returns the hash of a value, or of the values that another follows from.
    pub fn hash(&self, value: &str) -> Option<u64> {
        self.salt.as_ref().map(|salt| salt.0.hash(value))
    }
}

/// Rounds to 15 significant digits: as many as survive being written and read as a decimal text.
fn rounded(mut figures: Figures) -> Figures {
    let Figures {
        count: _,
        min,
        max,
        mean,
        deviation,
        q1,
        median,
        q3,
        mad,
        mode,
        log,
    } = &mut figures;
    let plain = [min, max, mean, deviation, q1, median, q3, mad];
    let logs = log.iter_mut().flat_map(|it| {
        [
            &mut it.mean,
            &mut it.deviation,
            &mut it.q1,
            &mut it.median,
            &mut it.q3,
            &mut it.mad,
        ]
    });
    for number in plain.into_iter().chain(mode).chain(logs) {
        *number = format!("{number:.14e}").parse().unwrap_or(*number);
    }
    figures
}

fn ranked(words: &Values) -> Vec<(String, u64)> {
    let ranked = words.ranked().into_iter();
    ranked.map(|word| (word.value, word.count)).collect()
}

/// Returns the most frequent of the values that came with one, `None` where it came only once.
fn usual(records: u64, values: &Values) -> Option<UsualValue> {
    if records < 2 {
        return None;
    }
    let (hash, text, count) = values
        .iter()
        .max_by_key(|(hash, _, count)| (*count, std::cmp::Reverse(*hash)))?;
    Some(UsualValue {
        hash,
        text: if text.ends_with('…') {
            String::new()
        } else {
            text.to_owned()
        },
        count,
        records,
    })
}
