//! The text of a value in an Arrow array.

use std::fmt::Write;

use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat, TimeDelta};
use lake::arrow::array::{Array, AsArray};
use lake::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use lake::arrow::util::display::{ArrayFormatter, FormatOptions};

/// Adds the text of a value; a missing one has none. Fails for a value that no text can hold.
///
/// Numbers keep all their digits, floating-point ones as the shortest text that reads as the same. A time with a zone is
/// RFC 3339 in UTC; one without is `2024-01-31T10:00:00.5`.
pub(super) fn write_cell(array: &dyn Array, row: usize, out: &mut String) -> Result<(), String> {
    if array.is_null(row) {
        return Ok(());
    }
    macro_rules! number {
        ($kind:ty) => {
            write!(out, "{}", array.as_primitive::<$kind>().value(row))
        };
    }
    let written = match array.data_type() {
        DataType::Utf8View => out.write_str(array.as_string_view().value(row)),
        DataType::Utf8 => out.write_str(array.as_string::<i32>().value(row)),
        DataType::BinaryView => {
            let bytes = array.as_binary_view().value(row);
            let text = std::str::from_utf8(bytes);
            out.write_str(text.map_err(|_| "the value is of bytes, not of text".to_owned())?)
        }
        DataType::Boolean => write!(out, "{}", array.as_boolean().value(row)),
        DataType::Int8 => number!(Int8Type),
        DataType::Int16 => number!(Int16Type),
        DataType::Int32 => number!(Int32Type),
        DataType::Int64 => number!(Int64Type),
        DataType::UInt8 => number!(UInt8Type),
        DataType::UInt16 => number!(UInt16Type),
        DataType::UInt32 => number!(UInt32Type),
        DataType::UInt64 => number!(UInt64Type),
        DataType::Float32 => number!(Float32Type),
        DataType::Float64 => number!(Float64Type),
        DataType::Decimal128(_, scale) => decimal(
            array.as_primitive::<Decimal128Type>().value(row),
            *scale,
            out,
        ),
        DataType::Date32 => date(array.as_primitive::<Date32Type>().value(row), out)?,
        DataType::Timestamp(unit, zone) => {
            let time = instant(array, row, *unit).ok_or("the time is beyond the calendar")?;
            match zone {
                Some(_) => {
                    out.write_str(&time.and_utc().to_rfc3339_opts(SecondsFormat::AutoSi, true))
                }
                None => write!(out, "{}", time.format("%Y-%m-%dT%H:%M:%S%.f")),
            }
        }
        DataType::FixedSizeBinary(_) => {
            return Err("the value is of bytes, not of text".to_owned());
        }
        _ => return other(array, row, out),
    };
    written.map_err(|error| error.to_string())
}

/// Writes an exact decimal number.
fn decimal(value: i128, scale: i8, out: &mut String) -> std::fmt::Result {
    let Ok(scale @ 1..) = usize::try_from(scale) else {
        let zeros = usize::from(scale.unsigned_abs());
        return write!(
            out,
            "{value}{}",
            "0".repeat(if value == 0 { 0 } else { zeros })
        );
    };
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let sign = if value < 0 { "-" } else { "" };
    write!(out, "{sign}{whole}.{fraction}")
}

fn date(days: i32, out: &mut String) -> Result<std::fmt::Result, String> {
    let date = TimeDelta::try_days(i64::from(days))
        .and_then(|days| NaiveDate::default().checked_add_signed(days))
        .ok_or("the day is beyond the calendar")?;
    Ok(write!(out, "{date}"))
}

fn instant(array: &dyn Array, row: usize, unit: TimeUnit) -> Option<NaiveDateTime> {
    let time = match unit {
        TimeUnit::Second => {
            DateTime::from_timestamp(array.as_primitive::<TimestampSecondType>().value(row), 0)
        }
        TimeUnit::Millisecond => DateTime::from_timestamp_millis(
            array.as_primitive::<TimestampMillisecondType>().value(row),
        ),
        TimeUnit::Microsecond => DateTime::from_timestamp_micros(
            array.as_primitive::<TimestampMicrosecondType>().value(row),
        ),
        TimeUnit::Nanosecond => Some(DateTime::from_timestamp_nanos(
            array.as_primitive::<TimestampNanosecondType>().value(row),
        )),
    };
    time.map(|time| time.naive_utc())
}

/// Writes a value of a rarer type.
fn other(array: &dyn Array, row: usize, out: &mut String) -> Result<(), String> {
    let kind = array.data_type();
    match kind {
        DataType::Decimal256(..)
        | DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Float16
        | DataType::Time32(_)
        | DataType::Time64(_)
        | DataType::Date64 => {}
        _ => return Err(format!("values of the type {kind} are not read")),
    }
    let options = FormatOptions::new().with_display_error(false);
    let formatter = ArrayFormatter::try_new(array, &options).map_err(|error| error.to_string())?;
    formatter
        .value(row)
        .write(out)
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_decimals_exactly() {
        let text = |value, scale| {
            let mut out = String::new();
            decimal(value, scale, &mut out).expect("text");
            out
        };
        assert_eq!(text(12_345, 2), "123.45");
        assert_eq!(text(-5, 2), "-0.05");
        assert_eq!(text(0, 4), "0.0000");
        assert_eq!(text(-12, 0), "-12");
        assert_eq!(text(12, -3), "12000");
        assert_eq!(
            text(i128::MAX, 10),
            "17014118346046923173168730371.5884105727"
        );
    }
}
