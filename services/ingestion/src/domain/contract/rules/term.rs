//! A compiled expression and how it is evaluated.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;

use super::super::constraints::Pattern;
use super::super::{Column, LogicalType};
use crate::domain::constraints::flag;
use crate::domain::decimal::Decimal;
use crate::domain::record::Record;

/// Most decimals of a quotient.
const QUOTIENT_PLACES: u32 = 15;

/// A compiled expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    /// A constant.
    Constant(Value<'static>),
    /// The value of a column.
    Column(usize, LogicalType),
    /// The values of the array column.
    Values(usize),
    /// Whether a column has a value.
    Present(usize),
    /// Whether an expression has a value.
    Known(Box<Term>),
    /// Negation of a truth value.
    Not(Box<Term>),
    /// Both.
    And(Box<Term>, Box<Term>),
    /// At least one.
    Or(Box<Term>, Box<Term>),
    /// The second where the first holds, otherwise the third.
    If(Box<Term>, Box<Term>, Box<Term>),
    /// A comparison.
    Compare(Comparison, Box<Term>, Box<Term>),
    /// A computation.
    Compute(Operator, Box<Term>, Box<Term>),
    /// Whether a value is among others.
    Among(Box<Term>, Box<Term>),
    /// A list that is written out.
    List(Vec<Term>),
    /// Whether a text matches a pattern.
    Matches(Box<Term>, Pattern),
    /// A function of a text and another.
    Text(TextTest, Box<Term>, Box<Term>),
    /// How many characters or elements there are.
    Size(Box<Term>),
    /// A text in lower case.
    Lower(Box<Term>),
    /// Absolute value of a number.
    Absolute(Box<Term>),
    /// The least or the greatest of several numbers.
    Extreme(Ordering, Vec<Term>),
    /// A part of a time in a zone.
    Part(TimePart, Tz, Box<Term>),
}

/// A value of an expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// There is none, or it rests on one that is missing.
    Missing,
    /// A truth value.
    Flag(bool),
    /// A number.
    Number(Decimal),
    /// A text.
    Text(Cow<'a, str>),
    /// A moment.
    Time(DateTime<Utc>),
    /// A length of time.
    Span(TimeDelta),
    /// Several values.
    List(Vec<Value<'a>>),
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Equal.
    Equal,
    /// Not equal.
    NotEqual,
    /// Less.
    Less,
    /// Less or equal.
    AtMost,
    /// Greater.
    Greater,
    /// Greater or equal.
    AtLeast,
}

/// What is computed of two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// Sum; of texts, one after the other.
    Add,
    /// Difference.
    Subtract,
    /// Product.
    Multiply,
    /// Quotient.
    Divide,
    /// Remainder.
    Remainder,
}

/// What is asked of a text and another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextTest {
    /// Whether it holds it.
    Contains,
    /// Whether it begins with it.
    StartsWith,
    /// Whether it ends with it.
    EndsWith,
}

/// A part of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimePart {
    /// Year.
    Year,
    /// Month from 0, as the language counts.
    Month,
    /// Day of the month from 1.
    Date,
    /// Day of the month from 0.
    DayOfMonth,
    /// Day of the week, Sunday is 0.
    DayOfWeek,
    /// Hour.
    Hours,
    /// Minute.
    Minutes,
}

/// Something that cannot be computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Impossible;

type Outcome<'a> = Result<Value<'a>, Impossible>;

impl Term {
    /// Returns the columns that it reads, in the order of the schema.
    pub fn columns(&self) -> Vec<usize> {
        let mut all = BTreeSet::new();
        self.gather(&mut all);
        all.into_iter().collect()
    }

    fn gather(&self, all: &mut BTreeSet<usize>) {
        match self {
            Self::Constant(_) => {}
            Self::Column(index, _) | Self::Values(index) | Self::Present(index) => {
                all.insert(*index);
            }
            Self::Known(one)
            | Self::Not(one)
            | Self::Matches(one, _)
            | Self::Size(one)
            | Self::Lower(one)
            | Self::Absolute(one)
            | Self::Part(_, _, one) => one.gather(all),
            Self::And(one, other)
            | Self::Or(one, other)
            | Self::Compare(_, one, other)
            | Self::Compute(_, one, other)
            | Self::Among(one, other)
            | Self::Text(_, one, other) => {
                one.gather(all);
                other.gather(all);
            }
            Self::If(test, one, other) => {
                test.gather(all);
                one.gather(all);
                other.gather(all);
            }
            Self::List(terms) | Self::Extreme(_, terms) => {
                terms.iter().for_each(|term| term.gather(all));
            }
        }
    }

