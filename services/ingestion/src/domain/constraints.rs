//! Checks values against the types and constraints of their columns.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::contract::{
    self, Column, Constraints, Contract, End, Form, LogicalType, Range, read_time_of_day,
};
use super::decimal::Decimal;
use super::instant::{TimeFormat, read_iso};
use super::record::Record;

/// Types the values, keeps their numbers and times, and notes what breaks the contract.
///
/// A gap in a required column that cleaning may fill is left to [`check_cleaned`].
pub fn check(contract: &Contract, record: &mut Record<'_>) {
    for (index, column) in contract.columns.iter().enumerate() {
        if record.cells[index].unreadable {
            continue;
        }
        if record.cells[index].text.is_some() {
            check_value(contract, column, index, record);
        } else if column.required && column.clean.is_none() {
            record.fail(contract, index, "MISSING_VALUE", "a value is required");
        }
    }
}

/// Notes gaps in required columns that cleaning did not fill.
pub fn check_cleaned(contract: &Contract, record: &mut Record<'_>) {
    for (index, column) in contract.columns.iter().enumerate() {
        if column.required && column.clean.is_some() && record.cells[index].text.is_none() {
            record.fail(contract, index, "MISSING_VALUE", "a value is required");
        }
    }
}

/// Judges a value again that cleaning changed: what was found wrong with the one before does not count any more.
pub fn check_again(contract: &Contract, index: usize, record: &mut Record<'_>) {
    let column = &contract.columns[index];
    record.violations.retain(|it| it.field != column.name);
    record.cells[index].number = None;
    record.cells[index].time = None;
    if record.cells[index].text.is_some() {
        check_value(contract, column, index, record);
    }
}

/// Reads a flag as files write it.
pub fn flag(text: &str) -> Option<bool> {
    let is = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    if is(&["true", "1", "yes", "y", "t"]) {
        Some(true)
    } else if is(&["false", "0", "no", "n", "f"]) {
        Some(false)
    } else {
        None
    }
}

/// Reads a time of a column: in `formats`, or in the forms of ISO 8601 where there are none or the column is brought to
/// standard forms.
pub fn read_time(
    column: &Column,
    formats: &[TimeFormat],
    text: &str,
    zone: Tz,
) -> Option<DateTime<Utc>> {
    let iso = formats.is_empty() || column.standard.is_some();
    contract::read_time(text, formats, zone).or_else(|| iso.then(|| read_iso(text, zone))?)
}

/// Notes that a value is no time.
pub fn fail_time(contract: &Contract, index: usize, record: &mut Record<'_>) {
    record.fail(
        contract,
        index,
        "INVALID_TIME",
        "is no time of the contract's format",
    );
}

fn check_value(contract: &Contract, column: &Column, index: usize, record: &mut Record<'_>) {
    let Some(text) = record.cells[index].text.as_deref() else {
        return;
    };
    let constraints = &column.constraints;
    // The text is borrowed until here at most: what was found is told afterwards.
    let found = match column.logical_type {
        LogicalType::Text => check_text(text, constraints),
        LogicalType::Array => None,
        LogicalType::Number | LogicalType::Integer => {
            let (number, found) = check_number(column, text);
            record.cells[index].number = number;
            found
        }
        LogicalType::Boolean => flag(text)
            .is_none()
            .then(|| ("INVALID_FLAG", "is neither true nor false".to_owned())),
        LogicalType::Date | LogicalType::Timestamp => {
            let time = read_time(column, &constraints.formats, text, contract.zone);
            record.cells[index].time = time;
            match time {
                None => return fail_time(contract, index, record),
                Some(time) => out_of(&constraints.times, &time),
            }
        }
        LogicalType::Time => (!read_time_of_day(text, &constraints.formats))
            .then(|| ("INVALID_TIME", "is no time of day".to_owned())),
    };
    let found = found.or_else(|| {
        let text = record.cells[index].text.as_deref().unwrap_or_default();
        check_values(text, constraints)
    });
    if let Some((reason, problem)) = found {
        record.fail(contract, index, reason, &problem);
    }
}

