//! Reads the columns of a contract out of an event, and writes what the stages made of them back.

use std::borrow::Cow;

use api::common::{Item, Money};
use prost_types::value::Kind;
use prost_types::{Struct, Value};

use super::constraints::flag;
use super::contract::{Column, Contract, ItemPart, LogicalType, MoneyPart, Path, Step};
use super::decimal::{Decimal, currency_decimals};
use super::draft::Draft;
use super::instant::read_iso;
use super::reading::{present, proto_text};
use super::record::{Cell, Record};

/// Reads the columns out of a draft of an event.
pub(super) fn read<'a>(contract: &Contract, draft: &'a Draft) -> Record<'a> {
    let cell = |path: &Path| {
        let text = text_of(draft, path).unwrap_or_default();
        Cell::new(present(contract, text))
    };
    Record {
        cells: contract.paths.iter().map(cell).collect(),
        ..Record::default()
    }
}

/// Returns the values that the stages changed: the column and its new text.
pub(super) fn changed(record: &Record<'_>) -> Vec<(usize, Option<String>)> {
    let cells = record.cells.iter().enumerate();
    cells
        .filter(|(_, cell)| cell.text != cell.original)
        .map(|(index, cell)| (index, cell.text().map(str::to_owned)))
        .collect()
}

/// Writes changed values back. What cannot stand at its place is told in the draft.
pub(super) fn write(contract: &Contract, changed: Vec<(usize, Option<String>)>, draft: &mut Draft) {
    for (index, text) in changed {
        let column = &contract.columns[index];
        let money = &contract.currency;
        if write_one(draft, &contract.paths[index], (column, money), text).is_none() {
            let text = "what the contract makes of the value cannot stand here";
            draft.violations.push(super::Violation::new(
                column.name.clone(),
                "INVALID_VALUE",
                text,
            ));
        }
    }
}

fn text_of<'a>(draft: &'a Draft, path: &Path) -> Option<Cow<'a, str>> {
    Some(match path {
        Path::Type => Cow::Borrowed(draft.kind.as_str()),
        Path::EventTime => Cow::Owned(draft.event_time?.to_rfc3339()),
        Path::Value(part) => money_text(draft.value.as_ref()?, *part),
        Path::Identifier(namespace) => {
            let mut all = draft.identifiers.iter();
            Cow::Borrowed(all.find(|it| it.namespace == *namespace)?.value.as_str())
        }
        Path::Item(index, part) => item_text(draft.items.get(*index)?, *part)?,
        Path::Property(steps) => {
            let (first, rest) = steps.split_first()?;
            let mut value = field(draft.properties.as_ref()?, first)?;
            for step in rest {
                value = match (&value.kind, step) {
                    (Some(Kind::StructValue(inner)), step) => field(inner, step)?,
                    (Some(Kind::ListValue(list)), Step::Element(index)) => {
                        list.values.get(*index)?
                    }
                    _ => return None,
                };
            }
            proto_text(value)
        }
    })
}

fn field<'a>(fields: &'a Struct, step: &Step) -> Option<&'a Value> {
    match step {
        Step::Field(name) => fields.fields.get(name),
        Step::Element(_) => None,
    }
}

fn money_text(money: &Money, part: MoneyPart) -> Cow<'_, str> {
    match part {
        MoneyPart::Currency => Cow::Borrowed(money.currency_code.as_str()),
        MoneyPart::MinorUnits => Cow::Owned(money.minor_units.to_string()),
        MoneyPart::Amount => {
            let places = currency_decimals(&money.currency_code);
            Cow::Owned(Decimal::of_units(money.minor_units, places).to_string())
        }
    }
}

fn item_text(item: &Item, part: ItemPart) -> Option<Cow<'_, str>> {
    Some(match part {
        ItemPart::ProductId => Cow::Borrowed(item.product_id.as_str()),
        ItemPart::Name => Cow::Borrowed(item.name.as_str()),
        ItemPart::Category => Cow::Borrowed(item.category.as_str()),
        ItemPart::Quantity => Cow::Owned(Decimal::of_units(item.quantity_milli, 3).to_string()),
        ItemPart::UnitPrice(part) => money_text(item.unit_price.as_ref()?, part),
    })
}

