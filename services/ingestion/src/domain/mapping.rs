//! Turns a row of a file into a draft of an event, by the contract.

use std::collections::HashMap;

use api::common::{Identifier, Item, Money};
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};

use super::contract::{
    Contract, Expression, IdentifierSource, ItemRule, KeyRule, LogicalType, PropertySource,
    TimeRule,
};
use super::decimal::Decimal;
use super::draft::{Draft, MESSAGE_ID_BYTES_MAX};
use super::keys::{Hash, Keys, hex};
use super::{Violation, judge::is_source_name};

/// How often each content has been seen in a file. Grows by about 32 bytes per distinct row.
#[derive(Clone, Debug, Default)]
pub struct Occurrences(HashMap<Hash, u32>);

impl Occurrences {
    /// Counts one more row of this content and returns how many there are now.
    pub fn count(&mut self, content: Hash) -> u32 {
        let count = self.0.entry(content).or_insert(0);
        *count += 1;
        *count
    }

    /// Returns how many distinct contents were seen.
    pub fn distinct(&self) -> usize {
        self.0.len()
    }
}

/// Maps the rows of one file.
pub struct Mapper<'a> {
    contract: &'a Contract,
    source: &'a str,
    keys: &'a Keys,
    /// Where each column of the contract stands in the file.
    positions: Vec<usize>,
}

/// One row while it is mapped.
struct Row<'a> {
    line: u64,
    cells: Vec<Option<&'a str>>,
    numbers: Vec<Option<Decimal>>,
    /// Cells of the array column.
    rest: Vec<&'a str>,
    violations: Vec<Violation>,
}

impl<'a> Mapper<'a> {
    /// Maps rows of `source` whose columns stand at `positions`, one per column of the contract.
    pub fn new(
        contract: &'a Contract,
        source: &'a str,
        keys: &'a Keys,
        positions: Vec<usize>,
    ) -> Self {
        debug_assert!(is_source_name(source) && positions.len() == contract.columns.len());
        Self {
            contract,
            source,
            keys,
            positions,
        }
    }

    /// Maps a row; what is wrong with it is in the draft. `line` counts from 1.
    pub fn draft(&self, cells: &[&str], line: u64, seen: &mut Occurrences) -> Draft {
        let expected = self.positions.len();
        let fits = if self.contract.is_ragged() {
            cells.len() >= expected
        } else {
            cells.len() == expected
        };
        if !fits {
            let content = self.keys.content(cells.iter().map(|cell| cell.as_bytes()));
            let text = format!(
                "line {line}: the row has {} cells, {expected} are expected",
                cells.len()
            );
            return Draft {
                message_id: occurrence_id(&content, seen.count(content)),
                source: self.source.to_owned(),
                violations: vec![Violation::new("", "WRONG_CELL_COUNT", text)],
                unreadable: true,
                content,
                ..Draft::default()
            };
        }
        let mut row = self.read(cells, line);
        let content = self.content(&row);
        let mut marks = Vec::new();
        let message_id = self.message_id(&mut row, content, seen, &mut marks);
        let kind = self.kind(&row, &mut marks);
        let event_time = self.event_time(&mut row);
        let identifiers = self.identifiers(&row, &message_id);
        let value = self
            .contract
            .value
            .as_ref()
            .and_then(|rule| self.amount("value", rule, &mut row));
        let items = self
            .contract
            .items
            .as_ref()
            .map(|rule| self.items(rule, &mut row))
            .unwrap_or_default();
        Draft {
            message_id,
            source: self.source.to_owned(),
            kind,
            event_time,
            history_delay: Some(self.contract.delay),
            identifiers,
            value,
            items,
            properties: self.properties(&row),
            marks,
            violations: row.violations,
            unreadable: false,
            content,
            size: 0,
        }
    }

