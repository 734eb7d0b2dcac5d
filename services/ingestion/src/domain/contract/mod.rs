//! A data contract: what the rows of a source look like and which events they mean.
//!
//! Written as Open Data Contract Standard YAML. The standard's `schema` names and types the columns; what the standard
//! has no words for stands in its `customProperties`, under the property `clientele`.

mod alerts;
mod class;
mod clean;
mod condition;
mod constraints;
mod dependencies;
mod duplicates;
mod expression;
mod jdk;
mod masking;
mod node;
mod parse;
mod path;
mod references;
mod rules;
mod schema;
mod sections;
mod shape;
mod sla;
mod standardise;
mod tags;
mod targets;
mod weights;

pub use alerts::Alerts;
pub use class::PersonalClass;
pub use clean::{Clean, Gaps, Outliers, Spelling, Treatment};
pub use condition::{Condition, Test};
pub use constraints::{Constraints, End, Form, Pattern, Range, read_time, read_time_of_day};
pub use dependencies::Dependency;
pub use duplicates::{DuplicateAction, Duplicates};
pub use expression::Expression;
pub use masking::Mask;
pub use parse::parse;
pub use path::{ItemPart, MoneyPart, Path, Step};
pub use rules::{Rule, RuleAction, Term};
pub use standardise::Standardise;
pub use tags::Tagging;
pub use weights::Weights;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use encoding_rs::Encoding;

use super::instant::TimeFormat;
use super::mask::Policies;
use super::observe::Watch;

/// A valid contract.
#[derive(Clone, Debug)]
pub struct Contract {
    /// Hash of the document that it was read from.
    pub digest: [u8; 32],
    /// Id of the contract.
    pub id: String,
    /// Name for people; the id when it has none.
    pub name: String,
    /// Version of the contract.
    pub version: String,
    /// How the file is written.
    pub file: FileShape,
    /// Columns in the order of the schema.
    pub columns: Vec<Column>,
    /// Places of the columns in an event, for sources of events.
    pub paths: Vec<Path>,
    /// When the events happened.
    pub time: TimeRule,
    /// Zone of local times.
    pub zone: Tz,
    /// ISO 4217 code of all amounts.
    pub currency: String,
    /// Decimals of the currency.
    pub currency_decimals: u32,
    /// How long after an event it could be known.
    pub delay: TimeDelta,
    /// Identifiers of the customer: namespace and where the value stands.
    pub identifiers: Vec<(String, IdentifierSource)>,
    /// What makes a row the same as an earlier one.
    pub key: KeyRule,
    /// Event types, the first that fits counts; the last fits always.
    pub types: Vec<TypeRule>,
    /// Value of the event.
    pub value: Option<Expression>,
    /// Lines of the order.
    pub items: Option<ItemRule>,
    /// Properties: name and where the value stands.
    pub properties: Vec<(String, PropertySource)>,
    /// What becomes of personal properties.
    pub policies: Policies,
    /// Which columns settle which others.
    pub dependencies: Vec<Dependency>,
    /// Rules over several columns.
    pub rules: Vec<Rule>,
    /// How old data may be when they come.
    pub freshness: Option<TimeDelta>,
    /// Which records are near duplicates.
    pub duplicates: Option<Duplicates>,
    /// When to raise an alert.
    pub alerts: Alerts,
    /// How the dimensions of quality weigh.
    pub weights: Weights,
    /// What the quality figures observe of its records.
    pub watch: Arc<Watch>,
}

/// How a file is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileShape {
    /// What one record looks like.
    pub format: Format,
    /// Texts that mean that a value is missing.
    pub missing: Vec<String>,
    /// Whether blanks around values do not count.
    pub trim: bool,
    /// Character encoding; detected when absent. Parquet has none.
    pub encoding: Option<&'static Encoding>,
}

