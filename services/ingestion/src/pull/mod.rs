//! Fetches data from where it lies: databases, HTTP endpoints and folders of files.

use serde::{Deserialize, Serialize};

/// Where the next pull of a source begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Position {
    /// After the row of this watermark and key.
    Sql {
        /// Watermark of the last row, as text.
        watermark: String,
        /// Key of the last row, as text.
        key: String,
    },
    /// With the validators of the last answer.
    Http {
        /// `ETag`; empty when there was none.
        etag: String,
        /// `Last-Modified`; empty when there was none.
        last_modified: String,
    },
}

impl Position {
    /// Reads a stored position; `None` before the first pull and for one that cannot be read.
    pub(crate) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Writes a position to be stored.
    pub(crate) fn write(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Returns a stored position as its owner sees it: the watermark or validator, and no key, which may be personal.
pub(crate) fn position_text(stored: &str) -> String {
    match Position::read(stored) {
        None => String::new(),
        Some(Position::Sql { watermark, .. }) => watermark,
        Some(Position::Http {
            etag,
            last_modified,
        }) => match etag.is_empty() {
            true => last_modified,
            false => etag,
        },
    }
}
