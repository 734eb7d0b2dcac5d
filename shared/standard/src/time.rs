//! Days and times in the many ways that people and programs write them.

mod calendar;
mod grammar;
mod names;
mod zone;

use std::fmt;

use chrono::{
    DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat, TimeDelta, Utc,
};
use chrono_tz::Tz;

use crate::number::{Mark, read as read_number};
use crate::text::plain;
use crate::{Reason, Standardised};
use grammar::{Named, Written};
pub use zone::{Gap, Overlap};

/// Order of the numbers in a day such as `03/04/26`. A number of four digits in front is a year in every order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Order {
    /// None is declared: days that can be read in two ways are refused.
    #[default]
    Certain,
    /// Year, month, day.
    Ymd,
    /// Day, month, year.
    Dmy,
    /// Month, day, year.
    Mdy,
}

/// What a bare number means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Numbers {
    /// Digits of a day (`20260131`), with a time (`20260131103000`); nothing else.
    #[default]
    Digits,
    /// Days since 1900 as spreadsheets count them, with the 29th of February 1900 that never was.
    Excel1900,
    /// Days since 1904 as spreadsheets of old Macintoshes count them.
    Excel1904,
    /// Seconds since 1970 in UTC.
    UnixSeconds,
    /// Milliseconds since 1970 in UTC.
    UnixMillis,
}

/// How days and times are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRule {
    /// Order of numbers.
    pub order: Order,
    /// Zone of local times, and of the day that an instant falls on.
    pub zone: Tz,
    /// What becomes of local times that the clocks left out.
    pub gap: Gap,
    /// What becomes of local times that the clocks showed twice.
    pub overlap: Overlap,
    /// What a bare number means.
    pub numbers: Numbers,
}

impl Default for TimeRule {
    fn default() -> Self {
        Self {
            order: Order::default(),
            zone: Tz::UTC,
            gap: Gap::default(),
            overlap: Overlap::default(),
            numbers: Numbers::default(),
        }
    }
}

/// An instant; its text is RFC 3339 in UTC with as many decimals of a second as it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(pub DateTime<Utc>);

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

impl TimeRule {
    /// Returns the day, from year 1 to 9999; told as `date`.
    ///
    /// A time of day is left out. With a zone or offset of its own it is the day that the instant falls on in the rule's
    /// zone.
    pub fn day(&self, raw: &str) -> Result<Standardised<NaiveDate>, Reason> {
        let mut changes = Vec::new();
        let day = match self.written(raw)? {
            Written {
                local,
                zone: Some(zone),
                timed: true,
            } => {
                let instant = self.resolved(local, Some(zone), &mut changes)?;
                instant.with_timezone(&self.zone).date_naive()
            }
            Written { local, .. } => local.date(),
        };
        let day = in_calendar(day.year()).then_some(day).ok_or(Reason::Time)?;
        Ok(Standardised::new(day, raw, "date"))
    }

    /// Returns the instant, from year 1 to 9999; told as `time`, and as `gap` or `overlap` where the rule's policy decided.
    ///
    /// A day without a time means its midnight. Times without a zone or offset of their own are the rule's zone's.
    pub fn instant(&self, raw: &str) -> Result<Standardised<Instant>, Reason> {
        let written = self.written(raw)?;
        let mut decided = Vec::new();
        let instant = self.resolved(written.local, written.zone, &mut decided)?;
        if !in_calendar(instant.year()) {
            return Err(Reason::Time);
        }
        let mut answer = Standardised::new(Instant(instant), raw, "time");
        answer.changes.extend(decided);
        Ok(answer)
    }

    fn resolved(
        &self,
        local: NaiveDateTime,
        zone: Option<Named>,
        decided: &mut Vec<&'static str>,
    ) -> Result<DateTime<Utc>, Reason> {
        let zone = match zone {
            None => self.zone,
            Some(Named::Zone(zone)) => zone,
            Some(Named::Offset(seconds)) => {
                let utc = local.checked_sub_signed(TimeDelta::seconds(i64::from(seconds)));
                return utc.map(|utc| utc.and_utc()).ok_or(Reason::Time);
            }
            Some(Named::Abbreviation(name)) => {
                let seconds =
                    zone::offset_of(&name, local, self.zone).ok_or(Reason::AmbiguousZone)?;
                return self.resolved(local, Some(Named::Offset(seconds)), decided);
            }
        };
        zone::instant(local, zone, self.gap, self.overlap, decided)
    }

    fn written(&self, raw: &str) -> Result<Written, Reason> {
        let value = plain(raw)?;
        let numeric = value
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E'))
            && value.matches('-').count() <= usize::from(value.starts_with('-'))
            && value.matches('.').count() <= 1;
        if numeric && self.numbers != Numbers::Digits {
            return self.counted(&value).ok_or(Reason::Time);
        }
        if numeric {
            return calendar::digits(&value, self.order).ok_or(Reason::Time);
        }
        grammar::read(&value, self.order)
    }

    /// Reads a count of days, seconds or milliseconds.
    fn counted(&self, value: &str) -> Option<Written> {
        let exact = read_number(value, Mark::Point).ok()?;
        let local = match self.numbers {
            Numbers::Digits => return None,
            Numbers::UnixSeconds => {
                let nanos = exact.rounded(9).in_units(9);
                let utc = match nanos {
                    Some(nanos) => DateTime::from_timestamp_nanos(nanos),
                    None => DateTime::from_timestamp(exact.rounded(0).in_units(0)?, 0)?,
                };
                return Some(Written {
                    local: utc.naive_utc(),
                    zone: Some(Named::Offset(0)),
                    timed: true,
                });
            }
            Numbers::UnixMillis => {
                let micros = exact.rounded(3).in_units(3)?;
                let utc = DateTime::from_timestamp_micros(micros)?;
                return Some(Written {
                    local: utc.naive_utc(),
                    zone: Some(Named::Offset(0)),
                    timed: true,
                });
            }
            Numbers::Excel1900 => excel(exact, true)?,
            Numbers::Excel1904 => excel(exact, false)?,
        };
        Some(Written {
            local,
            zone: None,
            timed: local.time() != NaiveTime::MIN,
        })
    }
}

/// Returns the local time of a spreadsheet's serial number, to the millisecond, for its fractions are binary.
fn excel(serial: crate::number::Exact, from_1900: bool) -> Option<NaiveDateTime> {
    const DAY_MILLIS: i128 = 86_400_000;
    let (mantissa, scale) = serial.rounded(15).parts();
    let millis = crate::number::divided_half_even(
        mantissa.checked_mul(DAY_MILLIS)?,
        crate::number::power_of_ten(scale)?,
    );
    let days = millis.div_euclid(DAY_MILLIS);
    // The sixtieth day is the 29th of February 1900, which never was; what comes before it counts from a day later.
    let first = match (from_1900, days) {
        (true, 1..=59) => NaiveDate::from_ymd_opt(1899, 12, 31)?,
        (true, 61..) => NaiveDate::from_ymd_opt(1899, 12, 30)?,
        (false, 0..) => NaiveDate::from_ymd_opt(1904, 1, 1)?,
        _ => return None,
    };
    let span = TimeDelta::try_milliseconds(i64::try_from(millis).ok()?)?;
    let local = first.and_time(NaiveTime::MIN).checked_add_signed(span)?;
    in_calendar(local.year()).then_some(local)
}

fn in_calendar(year: i32) -> bool {
    (1..=9999).contains(&year)
}

#[cfg(test)]
#[path = "time_tests.rs"]
mod tests;
