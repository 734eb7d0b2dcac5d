//! Commands that call running services, one file per area.

pub(crate) mod admin;
pub(crate) mod allocate;
mod dry_run;
pub(crate) mod health;
pub(crate) mod ingest;
pub(crate) mod keys;
pub(crate) mod model;
pub(crate) mod profile;
pub(crate) mod quality;
pub(crate) mod quarantine;
pub(crate) mod rates;
mod reasons;
pub(crate) mod score;
pub(crate) mod segment;
pub(crate) mod simulate;
pub(crate) mod source;
pub(crate) mod taxonomy;

use chrono::NaiveDate;

/// Returns a day as the services write it, empty for none.
pub(crate) fn day(date: Option<NaiveDate>) -> String {
    date.map(|it| it.to_string()).unwrap_or_default()
}

/// Returns the last moment of a day in UTC.
pub(crate) fn end_of_day(date: NaiveDate) -> prost_types::Timestamp {
    let midnight = date.and_time(chrono::NaiveTime::MIN).and_utc() + chrono::Duration::days(1);
    prost_types::Timestamp {
        seconds: midnight.timestamp() - 1,
        nanos: 0,
    }
}

/// Returns a fresh idempotency key.
pub(crate) fn request_id() -> String {
    uuid::Uuid::new_v4().to_string()
}
