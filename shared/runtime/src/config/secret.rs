//! Text that is never printed.

use serde::{Deserialize, Deserializer};

/// A password, key or token from the configuration. Neither `Debug` nor an error shows it, and it is never written back.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the text, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Tells whether nothing was given.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("***")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The reason is dropped on purpose: it could quote the value.
        String::deserialize(deserializer)
            .map(Self)
            .map_err(|_| serde::de::Error::custom("a secret must be text"))
    }
}