    /// Reads and types the cells.
    fn read<'r>(&self, cells: &[&'r str], line: u64) -> Row<'r> {
        let count = self.positions.len();
        let mut row = Row {
            line,
            cells: Vec::with_capacity(count),
            numbers: vec![None; count],
            rest: Vec::new(),
            violations: vec![],
        };
        for (index, column) in self.contract.columns.iter().enumerate() {
            if column.logical_type == LogicalType::Array {
                row.rest = cells[self.positions[index]..]
                    .iter()
                    .filter_map(|cell| self.value_of(cell))
                    .collect();
                row.cells.push(row.rest.first().copied());
            } else {
                row.cells.push(self.value_of(cells[self.positions[index]]));
            }
            self.check(index, &mut row);
        }
        row
    }

    /// Returns a cell's value, `None` when it is missing.
    fn value_of<'r>(&self, cell: &'r str) -> Option<&'r str> {
        let cell = if self.contract.file.trim {
            cell.trim()
        } else {
            cell
        };
        (!self
            .contract
            .file
            .missing
            .iter()
            .any(|missing| missing == cell))
        .then_some(cell)
    }

    /// Checks a cell against its column and keeps its number.
    fn check(&self, index: usize, row: &mut Row<'_>) {
        let column = &self.contract.columns[index];
        let Some(value) = row.cells[index] else {
            if column.required {
                self.fail(row, index, "MISSING_VALUE", "a value is required");
            }
            return;
        };
        match column.logical_type {
            LogicalType::Text | LogicalType::Array => {}
            LogicalType::Number | LogicalType::Integer => match Decimal::parse(value) {
                None => self.fail(row, index, "INVALID_NUMBER", "is no number"),
                Some(number)
                    if column.logical_type == LogicalType::Integer && !number.is_whole() =>
                {
                    self.fail(row, index, "INVALID_NUMBER", "is no whole number");
                }
                number => row.numbers[index] = number,
            },
            LogicalType::Boolean => {
                if flag(value).is_none() {
                    self.fail(row, index, "INVALID_FLAG", "is neither true nor false");
                }
            }
        }
    }

    /// Notes what is wrong with a cell, naming line and column, and its value unless it is personal.
    fn fail(&self, row: &mut Row<'_>, index: usize, reason: &'static str, problem: &str) {
        let column = &self.contract.columns[index];
        let position = self.positions.get(index).copied().unwrap_or(index) + 1;
        let value: String = match row.cells[index] {
            Some(value) if !column.personal => {
                format!("`{}` ", value.chars().take(40).collect::<String>())
            }
            Some(_) => "the value ".to_owned(),
            None => String::new(),
        };
        let text = format!(
            "line {}, column {position} ({}): {value}{problem}",
            row.line, column.name
        );
        row.violations
            .push(Violation::new(column.name.clone(), reason, text));
    }

    fn content(&self, row: &Row<'_>) -> Hash {
        let cells = row
            .cells
            .iter()
            .map(|cell| cell.unwrap_or_default().as_bytes());
        self.keys
            .content(cells.chain(row.rest.iter().map(|cell| cell.as_bytes())))
    }

    fn message_id(
        &self,
        row: &mut Row<'_>,
        content: Hash,
        seen: &mut Occurrences,
        marks: &mut Vec<String>,
    ) -> String {
        let KeyRule::Columns(columns) = &self.contract.key else {
            let occurrence = seen.count(content);
            if occurrence > 1 {
                marks.push("repeat".to_owned());
            }
            return occurrence_id(&content, occurrence);
        };
        let mut parts = Vec::with_capacity(columns.len());
        for &index in columns {
            match row.cells[index] {
                Some(part) => parts.push(part),
                None => {
                    self.fail(
                        row,
                        index,
                        "MISSING_KEY",
                        "the value is part of the row's key",
                    );
                    return occurrence_id(&content, seen.count(content));
                }
            }
        }
        let readable = parts.join("/");
        let plain = readable.len() <= MESSAGE_ID_BYTES_MAX && !readable.contains(char::is_control);
        if plain
            && columns
                .iter()
                .all(|&index| !self.contract.columns[index].personal)
        {
            readable
        } else {
            hex(&self.keys.content(parts.iter().map(|part| part.as_bytes())))
        }
    }

    fn kind(&self, row: &Row<'_>, marks: &mut Vec<String>) -> String {
        let applies = |rule: &&super::contract::TypeRule| {
            rule.when
                .as_ref()
                .is_none_or(|condition| condition.holds(row.cells[condition.column]))
        };
        let Some(rule) = self.contract.types.iter().find(applies) else {
            return String::new();
        };
        marks.extend(rule.mark.clone());
        rule.kind.clone()
    }

    fn event_time(&self, row: &mut Row<'_>) -> Option<chrono::DateTime<chrono::Utc>> {
        match &self.contract.time {
            TimeRule::Fixed(time) => Some(*time),
            TimeRule::Column { column, formats } => {
                let Some(text) = row.cells[*column] else {
                    if !self.contract.columns[*column].required {
                        self.fail(row, *column, "MISSING_VALUE", "an event needs a time");
                    }
                    return None;
                };
                let time = formats
                    .iter()
                    .find_map(|format| format.read(text, self.contract.zone));
                if time.is_none() {
                    self.fail(
                        row,
                        *column,
                        "INVALID_TIME",
                        "is no time of the contract's format",
                    );
                }
                time
            }
        }
    }

    fn identifiers(&self, row: &Row<'_>, message_id: &str) -> Vec<Identifier> {
        let identifier = |(namespace, source): &(String, IdentifierSource)| {
            let value = match source {
                IdentifierSource::Column(index) => row.cells[*index]?,
                IdentifierSource::RowKey => message_id,
            };
            Some(Identifier {
                namespace: namespace.clone(),
                value: value.to_owned(),
            })
        };
        self.contract
            .identifiers
            .iter()
            .filter_map(identifier)
            .collect()
    }

    /// Computes an amount in minor units, rounded once, half to even. Missing or wrong numbers are told by their cells.
    fn amount(&self, field: &str, rule: &Expression, row: &mut Row<'_>) -> Option<Money> {
        if rule.columns().any(|index| row.numbers[index].is_none()) {
            return None;
        }
        let exact = rule.evaluate(|index| row.numbers[index]);
        let minor = exact.and_then(|amount| amount.in_units(self.contract.currency_decimals));
        if minor.is_none() {
            let text = format!("line {}: the amount is too large", row.line);
            row.violations
                .push(Violation::new(field, "AMOUNT_OUT_OF_RANGE", text));
        }
        Some(Money {
            currency_code: self.contract.currency.clone(),
            minor_units: minor?,
        })
    }

    fn items(&self, rule: &ItemRule, row: &mut Row<'_>) -> Vec<Item> {
        if self.contract.columns[rule.product_id].logical_type == LogicalType::Array {
            let item = |product: &&str| Item {
                product_id: (*product).to_owned(),
                quantity_milli: 1000,
                ..Item::default()
            };
            return row.rest.iter().map(item).collect();
        }
        let Some(product_id) = row.cells[rule.product_id] else {
            return Vec::new();
        };
        let quantity = match &rule.quantity {
            None => Some(1000),
            Some(quantity) if quantity.columns().any(|index| row.numbers[index].is_none()) => None,
            Some(quantity) => {
                let exact = quantity.evaluate(|index| row.numbers[index]);
                let milli = exact.and_then(|pieces| pieces.in_units(3));
                if milli.is_none() {
                    let text = format!("line {}: the quantity is too large", row.line);
                    row.violations.push(Violation::new(
                        "items[0].quantity_milli",
                        "AMOUNT_OUT_OF_RANGE",
                        text,
                    ));
                }
                milli
            }
        };
        let unit_price = rule
            .unit_price
            .as_ref()
            .and_then(|price| self.amount("items[0].unit_price", price, row));
        let category: Vec<&str> = rule
            .category
            .iter()
            .filter_map(|index| row.cells[*index])
            .collect();
        vec![Item {
            product_id: product_id.to_owned(),
            name: rule
                .name
                .and_then(|index| row.cells[index])
                .unwrap_or_default()
                .to_owned(),
            category: category.join("/"),
            quantity_milli: quantity.unwrap_or_default(),
            unit_price,
        }]
    }

    fn properties(&self, row: &Row<'_>) -> Option<Struct> {
        let text = |text: &str| Kind::StringValue(text.to_owned());
        let mut fields = std::collections::BTreeMap::new();
        for (name, source) in &self.contract.properties {
            let kind = match source {
                PropertySource::Text(constant) => Some(text(constant)),
                PropertySource::Column(index) => {
                    let value = row.cells[*index];
                    match self.contract.columns[*index].logical_type {
                        LogicalType::Text => value.map(text),
                        LogicalType::Number | LogicalType::Integer => {
                            row.numbers[*index].map(|number| Kind::NumberValue(number.to_f64()))
                        }
                        LogicalType::Boolean => value.and_then(flag).map(Kind::BoolValue),
                        LogicalType::Array => {
                            let values = row
                                .rest
                                .iter()
                                .map(|cell| Value {
                                    kind: Some(text(cell)),
                                })
                                .collect();
                            Some(Kind::ListValue(ListValue { values }))
                        }
                    }
                }
            };
            if kind.is_some() {
                fields.insert(name.clone(), Value { kind });
            }
        }
        (!fields.is_empty()).then_some(Struct { fields })
    }
}

fn occurrence_id(content: &Hash, occurrence: u32) -> String {
    format!("{}-{occurrence}", hex(content))
}

/// Reads a flag as files write it.
fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "y" | "t" => Some(true),
        "false" | "0" | "no" | "n" | "f" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
#[path = "mapping_tests.rs"]
mod tests;
