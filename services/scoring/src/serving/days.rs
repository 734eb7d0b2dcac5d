//! Days in a tenant's zone, as days since 1970-01-01.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// Returns the day of an instant.
pub fn day_of(instant: DateTime<Utc>, zone: Tz) -> i32 {
    let days = (instant.with_timezone(&zone).date_naive() - NaiveDate::default()).num_days();
    i32::try_from(days).unwrap_or(i32::MAX)
}

/// Returns the first instant of a day. Where clocks skip midnight the day begins later.
pub fn start_of_day(day: i32, zone: Tz) -> DateTime<Utc> {
    let date = date_of(day);
    let midnight = date.and_time(NaiveTime::MIN);
    // No zone has ever skipped more than a day; quarters of an hour are the smallest step.
    let local = (0..=96).find_map(|quarter| {
        zone.from_local_datetime(&(midnight + TimeDelta::minutes(15 * quarter)))
            .earliest()
    });
    local.map_or_else(|| midnight.and_utc(), |local| local.to_utc())
}

/// Returns the last microsecond of a day.
pub fn end_of_day(day: i32, zone: Tz) -> DateTime<Utc> {
    start_of_day(day.saturating_add(1), zone) - TimeDelta::microseconds(1)
}

/// Returns the date of a day.
pub(crate) fn date_of(day: i32) -> NaiveDate {
    let epoch = NaiveDate::default();
    let days = Days::new(u64::from(day.unsigned_abs()));
    let date = if day < 0 {
        epoch.checked_sub_days(days)
    } else {
        epoch.checked_add_days(days)
    };
    date.unwrap_or(epoch)
}

/// Reads a date `YYYY-MM-DD` as a day.
pub(crate) fn parse_day(text: &str) -> Option<i32> {
    let well_formed = text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .ok()
        .filter(|_| well_formed)?;
    i32::try_from((date - NaiveDate::default()).num_days()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_and_end_in_the_zone() {
        let zone: Tz = "America/New_York".parse().unwrap();
        let day = parse_day("1997-09-30").unwrap();

        assert_eq!(
            start_of_day(day, zone).to_rfc3339(),
            "1997-09-30T04:00:00+00:00"
        );
        assert_eq!(day_of(start_of_day(day, zone), zone), day);
        assert_eq!(day_of(end_of_day(day, zone), zone), day);
        assert_eq!(
            day_of(end_of_day(day, zone) + TimeDelta::microseconds(1), zone),
            day + 1
        );
        assert_eq!(date_of(day).to_string(), "1997-09-30");
    }

    #[test]
    fn a_day_without_midnight_begins_later() {
        // Clocks in Sao Paulo went from 23:59:59 to 01:00 when summer time began on 2018-11-04.
        let zone: Tz = "America/Sao_Paulo".parse().unwrap();
        let day = parse_day("2018-11-04").unwrap();

        assert_eq!(
            start_of_day(day, zone).to_rfc3339(),
            "2018-11-04T03:00:00+00:00"
        );
        assert_eq!(day_of(start_of_day(day, zone), zone), day);
    }

    #[test]
    fn reads_dates_of_one_form_only() {
        assert_eq!(parse_day("1970-01-02"), Some(1));
        for bad in [
            "",
            "1997-9-30",
            "1997-02-30",
            "97-09-30",
            "1997-09-30 ",
            "+997-09-30",
        ] {
            assert_eq!(parse_day(bad), None, "{bad}");
        }
    }
}
