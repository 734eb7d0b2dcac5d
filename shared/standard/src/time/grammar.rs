//! Reads a day and a time from words, numbers and signs in any of the usual orders.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use chrono_tz::Tz;

use super::Order;
use super::calendar::{at, digits, number_of, ordered, year_of};
use super::names::{Half, half, is_filler, is_ordinal, month, reworded};
use crate::Reason;

/// What a text says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Written {
    /// Day and time of day as written; midnight when it tells none.
    pub(super) local: NaiveDateTime,
    /// The zone that it names.
    pub(super) zone: Option<Named>,
    /// Whether it tells a time of day.
    pub(super) timed: bool,
}

/// A zone as a text names it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Named {
    /// Seconds east of UTC.
    Offset(i32),
    /// A zone of the IANA database.
    Zone(Tz),
    /// A few capital letters.
    Abbreviation(String),
}

/// A word, number or sign.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Token<'a> {
    Number(&'a str),
    Word(&'a str),
    Sign(char),
}

/// Most tokens of a text.
const TOKENS_MAX: usize = 40;
/// Furthest offset from UTC, in seconds.
const OFFSET_MAX: i32 = 16 * 3600;

/// Reads words, numbers and signs.
pub(super) fn read(value: &str, order: Order) -> Result<Written, Reason> {
    let value = reworded(value);
    let (value, zone) = without_zone_name(&value);
    let tokens = tokens(value).ok_or(Reason::Time)?;
    let mut reader = Reader {
        order,
        zone,
        ..Reader::default()
    };
    let mut rest = tokens.as_slice();
    while !rest.is_empty() {
        rest = reader.step(rest)?;
    }
    reader.finish()
}

/// Takes away the name of a zone at the end, bare or in brackets.
fn without_zone_name(value: &str) -> (&str, Option<Named>) {
    let trimmed = value.trim_end().trim_end_matches([']', ')']);
    let start = trimmed.rfind([' ', '[', '(']).map_or(0, |at| at + 1);
    let name = &trimmed[start..];
    match name.parse::<Tz>() {
        Ok(zone) if name.contains('/') && name.starts_with(|c: char| c.is_ascii_alphabetic()) => (
            value[..start].trim_end_matches([' ', '[', '(']),
            Some(Named::Zone(zone)),
        ),
        _ => (value, None),
    }
}

fn tokens(value: &str) -> Option<Vec<Token<'_>>> {
    let mut tokens = Vec::new();
    let mut rest = value.trim_start();
    while let Some(c) = rest.chars().next() {
        let run = |belongs: fn(char) -> bool| rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        let length = if c.is_ascii_digit() {
            run(|c| c.is_ascii_digit())
        } else if "年月日时分秒".contains(c) || !c.is_alphabetic() {
            c.len_utf8()
        } else {
            run(|c| c.is_alphabetic() && !"年月日时分秒".contains(c))
        };
        let (text, after) = rest.split_at(length);
        tokens.push(match c {
            c if c.is_ascii_digit() => Token::Number(text),
            c if c.is_alphabetic() && !"年月日时分秒".contains(c) => Token::Word(text),
            c => Token::Sign(c),
        });
        if tokens.len() > TOKENS_MAX {
            return None;
        }
        rest = after.trim_start();
    }
    Some(tokens)
}

/// What has been read so far.
#[derive(Default)]
struct Reader<'a> {
    order: Order,
    year: Option<&'a str>,
    month: Option<u32>,
    day: Option<&'a str>,
    /// Set at once by numbers in a row.
    date: Option<NaiveDate>,
    /// Hour, minute, second, nanosecond.
    time: Option<(u32, u32, u32, u32)>,
    half: Option<Half>,
    zone: Option<Named>,
}