    /// Returns whether the condition holds for a record; `None` when a value that it rests on is missing.
    pub fn holds(&self, record: &Record<'_>) -> Result<Option<bool>, Impossible> {
        match self.evaluate(record)? {
            Value::Flag(flag) => Ok(Some(flag)),
            _ => Ok(None),
        }
    }

    fn evaluate<'a>(&'a self, record: &'a Record<'_>) -> Outcome<'a> {
        Ok(match self {
            Self::Constant(value) => value.clone(),
            Self::Column(index, logical_type) => column(record, *index, *logical_type),
            Self::Values(_) => {
                let text = |value: &'a Cow<'_, str>| Value::Text(Cow::Borrowed(value.as_ref()));
                Value::List(record.rest.iter().map(text).collect())
            }
            Self::Present(index) => Value::Flag(record.cells[*index].text.is_some()),
            Self::Known(term) => Value::Flag(term.evaluate(record)? != Value::Missing),
            Self::Not(term) => match term.evaluate(record)? {
                Value::Flag(flag) => Value::Flag(!flag),
                other => other,
            },
            Self::And(one, other) => both(one.holds(record), || other.holds(record), false)?,
            Self::Or(one, other) => both(one.holds(record), || other.holds(record), true)?,
            Self::If(test, one, other) => match test.holds(record)? {
                Some(true) => one.evaluate(record)?,
                Some(false) => other.evaluate(record)?,
                None => Value::Missing,
            },
            Self::Compare(how, one, other) => {
                let (one, other) = (one.evaluate(record)?, other.evaluate(record)?);
                compare(*how, &one, &other)
            }
            Self::Compute(what, one, other) => {
                compute(*what, one.evaluate(record)?, other.evaluate(record)?)?
            }
            Self::Among(one, list) => among(one.evaluate(record)?, list.evaluate(record)?),
            Self::List(terms) => {
                let values = terms.iter().map(|term| term.evaluate(record));
                Value::List(values.collect::<Result<_, _>>()?)
            }
            Self::Matches(term, pattern) => match term.evaluate(record)? {
                Value::Text(text) => Value::Flag(pattern.0.is_match(&text)),
                _ => Value::Missing,
            },
            Self::Text(test, one, other) => {
                match (one.evaluate(record)?, other.evaluate(record)?) {
                    (Value::Text(text), Value::Text(part)) => Value::Flag(match test {
                        TextTest::Contains => text.contains(part.as_ref()),
                        TextTest::StartsWith => text.starts_with(part.as_ref()),
                        TextTest::EndsWith => text.ends_with(part.as_ref()),
                    }),
                    _ => Value::Missing,
                }
            }
            Self::Size(term) => match term.evaluate(record)? {
                Value::Text(text) => whole(text.chars().count()),
                Value::List(values) => whole(values.len()),
                _ => Value::Missing,
            },
            Self::Lower(term) => match term.evaluate(record)? {
                Value::Text(text) => Value::Text(Cow::Owned(text.to_lowercase())),
                _ => Value::Missing,
            },
            Self::Absolute(term) => match term.evaluate(record)? {
                Value::Number(number) if number.signum() < 0 => Value::Number(number.negated()),
                other => other,
            },
            Self::Extreme(which, terms) => extreme(*which, terms, record)?,
            Self::Part(part, zone, term) => match term.evaluate(record)? {
                Value::Time(time) => part_of(*part, time.with_timezone(zone)),
                _ => Value::Missing,
            },
        })
    }
}

fn column<'a>(record: &'a Record<'_>, index: usize, logical_type: LogicalType) -> Value<'a> {
    let cell = &record.cells[index];
    let found = match logical_type {
        LogicalType::Number | LogicalType::Integer => cell.number.map(Value::Number),
        LogicalType::Date | LogicalType::Timestamp => cell.time.map(Value::Time),
        LogicalType::Boolean => cell.text().and_then(flag).map(Value::Flag),
        LogicalType::Text | LogicalType::Time | LogicalType::Array => {
            cell.text().map(|text| Value::Text(Cow::Borrowed(text)))
        }
    };
    found.unwrap_or(Value::Missing)
}

/// Joins two conditions: the first `decisive` one settles, whatever the other is.
fn both<'a>(
    one: Result<Option<bool>, Impossible>,
    other: impl FnOnce() -> Result<Option<bool>, Impossible>,
    decisive: bool,
) -> Outcome<'a> {
    if one == Ok(Some(decisive)) {
        return Ok(Value::Flag(decisive));
    }
    let other = other();
    if other == Ok(Some(decisive)) {
        return Ok(Value::Flag(decisive));
    }
    Ok(match (one?, other?) {
        (Some(_), Some(_)) => Value::Flag(!decisive),
        _ => Value::Missing,
    })
}

