//! Quantities with units, converted by exact rational factors.

mod table;

use std::fmt;

use crate::number::{Exact, Mark, Number, divided_half_even, power_of_ten, read};
use crate::text::plain;
use crate::{Reason, Standardised};
use table::UNITS;

/// What a unit measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dimension {
    /// Base unit: kilogram.
    Mass,
    /// Base unit: metre.
    Length,
    /// Base unit: square metre.
    Area,
    /// Base unit: litre.
    Volume,
    /// Base unit: kelvin.
    Temperature,
    /// Base unit: second.
    Duration,
    /// Base unit: byte.
    Data,
}

/// A unit: `base = value * numerator / denominator + offset`, exactly.
#[derive(Debug, PartialEq, Eq)]
pub struct Unit {
    /// Symbol in the standard form.
    pub symbol: &'static str,
    /// What it measures.
    pub dimension: Dimension,
    numerator: i128,
    denominator: i128,
    /// Base units at the unit's zero, as a fraction; only temperatures have one.
    offset: (i128, i128),
    /// Other symbols and names, lower case.
    names: &'static [&'static str],
}

impl Unit {
    /// Returns the unit of a symbol or name. Symbols count as written first (`Mb` is a megabit, `MB` a megabyte), then in any
    /// case where only one unit has them.
    pub fn find(name: &str) -> Option<&'static Self> {
        Self::among(name, |_| true)
    }

    fn among(name: &str, eligible: impl Fn(&Self) -> bool) -> Option<&'static Self> {
        let units = || UNITS.iter().filter(|unit| eligible(unit));
        let exact = units().find(|unit| unit.symbol == name);
        let lower = name.to_lowercase();
        exact
            .or_else(|| units().find(|unit| unit.names.contains(&lower.as_str())))
            .or_else(|| {
                let mut alike = units().filter(|unit| unit.symbol.to_lowercase() == lower);
                match (alike.next(), alike.next()) {
                    (Some(unit), None) => Some(unit),
                    _ => None,
                }
            })
    }
}

/// A quantity in the unit of its rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantity {
    /// How many of the unit.
    pub number: Number,
    /// The unit.
    pub unit: &'static Unit,
}

impl fmt::Display for Quantity {
    /// Writes `12.5 kg`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.unit.symbol)
    }
}

/// How quantities are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitRule {
    /// Unit of the answer.
    pub to: &'static Unit,
    /// Unit of numbers without one; `None` refuses them.
    pub bare: Option<&'static Unit>,
    /// Decimals at most; what does not end before is rounded half to even, told as `rounded`.
    pub places: u32,
    /// Which sign stands before the decimals.
    pub mark: Mark,
}

/// Decimals of an answer unless the rule says otherwise.
pub const PLACES: u32 = 9;
/// Most decimals of an answer.
pub const PLACES_MAX: u32 = 15;
/// Most numbers with units in one quantity, as in `1 h 30 min 5 s`.
const PARTS_MAX: usize = 6;

impl UnitRule {
    /// Returns the rule that answers in a unit and reads numbers without a unit in it too.
    pub fn new(to: &'static Unit) -> Self {
        Self {
            to,
            bare: Some(to),
            places: PLACES,
            mark: Mark::Certain,
        }
    }

    /// Returns the quantity in the rule's unit; told as `unit`, and as `rounded` where its decimals do not end.
    ///
    /// Understands sums of falling units (`5 ft 3 in`, `1小时30分`), clocks for durations (`1:30:00`), and ISO 8601 durations
    /// of days and less (`PT1H30M`).
    pub fn read(&self, raw: &str) -> Result<Standardised<Quantity>, Reason> {
        let value = plain(raw)?;
        let (negative, body) = match value.strip_prefix(['-', '\u{2212}']) {
            Some(rest) => (true, rest.trim_start()),
            None => (false, value.as_str()),
        };
        let clock = clock(body).filter(|_| self.to.dimension == Dimension::Duration);
        let base = match clock {
            Some(seconds) if negative => seconds?.negated(),
            Some(seconds) => seconds?,
            None => self.sum(body, negative)?,
        };
        let (exact, rounded) = self.converted(base).ok_or(Reason::OutOfRange)?;
        let quantity = Quantity {
            number: Number {
                exact,
                mark: self.mark,
            },
            unit: self.to,
        };
        let mut answer = Standardised::new(quantity, raw, "unit");
        if rounded {
            answer.changes.push("rounded");
        }
        Ok(answer)
    }