impl<'a> Reader<'a> {
    /// Reads what stands next and returns the rest.
    fn step<'t>(&mut self, tokens: &'t [Token<'a>]) -> Result<&'t [Token<'a>], Reason> {
        use Token::{Number, Sign, Word};
        Ok(match tokens {
            [Sign(',' | '.'), rest @ ..] => rest,
            [
                Number(hour),
                Sign(':') | Word("h"),
                Number(minute),
                rest @ ..,
            ] => self.clock(hour, minute, rest)?,
            [Number(hour), Sign('时') | Word("h"), rest @ ..] => self.spoken(hour, rest)?,
            [Number(year), Sign('年'), rest @ ..] => put(&mut self.year, year, rest)?,
            [Number(number), Sign('月'), rest @ ..] => {
                put(&mut self.month, number_of(number)?, rest)?
            }
            [Number(day), Sign('日'), rest @ ..] => put(&mut self.day, day, rest)?,
            [Sign('日'), rest @ ..] if self.day.is_some() => rest,
            [
                Number(a),
                Sign(first @ ('-' | '/' | '.')),
                Number(b),
                Sign(second),
                Number(c),
                rest @ ..,
            ] if first == second && self.is_open() => {
                self.date = Some(ordered(a, b, c, *first, self.order)?);
                rest
            }
            [
                Number(a),
                Sign('-' | '/' | '.'),
                Word(name),
                Sign('-' | '/' | '.'),
                Number(c),
                rest @ ..,
            ] if self.is_open() => {
                self.month = Some(month(&name.to_lowercase()).ok_or(Reason::Time)?);
                let (year, day) = if a.len() > 2 { (*a, *c) } else { (*c, *a) };
                (self.year, self.day) = (Some(year), Some(day));
                rest
            }
            [Sign(sign @ ('+' | '-')), Number(hours), rest @ ..] if self.time.is_some() => {
                self.offset(*sign, hours, rest)?
            }
            [Number(number), rest @ ..] => self.number(number, rest)?,
            [Word(word), rest @ ..] => self.word(word, rest)?,
            [] => tokens,
            [Sign(_), ..] => return Err(Reason::Time),
        })
    }

    /// Returns true while no part of the day is known.
    fn is_open(&self) -> bool {
        self.date.is_none() && self.year.is_none() && self.month.is_none() && self.day.is_none()
    }

    /// Reads minutes, seconds and their parts.
    fn clock<'t>(
        &mut self,
        hour: &str,
        minute: &str,
        rest: &'t [Token<'a>],
    ) -> Result<&'t [Token<'a>], Reason> {
        use Token::{Number, Sign};
        let (second, parts, rest) = match rest {
            [
                Sign(':'),
                Number(second),
                Sign('.' | ','),
                Number(parts),
                rest @ ..,
            ] => (*second, *parts, rest),
            [Sign(':'), Number(second), rest @ ..] => (*second, "", rest),
            _ => ("0", "", rest),
        };
        if hour.len() > 2 || minute.len() != 2 || second.len() > 2 || parts.len() > 12 {
            return Err(Reason::Time);
        }
        let nanos = format!("{parts:0<9}")[..9]
            .parse()
            .map_err(|_| Reason::Time)?;
        put(
            &mut self.time,
            (
                number_of(hour)?,
                number_of(minute)?,
                number_of(second)?,
                nanos,
            ),
            rest,
        )
    }

    /// Reads `10时30分15秒`.
    fn spoken<'t>(&mut self, hour: &str, rest: &'t [Token<'a>]) -> Result<&'t [Token<'a>], Reason> {
        use Token::{Number, Sign};
        let (minute, second, rest) = match rest {
            [
                Number(minute),
                Sign('分'),
                Number(second),
                Sign('秒'),
                rest @ ..,
            ] => (*minute, *second, rest),
            [Number(minute), Sign('分'), rest @ ..] => (*minute, "0", rest),
            _ => ("0", "0", rest),
        };
        put(
            &mut self.time,
            (number_of(hour)?, number_of(minute)?, number_of(second)?, 0),
            rest,
        )
    }

    /// Reads `+08:00`, `+0800` and `+8`.
    fn offset<'t>(
        &mut self,
        sign: char,
        hours: &str,
        rest: &'t [Token<'a>],
    ) -> Result<&'t [Token<'a>], Reason> {
        let (hours, minutes, rest) = match (hours.len(), rest) {
            (4, _) => (&hours[..2], &hours[2..], rest),
            (1 | 2, [Token::Sign(':'), Token::Number(minutes), rest @ ..])
                if minutes.len() == 2 =>
            {
                (hours, *minutes, rest)
            }
            (1 | 2, _) => (hours, "0", rest),
            _ => return Err(Reason::Time),
        };
        let (hours, minutes) = (number_of(hours)?, number_of(minutes)?);
        let seconds = i32::try_from(hours * 3600 + minutes * 60).map_err(|_| Reason::Time)?;
        if minutes > 59 || seconds > OFFSET_MAX {
            return Err(Reason::Time);
        }
        let seconds = if sign == '-' { -seconds } else { seconds };
        match &self.zone {
            // `GMT+8` names both; `+08:00[Asia/Shanghai]` is settled by the offset.
            Some(Named::Abbreviation(name)) if !matches!(name.as_str(), "GMT" | "UTC" | "UT") => {
                return Err(Reason::Time);
            }
            Some(Named::Offset(_)) => return Err(Reason::Time),
            _ => self.zone = Some(Named::Offset(seconds)),
        }
        Ok(rest)
    }

    /// Reads a number on its own: a part of the day beside a month's name, the whole day, or an hour before a half.
    fn number<'t>(
        &mut self,
        number: &'a str,
        rest: &'t [Token<'a>],
    ) -> Result<&'t [Token<'a>], Reason> {
        if let [Token::Word(word), after @ ..] = rest {
            let word = word.to_lowercase();
            let dotted = matches!(
                (word.as_str(), after),
                ("a" | "p", [Token::Sign('.'), Token::Word("m" | "M"), ..])
            );
            if self.time.is_none() && number.len() <= 2 && (half(&word).is_some() || dotted) {
                self.time = Some((number_of(number)?, 0, 0, 0));
                return Ok(rest);
            }
            if is_ordinal(&word) {
                return put(&mut self.day, number, after);
            }
        }
        match (number.len(), self.is_open()) {
            (8, true) => {
                self.date = digits(number, Order::Ymd).map(|written| written.local.date());
                self.date.map(|_| rest).ok_or(Reason::Time)
            }
            // Behind the T of ISO 8601's basic form.
            (4 | 6, false) if self.date.is_some() && self.time.is_none() => {
                let second = if number.len() == 6 { &number[4..] } else { "0" };
                self.time = Some((
                    number_of(&number[..2])?,
                    number_of(&number[2..4])?,
                    number_of(second)?,
                    0,
                ));
                Ok(rest)
            }
            (1 | 2, _) if self.day.is_none() && self.date.is_none() => {
                put(&mut self.day, number, rest)
            }
            (2 | 4, _) if self.date.is_none() => put(&mut self.year, number, rest),
            // A spoken half hour has no sign before its minutes.
            _ => Err(Reason::Time),
        }
    }

    fn word<'t>(&mut self, word: &str, rest: &'t [Token<'a>]) -> Result<&'t [Token<'a>], Reason> {
        use Token::{Sign, Word};
        let lower = word.to_lowercase();
        if let ("a" | "p", [Sign('.'), Word("m" | "M"), after @ ..]) = (lower.as_str(), rest) {
            let named = if lower == "a" {
                Half::Morning
            } else {
                Half::Afternoon
            };
            return put(&mut self.half, named, after);
        }
        if let Some(half) = half(&lower) {
            return put(&mut self.half, half, rest);
        }
        let named = month(&lower).filter(|_| self.month.is_none() && self.date.is_none());
        if named.is_some() {
            self.month = named;
            return Ok(rest);
        }
        if is_filler(&lower) || (lower == "t" && !self.is_open() && self.time.is_none()) {
            return Ok(rest);
        }
        let capitals = word.to_ascii_uppercase();
        let named = self.time.is_some() && capitals.len() <= 5 && word.is_ascii();
        match &self.zone {
            None if named => self.zone = Some(Named::Abbreviation(capitals)),
            // `+0800 CST`, `(CST)`: the offset says it already.
            Some(Named::Offset(_)) if named => {}
            _ => return Err(Reason::Time),
        }
        Ok(rest)
    }

    fn finish(self) -> Result<Written, Reason> {
        let date = match (self.date, self.year, self.month, self.day) {
            (Some(date), None, None, None) => date,
            (None, Some(year), Some(month), Some(day)) => {
                NaiveDate::from_ymd_opt(year_of(year)?, month, number_of(day)?)
                    .ok_or(Reason::Time)?
            }
            _ => return Err(Reason::Time),
        };
        let Some((hour, minute, second, nanos)) = self.time else {
            let plain = self.half.is_none()
                && !matches!(self.zone, Some(Named::Abbreviation(_) | Named::Offset(_)));
            let written = Written {
                local: date.and_time(NaiveTime::MIN),
                zone: self.zone,
                timed: false,
            };
            return if plain {
                Ok(written)
            } else {
                Err(Reason::Time)
            };
        };
        let hour = match (self.half, hour) {
            (None, hour) => hour,
            (Some(Half::Morning), 12) => 0,
            (Some(Half::Morning), 0..=11) => hour,
            (Some(Half::Afternoon), 12..=23)
            | (Some(Half::Evening), 13..=23)
            | (Some(Half::Noon), 11..=14) => hour,
            (Some(Half::Afternoon | Half::Evening), 1..=11) | (Some(Half::Noon), 1..=2) => {
                hour + 12
            }
            _ => return Err(Reason::Time),
        };
        let local = at(date, hour, minute, second, nanos).ok_or(Reason::Time)?;
        Ok(Written {
            local,
            zone: self.zone,
            timed: true,
        })
    }
}

/// Sets what may be set once.
fn put<'t, 'a, T>(
    slot: &mut Option<T>,
    value: T,
    rest: &'t [Token<'a>],
) -> Result<&'t [Token<'a>], Reason> {
    if slot.is_some() {
        return Err(Reason::Time);
    }
    *slot = Some(value);
    Ok(rest)
}
