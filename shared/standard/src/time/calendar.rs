//! Puts numbers together to days and times of the calendar.

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

use super::Order;
use super::grammar::Written;
use crate::Reason;

/// Reads digits alone: `YYYYMMDD`, `DDMMYYYY` or `MMDDYYYY` by order, `YYYYMMDDhhmm` and `YYYYMMDDhhmmss`.
pub(super) fn digits(value: &str, order: Order) -> Option<Written> {
    if !value.bytes().all(|byte| byte.is_ascii_digit()) || !matches!(value.len(), 8 | 12 | 14) {
        return None;
    }
    let number = |from: usize, to: usize| value[from..to].parse::<u32>().ok();
    let year_first = || {
        NaiveDate::from_ymd_opt(
            i32::try_from(number(0, 4)?).ok()?,
            number(4, 6)?,
            number(6, 8)?,
        )
    };
    let year_last = |day: usize, month: usize| {
        let year = i32::try_from(number(4, 8)?).ok()?;
        NaiveDate::from_ymd_opt(year, number(month, month + 2)?, number(day, day + 2)?)
            .filter(|_| recent(year))
    };
    let date = match (value.len(), order) {
        // The year of one order is never a day and month of the other, so at most one of them fits.
        (8, Order::Dmy) => year_last(0, 2).or_else(year_first),
        (8, Order::Mdy) => year_last(2, 0).or_else(year_first),
        _ => year_first(),
    }?;
    if value.len() == 8 {
        return recent(date.year()).then(|| Written {
            local: date.and_time(NaiveTime::MIN),
            zone: None,
            timed: false,
        });
    }
    let seconds = if value.len() == 14 {
        number(12, 14)?
    } else {
        0
    };
    let local = at(date, number(8, 10)?, number(10, 12)?, seconds, 0)?;
    Some(Written {
        local,
        zone: None,
        timed: true,
    })
}

/// Returns true for years that digits without signs can mean: 1800 to 2199.
fn recent(year: i32) -> bool {
    (1800..2200).contains(&year)
}

/// Returns the year of four digits, or of two, where 69 to 99 are the last century's, as POSIX has it.
pub(super) fn year_of(text: &str) -> Result<i32, Reason> {
    let year = text.parse::<i32>().map_err(|_| Reason::Time)?;
    match text.len() {
        4 => Ok(year),
        2 if year >= 69 => Ok(1900 + year),
        2 => Ok(2000 + year),
        _ => Err(Reason::Time),
    }
}

/// Returns the day of three numbers.
pub(super) fn ordered(
    a: &str,
    b: &str,
    c: &str,
    sign: char,
    order: Order,
) -> Result<NaiveDate, Reason> {
    let date = |year: &str, month: &str, day: &str| {
        if month.len() > 2 || day.len() > 2 {
            return Err(Reason::Time);
        }
        NaiveDate::from_ymd_opt(year_of(year)?, number_of(month)?, number_of(day)?)
            .ok_or(Reason::Time)
    };
    if a.len() == 4 {
        return date(a, b, c);
    }
    match order {
        Order::Ymd if c.len() <= 2 => date(a, b, c),
        Order::Dmy => date(c, b, a),
        Order::Mdy => date(c, a, b),
        // Points stand between day, month and year everywhere.
        Order::Ymd | Order::Certain if sign == '.' && c.len() == 4 => date(c, b, a),
        Order::Ymd | Order::Certain if c.len() == 4 => match (date(c, b, a), date(c, a, b)) {
            (Ok(one), Ok(other)) if one != other => Err(Reason::AmbiguousDate),
            (Ok(date), _) | (_, Ok(date)) => Ok(date),
            (Err(reason), _) => Err(reason),
        },
        _ => Err(Reason::AmbiguousDate),
    }
}

/// Returns the time on a day; 24:00 is the next midnight, and a leap second is the second after it.
pub(super) fn at(
    date: NaiveDate,
    hour: u32,
    minute: u32,
    second: u32,
    nanos: u32,
) -> Option<NaiveDateTime> {
    if (hour, minute, second, nanos) == (24, 0, 0, 0) {
        return Some(
            date.checked_add_days(Days::new(1))?
                .and_time(NaiveTime::MIN),
        );
    }
    if second == 60 {
        let before = date.and_time(NaiveTime::from_hms_nano_opt(hour, minute, 59, nanos)?);
        return before.checked_add_signed(TimeDelta::seconds(1));
    }
    Some(date.and_time(NaiveTime::from_hms_nano_opt(hour, minute, second, nanos)?))
}

/// Reads a small number.
pub(super) fn number_of(text: &str) -> Result<u32, Reason> {
    text.parse().map_err(|_| Reason::Time)
}
