//! One thing that is wrong with a request.

/// Names a field at fault, why in a stable word, and why in a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field in the request, for example `cells[3].max_spend_minor`.
    pub field: String,
    /// Stable reason, for example `OUT_OF_RANGE`.
    pub reason: &'static str,
    /// What is wrong, for a person.
    pub text: String,
}

impl Violation {
    /// Puts a violation together.
    pub fn new(field: impl Into<String>, reason: &'static str, text: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            reason,
            text: text.into(),
        }
    }
}