/// What one record of a file looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// Cells between delimiters, quoted by RFC 4180 where needed.
    Delimited {
        /// Byte between two cells.
        delimiter: u8,
        /// Whether the first line names the columns.
        header: bool,
    },
    /// Cells between runs of blanks; nothing is quoted.
    Blanks {
        /// Whether the first line names the columns.
        header: bool,
    },
    /// One JSON object per line; a column's name is the path of its field, levels separated by dots.
    Ndjson,
    /// Columns of an Apache Parquet file; every value has the text that it would have in CSV.
    Parquet,
    /// One event of `clientele.common.v1.Event` per line, in protobuf's JSON mapping; there are no columns.
    Events,
}

/// Type of the values of a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogicalType {
    /// Text.
    #[default]
    Text,
    /// A day.
    Date,
    /// A moment.
    Timestamp,
    /// A time of day.
    Time,
    /// A decimal number.
    Number,
    /// A whole number.
    Integer,
    /// `true` or `false`, `1` or `0`, `yes` or `no`.
    Boolean,
    /// All the remaining cells of the row, each a text. Only the last column can be one.
    Array,
}

/// A column of the file, or, for events, a path in them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Column {
    /// Name, as in the header.
    pub name: String,
    /// Type of its values.
    pub logical_type: LogicalType,
    /// Whether a row without a value is at fault.
    pub required: bool,
    /// Whether no two records may have the same value.
    pub unique: bool,
    /// Whether its values may not be repeated in messages.
    pub personal: bool,
    /// What kind of personal data it holds.
    pub class: Option<PersonalClass>,
    /// Unit of measure of its numbers.
    pub unit: Option<String>,
    /// What its values may be, beyond their type.
    pub constraints: Constraints,
    /// How its values are brought to standard forms.
    pub standard: Option<Standardise>,
    /// How gaps are filled and outliers treated.
    pub clean: Option<Clean>,
    /// How its values are masked.
    pub mask: Option<Mask>,
    /// How its texts are tagged.
    pub tags: Option<Tagging>,
}

/// When the events happened.
#[derive(Clone, Debug, PartialEq)]
pub enum TimeRule {
    /// The time stands in a column, in the first format that fits.
    Column {
        /// Index of the column.
        column: usize,
        /// Formats to try.
        formats: Vec<TimeFormat>,
    },
    /// Every event has this time: the file tells none.
    Fixed(DateTime<Utc>),
}

/// Where an identifier stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentifierSource {
    /// In a column, by index.
    Column(usize),
    /// The row knows no customer and stands for one of its own, by its key.
    RowKey,
}

/// What makes a row the same as an earlier one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyRule {
    /// The values of these columns, by index.
    Columns(Vec<usize>),
    /// The content of the row and how many rows of the file had it before; a re-sorted file doubles nothing, and true
    /// repeats survive.
    ContentAndOccurrence,
}

/// An event type and when it applies.
#[derive(Clone, Debug, PartialEq)]
pub struct TypeRule {
    /// When it applies; absent means always.
    pub when: Option<Condition>,
    /// Event name of the Segment specification.
    pub kind: String,
    /// Mark for the rows that it applies to.
    pub mark: Option<String>,
}

/// How a row tells its items.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemRule {
    /// Column of the product's id; for an array column there is one item per element.
    pub product_id: usize,
    /// Column of the product's name.
    pub name: Option<usize>,
    /// Columns of the category path, outermost first.
    pub category: Vec<usize>,
    /// Pieces; one when absent.
    pub quantity: Option<Expression>,
    /// Price of one piece.
    pub unit_price: Option<Expression>,
}

/// Where a property stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PropertySource {
    /// In a column, by index.
    Column(usize),
    /// Every event has this text.
    Text(String),
}

impl Contract {
    /// Returns the index of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// Returns true when values are judged by what they usually look like.
    pub fn cleans(&self) -> bool {
        !self.dependencies.is_empty() || self.columns.iter().any(|it| it.clean.is_some())
    }

    /// Returns true when the last column takes all remaining cells of a row.
    pub fn is_ragged(&self) -> bool {
        self.columns
            .last()
            .is_some_and(|column| column.logical_type == LogicalType::Array)
    }
}
