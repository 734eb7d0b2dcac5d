//! Everything that is wrong with one request, and not the first thing alone.

use super::Fault;
use api::google::rpc;
use tonic::Code;

/// One field at fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldViolation {
    /// Path of the field in the request, for example `events[3].value.currency_code`.
    pub field: String,
    /// Stable reason in capitals, for example `REQUIRED`.
    pub reason: &'static str,
    /// What is wrong, for a person to read. Never quotes personal data.
    pub description: String,
}

impl From<FieldViolation> for rpc::bad_request::FieldViolation {
    fn from(it: FieldViolation) -> Self {
        let FieldViolation {
            field,
            reason,
            description,
        } = it;
        Self {
            field,
            reason: reason.to_owned(),
            description,
            ..Default::default()
        }
    }
}

/// Collects violations while a request is read.
#[derive(Debug, Default)]
pub struct Violations(Vec<FieldViolation>);

impl Violations {
    /// Starts with none.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a violation.
    pub fn push(
        &mut self,
        field: impl Into<String>,
        reason: &'static str,
        description: impl Into<String>,
    ) {
        self.0.push(FieldViolation {
            field: field.into(),
            reason,
            description: description.into(),
        });
    }

    /// Adds a violation unless the condition holds; returns whether it holds.
    pub fn require(
        &mut self,
        holds: bool,
        field: impl Into<String>,
        reason: &'static str,
        description: impl Into<String>,
    ) -> bool {
        if !holds {
            self.push(field, reason, description);
        }
        holds
    }

    /// Returns the value, or adds the violation that its error describes.
    pub fn take<T, E: std::fmt::Display>(
        &mut self,
        field: impl Into<String>,
        reason: &'static str,
        value: Result<T, E>,
    ) -> Option<T> {
        value
            .map_err(|error| self.push(field, reason, error.to_string()))
            .ok()
    }

    /// Adds what was found inside a field, with the field's path in front.
    pub fn nest(&mut self, path: &str, inner: Violations) {
        self.0.extend(inner.0.into_iter().map(|it| FieldViolation {
            field: format!("{path}.{}", it.field),
            ..it
        }));
    }

    /// Tells whether none was found.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns how many were found.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Fails with everything that was found.
    pub fn finish(self) -> Result<(), Invalid> {
        match self.0.is_empty() {
            true => Ok(()),
            false => Err(Invalid(self.0)),
        }
    }
}

/// A request that breaks its contract: `INVALID_ARGUMENT`, reason `INVALID`, with every violation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", summary(.0))]
pub struct Invalid(Vec<FieldViolation>);

impl Invalid {
    /// Makes the error of one field.
    pub fn field(
        field: impl Into<String>,
        reason: &'static str,
        description: impl Into<String>,
    ) -> Self {
        Self(vec![FieldViolation {
            field: field.into(),
            reason,
            description: description.into(),
        }])
    }

    /// Returns the violations.
    pub fn all(&self) -> &[FieldViolation] {
        &self.0
    }
}

impl Fault for Invalid {
    fn code(&self) -> Code {
        Code::InvalidArgument
    }

    fn reason(&self) -> &'static str {
        "INVALID"
    }

    fn violations(&self) -> Vec<FieldViolation> {
        self.0.clone()
    }
}

impl From<Invalid> for tonic::Status {
    fn from(invalid: Invalid) -> Self {
        super::status(&invalid)
    }
}

fn summary(violations: &[FieldViolation]) -> String {
    match violations {
        [] => "the request is invalid".to_owned(),
        [only] => format!("{}: {}", only.field, only.description),
        [first, rest @ ..] => format!(
            "{}: {} (and {} more)",
            first.field,
            first.description,
            rest.len()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_every_violation() {
        let mut inner = Violations::new();
        inner.push("currency_code", "REQUIRED", "must be given");
        let mut found = Violations::new();
        found.require(false, "source", "REQUIRED", "must be given");
        found.require(true, "type", "REQUIRED", "must be given");
        found.nest("events[3].value", inner);

        let status = tonic::Status::from(found.finish().unwrap_err());

        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(status.message(), "source: must be given (and 1 more)");
        let fields: Vec<_> = super::super::violations(&status)
            .into_iter()
            .map(|it| it.field)
            .collect();
        assert_eq!(fields, ["source", "events[3].value.currency_code"]);
    }

    #[test]
    fn passes_what_is_right() {
        assert_eq!(Violations::new().finish(), Ok(()));
    }
}
