//! Closed sets of values and the other names that sources give them.

use std::collections::BTreeMap;

use crate::text::{Blanks, Case, TextForm, text};
use crate::{Reason, Standardised};

/// What becomes of a value that the table does not know.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Unknown {
    /// It is refused.
    #[default]
    Refuse,
    /// It stays, trimmed.
    Keep,
    /// It becomes this value; told as `unknown_value`.
    Become(String),
}

/// A table of values and their synonyms. Case, width and blanks do not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synonyms {
    values: BTreeMap<String, String>,
    unknown: Unknown,
}

/// A synonym that two values claim.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{synonym}` stands for both `{first}` and `{second}`")]
pub struct Overlapping {
    /// The synonym.
    pub synonym: String,
    /// The value that had it first.
    pub first: String,
    /// The value that claims it too.
    pub second: String,
}

impl Synonyms {
    /// Builds the table from values with their synonyms; every value is a synonym of itself.
    pub fn new(
        table: impl IntoIterator<Item = (String, Vec<String>)>,
        unknown: Unknown,
    ) -> Result<Self, Overlapping> {
        let mut values: BTreeMap<String, String> = BTreeMap::new();
        let mut add = |synonym: &str, value: &str| {
            let before = values.insert(folded(synonym), value.to_owned());
            match before {
                Some(first) if first != value => Err(Overlapping {
                    synonym: synonym.to_owned(),
                    first,
                    second: value.to_owned(),
                }),
                _ => Ok(()),
            }
        };
        for (value, synonyms) in table {
            add(&value, &value)?;
            for synonym in &synonyms {
                add(synonym, &value)?;
            }
        }
        if let Unknown::Become(value) = &unknown {
            add(value, value)?;
        }
        Ok(Self { values, unknown })
    }

    /// Returns the value that a text stands for; told as `enum`.
    pub fn read(&self, raw: &str) -> Result<Standardised, Reason> {
        if raw.len() > crate::VALUE_BYTES_MAX {
            return Err(Reason::TooLong);
        }
        let key = folded(raw);
        if key.is_empty() {
            return Err(Reason::Empty);
        }
        match (self.values.get(&key), &self.unknown) {
            (Some(value), _) => Ok(Standardised::new(value.clone(), raw, "enum")),
            (None, Unknown::Refuse) => Err(Reason::Unknown),
            (None, Unknown::Keep) => Ok(Standardised::new(raw.trim().to_owned(), raw, "blanks")),
            (None, Unknown::Become(value)) => {
                Ok(Standardised::new(value.clone(), raw, "unknown_value"))
            }
        }
    }
}

fn folded(value: &str) -> String {
    let form = TextForm {
        blanks: Blanks::Collapse,
        case: Case::Lower,
        ..TextForm::default()
    };
    text(value, &form).map(|it| it.value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Vec<(String, Vec<String>)> {
        vec![
            (
                "female".to_owned(),
                vec!["F".to_owned(), "女".to_owned(), "Frau".to_owned()],
            ),
            ("male".to_owned(), vec!["M".to_owned(), "男".to_owned()]),
        ]
    }

    #[test]
    fn finds_values_by_their_synonyms() {
        let synonyms = Synonyms::new(table(), Unknown::Refuse).expect("table");
        assert_eq!(
            synonyms.read(" Ｆ ").map(|it| it.value),
            Ok("female".to_owned())
        );
        assert_eq!(synonyms.read("男").expect("value").changes, ["enum"]);
        assert!(!synonyms.read("male").expect("value").changed());
        assert_eq!(synonyms.read("other"), Err(Reason::Unknown));
    }

    #[test]
    fn treats_unknown_values_as_told() {
        let keep = Synonyms::new(table(), Unknown::Keep).expect("table");
        assert_eq!(
            keep.read("Other").map(|it| it.value),
            Ok("Other".to_owned())
        );
        let other = Synonyms::new(table(), Unknown::Become("unknown".to_owned())).expect("table");
        assert_eq!(
            other.read("Other").expect("value").changes,
            ["unknown_value"]
        );
        assert!(!other.read("unknown").expect("value").changed());
    }

    #[test]
    fn refuses_a_synonym_of_two_values() {
        let mut wrong = table();
        wrong.push(("firm".to_owned(), vec!["f".to_owned()]));
        assert_eq!(
            Synonyms::new(wrong, Unknown::Refuse)
                .expect_err("overlap")
                .synonym,
            "f"
        );
    }
}
