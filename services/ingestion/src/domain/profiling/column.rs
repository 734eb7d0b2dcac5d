//! What is gathered of one column, in bounded memory.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use sketch::Distinct;

use super::times::{Times, TimesFound};
use crate::domain::constraints::flag;
use crate::domain::decimal::Decimal;

/// Values of a column that are counted one by one.
const VALUES_MAX: usize = 64;
/// Longest value that is counted, in bytes.
const VALUE_BYTES_MAX: usize = 200;
/// Values whose hashes are held to see a repeat.
const HASHES_MAX: usize = 200_000;
/// Values that are searched for personal data.
pub(super) const SEARCHED_MAX: u64 = 500;

/// Texts that often stand for a missing value, in lower case.
const MISSING: [&str; 16] = [
    "na", "n/a", "#n/a", "nan", "null", "none", "nil", "?", "-", "--", "\\n", ".", "无", "空",
    "暂无", "empty",
];
/// Signs of currencies with their codes.
const SIGNS: [(&str, &str); 9] = [
    ("¥", "CNY"),
    ("￥", "CNY"),
    ("元", "CNY"),
    ("£", "GBP"),
    ("€", "EUR"),
    ("$", "USD"),
    ("₹", "INR"),
    ("₩", "KRW"),
    ("R$", "BRL"),
];

/// Sees whether a value comes twice.
#[derive(Clone, Debug, Default)]
pub(super) struct Repeats {
    hashes: HashSet<u64>,
    pub(super) repeated: bool,
    /// Whether there were too many values to be sure.
    pub(super) unsure: bool,
}

impl Repeats {
    pub(super) fn add(&mut self, hash: u64) {
        if self.repeated || self.unsure {
            return;
        }
        if !self.hashes.insert(hash) {
            self.repeated = true;
        } else if self.hashes.len() > HASHES_MAX {
            self.unsure = true;
        } else {
            return;
        }
        self.hashes = HashSet::new();
    }
}

/// What is gathered of one column.
#[derive(Clone, Debug, Default)]
pub(super) struct ColumnGathered {
    /// Values that are there, and those of them that are no word for a missing one.
    pub(super) present: u64,
    pub(super) told: u64,
    /// Words that may stand for a missing value.
    pub(super) words: HashMap<String, u64>,
    pub(super) whole: u64,
    pub(super) numbers: u64,
    /// Numbers with leading zeros or more digits than a number should have.
    pub(super) codes: u64,
    pub(super) flags: u64,
    /// Numbers with signs of currencies or thousands.
    pub(super) amounts: u64,
    pub(super) signs: HashMap<&'static str, u64>,
    pub(super) smallest: Option<Decimal>,
    pub(super) largest: Option<Decimal>,
    pub(super) fraction_digits: u32,
    pub(super) characters: u64,
    pub(super) longest: usize,
    pub(super) blanks: u64,
    pub(super) distinct: Distinct,
    pub(super) repeats: Repeats,
    pub(super) values: HashMap<String, u64>,
    /// Whether there were more different values than are counted one by one.
    pub(super) many: bool,
    times: Times,
    pub(super) personal: HashMap<&'static str, u64>,
    pub(super) searched: u64,
}

pub(super) fn hash_of(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

impl ColumnGathered {
    /// Looks at a value; an empty one is missing.
    pub(super) fn add(&mut self, text: &str, personal: impl Fn(&str) -> Option<&'static str>) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        self.present += 1;
        if text.len() <= 6 && MISSING.contains(&text.to_lowercase().as_str()) {
            *self.words.entry(text.to_owned()).or_default() += 1;
            return;
        }
        self.told += 1;
        let hash = hash_of(text);
        self.distinct.add(hash);
        self.repeats.add(hash);
        self.count(text);
        let length = text.chars().count();
        self.characters += length as u64;
        self.longest = self.longest.max(length);
        self.blanks += u64::from(text.contains(' ') || length > 30);
        self.number(text);
        self.flags += u64::from(flag(text).is_some());
        self.times.add(text);
        if self.searched < SEARCHED_MAX {
            self.searched += 1;
            if let Some(kind) = personal(text) {
                *self.personal.entry(kind).or_default() += 1;
            }
        }
    }

    /// Returns how its times are written; `None` when it holds none.
    pub(super) fn times(&self) -> Option<TimesFound> {
        self.times.found()
    }

    fn count(&mut self, text: &str) {
        if let Some(count) = self.values.get_mut(text) {
            *count += 1;
        } else if self.values.len() < VALUES_MAX && text.len() <= VALUE_BYTES_MAX {
            self.values.insert(text.to_owned(), 1);
        } else {
            self.many = true;
        }
    }

    fn number(&mut self, text: &str) {
        let Some(number) = Decimal::parse(text) else {
            return self.amount(text);
        };
        self.numbers += 1;
        self.whole += u64::from(number.is_whole() && !text.contains(['.', 'e', 'E']));
        let digits = text.trim_start_matches(['-', '+']);
        let zeros = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
        self.codes += u64::from(zeros || digits.len() > 15 && !digits.contains('.'));
        if let Some((_, fraction)) = text.split_once('.') {
            self.fraction_digits = self.fraction_digits.max(fraction.len() as u32);
        }
        self.bound(number);
    }

    fn bound(&mut self, number: Decimal) {
        if self.smallest.is_none_or(|smallest| number < smallest) {
            self.smallest = Some(number);
        }
        if self.largest.is_none_or(|largest| number > largest) {
            self.largest = Some(number);
        }
    }

    /// Looks at what may be a number with signs of a currency or of thousands.
    fn amount(&mut self, text: &str) {
        if text.len() > 40 || !text.bytes().any(|byte| byte.is_ascii_digit()) {
            return;
        }
        let sign = SIGNS.iter().rev().find(|(sign, _)| text.contains(sign));
        let bare: String = text
            .chars()
            .filter(|c| c.is_ascii_digit() || matches!(c, '.' | '-'))
            .collect();
        let others = text
            .chars()
            .filter(|c| {
                !c.is_ascii_digit() && !matches!(c, '.' | ',' | '-' | ' ' | '\u{a0}' | '\'')
            })
            .count();
        let signs = sign.map_or(0, |(sign, _)| sign.chars().count());
        if others != signs || (signs == 0 && !text.contains(',')) {
            return;
        }
        if let Some(number) = Decimal::parse(&bare) {
            self.amounts += 1;
            self.bound(number);
        }
        if let Some((_, code)) = sign {
            *self.signs.entry(code).or_default() += 1;
        }
    }
}