/// Writes one value. Returns `None` when it cannot stand at its place.
fn write_one(
    draft: &mut Draft,
    path: &Path,
    (column, currency): (&Column, &str),
    text: Option<String>,
) -> Option<()> {
    match path {
        Path::Type => draft.kind = text.unwrap_or_default(),
        Path::EventTime => draft.event_time = Some(read_iso(&text?, chrono_tz::UTC)?),
        Path::Value(part) => write_money(&mut draft.value, *part, currency, text)?,
        Path::Identifier(namespace) => {
            let known = draft
                .identifiers
                .iter()
                .position(|it| it.namespace == *namespace);
            match (known, text) {
                (Some(at), Some(text)) => draft.identifiers[at].value = text,
                (Some(at), None) => {
                    draft.identifiers.remove(at);
                }
                (None, Some(text)) => draft.identifiers.push(api::common::Identifier {
                    namespace: namespace.clone(),
                    value: text,
                }),
                (None, None) => {}
            }
        }
        Path::Item(index, part) => match draft.items.get_mut(*index) {
            Some(item) => write_item(item, *part, currency, text)?,
            // There is no item to take a value that was filled in.
            None => return text.is_none().then_some(()),
        },
        Path::Property(steps) => {
            let kind = text.map(|text| kind_of(column, text));
            let fields = draft.properties.get_or_insert_default();
            write_property(fields, steps, kind)?;
        }
    }
    Some(())
}

/// Writes a part of an amount; one that was missing is of the contract's currency.
fn write_money(
    money: &mut Option<Money>,
    part: MoneyPart,
    currency: &str,
    text: Option<String>,
) -> Option<()> {
    if money.is_none() && text.is_some() && !currency.is_empty() {
        *money = Some(Money {
            currency_code: currency.to_owned(),
            minor_units: 0,
        });
    }
    match (part, text) {
        (MoneyPart::Currency, Some(code)) => money.as_mut()?.currency_code = code,
        (MoneyPart::Currency, None) => return None,
        (_, None) => *money = None,
        (MoneyPart::MinorUnits, Some(text)) => {
            money.as_mut()?.minor_units = Decimal::parse(&text)?.in_units(0)?;
        }
        (MoneyPart::Amount, Some(text)) => {
            let money = money.as_mut()?;
            let places = currency_decimals(&money.currency_code);
            money.minor_units = Decimal::parse(&text)?.in_units(places)?;
        }
    }
    Some(())
}

fn write_item(item: &mut Item, part: ItemPart, currency: &str, text: Option<String>) -> Option<()> {
    match part {
        ItemPart::ProductId => item.product_id = text.unwrap_or_default(),
        ItemPart::Name => item.name = text.unwrap_or_default(),
        ItemPart::Category => item.category = text.unwrap_or_default(),
        ItemPart::Quantity => item.quantity_milli = Decimal::parse(&text?)?.in_units(3)?,
        ItemPart::UnitPrice(part) => write_money(&mut item.unit_price, part, currency, text)?,
    }
    Some(())
}

/// Returns a text as a value of the column's type.
fn kind_of(column: &Column, text: String) -> Kind {
    match column.logical_type {
        LogicalType::Number | LogicalType::Integer => match Decimal::parse(&text) {
            Some(number) => Kind::NumberValue(number.to_f64()),
            None => Kind::StringValue(text),
        },
        LogicalType::Boolean => match flag(&text) {
            Some(flag) => Kind::BoolValue(flag),
            None => Kind::StringValue(text),
        },
        _ => Kind::StringValue(text),
    }
}

fn write_property(fields: &mut Struct, steps: &[Step], kind: Option<Kind>) -> Option<()> {
    let (Step::Field(name), rest) = steps.split_first()? else {
        return None;
    };
    if rest.is_empty() {
        match kind {
            Some(kind) => {
                fields
                    .fields
                    .insert(name.clone(), Value { kind: Some(kind) });
            }
            None => {
                fields.fields.remove(name);
            }
        }
        return Some(());
    }
    let mut value = match (fields.fields.get_mut(name), &kind) {
        (Some(value), _) => value,
        (None, None) => return Some(()),
        (None, Some(_)) => return None,
    };
    for (number, step) in rest.iter().enumerate() {
        let rest = &rest[number..];
        match (&mut value.kind, step) {
            (Some(Kind::StructValue(inner)), Step::Field(_)) => {
                return write_property(inner, rest, kind);
            }
            (Some(Kind::ListValue(list)), Step::Element(index)) => {
                value = list.values.get_mut(*index)?;
            }
            _ => return kind.is_none().then_some(()),
        }
    }
    value.kind = kind;
    Some(())
}

#[cfg(test)]
#[path = "paths_tests.rs"]
mod tests;
