//! Reads times as sources write them, and names the day that an instant falls on in a zone.

use chrono::format::{Item, Parsed, StrftimeItems, parse};
use chrono::{
    DateTime, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Timelike, Utc,
};
use chrono_tz::Tz;

/// How a source writes a time.
#[derive(Clone, Debug, PartialEq)]
pub enum TimeFormat {
    /// Whole seconds since 1970 in UTC.
    UnixSeconds,
    /// Milliseconds since 1970 in UTC.
    UnixMillis,
    /// RFC 3339, which carries its own offset.
    Rfc3339,
    /// A pattern of `strftime`, read in the contract's zone; without a time of day it means midnight.
    Pattern(Vec<Item<'static>>),
}

impl TimeFormat {
    /// Reads `unix`, `unix_ms`, `rfc3339` or a pattern such as `%Y-%m-%d %H:%M:%S`. Returns `None` for a bad pattern.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "unix" => Some(Self::UnixSeconds),
            "unix_ms" => Some(Self::UnixMillis),
            "rfc3339" => Some(Self::Rfc3339),
            pattern if pattern.contains('%') => StrftimeItems::new(pattern)
                .parse_to_owned()
                .ok()
                .map(Self::Pattern),
            _ => None,
        }
    }

    /// Returns whether a text is a time of day of this format.
    pub fn is_time_of_day(&self, text: &str) -> bool {
        let Self::Pattern(items) = self else {
            return false;
        };
        let mut parsed = Parsed::new();
        parse(&mut parsed, text, items.iter()).is_ok() && parsed.to_naive_time().is_ok()
    }

    /// Reads a time, local ones in `zone`. Returns `None` when the text is no time of this format.
    pub fn read(&self, text: &str, zone: Tz) -> Option<DateTime<Utc>> {
        match self {
            Self::UnixSeconds => DateTime::from_timestamp(text.parse().ok()?, 0),
            Self::UnixMillis => DateTime::from_timestamp_millis(text.parse().ok()?),
            Self::Rfc3339 => DateTime::parse_from_rfc3339(text)
                .ok()
                .map(|time| time.to_utc()),
            Self::Pattern(items) => {
                let mut parsed = Parsed::new();
                parse(&mut parsed, text, items.iter()).ok()?;
                if parsed.offset().is_some() {
                    return parsed.to_datetime().ok().map(|time| time.to_utc());
                }
                let date = parsed.to_naive_date().ok()?;
                let time = if parsed.hour_div_12().is_none() && parsed.hour_mod_12().is_none() {
                    NaiveTime::MIN
                } else {
                    parsed.to_naive_time().ok()?
                };
                local_to_utc(date.and_time(time), zone)
            }
        }
    }
}

/// Reads a day or a time in the forms of ISO 8601: `2024-05-31`, `2024-05-31T10:00:00+02:00`, `2024-05-31 10:00:00.5`; those
/// without an offset are local to `zone`.
pub fn read_iso(text: &str, zone: Tz) -> Option<DateTime<Utc>> {
    if text.len() == 10 {
        let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
        return local_to_utc(day.and_time(NaiveTime::MIN), zone);
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    let local = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"]
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())?;
    local_to_utc(local, zone)
}

/// Returns the instant of a local time.
///
/// A time that occurs twice (clocks set back) means the first; one that never occurs (clocks set forward) is read with
/// the offset before the change, that is, as if the clock had not been set.
pub fn local_to_utc(local: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(time) | LocalResult::Ambiguous(time, _) => Some(time.to_utc()),
        LocalResult::None => {
            let before = zone
                .from_local_datetime(&(local - TimeDelta::hours(3)))
                .earliest()?;
            Some(before.to_utc() + TimeDelta::hours(3))
        }
    }
}

/// Returns the day of an instant in a zone, in days since 1970-01-01.
pub fn local_day(time: DateTime<Utc>, zone: Tz) -> i32 {
    let date = time.with_timezone(&zone).date_naive();
    i32::try_from(date.signed_duration_since(NaiveDate::default()).num_days()).unwrap_or(i32::MAX)
}

/// Returns the minute of an instant's day in a zone, 0 to 1439.
pub fn local_minute(time: DateTime<Utc>, zone: Tz) -> i32 {
    i32::try_from(time.with_timezone(&zone).time().num_seconds_from_midnight() / 60)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(format: &str, zone: Tz, text: &str, expected: Option<&str>) {
        let read = TimeFormat::parse(format).expect("format").read(text, zone);
        assert_eq!(
            read.map(|time| time.to_rfc3339()),
            expected.map(str::to_owned),
            "{text}"
        );
    }

    #[test]
    fn reads_local_times_in_the_zone() {
        let london = chrono_tz::Europe::London;
        check(
            "%Y-%m-%d %H:%M:%S",
            london,
            "2010-12-01 08:26:00",
            Some("2010-12-01T08:26:00+00:00"),
        );
        check(
            "%Y-%m-%d %H:%M:%S",
            london,
            "2011-05-31 15:53:00",
            Some("2011-05-31T14:53:00+00:00"),
        );
        check(
            "%Y%m%d",
            chrono_tz::UTC,
            "19970101",
            Some("1997-01-01T00:00:00+00:00"),
        );
        check(
            "%Y-%m-%d",
            chrono_tz::Asia::Shanghai,
            "2017-04-27",
            Some("2017-04-26T16:00:00+00:00"),
        );
        check(
            "%Y-%m-%dT%H:%M:%S%z",
            london,
            "2011-05-31T15:53:00+0200",
            Some("2011-05-31T13:53:00+00:00"),
        );
        check(
            "unix",
            london,
            "1511544070",
            Some("2017-11-24T17:21:10+00:00"),
        );
        check(
            "rfc3339",
            london,
            "2017-11-24T17:21:10.5Z",
            Some("2017-11-24T17:21:10.500+00:00"),
        );
    }

    #[test]
    fn settles_hours_that_occur_twice_or_never() {
        let london = chrono_tz::Europe::London;
        check(
            "%Y-%m-%d %H:%M",
            london,
            "2011-10-30 01:30",
            Some("2011-10-30T00:30:00+00:00"),
        );
        check(
            "%Y-%m-%d %H:%M",
            london,
            "2011-03-27 01:30",
            Some("2011-03-27T01:30:00+00:00"),
        );
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in [
            "",
            "yesterday",
            "2011-02-30 10:00:00",
            "2011-01-01 25:00:00",
            "2011-01-01",
            "2011-01-01 10:00:00 x",
        ] {
            check("%Y-%m-%d %H:%M:%S", chrono_tz::UTC, text, None);
        }
        assert_eq!(TimeFormat::parse("%Q"), None);
        assert_eq!(TimeFormat::parse("iso"), None);
    }

    #[test]
    fn names_the_local_day() {
        let late = DateTime::parse_from_rfc3339("1970-01-02T23:30:00Z")
            .expect("time")
            .to_utc();
        assert_eq!(local_day(late, chrono_tz::UTC), 1);
        assert_eq!(local_day(late, chrono_tz::Asia::Shanghai), 2);
        assert_eq!(local_day(late, chrono_tz::America::New_York), 1);
    }
}
