//! Makes records of rows, of JSON objects and of properties that were sent.

use std::borrow::Cow;

use prost_types::value::Kind;
use prost_types::{Struct, Value as ProtoValue};
use serde_json::Value;

use super::contract::{Contract, LogicalType};
use super::json::Json;
use super::record::{Cell, Record};

/// Reads the cells of a row; `positions` tells where each column stands. Returns `None` when their number does not fit.
pub fn row<'a>(
    contract: &Contract,
    positions: &'a [usize],
    cells: &[&'a str],
    line: u64,
) -> Option<Record<'a>> {
    let expected = positions.len();
    let fits = match contract.is_ragged() {
        true => cells.len() >= expected,
        false => cells.len() == expected,
    };
    if !fits {
        return None;
    }
    let mut record = Record {
        line,
        positions,
        cells: Vec::with_capacity(expected),
        ..Record::default()
    };
    for (column, &position) in contract.columns.iter().zip(positions) {
        if column.logical_type == LogicalType::Array {
            let values = cells[position..].iter();
            list(
                contract,
                &mut record,
                values.map(|cell| Cow::Borrowed(*cell)),
            );
        } else {
            record
                .cells
                .push(Cell::new(present(contract, Cow::Borrowed(cells[position]))));
        }
    }
    Some(record)
}

/// Reads the fields of a JSON object; a column's name is the path of its field.
pub fn object<'a>(
    contract: &Contract,
    positions: &'a [usize],
    object: &'a Json<'a>,
    line: u64,
) -> Record<'a> {
    let mut record = Record {
        line,
        positions,
        cells: Vec::with_capacity(contract.columns.len()),
        ..Record::default()
    };
    for (index, column) in contract.columns.iter().enumerate() {
        let found = object.get(&column.name).or_else(|| {
            column
                .name
                .split('.')
                .try_fold(object, |value, name| value.get(name))
        });
        match (found, column.logical_type) {
            (Some(Json::List(elements)), LogicalType::Array) => {
                list(contract, &mut record, elements.iter().map(Json::cell));
            }
            (Some(Json::List(elements)), _) if elements.len() > 1 => {
                record.cells.push(Cell::default());
                several(contract, &mut record, index);
            }
            (found, logical_type) => {
                let value = match found {
                    Some(Json::List(elements)) => elements.first(),
                    found => found,
                };
                let text = value.map_or(Cow::Borrowed(""), Json::cell);
                one(contract, &mut record, logical_type, text);
            }
        }
    }
    record
}

/// Reads properties that were sent; a column's name is the name or the path of its property.
pub fn properties<'a>(contract: &Contract, properties: Option<&'a Struct>) -> Record<'a> {
    let mut record = Record {
        cells: Vec::with_capacity(contract.columns.len()),
        ..Record::default()
    };
    for (index, column) in contract.columns.iter().enumerate() {
        let found = properties.and_then(|all| property(all, &column.name));
        match (
            found.and_then(|value| value.kind.as_ref()),
            column.logical_type,
        ) {
            (Some(Kind::ListValue(list_value)), LogicalType::Array) => {
                let values = list_value.values.iter();
                list(contract, &mut record, values.map(proto_text));
            }
            (Some(Kind::ListValue(list_value)), _) if list_value.values.len() > 1 => {
                record.cells.push(Cell::default());
                several(contract, &mut record, index);
            }
            (kind, logical_type) => {
                let value = match kind {
                    Some(Kind::ListValue(list_value)) => list_value.values.first(),
                    _ => found,
                };
                let text = value.map_or(Cow::Borrowed(""), proto_text);
                one(contract, &mut record, logical_type, text);
            }
        }
    }
    record
}

/// Finds a property by its name or by its path.
pub(super) fn property<'a>(properties: &'a Struct, path: &str) -> Option<&'a ProtoValue> {
    if let Some(found) = properties.fields.get(path) {
        return Some(found);
    }
    let (first, rest) = path.split_once('.')?;
    match &properties.fields.get(first)?.kind {
        Some(Kind::StructValue(inner)) => property(inner, rest),
        _ => None,
    }
}

fn one<'a>(
    contract: &Contract,
    record: &mut Record<'a>,
    logical_type: LogicalType,
    text: Cow<'a, str>,
) {
    if logical_type == LogicalType::Array {
        list(contract, record, std::iter::once(text));
    } else {
        record.cells.push(Cell::new(present(contract, text)));
    }
}

/// Adds the array column, the first value of which stands in its cell.
fn list<'a>(
    contract: &Contract,
    record: &mut Record<'a>,
    values: impl Iterator<Item = Cow<'a, str>>,
) {
    record.rest = values
        .filter_map(|value| present(contract, value))
        .collect();
    record.cells.push(Cell::new(record.rest.first().cloned()));
}

fn several(contract: &Contract, record: &mut Record<'_>, index: usize) {
    record.fail(
        contract,
        index,
        "INVALID_JSON",
        "a list stands where one value is expected",
    );
}

/// Returns a value, `None` when it is missing.
pub(super) fn present<'a>(contract: &Contract, text: Cow<'a, str>) -> Option<Cow<'a, str>> {
    let file = &contract.file;
    let text = match text {
        Cow::Borrowed(text) if file.trim => Cow::Borrowed(text.trim()),
        Cow::Owned(text) if file.trim && text.trim().len() < text.len() => {
            Cow::Owned(text.trim().to_owned())
        }
        text => text,
    };
    let missing = file.missing.iter().any(|missing| *missing == text);
    (!missing).then_some(text)
}

/// Returns a sent value as the text that a file would hold.
pub(super) fn proto_text(value: &ProtoValue) -> Cow<'_, str> {
    match &value.kind {
        None | Some(Kind::NullValue(_)) => Cow::Borrowed(""),
        Some(Kind::StringValue(text)) => Cow::Borrowed(text),
        Some(Kind::BoolValue(true)) => Cow::Borrowed("true"),
        Some(Kind::BoolValue(false)) => Cow::Borrowed("false"),
        Some(Kind::NumberValue(number)) => Cow::Owned(number.to_string()),
        Some(Kind::ListValue(_) | Kind::StructValue(_)) => Cow::Owned(json(value).to_string()),
    }
}

fn json(value: &ProtoValue) -> Value {
    match &value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::StringValue(text)) => Value::String(text.clone()),
        Some(Kind::BoolValue(flag)) => Value::Bool(*flag),
        Some(Kind::NumberValue(number)) => Value::from(*number),
        Some(Kind::ListValue(list)) => Value::Array(list.values.iter().map(json).collect()),
        Some(Kind::StructValue(inner)) => Value::Object(
            inner
                .fields
                .iter()
                .map(|(name, value)| (name.clone(), json(value)))
                .collect(),
        ),
    }
}