fn compare<'a>(how: Comparison, one: &Value<'_>, other: &Value<'_>) -> Value<'a> {
    let ordering = match (one, other) {
        (Value::Flag(one), Value::Flag(other)) => one.cmp(other),
        (Value::Number(one), Value::Number(other)) => one.cmp(other),
        (Value::Text(one), Value::Text(other)) => one.cmp(other),
        (Value::Time(one), Value::Time(other)) => one.cmp(other),
        (Value::Span(one), Value::Span(other)) => one.cmp(other),
        _ => return Value::Missing,
    };
    Value::Flag(match how {
        Comparison::Equal => ordering == Ordering::Equal,
        Comparison::NotEqual => ordering != Ordering::Equal,
        Comparison::Less => ordering == Ordering::Less,
        Comparison::AtMost => ordering != Ordering::Greater,
        Comparison::Greater => ordering == Ordering::Greater,
        Comparison::AtLeast => ordering != Ordering::Less,
    })
}

fn compute<'a>(what: Operator, one: Value<'a>, other: Value<'a>) -> Outcome<'a> {
    let found = match (one, other) {
        (Value::Missing, _) | (_, Value::Missing) => return Ok(Value::Missing),
        (Value::Number(one), Value::Number(other)) => match what {
            Operator::Add => one.plus(other),
            Operator::Subtract => one.plus(other.negated()),
            Operator::Multiply => one.times(other),
            Operator::Divide => one.divided_by(other, QUOTIENT_PLACES),
            Operator::Remainder => one.remainder(other),
        }
        .map(Value::Number),
        (Value::Text(one), Value::Text(other)) if what == Operator::Add => {
            Some(Value::Text(Cow::Owned(one.into_owned() + other.as_ref())))
        }
        (Value::Time(time), Value::Span(span)) => match what {
            Operator::Add => time.checked_add_signed(span),
            _ => time.checked_sub_signed(span),
        }
        .map(Value::Time),
        (Value::Span(span), Value::Time(time)) => time.checked_add_signed(span).map(Value::Time),
        (Value::Time(one), Value::Time(other)) => Some(Value::Span(one - other)),
        (Value::Span(one), Value::Span(other)) => match what {
            Operator::Add => one.checked_add(&other),
            _ => one.checked_sub(&other),
        }
        .map(Value::Span),
        _ => None,
    };
    found.ok_or(Impossible)
}

fn among<'a>(value: Value<'_>, list: Value<'_>) -> Value<'a> {
    match (value, list) {
        (Value::Missing, _) => Value::Missing,
        (value, Value::List(values)) => {
            let found =
                |known: &Value<'_>| compare(Comparison::Equal, &value, known) == Value::Flag(true);
            if values.iter().any(found) {
                Value::Flag(true)
            } else if values.contains(&Value::Missing) {
                Value::Missing
            } else {
                Value::Flag(false)
            }
        }
        _ => Value::Missing,
    }
}

fn extreme<'a>(which: Ordering, terms: &[Term], record: &Record<'_>) -> Outcome<'a> {
    let mut found: Option<Decimal> = None;
    for term in terms {
        let Value::Number(number) = term.evaluate(record)? else {
            return Ok(Value::Missing);
        };
        if found.is_none_or(|known| number.cmp(&known) == which) {
            found = Some(number);
        }
    }
    Ok(found.map_or(Value::Missing, Value::Number))
}

fn part_of<'a>(part: TimePart, time: DateTime<Tz>) -> Value<'a> {
    let number = match part {
        TimePart::Year => i64::from(time.year()),
        TimePart::Month => i64::from(time.month0()),
        TimePart::Date => i64::from(time.day()),
        TimePart::DayOfMonth => i64::from(time.day0()),
        TimePart::DayOfWeek => i64::from(time.weekday().num_days_from_sunday()),
        TimePart::Hours => i64::from(time.hour()),
        TimePart::Minutes => i64::from(time.minute()),
    };
    Value::Number(Decimal::of_units(number, 0))
}

fn whole<'a>(count: usize) -> Value<'a> {
    Value::Number(Decimal::of_units(
        i64::try_from(count).unwrap_or(i64::MAX),
        0,
    ))
}

/// Returns the type that a column's values have in expressions.
pub(super) fn kind_of(column: &Column) -> super::compile::Kind {
    use super::compile::Kind;
    match column.logical_type {
        LogicalType::Number | LogicalType::Integer => Kind::Number,
        LogicalType::Date | LogicalType::Timestamp => Kind::Time,
        LogicalType::Boolean => Kind::Flag,
        LogicalType::Text | LogicalType::Time => Kind::Text,
        LogicalType::Array => Kind::List,
    }
}
