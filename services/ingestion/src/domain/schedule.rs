//! When a source is pulled by itself.
//!
//! Cron in five fields, in the zone of the source's contract. Where clocks are set forward, a fixed time that does not exist
//! runs at the first minute after the gap; where they are set back, a fixed time runs once, the first time. Patterns with a
//! wildcard or a step in minutes or hours follow the time that passes: they run in both repeated hours.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

/// A schedule.
#[derive(Clone, Debug)]
pub struct Schedule {
    cron: Cron,
    zone: Tz,
}

impl Schedule {
    /// Reads `minute hour day month weekday`. Fails with a sentence for a person.
    pub fn parse(text: &str, zone: Tz) -> Result<Self, String> {
        let parser = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build();
        let fields = text.split_ascii_whitespace().count();
        if fields != 5 {
            return Err(format!(
                "a schedule has five fields, minute hour day month weekday, not {fields}"
            ));
        }
        let cron = parser
            .parse(text)
            .map_err(|error| format!("no schedule: {error}"))?;
        let schedule = Self { cron, zone };
        match schedule.after(DateTime::UNIX_EPOCH) {
            Some(_) => Ok(schedule),
            None => Err("this day never comes".to_owned()),
        }
    }

    /// Returns the first time after `time`; `None` when there is none.
    pub fn after(&self, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let local = time.with_timezone(&self.zone);
        self.cron
            .find_next_occurrence(&local, false)
            .ok()
            .map(|next| next.to_utc())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, zone: Tz, after: &str, expected: &[&str]) {
        let schedule = Schedule::parse(text, zone).expect("schedule");
        let mut time = after.parse::<DateTime<Utc>>().expect("time");
        for wanted in expected {
            time = schedule.after(time).expect("next");
            assert_eq!(
                time,
                wanted.parse::<DateTime<Utc>>().expect("time"),
                "{text}"
            );
        }
    }

    #[test]
    fn follows_the_zone() {
        check(
            "30 6 * * *",
            chrono_tz::Asia::Shanghai,
            "2026-01-01T00:00:00Z",
            &["2026-01-01T22:30:00Z", "2026-01-02T22:30:00Z"],
        );
        check(
            "0 0 1 * *",
            chrono_tz::America::New_York,
            "2026-03-01T05:00:00Z",
            &["2026-04-01T04:00:00Z"],
        );
    }

    #[test]
    fn a_fixed_time_runs_once_a_day_when_clocks_change() {
        // London: forward on 2026-03-29 at 01:00 UTC, back on 2026-10-25 at 01:00 UTC.
        let london = chrono_tz::Europe::London;
        check(
            "30 1 * * *",
            london,
            "2026-03-28T12:00:00Z",
            &["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
        );
        check(
            "30 1 * * *",
            london,
            "2026-10-24T12:00:00Z",
            &["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
        );
    }

    #[test]
    fn an_interval_follows_the_time_that_passes() {
        check(
            "*/30 * * * *",
            chrono_tz::Europe::London,
            "2026-10-25T00:10:00Z",
            &[
                "2026-10-25T00:30:00Z",
                "2026-10-25T01:00:00Z",
                "2026-10-25T01:30:00Z",
                "2026-10-25T02:00:00Z",
            ],
        );
    }

    #[test]
    fn refuses_what_is_no_schedule() {
        for text in [
            "",
            "* * * *",
            "* * * * * *",
            "61 * * * *",
            "0 0 30 2 *",
            "x y z a b",
        ] {
            assert!(Schedule::parse(text, chrono_tz::UTC).is_err(), "{text}");
        }
    }
}
