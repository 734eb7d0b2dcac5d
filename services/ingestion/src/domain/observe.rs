//! What the quality figures learn from one record: flags, hashes and numbers, and only such texts as may be kept.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use prost_types::value::Kind;

use super::contract::{Column, Constraints, Contract, Gaps, LogicalType};
use super::decimal::currency_decimals;
use super::draft::Draft;
use super::keys::Keys;
use super::learned::Learned;
use super::quality::counts::{Dimension, FIELDS_MAX};
use super::quality::delta::NO_DAY;
use super::record::{Action, Correction, Record};
use super::violation::Violation;

/// Longest name of a property that is observed, and longest value that is kept, in bytes.
const TEXT_BYTES_MAX: usize = 64;

/// What is observed of the records of a source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Watch {
    /// Fields in their order.
    pub fields: Vec<Watched>,
    /// Whether records have further fields and a type that says which they may have: events without columns.
    pub open: bool,
    /// Ids of the dependencies that are learned.
    pub dependencies: Vec<String>,
    names: HashMap<String, usize>,
}

/// A field that is observed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watched {
    /// Column of the contract or path in the event.
    pub name: String,
    /// Whether its numbers may be kept.
    pub keep: bool,
    /// Whether its texts are kept: only where something asks for the most frequent one, because whatever is kept of free text
    /// may be personal.
    pub keep_texts: bool,
    /// Whether there is something to check of a value.
    pub judged: bool,
    /// Whether a record is expected to have a value.
    pub expected: bool,
    /// Whether it must agree with other fields.
    pub related: bool,
}

impl Watch {
    /// Observes these fields.
    pub fn new(fields: Vec<Watched>) -> Self {
        let name = |(index, field): (usize, &Watched)| (field.name.clone(), index);
        let names = fields.iter().enumerate().map(name).collect();
        Self {
            fields,
            open: false,
            dependencies: Vec::new(),
            names,
        }
    }

    /// Observes the columns of a contract. Those that may be missing are not expected to have a value, related ones must agree
    /// with each other.
    pub fn of_columns(columns: &[Column], may_be_missing: &[usize], related: &[usize]) -> Self {
        let field = |(index, column): (usize, &Column)| Watched {
            name: column.name.clone(),
            keep: may_be_kept(column),
            keep_texts: may_be_kept(column) && is_chosen(column),
            judged: column.logical_type != LogicalType::Text
                || column.constraints != Constraints::default()
                || column.standard.is_some()
                || column.clean.is_some(),
            expected: !may_be_missing.contains(&index),
            related: related.contains(&index),
        };
        Self::new(columns.iter().enumerate().map(field).collect())
    }

    /// Returns the field that a violation speaks of: itself, or the part of the event that it lies in.
    fn index(&self, field: &str) -> Option<usize> {
        let known = self.names.get(field).copied();
        known.or_else(|| {
            let end = field.find(['.', '['])?;
            self.names.get(&field[..end]).copied()
        })
    }
}

/// Whether values of a column are no personal data.
fn may_be_kept(column: &Column) -> bool {
    !column.personal && column.class.is_none() && column.mask.is_none()
}

/// Whether values of a column are chosen from a few, or gaps in it are filled with the most frequent one.
fn is_chosen(column: &Column) -> bool {
    let fill = column.clean.as_ref().map(|clean| &clean.missing);
    column.logical_type == LogicalType::Boolean
        || column.constraints.among.is_some()
        || matches!(fill, Some(Gaps::Auto | Gaps::Mode))
}

/// What is observed of rows that nothing could be read of.
static NOTHING: LazyLock<Arc<Watch>> = LazyLock::new(Arc::default);

/// What is observed of events without columns, beside their properties and identifiers.
static EVENT: LazyLock<Arc<Watch>> = LazyLock::new(|| {
    let field = |(name, expected): (&str, bool)| Watched {
        name: name.to_owned(),
        keep: true,
        keep_texts: true,
        judged: true,
        expected,
        related: false,
    };
    let names = [
        ("type", true),
        ("event_time", true),
        ("identifiers", true),
        ("value", false),
        ("items", false),
    ];
    Arc::new(Watch {
        open: true,
        ..Watch::new(names.into_iter().map(field).collect())
    })
});

