//! Walks a YAML document and gathers every mistake with its path.

use std::cell::RefCell;

use serde_json::{Map, Value};

use crate::domain::Violation;

/// Gathers mistakes.
#[derive(Default)]
pub(super) struct Mistakes(RefCell<Vec<Violation>>);

impl Mistakes {
    pub(super) fn add(&self, path: &str, reason: &'static str, text: impl Into<String>) {
        self.0.borrow_mut().push(Violation::new(path, reason, text));
    }

    pub(super) fn into_vec(self) -> Vec<Violation> {
        self.0.into_inner()
    }
}

/// A value of the document with its path.
#[derive(Clone)]
pub(super) struct Node<'a> {
    pub(super) path: String,
    pub(super) value: &'a Value,
    mistakes: &'a Mistakes,
}

impl<'a> Node<'a> {
    pub(super) fn root(value: &'a Value, mistakes: &'a Mistakes) -> Self {
        Self {
            path: String::new(),
            value,
            mistakes,
        }
    }

    /// Says that this value is wrong.
    pub(super) fn wrong(&self, reason: &'static str, text: impl Into<String>) {
        self.mistakes.add(&self.path, reason, text);
    }

    /// Returns the value's fields, or says that there are none.
    fn fields(&self) -> Option<&'a Map<String, Value>> {
        let fields = self.value.as_object();
        if fields.is_none() {
            self.wrong("WRONG_TYPE", "a mapping is expected here");
        }
        fields
    }

    fn child(&self, name: &str, value: &'a Value) -> Self {
        let path = if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        };
        Self {
            path,
            value,
            mistakes: self.mistakes,
        }
    }

    /// Says which keys nobody knows.
    pub(super) fn only(&self, known: &[&str]) {
        let Some(fields) = self.fields() else { return };
        for name in fields.keys().filter(|name| !known.contains(&name.as_str())) {
            let text = format!("unknown key; known are {}", known.join(", "));
            self.mistakes
                .add(&self.child(name, self.value).path, "UNKNOWN_KEY", text);
        }
    }

    /// Returns a field; `null` counts as absent.
    pub(super) fn get(&self, name: &str) -> Option<Self> {
        let value = self.value.as_object()?.get(name)?;
        (!value.is_null()).then(|| self.child(name, value))
    }

    /// Returns a field, or says that it is missing.
    pub(super) fn need(&self, name: &str) -> Option<Self> {
        let found = self.get(name);
        if found.is_none() && self.value.is_object() {
            self.mistakes
                .add(&self.child(name, self.value).path, "MISSING", "required");
        }
        found
    }

    /// Returns the value's entries in order of their names.
    pub(super) fn entries(&self) -> Vec<(&'a str, Self)> {
        let fields = self.fields().into_iter().flatten();
        fields
            .map(|(name, value)| (name.as_str(), self.child(name, value)))
            .collect()
    }

    /// Returns the elements of a list.
    pub(super) fn list(&self) -> Vec<Self> {
        let Some(elements) = self.value.as_array() else {
            self.wrong("WRONG_TYPE", "a list is expected here");
            return Vec::new();
        };
        let element = |(index, value)| Self {
            path: format!("{}[{index}]", self.path),
            value,
            mistakes: self.mistakes,
        };
        elements.iter().enumerate().map(element).collect()
    }

    /// Returns a list, taking a single value as a list of one.
    pub(super) fn list_or_one(&self) -> Vec<Self> {
        if self.value.is_array() {
            self.list()
        } else {
            vec![self.clone()]
        }
    }

    /// Returns a text; numbers and flags are taken as they are written.
    pub(super) fn text(&self) -> Option<String> {
        match self.value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            _ => {
                self.wrong("WRONG_TYPE", "a text is expected here");
                None
            }
        }
    }

    /// Returns a flag.
    pub(super) fn flag(&self) -> Option<bool> {
        let flag = self.value.as_bool();
        if flag.is_none() {
            self.wrong("WRONG_TYPE", "`true` or `false` is expected here");
        }
        flag
    }
}
