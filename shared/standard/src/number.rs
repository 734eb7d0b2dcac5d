//! Numbers as people and spreadsheets write them, held exactly.

mod chinese;
mod exact;

use std::fmt;

use crate::text::plain;
use crate::{Reason, Standardised};
pub(crate) use chinese::chinese_digit;
pub use exact::Exact;
pub(crate) use exact::{divided_half_even, power_of_ten, write_scaled};

/// Which sign stands between the whole and its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mark {
    /// Whichever the number itself makes certain: the last of two kinds, the only one unless exactly three digits follow it.
    /// A single comma before three digits groups thousands, a single point before three digits can be read in two ways.
    #[default]
    Certain,
    /// A point; commas group.
    Point,
    /// A comma; points group.
    Comma,
}

/// A number with the notation it was read in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    /// The number.
    pub exact: Exact,
    /// How it was read.
    pub mark: Mark,
}

impl fmt::Display for Number {
    /// Writes digits and a point. Where the notation could take the point for a sign of thousands, as in `1.234`, a zero
    /// follows: `1.2340` is read in one way only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.exact.to_string();
        let digits = text.trim_start_matches('-');
        let mistakable = digits.find('.').is_some_and(|at| like_a_group(digits, at));
        f.write_str(&text)?;
        if mistakable && self.mark != Mark::Point {
            f.write_str("0")?;
        }
        Ok(())
    }
}

/// Most digits that are read.
const DIGITS_MAX: usize = 30;

/// Returns the plain form of a number, for example `1234.5` for `1 234,50`, `-12.3` for `(12.30)`, `0.125` for `12.5 %` and
/// `123000` for `12.3万`; told as `number`.
pub fn number(raw: &str, mark: Mark) -> Result<Standardised<Number>, Reason> {
    let value = plain(raw)?;
    let (value, percent) = match value.strip_suffix('%') {
        Some(rest) => (rest.trim_end(), 2),
        None => match value.strip_suffix('‰') {
            Some(rest) => (rest.trim_end(), 3),
            None => (value.as_str(), 0),
        },
    };
    let exact = read(value, mark)?
        .lowered(percent)
        .ok_or(Reason::OutOfRange)?;
    Ok(Standardised::new(Number { exact, mark }, raw, "number"))
}

/// Reads a number with its sign (in front, behind, or as brackets) and multiplier (`万`, `亿`, `k`, `million` ...).
pub(crate) fn read(value: &str, mark: Mark) -> Result<Exact, Reason> {
    let (negative, value) = signed(value);
    if value.is_empty() {
        return Err(Reason::Number);
    }
    let size = if value.is_ascii() {
        None
    } else {
        chinese::chinese(value, mark)?
    };
    let exact = match size {
        Some(exact) => exact,
        None => {
            let (digits, power) = multiplier(value);
            digits_of(digits, mark)?
                .raised(power)
                .ok_or(Reason::OutOfRange)?
        }
    };
    Ok(if negative { exact.negated() } else { exact })
}

/// Takes the sign away: `-1`, `1-`, `(1)`, `负1`.
fn signed(value: &str) -> (bool, &str) {
    let minus = ['-', '\u{2212}', '\u{2013}', '负', '負'];
    let value = value.trim();
    let bracketed = value
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'));
    if let Some(inside) = bracketed {
        return (true, inside.trim());
    }
    match (
        value.strip_prefix(minus),
        value.strip_suffix(['-', '\u{2212}']),
    ) {
        (Some(rest), _) => (true, rest.trim_start()),
        (None, Some(rest)) => (true, rest.trim_end()),
        (None, None) => (false, value.strip_prefix('+').unwrap_or(value).trim_start()),
    }
}

/// Splits a number from its multiplier, as a power of ten.
fn multiplier(value: &str) -> (&str, u32) {
    const WORDS: &[(&str, u32)] = &[
        ("thousand", 3),
        ("million", 6),
        ("billion", 9),
        ("trillion", 12),
        ("bn", 9),
        ("mn", 6),
        ("k", 3),
        ("m", 6),
        ("b", 9),
    ];
    for (word, power) in WORDS {
        let at = value.len().saturating_sub(word.len());
        if let (Some(rest), Some(end)) = (value.get(..at), value.get(at..))
            && end.eq_ignore_ascii_case(word)
        {
            return (rest.trim_end(), *power);
        }
    }
    (value, 0)
}