/// What one record adds to the quality figures of its source.
#[derive(Clone, Debug)]
pub struct Observation {
    /// What was observed.
    pub watch: Arc<Watch>,
    /// A value per field.
    pub values: Vec<Seen>,
    /// Further fields, those of events without columns: where the name stands in the text, and the value.
    pub others: Vec<(Range<u32>, Seen)>,
    /// Values of fields that are not told apart.
    pub untold: i64,
    /// Event type, for sources without columns.
    pub kind: Option<Range<u32>>,
    /// Fields that standardising changed, and what it did.
    pub changes: Vec<(usize, &'static str)>,
    /// Fields that cleaning touched, what it did and by which method.
    pub corrections: Vec<(usize, Action, &'static str)>,
    /// Reasons for quarantine, each with its field, each once.
    pub faults: Vec<(&'static str, String)>,
    /// Day of event time in the tenant's zone; [`NO_DAY`] without a time.
    pub day: i32,
    /// When it happened, microseconds since 1970; 0 without a time.
    pub time_us: i64,
    /// Whether it came in time; absent without a target.
    pub timely: Option<bool>,
    /// Words from which rules learn what is usual; absent without such rules.
    pub learned: Option<Box<Learned>>,
    text: String,
}

/// A value as the figures see it.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Whether there is one.
    pub present: bool,
    /// Whether it is not what it can be.
    pub wrong: bool,
    /// Whether it does not agree with other fields.
    pub clashing: bool,
    /// Keyed hash of the value; absent where it says nothing.
    pub hash: Option<u64>,
    /// Number that it is; absent for texts and for values that may not be kept.
    pub number: Option<f64>,
    /// Where the value stands in the text; absent for values that may not be kept.
    pub text: Option<Range<u32>>,
}

impl Observation {
    fn new(watch: Arc<Watch>) -> Self {
        Self {
            values: Vec::with_capacity(watch.fields.len()),
            watch,
            others: Vec::new(),
            untold: 0,
            kind: None,
            changes: Vec::new(),
            corrections: Vec::new(),
            faults: Vec::new(),
            day: NO_DAY,
            time_us: 0,
            timely: None,
            learned: None,
            text: String::new(),
        }
    }

    /// Returns a piece of the text.
    pub fn text(&self, range: &Range<u32>) -> &str {
        &self.text[range.start as usize..range.end as usize]
    }

    fn keep(&mut self, text: &str) -> Range<u32> {
        let start = self.text.len() as u32;
        self.text.push_str(text);
        start..self.text.len() as u32
    }

    /// Returns what is seen of a text, which is itself kept only where that is allowed.
    fn see(&mut self, text: &str, number: Option<f64>, keep: bool, keys: &Keys) -> Seen {
        let kept = keep && number.is_none() && text.len() <= TEXT_BYTES_MAX;
        Seen {
            present: true,
            wrong: false,
            clashing: false,
            hash: Some(keys.salt().hash(text)),
            number,
            text: kept.then(|| self.keep(text)),
        }
    }

    /// Observes a row that nothing could be read of.
    pub fn unreadable() -> Box<Self> {
        Box::new(Self::new(NOTHING.clone()))
    }

    /// Adds when the record happened: its day and the microseconds since 1970; and whether it came in time, where there is
    /// a target.
    pub fn dated(&mut self, (day, time_us): (i32, i64), timely: Option<bool>) {
        self.day = day;
        self.time_us = time_us;
        self.timely = timely;
    }

    /// Adds why the record is not accepted.
    pub fn judged(&mut self, violations: &[Violation]) {
        for violation in violations {
            let index = self.watch.index(&violation.field);
            if let Some(value) = index.and_then(|index| self.values.get_mut(index)) {
                match Dimension::of_reason(violation.reason) {
                    Dimension::Accuracy => value.wrong = true,
                    Dimension::Consistency => value.clashing = true,
                    Dimension::Completeness | Dimension::Timeliness => {}
                }
            }
            let fault = (violation.reason, without_indices(&violation.field));
            if !self.faults.contains(&fault) {
                self.faults.push(fault);
            }
        }
    }
}

/// Returns a path without the indices of lists: `items[3].name` becomes `items[].name`.
fn without_indices(path: &str) -> String {
    let mut plain = String::with_capacity(path.len());
    let mut inside = false;
    for letter in path.chars() {
        inside &= letter != ']';
        if !inside {
            plain.push(letter);
        }
        inside |= letter == '[';
    }
    plain
}

/// Observes a record that has gone through the stages; `None` when nothing is counted of it.
pub fn observe(contract: &Contract, keys: &Keys, record: &Record<'_>) -> Option<Box<Observation>> {
    let watch = contract.watch.clone();
    if record.cells.len() != watch.fields.len() {
        return None;
    }
    let mut seen = Observation::new(watch);
    let masking = keys.masking();
    for (index, (cell, column)) in record.cells.iter().zip(&contract.columns).enumerate() {
        // The figures tell of values as they came: what cleaning made of them would confirm itself.
        let (text, number) = record.uncleaned(index);
        let Watched {
            keep, keep_texts, ..
        } = seen.watch.fields[index];
        let is_number = matches!(
            column.logical_type,
            LogicalType::Number | LogicalType::Integer
        );
        let value = match text.filter(|_| cell.original.is_some()) {
            Some(text) => {
                let number = number.filter(|_| is_number && keep).map(|it| it.to_f64());
                // A comment may be short, and say whom it is about.
                let free = keep_texts && column.logical_type == LogicalType::Text;
                let personal = free
                    && text.len() <= TEXT_BYTES_MAX
                    && !masking.detector.detect(text).is_empty();
                seen.see(text, number, keep_texts && !personal, keys)
            }
            None => Seen {
                present: cell.original.is_some(),
                ..Seen::default()
            },
        };
        seen.values.push(value);
    }
    seen.learned = Learned::of(contract, record, keys.salt());
    let change = |it: &super::record::Change| (it.column, it.what);
    seen.changes = record.changes.iter().map(change).collect();
    for Correction {
        column,
        action,
        method,
        ..
    } in &record.corrections
    {
        match *method {
            "rule" | "dependency" => seen.values[*column].clashing = true,
            _ => seen.corrections.push((*column, *action, method)),
        }
    }
    Some(Box::new(seen))
}

/// Observes an event of a source without columns; its properties must be masked already.
pub fn event(draft: &Draft, keys: &Keys) -> Box<Observation> {
    let mut seen = Observation::new(EVENT.clone());
    let kind = match draft.kind.as_str() {
        "" => Seen::default(),
        kind => seen.see(kind, None, true, keys),
    };
    seen.kind = kind.text.clone();
    seen.values.push(kind);
    let bare = |present: bool, number: Option<f64>| Seen {
        present,
        number,
        ..Seen::default()
    };
    seen.values.push(bare(draft.event_time.is_some(), None));
    seen.values.push(bare(!draft.identifiers.is_empty(), None));
    let value = draft.value.as_ref().map(|value| {
        let decimals = currency_decimals(&value.currency_code).min(6);
        value.minor_units as f64 / 10_f64.powi(decimals as i32)
    });
    seen.values.push(bare(value.is_some(), value));
    let items = (!draft.items.is_empty()).then_some(draft.items.len() as f64);
    seen.values.push(bare(items.is_some(), items));
    for identifier in &draft.identifiers {
        let value = seen.see(&identifier.value, None, false, keys);
        seen.other("identifiers.", &identifier.namespace, value);
    }
    let properties = draft.properties.iter().flat_map(|it| &it.fields);
    for (name, value) in properties {
        let value = match &value.kind {
            None | Some(Kind::NullValue(_)) => continue,
            Some(Kind::StringValue(text)) if text.is_empty() => continue,
            Some(Kind::StringValue(text)) => seen.see(text, None, false, keys),
            Some(Kind::NumberValue(number)) => {
                seen.see(&number.to_string(), Some(*number), true, keys)
            }
            Some(Kind::BoolValue(flag)) => {
                seen.see(if *flag { "true" } else { "false" }, None, true, keys)
            }
            Some(Kind::ListValue(_) | Kind::StructValue(_)) => bare(true, None),
        };
        seen.other("properties.", name, value);
    }
    Box::new(seen)
}

impl Observation {
    fn other(&mut self, prefix: &str, name: &str, value: Seen) {
        if name.len() > TEXT_BYTES_MAX || self.others.len() >= 2 * FIELDS_MAX {
            self.untold += 1;
            return;
        }
        let start = self.keep(prefix).start;
        let range = start..self.keep(name).end;
        // A field counts once per record, however often it is there.
        let known = self
            .others
            .iter()
            .any(|(other, _)| self.text(other) == self.text(&range));
        if !known {
            self.others.push((range, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lose_their_indices() {
        assert_eq!(
            without_indices("items[12].unit_price"),
            "items[].unit_price"
        );
        assert_eq!(without_indices("a[1][2].b"), "a[][].b");
        assert_eq!(without_indices("订单"), "订单");
    }

    #[test]
    fn a_violation_finds_its_field() {
        assert_eq!(EVENT.index("value.currency_code"), Some(3));
        assert_eq!(EVENT.index("items[0].quantity_milli"), Some(4));
        assert_eq!(EVENT.index("message_id"), None);
    }
}
