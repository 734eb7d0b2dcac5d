//! Takes delimited text apart into records of cells.

use super::FileFault;
use super::input::Input;

/// A record: its cells one after the other.
#[derive(Debug, Default)]
pub(super) struct Record {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// Line that it begins on, from 1.
    pub(super) line: u64,
}

impl Record {
    fn clear(&mut self, line: u64) {
        self.bytes.clear();
        self.ends.clear();
        self.line = line;
    }

    fn end_cell(&mut self) {
        self.ends.push(self.bytes.len());
    }

    fn is_blank(&self) -> bool {
        self.bytes.is_empty() && self.ends.len() <= 1
    }

    /// Returns the cells as text; fails on the first cell that is not UTF-8.
    pub(super) fn cells(&self, name: &str) -> Result<Vec<&str>, FileFault> {
        let mut cells = Vec::with_capacity(self.ends.len());
        let mut start = 0;
        for (index, &end) in self.ends.iter().enumerate() {
            let cell = std::str::from_utf8(&self.bytes[start..end]).map_err(|error| {
                let byte = self.bytes[start + error.valid_up_to()];
                let problem = format!(
                    "the byte 0x{byte:02x} is not UTF-8; name the file's encoding in the contract, as in `file: {{encoding: windows-1252}}`"
                );
                FileFault::new(name, self.line, index as u64 + 1, problem)
            })?;
            cells.push(cell);
            start = end;
        }
        Ok(cells)
    }
}

/// How cells are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Separator {
    /// By this byte; cells may be quoted.
    Byte(u8),
    /// By runs of blanks.
    Blanks,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    CellStart,
    Plain,
    Quoted,
    QuoteInQuoted,
}

/// Reads records of delimited text.
pub(super) struct Delimited {
    pub(super) input: Input,
    pub(super) name: String,
    separator: Separator,
    record_bytes_max: usize,
    line: u64,
}

impl Delimited {
    pub(super) fn new(
        input: Input,
        name: String,
        separator: Separator,
        record_bytes_max: usize,
    ) -> Self {
        Self {
            input,
            name,
            separator,
            record_bytes_max,
            line: 1,
        }
    }

    /// Reads the next record that is not blank. Returns false at the end.
    pub(super) fn next(&mut self, record: &mut Record) -> Result<bool, FileFault> {
        loop {
            record.clear(self.line);
            let more = self.fill(record)?;
            if !record.is_blank() {
                return Ok(true);
            }
            if !more {
                return Ok(false);
            }
        }
    }

    /// Fills the record up to the end of its line. Returns false when the input ended.
    fn fill(&mut self, record: &mut Record) -> Result<bool, FileFault> {
        let mut state = State::CellStart;
        loop {
            let chunk = match self.input.fill() {
                Ok(chunk) => chunk,
                Err(error) => return Err(self.input.fault(&self.name, self.line, &error)),
            };
            if chunk.is_empty() {
                return self.finish(record, state);
            }
            let mut used = 0;
            let mut ended = false;
            while used < chunk.len() && !ended {
                let byte = chunk[used];
                used += 1;
                if byte == b'\n' {
                    self.line += 1;
                }
                state = step(self.separator, state, byte, record, &mut ended);
                if record.bytes.len() > self.record_bytes_max {
                    let problem =
                        format!("the record is longer than {} bytes", self.record_bytes_max);
                    return Err(FileFault::new(
                        &self.name,
                        record.line,
                        record.ends.len() as u64 + 1,
                        problem,
                    ));
                }
            }
            self.input.consume(used);
            if ended {
                return Ok(true);
            }
        }
    }

    fn finish(&self, record: &mut Record, state: State) -> Result<bool, FileFault> {
        if state == State::Quoted {
            let problem = "a quotation mark is opened and never closed";
            return Err(FileFault::new(
                &self.name,
                record.line,
                record.ends.len() as u64 + 1,
                problem,
            ));
        }
        if state != State::CellStart
            || (self.separator != Separator::Blanks && !record.ends.is_empty())
        {
            record.end_cell();
        }
        Ok(false)
    }
}

/// Takes one byte.
fn step(
    separator: Separator,
    state: State,
    byte: u8,
    record: &mut Record,
    ended: &mut bool,
) -> State {
    if separator == Separator::Blanks {
        return step_blanks(state, byte, record, ended);
    }
    let is_separator = separator == Separator::Byte(byte);
    match (state, byte) {
        (State::Quoted, b'"') => State::QuoteInQuoted,
        (State::Quoted, _) => {
            record.bytes.push(byte);
            State::Quoted
        }
        (State::QuoteInQuoted, b'"') => {
            record.bytes.push(b'"');
            State::Quoted
        }
        (State::CellStart, b'"') => State::Quoted,
        (_, b'\n') => {
            // Unquoted lines may end with a carriage return too.
            let start = record.ends.last().copied().unwrap_or(0);
            if state == State::Plain
                && record.bytes.len() > start
                && record.bytes.last() == Some(&b'\r')
            {
                record.bytes.pop();
            }
            record.end_cell();
            *ended = true;
            State::CellStart
        }
        (State::QuoteInQuoted, b'\r') => State::QuoteInQuoted,
        _ if is_separator => {
            record.end_cell();
            State::CellStart
        }
        _ => {
            record.bytes.push(byte);
            State::Plain
        }
    }
}

fn step_blanks(state: State, byte: u8, record: &mut Record, ended: &mut bool) -> State {
    match byte {
        b' ' | b'\t' | b'\r' | b'\n' => {
            if state == State::Plain {
                record.end_cell();
            }
            *ended = byte == b'\n';
            State::CellStart
        }
        _ => {
            record.bytes.push(byte);
            State::Plain
        }
    }
}
