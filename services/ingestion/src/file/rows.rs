//! The rows of a file as drafts of events.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::FileFault;
use super::delimited::{Delimited, Record, Separator};
use super::events::event;
use super::input::Input;
use super::lines::{Line, Lines};
use crate::domain::Violation;
use crate::domain::clean::Baseline;
use crate::domain::contract::{Contract, Format};
use crate::domain::draft::Draft;
use crate::domain::keys::Keys;
use crate::domain::mapping::{Mapper, Occurrences};

/// Bounds on what is held in memory.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most bytes of one record.
    pub record_bytes: usize,
    /// Most distinct rows of a file, whose hashes are held to count repeats.
    pub distinct_rows: usize,
}

/// Reads a file row by row.
pub struct Rows<'a> {
    name: String,
    contract: &'a Contract,
    source: &'a str,
    keys: &'a Keys,
    mapper: Mapper<'a>,
    reader: Reader,
    record: Record,
    seen: Occurrences,
    limits: Limits,
}

enum Reader {
    Delimited(Delimited),
    Lines(Lines),
}

impl<'a> Rows<'a> {
    /// Opens a file; `name` is used in messages, `read` counts the bytes read from the disk.
    ///
    /// Fails when it is not there, is empty, or its header is not the contract's.
    pub fn open(
        path: &Path,
        name: &str,
        (contract, source, keys): (&'a Contract, &'a str, &'a Keys),
        limits: Limits,
        read: Arc<AtomicU64>,
    ) -> Result<Self, FileFault> {
        let mut input = Input::open(path, name, read)?;
        match input.is_at_end() {
            Ok(false) => {}
            Ok(true) => return Err(FileFault::new(name, 0, 0, "the file is empty")),
            Err(error) => return Err(input.fault(name, 1, &error)),
        }
        let mut record = Record::default();
        let mut positions: Vec<usize> = (0..contract.columns.len()).collect();
        let (separator, header) = match contract.file.format {
            Format::Delimited { delimiter, header } => (Some(Separator::Byte(delimiter)), header),
            Format::Blanks { header } => (Some(Separator::Blanks), header),
            Format::Ndjson | Format::Events => (None, false),
        };
        let reader = match separator {
            None => Reader::Lines(Lines::new(input, name.to_owned(), limits.record_bytes)),
            Some(separator) => {
                let mut reader =
                    Delimited::new(input, name.to_owned(), separator, limits.record_bytes);
                if header {
                    reader.next(&mut record)?;
                    positions = header_positions(contract, &record, name)?;
                }
                Reader::Delimited(reader)
            }
        };
        Ok(Self {
            name: name.to_owned(),
            contract,
            source,
            keys,
            mapper: Mapper::new(contract, source, keys, positions),
            reader,
            record,
            seen: Occurrences::default(),
            limits,
        })
    }

    /// Cleans by a baseline.
    #[must_use]
    pub fn with_baseline(mut self, baseline: Option<&'a Baseline>) -> Self {
        self.mapper = self.mapper.with_baseline(baseline);
        self
    }

    /// Reads the next row, with the line that it begins on. Returns `None` at the end of the file.
    pub fn read_row(&mut self) -> Result<Option<(u64, Draft)>, FileFault> {
        if self.seen.distinct() > self.limits.distinct_rows {
            let problem = format!(
                "more than {} distinct rows; split it",
                self.limits.distinct_rows
            );
            return Err(FileFault::new(&self.name, 0, 0, problem));
        }
        match &mut self.reader {
            Reader::Delimited(reader) => {
                if !reader.next(&mut self.record)? {
                    return Ok(None);
                }
                let cells = self.record.cells(&self.name)?;
                let line = self.record.line;
                Ok(Some((
                    line,
                    self.mapper.draft(&cells, line, &mut self.seen),
                )))
            }
            Reader::Lines(_) => self.next_line(),
        }
    }

    fn next_line(&mut self) -> Result<Option<(u64, Draft)>, FileFault> {
        let Reader::Lines(lines) = &mut self.reader else {
            return Ok(None);
        };
        let read = lines.next()?;
        let line = lines.line();
        let draft = match read {
            Line::End => return Ok(None),
            Line::Broken(problem) => {
                let content = self.keys.content([lines.bytes()]);
                let text = format!("line {line}: {problem}");
                let violation = Violation::new("", "INVALID_JSON", text);
                self.mapper.unreadable(content, violation, &mut self.seen)
            }
            Line::Object(object) if self.contract.file.format == Format::Events => {
                let mut violations = Vec::new();
                let mut event = event(&object, line, &mut violations);
                event.source = self.source.to_owned();
                self.mapper.event(event, violations)
            }
            Line::Object(object) => self.mapper.object(&object, line, &mut self.seen),
        };
        Ok(Some((line, draft)))
    }
}

/// Finds where each column stands; the order is free, but none may be missing or unknown.
fn header_positions(
    contract: &Contract,
    header: &Record,
    file: &str,
) -> Result<Vec<usize>, FileFault> {
    let names: Vec<&str> = header.cells(file)?.into_iter().map(str::trim).collect();
    let missing: Vec<&str> = contract
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .filter(|name| !names.contains(name))
        .collect();
    let unknown = |(index, name): (usize, &&str)| {
        contract
            .column(name)
            .is_none()
            .then(|| (index + 1, (*name).to_owned()))
    };
    let unknown: Vec<(usize, String)> = names.iter().enumerate().filter_map(unknown).collect();
    if missing.is_empty() && unknown.is_empty() && names.len() == contract.columns.len() {
        let position = |name: &str| {
            names
                .iter()
                .position(|known| *known == name)
                .unwrap_or_default()
        };
        return Ok(contract
            .columns
            .iter()
            .map(|column| position(&column.name))
            .collect());
    }
    let mut problem = format!("the header does not fit the contract `{}`:", contract.id);
    if !missing.is_empty() {
        problem.push_str(&format!(" missing {}", quoted(missing.iter().copied())));
    }
    if !unknown.is_empty() {
        let comma = if missing.is_empty() { "" } else { "," };
        problem.push_str(&format!(
            "{comma} not expected {}",
            quoted(unknown.iter().map(|(_, name)| name.as_str()))
        ));
    }
    if missing.is_empty() && unknown.is_empty() {
        problem.push_str(" a column is named twice");
    }
    let column = unknown.first().map_or(0, |(index, _)| *index as u64);
    Err(FileFault::new(file, header.line, column, problem))
}

fn quoted<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let short = |name: &str| format!("`{}`", name.chars().take(40).collect::<String>());
    let all: Vec<String> = names.map(short).collect();
    if all.len() > 8 {
        format!("{} and {} more", all[..8].join(", "), all.len() - 8)
    } else {
        all.join(", ")
    }
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