    /// Adds the parts up, in base units.
    fn sum(&self, body: &str, negative: bool) -> Result<Ratio, Reason> {
        let mut total: Option<Ratio> = None;
        let mut smallest: Option<&'static Unit> = None;
        let mut rest = iso_duration(body).unwrap_or(body).trim();
        for _ in 0..PARTS_MAX {
            let (number, name, after) = part(rest);
            let exact = read(number, self.mark).map_err(|reason| {
                if reason == Reason::Number {
                    Reason::Quantity
                } else {
                    reason
                }
            })?;
            let exact = if negative { exact.negated() } else { exact };
            let unit = match name {
                "" => self
                    .bare
                    .filter(|_| total.is_none())
                    .ok_or(Reason::Quantity)?,
                name => Unit::among(name, |unit| unit.dimension == self.to.dimension)
                    .ok_or(Reason::Quantity)?,
            };
            let falls = smallest.is_none_or(|before| {
                before.numerator * unit.denominator > unit.numerator * before.denominator
            });
            if unit.dimension != self.to.dimension
                || !falls
                || (total.is_some() && unit.offset.0 != 0)
            {
                return Err(Reason::Quantity);
            }
            let value = Ratio::of(exact).and_then(|it| it.times(unit.numerator, unit.denominator));
            let value = value
                .and_then(|it| it.plus(Ratio::new(unit.offset.0, unit.offset.1)?))
                .ok_or(Reason::OutOfRange)?;
            total = Some(match total {
                Some(before) => before.plus(value).ok_or(Reason::OutOfRange)?,
                None => value,
            });
            smallest = Some(unit);
            rest = after.trim_start_matches([' ', ',']);
            if rest.is_empty() {
                return total.ok_or(Reason::Quantity);
            }
        }
        Err(Reason::Quantity)
    }

    /// Converts from base units; tells whether the answer was rounded.
    fn converted(&self, base: Ratio) -> Option<(Exact, bool)> {
        let value = base
            .plus(Ratio::new(-self.to.offset.0, self.to.offset.1)?)?
            .times(self.to.denominator, self.to.numerator)?;
        let scaled = value.times(power_of_ten(self.places)?, 1)?;
        let rounded = divided_half_even(scaled.numerator, scaled.denominator);
        Some((Exact::new(rounded, self.places)?, scaled.denominator != 1))
    }
}

/// Splits `12.5 kg 3 g` into number, unit and the rest.
fn part(value: &str) -> (&str, &str, &str) {
    let in_number = |c: char| {
        c.is_ascii_digit()
            || "., +-\u{2212}".contains(c)
            || "零〇一二三四五六七八九十百千万亿两".contains(c)
    };
    // 两 is a unit of mass behind a number.
    let end = value
        .char_indices()
        .find(|(at, c)| !in_number(*c) || (*c == '两' && *at > 0))
        .map_or(value.len(), |(at, _)| at);
    let (number, rest) = value.split_at(end);
    let stop = rest
        .find(|c: char| c.is_ascii_digit() || "一二三四五六七八九十".contains(c))
        .unwrap_or(rest.len());
    // `m2` and `cm^3` carry a digit of their own.
    let stop = match &rest[..stop] {
        "m" | "cm" | "mm" | "km" | "dm" | "ft" | "in" | "m^" | "cm^" | "km^" | "dm^"
            if rest[stop..].starts_with(['2', '3']) && end_of_word(&rest[stop + 1..]) =>
        {
            stop + 1
        }
        _ => stop,
    };
    let (name, after) = rest.split_at(stop);
    (number.trim(), name.trim_matches([' ', '.', ',']), after)
}

