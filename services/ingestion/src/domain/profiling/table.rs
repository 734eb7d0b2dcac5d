//! Gathers what the rows of a file look like.

use std::collections::{BTreeMap, BTreeSet};

use text::personal::{Detector, Kind as Personal, Names};

use super::column::{ColumnGathered, Repeats, hash_of};
use super::meaning::Meaning;
use super::survey::{self, Survey};

/// Most widths of rows that are told apart.
const WIDTHS_MAX: usize = 1000;
/// Most pairs of columns that are tried as keys.
const PAIRS_MAX: usize = 8;

/// How the file is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableShape {
    /// `csv`, `ndjson`, `events` or `parquet`.
    pub format: &'static str,
    /// `gzip` or `zstd`; empty when it is plain.
    pub compression: &'static str,
    /// Character encoding by the Encoding Standard.
    pub encoding: &'static str,
    /// Whether the contract must name the encoding: it is neither UTF-8 nor told by a mark.
    pub name_encoding: bool,
    /// Delimiter as a contract writes it; empty for forms without one.
    pub delimiter: String,
    /// Whether the first line names the columns.
    pub header: bool,
    /// Whether a row holds any number of values of one kind.
    pub ragged: bool,
}

/// Gathers what the rows of a file look like.
pub struct Table {
    names: Vec<String>,
    columns: Vec<ColumnGathered>,
    pairs: Vec<(usize, usize, Repeats)>,
    rows: u64,
    widths: BTreeMap<usize, u64>,
    detector: Option<Detector>,
    columns_max: usize,
    dropped: bool,
    left_out: BTreeSet<String>,
    broken: u64,
}

impl Table {
    /// Begins with columns, as far as they are known; more may come, up to `columns_max`.
    pub fn new(names: Vec<String>, columns_max: usize) -> Self {
        let pairs = pairs(&names);
        Self {
            columns: vec![ColumnGathered::default(); names.len()],
            names,
            pairs,
            rows: 0,
            widths: BTreeMap::new(),
            detector: Detector::new(&Names::default()).ok(),
            columns_max,
            dropped: false,
            left_out: BTreeSet::new(),
            broken: 0,
        }
    }

    /// Adds a row of cells.
    pub fn add_row(&mut self, cells: &[&str]) {
        self.begin_row(cells.len());
        for (index, cell) in cells.iter().take(self.names.len()).enumerate() {
            self.add(index, cell);
        }
        for (left, right, repeats) in &mut self.pairs {
            if let (Some(left), Some(right)) = (cells.get(*left), cells.get(*right)) {
                repeats.add(hash_of(&format!("{left}\0{right}")));
            }
        }
    }

    /// Adds a row of named values; a name that is new becomes a column.
    pub fn add_named<'v>(&mut self, values: impl IntoIterator<Item = (&'v str, &'v str)>) {
        let mut count = 0;
        for (name, value) in values {
            let index = match self.names.iter().position(|known| known == name) {
                Some(index) => index,
                None if self.names.len() < self.columns_max => {
                    self.names.push(name.to_owned());
                    self.columns.push(ColumnGathered::default());
                    self.names.len() - 1
                }
                None => {
                    self.dropped = true;
                    continue;
                }
            };
            self.add(index, value);
            count += 1;
        }
        self.begin_row(count);
    }

    /// Notes a field that no column can hold.
    pub fn leave_out(&mut self, name: &str) {
        if self.left_out.len() < self.columns_max && !self.left_out.contains(name) {
            self.left_out.insert(name.to_owned());
        }
    }

    /// Counts a row that cannot be read.
    pub fn add_broken(&mut self) {
        self.rows += 1;
        self.broken += 1;
    }

    /// Returns what the rows look like.
    pub fn survey(&self, shape: TableShape) -> Survey {
        let pairs = self
            .pairs
            .iter()
            .filter(|(.., repeats)| !repeats.repeated && !repeats.unsure)
            .map(|(left, right, _)| (*left, *right))
            .collect();
        let columns = self.names.iter().zip(&self.columns).collect::<Vec<_>>();
        let widest = self.widths.iter().max_by_key(|(_, rows)| **rows);
        let usual = widest.map_or(0, |(_, rows)| *rows);
        let odd_rows = match shape.format {
            "csv" if !shape.ragged => self.rows - usual,
            _ => self.broken,
        };
        Survey {
            odd_rows,
            dropped_columns: self.dropped,
            left_out: self.left_out.iter().cloned().collect(),
            ..survey::survey(shape, self.rows, &columns, pairs)
        }
    }

    fn begin_row(&mut self, width: usize) {
        self.rows += 1;
        if self.widths.len() < WIDTHS_MAX || self.widths.contains_key(&width) {
            *self.widths.entry(width).or_default() += 1;
        }
    }

    fn add(&mut self, index: usize, text: &str) {
        let detector = self.detector.as_ref();
        let personal = |text: &str| detector.and_then(|it| personal(it, text));
        self.columns[index].add(text, personal);
    }
}

/// Returns the kind of personal data that a whole value is.
fn personal(detector: &Detector, text: &str) -> Option<&'static str> {
    if text.len() > 400 {
        return None;
    }
    let findings = detector.detect(text);
    let finding = findings
        .iter()
        .find(|finding| finding.place.len() * 10 >= text.len() * 8)?;
    Some(match finding.kind {
        Personal::Email => "email",
        Personal::IdNumber => "id_number",
        Personal::Card => "bank_card",
        Personal::Ip => "ip_address",
        Personal::Phone => "phone",
        Personal::Address => "address",
        Personal::Name => "name",
    })
}

/// Returns pairs of columns that may tell a row together.
fn pairs(names: &[String]) -> Vec<(usize, usize, Repeats)> {
    let told = |wanted: &[Meaning]| -> Vec<usize> {
        let meaning = |(index, name): (usize, &String)| {
            let found = Meaning::of(name)?;
            wanted.contains(&found).then_some(index)
        };
        names.iter().enumerate().filter_map(meaning).collect()
    };
    let owners = told(&[Meaning::Order, Meaning::Customer, Meaning::RowId]);
    let parts = told(&[
        Meaning::Product,
        Meaning::EventTime,
        Meaning::OtherTime,
        Meaning::Line,
    ]);
    let pair = |owner: &usize| {
        parts
            .iter()
            .map(move |part| (*owner, *part, Repeats::default()))
            .collect::<Vec<_>>()
    };
    owners.iter().flat_map(pair).take(PAIRS_MAX).collect()
}