type Found = Option<(&'static str, String)>;

fn check_number(column: &Column, text: &str) -> (Option<Decimal>, Found) {
    let constraints = &column.constraints;
    let Some(number) = Decimal::parse(text) else {
        return (None, Some(("INVALID_NUMBER", "is no number".to_owned())));
    };
    if column.logical_type == LogicalType::Integer && !number.is_whole() {
        return (
            None,
            Some(("INVALID_NUMBER", "is no whole number".to_owned())),
        );
    }
    let found = out_of(&constraints.numbers, &number).or_else(|| {
        let step = constraints.multiple_of?;
        (!number.is_multiple_of(step))
            .then(|| ("NOT_A_MULTIPLE", format!("is no multiple of {step}")))
    });
    (Some(number), found)
}

/// Says where a value lies outside of a range.
fn out_of<T: PartialOrd>(range: &Range<T>, value: &T) -> Found {
    let beyond = |end: &Option<End<T>>, below: bool| {
        let end = end.as_ref()?;
        let out = match (below, end.exclusive) {
            (true, false) => *value < end.value,
            (true, true) => *value <= end.value,
            (false, false) => *value > end.value,
            (false, true) => *value >= end.value,
        };
        let word = match (below, end.exclusive) {
            (true, false) => "is below",
            (true, true) => "is not above",
            (false, false) => "is above",
            (false, true) => "is not below",
        };
        out.then(|| ("OUT_OF_RANGE", format!("{word} {}", end.text)))
    };
    beyond(&range.from, true).or_else(|| beyond(&range.to, false))
}

fn check_text(text: &str, constraints: &Constraints) -> Found {
    if constraints.min_length.is_some() || constraints.max_length.is_some() {
        let length = text.chars().count();
        if let Some(least) = constraints.min_length
            && length < least
        {
            return Some(("TOO_SHORT", format!("has fewer than {least} characters")));
        }
        if let Some(most) = constraints.max_length
            && length > most
        {
            return Some(("TOO_LONG", format!("has more than {most} characters")));
        }
    }
    let form = constraints.form?;
    (!has_form(text, form)).then(|| ("INVALID_FORMAT", format!("is no {}", name_of(form))))
}

fn check_values(text: &str, constraints: &Constraints) -> Found {
    if let Some(pattern) = &constraints.pattern
        && !pattern.0.is_match(text)
    {
        return Some((
            "PATTERN_MISMATCH",
            "does not fit the column's pattern".to_owned(),
        ));
    }
    let among = constraints.among.as_ref();
    if among.is_some_and(|values| !values.contains(text)) || constraints.not_among.contains(text) {
        return Some((
            "NOT_ALLOWED",
            "is none of the values that the contract allows".to_owned(),
        ));
    }
    None
}

fn has_form(text: &str, form: Form) -> bool {
    match form {
        Form::Email => is_email(text),
        Form::Uuid => text.len() == 36 && uuid::Uuid::try_parse(text).is_ok(),
        Form::Uri => url::Url::parse(text).is_ok(),
        Form::Hostname => is_hostname(text),
        Form::Ipv4 => text.parse::<std::net::Ipv4Addr>().is_ok(),
        Form::Ipv6 => text.parse::<std::net::Ipv6Addr>().is_ok(),
    }
}

fn name_of(form: Form) -> &'static str {
    match form {
        Form::Email => "e-mail address",
        Form::Uuid => "UUID",
        Form::Uri => "URI",
        Form::Hostname => "name of a host",
        Form::Ipv4 => "IPv4 address",
        Form::Ipv6 => "IPv6 address",
    }
}

fn is_email(text: &str) -> bool {
    let Some((local, host)) = text.rsplit_once('@') else {
        return false;
    };
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && c != '@';
    (1..=64).contains(&local.len())
        && local.chars().all(plain)
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && host.contains('.')
        && is_hostname(host)
}

fn is_hostname(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

#[cfg(test)]
#[path = "constraints_tests.rs"]
mod tests;