fn end_of_word(rest: &str) -> bool {
    !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '.')
}

/// Returns what follows `PT` in an ISO 8601 duration without days.
fn iso_duration(value: &str) -> Option<&str> {
    let rest = value
        .strip_prefix("PT")
        .or_else(|| value.strip_prefix("pt"))?;
    rest.starts_with(|c: char| c.is_ascii_digit())
        .then_some(rest)
}

/// Reads `h:mm:ss` and `h:mm`, minutes and seconds below sixty, as seconds; `None` without a colon.
fn clock(value: &str) -> Option<Result<Ratio, Reason>> {
    if !value.contains(':') {
        return None;
    }
    let fields: Vec<&str> = value.split(':').collect();
    let small = |text: &&str| text.len() == 2 && text.parse::<u8>().is_ok_and(|number| number < 60);
    let hours = fields[0]
        .parse::<u32>()
        .ok()
        .filter(|_| fields[0].bytes().all(|byte| byte.is_ascii_digit()));
    let seconds = match (hours, &fields[1..]) {
        (Some(hours), [minutes]) if small(minutes) => Some((hours, *minutes, "0")),
        (Some(hours), [minutes, seconds]) if small(minutes) && small(seconds) => {
            Some((hours, *minutes, *seconds))
        }
        _ => None,
    };
    let read = |(hours, minutes, seconds): (u32, &str, &str)| {
        let (minutes, seconds) = (minutes.parse::<i128>().ok()?, seconds.parse::<i128>().ok()?);
        Ratio::new(i128::from(hours) * 3600 + minutes * 60 + seconds, 1)
    };
    Some(seconds.and_then(read).ok_or(Reason::Quantity))
}

/// An exact fraction in lowest terms with a denominator above zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ratio {
    numerator: i128,
    denominator: i128,
}

/// Terms stay below this, so that rounding may double them.
const TERM_MAX: i128 = i128::MAX / 4;

impl Ratio {
    fn new(numerator: i128, denominator: i128) -> Option<Self> {
        if denominator <= 0 {
            return None;
        }
        let divisor = gcd(numerator.unsigned_abs(), denominator.unsigned_abs());
        let divisor = i128::try_from(divisor).ok()?.max(1);
        let (numerator, denominator) = (numerator / divisor, denominator / divisor);
        (numerator.checked_abs()? < TERM_MAX && denominator < TERM_MAX).then_some(Self {
            numerator,
            denominator,
        })
    }

    fn of(exact: Exact) -> Option<Self> {
        let (mantissa, scale) = exact.parts();
        Self::new(mantissa, power_of_ten(scale)?)
    }

    fn times(self, numerator: i128, denominator: i128) -> Option<Self> {
        // Crosswise, so that what cancels does not overflow first.
        let left = Self::new(self.numerator, denominator)?;
        let right = Self::new(numerator, self.denominator)?;
        Self::new(
            left.numerator.checked_mul(right.numerator)?,
            left.denominator.checked_mul(right.denominator)?,
        )
    }

    fn plus(self, other: Self) -> Option<Self> {
        let left = self.numerator.checked_mul(other.denominator)?;
        let right = other.numerator.checked_mul(self.denominator)?;
        Self::new(
            left.checked_add(right)?,
            self.denominator.checked_mul(other.denominator)?,
        )
    }

    fn negated(self) -> Self {
        Self {
            numerator: -self.numerator,
            denominator: self.denominator,
        }
    }
}

fn gcd(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
#[path = "unit_tests.rs"]
mod tests;
