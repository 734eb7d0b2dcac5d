//! The rows of a file as drafts of events.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use super::columnar::Columnar;
use super::delimited::{Delimited, Record, Separator};
use super::events::event;
use super::input::Input;
use super::lines::{Line, Lines};
use super::place::Place;
use super::spill::Spill;
use super::{FileFault, Limits, header};
use crate::domain::Violation;
use crate::domain::clean::Baseline;
use crate::domain::contract::{Contract, Format};
use crate::domain::draft::Draft;
use crate::domain::keys::Keys;
use crate::domain::lesson::Lesson;
use crate::domain::mapping::Mapper;
use crate::domain::occurrences::Occurrences;

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
    Columnar(Box<Columnar>),
}

impl<'a> Rows<'a> {
    /// Opens a file; `name` is used in messages, `read` counts the bytes read from the disk.
    ///
    /// Fails when it is not there, is empty, or its header is not the contract's.
    pub fn open(
        place: impl Into<Place>,
        name: &str,
        (contract, source, keys): (&'a Contract, &'a str, &'a Keys),
        limits: Limits,
        read: Arc<AtomicU64>,
    ) -> Result<Self, FileFault> {
        let (reader, positions, record) = open(&place.into(), name, contract, &limits, read)?;
        let past = Box::new(Spill::new(&limits.spill));
        Ok(Self {
            name: name.to_owned(),
            contract,
            source,
            keys,
            mapper: Mapper::new(contract, source, keys, positions),
            reader,
            record,
            seen: Occurrences::bounded(limits.held_rows, past),
            limits,
        })
    }

    /// Cleans by a baseline.
    #[must_use]
    pub fn with_baseline(mut self, baseline: Option<&'a Baseline>) -> Self {
        self.mapper = self.mapper.with_baseline(baseline);
        self
    }

    /// Gathers what a baseline is learned from.
    #[must_use]
    pub fn with_lesson(mut self, lesson: Option<&'a Mutex<Lesson>>) -> Self {
        self.mapper = self.mapper.with_lesson(lesson);
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
        if let Some(problem) = self.seen.fault() {
            return Err(FileFault::new(&self.name, 0, 0, problem));
        }
        match &mut self.reader {
            Reader::Columnar(reader) => {
                if !reader.next()? {
                    return Ok(None);
                }
                let cells = reader.cells();
                let line = reader.row();
                Ok(Some((
                    line,
                    self.mapper.draft(&cells, line, &mut self.seen),
                )))
            }
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

    /// Reads the next record and does nothing with it. Returns false at the end of the file.
    pub fn skip_row(&mut self) -> Result<bool, FileFault> {
        match &mut self.reader {
            Reader::Columnar(reader) => reader.next(),
            Reader::Delimited(reader) => {
                let more = reader.next(&mut self.record)?;
                if more {
                    self.record.cells(&self.name)?;
                }
                Ok(more)
            }
            Reader::Lines(reader) => Ok(reader.next()?.is_some()),
        }
    }

    fn next_line(&mut self) -> Result<Option<(u64, Draft)>, FileFault> {
        let Reader::Lines(lines) = &mut self.reader else {
            return Ok(None);
        };
        let Some((line, bytes, read)) = lines.next()? else {
            return Ok(None);
        };
        let draft = match read {
            Line::Object(object) if self.contract.file.format == Format::Events => {
                match object.to_value() {
                    Ok(value) => {
                        let mut violations = Vec::new();
                        let mut event = event(&value, line, &mut violations);
                        event.source = self.source.to_owned();
                        Ok(self.mapper.event(event, violations))
                    }
                    Err(_) => Err("a number is beyond all bounds".to_owned()),
                }
            }
            Line::Object(object) => Ok(self.mapper.object(&object, line, &mut self.seen)),
            Line::Broken(problem) => Err(problem),
        };
        let draft = draft.unwrap_or_else(|problem| {
            let content = self.keys.content([bytes]);
            let text = format!("line {line}: {problem}");
            let violation = Violation::new("", "INVALID_JSON", text);
            self.mapper.unreadable(content, violation, &mut self.seen)
        });
        Ok(Some((line, draft)))
    }

    /// Returns the name of the file's encoding, as far as it is known by the rows that were read; `UTF-8` for Parquet.
    pub fn encoding(&self) -> &'static str {
        match &self.reader {
            Reader::Delimited(reader) => reader.input.encoding(),
            Reader::Lines(reader) => reader.input.encoding(),
            Reader::Columnar(_) => "UTF-8",
        }
    }
}

/// Opens a file as its contract says, and finds where the columns stand.
fn open(
    place: &Place,
    name: &str,
    contract: &Contract,
    limits: &Limits,
    read: Arc<AtomicU64>,
) -> Result<(Reader, Vec<usize>, Record), FileFault> {
    let mut record = Record::default();
    let mut positions: Vec<usize> = (0..contract.columns.len()).collect();
    if contract.file.format == Format::Parquet {
        let reader = Columnar::open(place, name, limits, read)?;
        positions = header::positions(contract, reader.names(), name, 0)?;
        return Ok((Reader::Columnar(Box::new(reader)), positions, record));
    }
    let told = contract.file.encoding;
    let mut input = Input::open(place, name, told, limits.inflation, read)?;
    match input.is_at_end() {
        Ok(false) => {}
        Ok(true) => return Err(FileFault::new(name, 0, 0, "the file is empty")),
        Err(error) => return Err(input.fault(name, 1, &error)),
    }
    let (separator, headed) = match contract.file.format {
        Format::Delimited { delimiter, header } => (Separator::Byte(delimiter), header),
        Format::Blanks { header } => (Separator::Blanks, header),
        Format::Ndjson | Format::Events | Format::Parquet => {
            let lines = Lines::new(input, name.to_owned(), limits.record_bytes);
            return Ok((Reader::Lines(lines), positions, record));
        }
    };
    let mut reader = Delimited::new(input, name.to_owned(), separator, limits.record_bytes);
    if headed {
        reader.next(&mut record)?;
        let cells = record.cells(name)?;
        header::check_width(cells.len(), limits.columns, name)?;
        let names = header::column_names(&cells);
        positions = header::positions(contract, &names, name, record.line)?;
    }
    Ok((Reader::Delimited(reader), positions, record))
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