/// Reads digits with their separators and an exponent.
fn digits_of(value: &str, mark: Mark) -> Result<Exact, Reason> {
    let (value, exponent) = match value.split_once(['e', 'E']) {
        Some((value, power)) => (value, power.parse::<i32>().map_err(|_| Reason::Number)?),
        None => (value, 0),
    };
    if value.starts_with([',', '\'', ' ']) || !value.contains(|c: char| c.is_ascii_digit()) {
        return Err(Reason::Number);
    }
    let point = point_of(value, mark)?;
    let (whole, parts) = match point {
        Some(at) => (&value[..at], &value[at + 1..]),
        None => (value, ""),
    };
    if !parts.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Reason::Number);
    }
    let whole = ungrouped(whole)?;
    if whole.len() + parts.len() > DIGITS_MAX {
        return Err(Reason::OutOfRange);
    }
    let mantissa = format!("0{whole}{parts}")
        .parse::<i128>()
        .map_err(|_| Reason::Number)?;
    let exact = Exact::new(mantissa, parts.len() as u32).ok_or(Reason::OutOfRange)?;
    let power = exponent.unsigned_abs();
    if power > exact::POWER_MAX {
        return Err(Reason::OutOfRange);
    }
    let raised = if exponent < 0 {
        exact.lowered(power)
    } else {
        exact.raised(power)
    };
    raised.ok_or(Reason::OutOfRange)
}

/// Returns where the decimal sign stands, if the number has one.
fn point_of(value: &str, mark: Mark) -> Result<Option<usize>, Reason> {
    let last = |sign: char| value.rfind(sign);
    let once = |sign: char| value.matches(sign).count() == 1;
    let declared = match mark {
        Mark::Point => Some('.'),
        Mark::Comma => Some(','),
        Mark::Certain => None,
    };
    if let Some(sign) = declared {
        return match last(sign) {
            Some(_) if !once(sign) => Err(Reason::Number),
            // The standard form has a point in every notation; this one groups nothing.
            None if sign == ',' && once('.') => {
                Ok(last('.').filter(|at| !like_a_group(value, *at)))
            }
            at => Ok(at),
        };
    }
    match (last('.'), last(',')) {
        (None, None) => Ok(None),
        (Some(point), Some(comma)) => {
            let sign = if point > comma { '.' } else { ',' };
            if once(sign) {
                Ok(Some(point.max(comma)))
            } else {
                Err(Reason::Number)
            }
        }
        (Some(_), None) if !once('.') => Ok(None),
        (Some(at), None) if like_a_group(value, at) => Err(Reason::AmbiguousNumber),
        (Some(at), None) => Ok(Some(at)),
        (None, Some(_)) if !once(',') => Ok(None),
        (None, Some(at)) => Ok((!like_a_group(value, at)).then_some(at)),
    }
}

/// Returns true when one to three digits stand before the sign, none of them a leading zero, and three after it.
fn like_a_group(value: &str, at: usize) -> bool {
    value.len() - at == 4 && (1..=3).contains(&at) && !value.starts_with('0')
}

/// Takes the signs that group digits away: groups of three, or of two before the last three as in India, of one kind.
fn ungrouped(whole: &str) -> Result<String, Reason> {
    let Some(sign) = whole.chars().find(|c| !c.is_ascii_digit()) else {
        return Ok(whole.to_owned());
    };
    if !matches!(sign, ',' | '.' | '\'' | '’' | ' ' | '_') {
        return Err(Reason::Number);
    }
    let groups: Vec<&str> = whole.split(sign).collect();
    let digits = |group: &&str| group.bytes().all(|byte| byte.is_ascii_digit());
    let (Some((first, middle)), true) = (groups.split_first(), groups.iter().all(digits)) else {
        return Err(Reason::Number);
    };
    let last = middle.last().map_or(0, |group| group.len());
    let thousands = (1..=3).contains(&first.len()) && middle.iter().all(|group| group.len() == 3);
    let lakhs = sign == ','
        && (1..=2).contains(&first.len())
        && last == 3
        && middle[..middle.len() - 1]
            .iter()
            .all(|group| group.len() == 2);
    if thousands || lakhs {
        Ok(groups.concat())
    } else {
        Err(Reason::Number)
    }
}

#[cfg(test)]
#[path = "number_tests.rs"]
mod tests;
