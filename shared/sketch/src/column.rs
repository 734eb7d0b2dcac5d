//! A column as a whole.

use crate::distinct::Distinct;
use crate::figures::Figures;
use crate::numbers::Numbers;
use crate::values::Values;

/// Different values that are counted one by one.
const VALUES_MAX: u16 = 256;
/// Different shapes that are counted one by one.
const SHAPES_MAX: u16 = 32;
/// Characters of a text that its shape is made of.
const SHAPE_CHARACTERS: usize = 256;
/// Parts that a shape may have.
const SHAPE_PARTS: usize = 24;

/// The key of the hashes that a sketch holds, so that nobody can find out a value by hashing guesses. Sketches that are
/// merged must have been filled under the same key.
#[derive(Clone)]
pub struct Salt([u8; 32]);

impl std::fmt::Debug for Salt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Salt")
    }
}

impl Salt {
    /// Uses a key.
    pub fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// Returns the hash of a value.
    pub fn hash(&self, value: &str) -> u64 {
        let hash = blake3::keyed_hash(&self.0, value.as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&hash.as_bytes()[..8]);
        u64::from_le_bytes(first)
    }
}

/// What of the values may be kept as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// Values, shapes and numbers.
    #[default]
    Values,
    /// Only counts, lengths and hashes: for personal columns.
    Counts,
}

/// Lengths and shapes of the texts of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texts {
    /// Texts counted.
    pub count: u64,
    /// Characters of all texts.
    pub characters: u64,
    /// Fewest characters.
    pub shortest: u64,
    /// Most characters.
    pub longest: u64,
    /// How often which shape came: digits as `9`, capitals as `A`, other letters as `a`, ideographs as `文`, blanks as ` `,
    /// anything else as it is; runs are told once.
    pub shapes: Values,
}

impl Default for Texts {
    fn default() -> Self {
        Self {
            count: 0,
            characters: 0,
            shortest: u64::MAX,
            longest: 0,
            shapes: Values::new(SHAPES_MAX),
        }
    }
}

impl Texts {
    fn add(&mut self, text: &str, salt: &Salt, keep: Keep) {
        let length = text.chars().count() as u64;
        self.count += 1;
        self.characters += length;
        self.shortest = self.shortest.min(length);
        self.longest = self.longest.max(length);
        if keep == Keep::Values {
            let shape = shape(text);
            self.shapes.add(salt.hash(&shape), &shape);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.characters += other.characters;
        self.shortest = self.shortest.min(other.shortest);
        self.longest = self.longest.max(other.longest);
        self.shapes.merge(&other.shapes);
    }

    /// Returns the mean number of characters; `None` without texts.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.characters as f64 / self.count as f64)
    }
}

/// Returns the shape of a text.
fn shape(text: &str) -> String {
    let mut shape = String::new();
    let mut parts = 0;
    let mut last = None;
    for character in text.chars().take(SHAPE_CHARACTERS) {
        let kind = match character {
            it if it.is_numeric() => '9',
            it if it.is_uppercase() => 'A',
            it if ('\u{2e80}'..='\u{9fff}').contains(&it) || it >= '\u{20000}' => '文',
            it if it.is_alphabetic() => 'a',
            it if it.is_whitespace() => ' ',
            it => it,
        };
        if last != Some(kind) {
            if parts == SHAPE_PARTS {
                break;
            }
            shape.push(kind);
            parts += 1;
            last = Some(kind);
        }
    }
    shape
}

/// What is known of a column: a function of the multiset of its values alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Column {
    /// Records that could have had a value.
    pub records: u64,
    /// Of these, without one.
    pub missing: u64,
    /// The values that are numbers.
    pub numbers: Numbers,
    /// Different values.
    pub distinct: Distinct,
    /// Frequent values; empty for [`Keep::Counts`].
    pub values: Values,
    /// Lengths and shapes of the values as text.
    pub texts: Texts,
}

impl Default for Values {
    fn default() -> Self {
        Self::new(VALUES_MAX)
    }
}

impl Column {
    /// Adds the value of a record, `None` when it has none; with the number that it means, if it means one.
    pub fn add(&mut self, text: Option<&str>, number: Option<f64>, salt: &Salt, keep: Keep) {
        self.records += 1;
        let Some(text) = text else {
            self.missing += 1;
            return;
        };
        let hash = salt.hash(text);
        self.distinct.add(hash);
        self.texts.add(text, salt, keep);
        if keep == Keep::Values {
            self.values.add(hash, text);
            if let Some(number) = number {
                self.numbers.add(number);
            }
        }
    }

    /// Adds what another sketch has seen; both filled under one [`Salt`].
    pub fn merge(&mut self, other: &Self) {
        self.records += other.records;
        self.missing += other.missing;
        self.numbers.merge(&other.numbers);
        self.distinct.merge(&other.distinct);
        self.values.merge(&other.values);
        self.texts.merge(&other.texts);
    }

    /// Returns the records that had a value.
    pub fn present(&self) -> u64 {
        self.records - self.missing
    }

    /// Returns the share of records without a value, 0 when there were none.
    pub fn missing_share(&self) -> f64 {
        if self.records == 0 {
            0.0
        } else {
            self.missing as f64 / self.records as f64
        }
    }

    /// Returns the figures of the numbers; `None` when there are none.
    pub fn figures(&self) -> Option<Figures> {
        Figures::of(&self.numbers)
    }

    /// Returns true when the values are numbers, but for at most one in a hundred.
    pub fn is_numeric(&self) -> bool {
        self.numbers.count() > 0 && self.numbers.count() * 100 >= self.present() * 99
    }
}

#[cfg(test)]
mod tests {
    use super::shape;

    #[test]
    fn shapes_tell_kinds_of_characters() {
        for (text, expected) in [
            ("AL-2053 258", "A-9 9"),
            ("上海市 A座", "文 A文"),
            ("mary@example.org", "a@a.a"),
            ("", ""),
        ] {
            assert_eq!(shape(text), expected);
        }
        assert!(shape(&"a1".repeat(10_000)).chars().count() <= 24);
    }
}
