//! When an event type applies to a row.

use crate::domain::decimal::Decimal;

/// A test of one column.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// Index of the column.
    pub column: usize,
    /// What its value must be.
    pub test: Test,
}

/// What a value must be.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// One of these texts.
    Among(Vec<String>),
    /// A text that begins so.
    StartsWith(String),
    /// A number below this one.
    Below(Decimal),
    /// A number above this one.
    Above(Decimal),
    /// Present, or absent.
    Present(bool),
}

impl Condition {
    /// Returns whether a row's value, `None` when missing, meets the test. A text that is no number is neither above
    /// nor below.
    pub fn holds(&self, value: Option<&str>) -> bool {
        let compare = |bound: &Decimal, sign: i64| {
            let difference = value
                .and_then(Decimal::parse)
                .and_then(|number| number.plus(bound.negated()));
            difference.is_some_and(|difference| difference.signum() == sign)
        };
        match &self.test {
            Test::Among(texts) => value.is_some_and(|value| texts.iter().any(|text| text == value)),
            Test::StartsWith(start) => value.is_some_and(|value| value.starts_with(start.as_str())),
            Test::Below(bound) => compare(bound, -1),
            Test::Above(bound) => compare(bound, 1),
            Test::Present(present) => value.is_some() == *present,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_texts_and_numbers() {
        let holds = |test: Test, value| Condition { column: 0, test }.holds(value);
        let zero = Decimal::parse("0").expect("number");
        assert!(holds(Test::StartsWith("C".into()), Some("C536379")));
        assert!(!holds(Test::StartsWith("C".into()), None));
        assert!(holds(Test::Among(vec!["a".into(), "b".into()]), Some("b")));
        assert!(holds(Test::Below(zero), Some("-0.5")));
        assert!(!holds(Test::Below(zero), Some("0")));
        assert!(holds(Test::Above(zero), Some("0.01")));
        assert!(!holds(Test::Above(zero), Some("abc")));
        assert!(holds(Test::Present(false), None));
    }
}
