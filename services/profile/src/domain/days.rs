//! Days of a tenant's zone and the instants at which they begin.

use chrono::{DateTime, Days, LocalResult, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;

/// Day of an instant in a zone, in days since 1970-01-01.
#[must_use]
pub fn day_of(instant: DateTime<Utc>, zone: Tz) -> i32 {
    instant.with_timezone(&zone).date_naive().to_epoch_days()
}

/// Instant at which a day begins in a zone: midnight, or the first moment after it where clocks skip midnight. `None`
/// for days beyond the calendar.
#[must_use]
pub fn start_of(day: i32, zone: Tz) -> Option<DateTime<Utc>> {
    let date = NaiveDate::from_epoch_days(day)?;
    let midnight = date.and_time(NaiveTime::MIN);
    match zone.from_local_datetime(&midnight) {
        LocalResult::Single(start) | LocalResult::Ambiguous(start, _) => {
            Some(start.with_timezone(&Utc))
        }
        LocalResult::None => first_moment(date, zone),
    }
}

/// Looks for the first quarter of an hour of a date that the zone has.
fn first_moment(date: NaiveDate, zone: Tz) -> Option<DateTime<Utc>> {
    let quarters = (1..96).filter_map(|quarter| date.and_hms_opt(quarter / 4, quarter % 4 * 15, 0));
    quarters
        .filter_map(|it| zone.from_local_datetime(&it).earliest())
        .next()
        .map(|it| it.with_timezone(&Utc))
}

/// Last whole second of a day in a zone. `None` for days beyond the calendar.
#[must_use]
pub fn end_of(day: i32, zone: Tz) -> Option<DateTime<Utc>> {
    let next = NaiveDate::from_epoch_days(day)?.checked_add_days(Days::new(1))?;
    Some(start_of(next.to_epoch_days(), zone)? - chrono::TimeDelta::seconds(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(zone: Tz, date: &str, start: &str) {
        let day = date.parse::<NaiveDate>().expect("a date").to_epoch_days();
        let start: DateTime<Utc> = start.parse().expect("an instant");

        assert_eq!(start_of(day, zone), Some(start));
        assert_eq!(day_of(start, zone), day);
        assert_eq!(day_of(end_of(day, zone).expect("an end"), zone), day);
    }

    #[test]
    fn finds_midnight_where_it_is() {
        check(Tz::UTC, "2011-12-09", "2011-12-09T00:00:00Z");
        check(Tz::Europe__London, "2011-07-01", "2011-06-30T23:00:00Z");
        check(Tz::Asia__Shanghai, "2024-02-29", "2024-02-28T16:00:00Z");
    }

    #[test]
    fn finds_the_first_moment_where_clocks_skip_midnight() {
        check(Tz::America__Sao_Paulo, "2017-10-15", "2017-10-15T03:00:00Z");
    }
}
