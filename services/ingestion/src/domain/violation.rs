use std::fmt;

/// One thing that is wrong with an event, a row or a contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field at fault, for example `items[2].unit_price.currency_code`, or the column's name.
    pub field: String,
    /// Stable reason in upper snake case.
    pub reason: &'static str,
    /// Sentence for a person. Holds no value of a personal field.
    pub description: String,
}

impl Violation {
    /// Names what is wrong with a field.
    pub fn new(
        field: impl Into<String>,
        reason: &'static str,
        description: impl Into<String>,
    ) -> Self {
        Self {
            field: field.into(),
            reason,
            description: description.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.description)
    }
}
