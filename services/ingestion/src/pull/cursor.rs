//! What is remembered of a pull, within it and from one to the next.

use chrono::{NaiveDate, NaiveDateTime, TimeDelta};
use serde::{Deserialize, Serialize};

/// A value of a column by which rows are ordered, as exact as the database gave it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CursorValue {
    /// A text, or what the database writes for a value of its type.
    Text(String),
    /// A whole number of a column without a type.
    Integer(i64),
    /// A number with a fraction of a column without a type, as text.
    Real(String),
}

impl CursorValue {
    /// Returns the value as text.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Text(text) | Self::Real(text) => text.clone(),
            Self::Integer(number) => number.to_string(),
        }
    }
}

/// How far a pull has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Progress {
    /// It has not begun.
    #[default]
    Start,
    /// Rows after these values were not read yet.
    Rows {
        /// Values of the ordering columns of the last row; of the first column alone, rows of that value count too.
        after: Vec<CursorValue>,
    },
    /// Pages after this were not read yet.
    Pages {
        /// Pages that were read.
        read: i64,
        /// Link, token or number of the next page; absent when there is none.
        next: Option<String>,
        /// Validators of the only page; absent when there are more.
        validators: Option<Validators>,
    },
    /// Rows of a file after this were not read yet.
    File {
        /// Name of the file.
        name: String,
        /// Its size, time and content, when reading it began.
        fingerprint: String,
        /// Rows that were read.
        rows: u64,
    },
}

/// What an HTTP server gives to ask whether something has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Validators {
    /// `ETag`; empty when there was none.
    pub(crate) etag: String,
    /// `Last-Modified`; empty when there was none.
    pub(crate) last_modified: String,
}

/// Where the next pull of a source begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Position {
    /// After the row of these values, the watermark first.
    Rows {
        /// Values of the ordering columns.
        after: Vec<CursorValue>,
    },
    /// With the validators of the last answer.
    Http {
        /// The validators.
        validators: Validators,
    },
}

impl Position {
    /// Reads a stored position; `None` before the first pull.
    pub(crate) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

impl Progress {
    /// Reads stored progress.
    pub(crate) fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }
}

/// Writes a position or progress to be stored.
pub(crate) fn write<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Returns a stored position as its owner sees it: the watermark or validator, and no key, which may be personal.
pub(crate) fn position_text(stored: &str) -> String {
    match Position::read(stored) {
        None => String::new(),
        Some(Position::Rows { after }) => after.first().map(CursorValue::text).unwrap_or_default(),
        Some(Position::Http { validators }) => match validators.etag.is_empty() {
            true => validators.last_modified,
            false => validators.etag,
        },
    }
}

/// Returns the watermark that lies `by` before another one, in the same form; `None` when it is no time.
pub(crate) fn rewound(watermark: &str, by: TimeDelta) -> Option<String> {
    if let Ok(date) = NaiveDate::parse_from_str(watermark, "%Y-%m-%d") {
        let days =
            by.num_days() + i64::from(by.subsec_nanos() != 0 || by.num_seconds() % 86_400 != 0);
        let earlier = date.checked_sub_signed(TimeDelta::try_days(days)?)?;
        return Some(earlier.to_string());
    }
    // The offset stays as it is: a length of time is the same in every one.
    let from = watermark.find([' ', 'T'])?;
    let tail = watermark[from..].find(['+', '-', 'Z']);
    let (local, offset) = watermark.split_at(tail.map_or(watermark.len(), |at| from + at));
    let form = match watermark.as_bytes()[from] {
        b'T' => "%Y-%m-%dT%H:%M:%S%.f",
        _ => "%Y-%m-%d %H:%M:%S%.f",
    };
    let time = NaiveDateTime::parse_from_str(local, form).ok()?;
    let earlier = time.checked_sub_signed(by)?;
    Some(format!("{}{offset}", earlier.format(form)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rewinds_times_in_their_own_form() {
        let minutes = TimeDelta::minutes(90);
        for (from, to) in [
            ("2026-03-01 01:00:00", Some("2026-02-28 23:30:00")),
            ("2026-03-01 01:00:00.25", Some("2026-02-28 23:30:00.250")),
            ("2026-03-01 01:00:00+00", Some("2026-02-28 23:30:00+00")),
            (
                "2026-03-01T01:00:00.000001Z",
                Some("2026-02-28T23:30:00.000001Z"),
            ),
            (
                "2026-03-01T01:00:00-05:00",
                Some("2026-02-28T23:30:00-05:00"),
            ),
            ("2026-03-01", Some("2026-02-28")),
            ("17", None),
            ("infinity", None),
            ("", None),
        ] {
            assert_eq!(rewound(from, minutes).as_deref(), to, "{from}");
        }
        assert_eq!(
            rewound("2026-03-01", TimeDelta::days(1)).as_deref(),
            Some("2026-02-28")
        );
    }

    #[test]
    fn an_owner_sees_the_watermark_and_no_key() {
        let after = vec![
            CursorValue::Text("2026-03-01".into()),
            CursorValue::Text("ann@example.com".into()),
        ];
        let stored = write(&Position::Rows {
            after: after.clone(),
        });
        assert_eq!(position_text(&stored), "2026-03-01");
        assert_eq!(Position::read(&stored), Some(Position::Rows { after }));
        assert_eq!(position_text(""), "");
    }
}
