//! Walks a YAML document and gathers every mistake with its path.

use std::cell::RefCell;

use serde_json::{Map, Value};

use super::Mistake;

/// Most mistakes that are told; a text with more is of another kind altogether.
const MISTAKES_MAX: usize = 200;

/// Gathers mistakes.
#[derive(Default)]
pub(super) struct Mistakes(RefCell<Vec<Mistake>>);

impl Mistakes {
    pub(super) fn into_vec(self) -> Vec<Mistake> {
        self.0.into_inner()
    }

    fn add(&self, path: &str, reason: &'static str, text: impl Into<String>) {
        let mut all = self.0.borrow_mut();
        if all.len() < MISTAKES_MAX {
            all.push(Mistake {
                path: path.to_owned(),
                reason,
                text: text.into(),
            });
        }
    }
}

/// A value of the document with its path.
#[derive(Clone)]
pub(super) struct Node<'a> {
    pub(super) path: String,
    value: &'a Value,
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

    pub(super) fn wrong(&self, reason: &'static str, text: impl Into<String>) {
        self.mistakes.add(&self.path, reason, text);
    }

    fn child(&self, name: &str, value: &'a Value) -> Self {
        let path = match self.path.is_empty() {
            true => name.to_owned(),
            false => format!("{}.{name}", self.path),
        };
        Self {
            path,
            value,
            mistakes: self.mistakes,
        }
    }

    /// Returns the fields, saying which ones nobody knows, or that there are none.
    fn fields(&self) -> Option<&'a Map<String, Value>> {
        let fields = self.value.as_object();
        if fields.is_none() {
            self.wrong("WRONG_TYPE", "a mapping is expected here");
        }
        fields
    }

    /// Says which keys nobody knows, or that this is no mapping.
    pub(super) fn only(&self, known: &[&str]) -> bool {
        let Some(fields) = self.fields() else {
            return false;
        };
        for name in fields.keys().filter(|name| !known.contains(&name.as_str())) {
            let text = format!("unknown key; known are {}", known.join(", "));
            self.mistakes
                .add(&self.child(name, self.value).path, "UNKNOWN_KEY", text);
        }
        true
    }

    /// Returns a field; `null` counts as absent.
    pub(super) fn get(&self, name: &str) -> Option<Self> {
        let value = self.value.as_object()?.get(name)?;
        (!value.is_null()).then(|| self.child(name, value))
    }

    /// Returns a field, or says that it is missing.
    pub(super) fn need(&self, name: &str) -> Option<Self> {
        let found = self.get(name);
        if found.is_none() {
            self.mistakes
                .add(&self.child(name, self.value).path, "MISSING", "required");
        }
        found
    }

    /// Returns the elements of a list; a single text is taken as a list of one.
    pub(super) fn list(&self) -> Vec<Self> {
        let Some(elements) = self.value.as_array() else {
            if self.value.is_string() {
                return vec![self.clone()];
            }
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

    /// Returns a text that is not blank, or says that there is none.
    pub(super) fn text(&self) -> Option<String> {
        let text = match self.value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(flag) => flag.to_string(),
            _ => {
                self.wrong("WRONG_TYPE", "a text is expected here");
                return None;
            }
        };
        if text.trim().is_empty() {
            self.wrong("EMPTY", "the text is empty");
            return None;
        }
        Some(text)
    }

    pub(super) fn is_mapping(&self) -> bool {
        self.value.is_object()
    }
}
