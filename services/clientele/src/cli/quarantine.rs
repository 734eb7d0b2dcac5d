//! Arguments of `clientele quarantine`.

use chrono::{DateTime, NaiveDate, Utc};
use clap::{Args, Subcommand};

/// Commands of `quarantine`.
#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineCommand {
    /// Lists records, newest first.
    List {
        /// Which records. Default: all.
        #[command(flatten)]
        filter: QuarantineFilterArgs,
        /// Most records to list.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i32).range(1..=500))]
        limit: i32,
        /// Token of the page to list, as the page before gave it.
        #[arg(long, default_value = "")]
        page_token: String,
    },
    /// Shows one record with its reasons and its payload, masked.
    Get {
        /// Record, for example quarantine/00112233445566778899aabbccddeeff.
        record: String,
    },
    /// Sets fields of a record and judges it again; it stays in quarantine until it is replayed.
    Correct {
        /// Record.
        record: String,
        /// Field and its new text: a column, or a path such as identifiers.email or properties.rating. Without a text the field
        /// is taken away. May be repeated.
        #[arg(long, value_name = "FIELD=TEXT", required = true)]
        set: Vec<String>,
    },
    /// Judges records again and commits those that pass, each once.
    Replay {
        /// Which records.
        #[command(flatten)]
        filter: QuarantineFilterArgs,
        /// Only judge; commit nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Gives records up; how many, who asked and why is kept.
    Discard {
        /// Which records.
        #[command(flatten)]
        filter: QuarantineFilterArgs,
        /// Why, for the record of it; nothing personal.
        #[arg(long, value_name = "TEXT")]
        why: String,
        /// Who asks, for the record of it: a name or a ticket.
        #[arg(long, value_name = "NAME", default_value = "")]
        by: String,
    },
}

/// Which records are meant; all conditions must hold.
#[derive(Args, Debug, Default)]
pub(crate) struct QuarantineFilterArgs {
    /// Records by name.
    #[arg(value_name = "RECORD")]
    pub(crate) records: Vec<String>,
    /// Source that sent them.
    #[arg(long, value_name = "NAME", default_value = "")]
    pub(crate) source: String,
    /// One of their reasons, for example MISSING_IDENTIFIER.
    #[arg(long, value_name = "REASON", default_value = "")]
    pub(crate) reason: String,
    /// Field at fault.
    #[arg(long, value_name = "FIELD", default_value = "")]
    pub(crate) field: String,
    /// Came last at or after this time, as YYYY-MM-DD (UTC) or RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) from: Option<DateTime<Utc>>,
    /// Came last before this time, as YYYY-MM-DD (UTC) or RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) to: Option<DateTime<Utc>>,
}

/// Reads a time, or a day, which means its begin in UTC.
fn time(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Ok(day.and_time(chrono::NaiveTime::MIN).and_utc());
    }
    let read = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
    read.map_err(|_| "it is neither YYYY-MM-DD nor a time such as 2026-02-01T12:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_times_are_read() {
        assert_eq!(time("2026-02-01").unwrap().timestamp(), 1_769_904_000);
        assert_eq!(
            time("2026-02-01T01:00:00+01:00").unwrap().timestamp(),
            1_769_904_000
        );
        assert!(time("yesterday").is_err());
    }
}
