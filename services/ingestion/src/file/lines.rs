//! Reads JSON objects, one per line.

use super::FileFault;
use super::input::Input;
use crate::domain::json::{self, Json};

/// Reads lines of bounded length as JSON.
pub(super) struct Lines {
    pub(super) input: Input,
    name: String,
    line: u64,
    line_bytes_max: usize,
    buffer: Vec<u8>,
}

/// A line of the file.
pub(super) enum Line<'l> {
    /// A JSON object.
    Object(Json<'l>),
    /// Something else, with what is wrong with it.
    Broken(String),
}

impl Lines {
    pub(super) fn new(input: Input, name: String, line_bytes_max: usize) -> Self {
        Self {
            input,
            name,
            line: 0,
            line_bytes_max,
            buffer: Vec::new(),
        }
    }

    /// Reads the next line that is not blank, with its number from 1 and its bytes. Returns `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<(u64, &[u8], Line<'_>)>, FileFault> {
        loop {
            let more = self.fill()?;
            if !self.buffer.trim_ascii().is_empty() {
                break;
            }
            if !more {
                return Ok(None);
            }
        }
        let text = match std::str::from_utf8(&self.buffer) {
            Ok(text) => text.trim(),
            Err(error) => {
                let at = error.valid_up_to();
                let problem = format!(
                    "the byte 0x{:02x} at position {} is not UTF-8; name the file's encoding in the contract, as in `file: {{encoding: windows-1252}}`",
                    self.buffer[at],
                    at + 1
                );
                return Err(FileFault::new(&self.name, self.line, 0, problem));
            }
        };
        let line = match json::parse(text) {
            Ok(object @ Json::Object(_)) => Line::Object(object),
            Ok(_) => Line::Broken("a JSON object is expected".to_owned()),
            Err(fault) => Line::Broken(fault.to_string()),
        };
        Ok(Some((self.line, &self.buffer, line)))
    }

    /// Fills the buffer with the next line. Returns false when the input ended.
    fn fill(&mut self) -> Result<bool, FileFault> {
        self.buffer.clear();
        self.line += 1;
        loop {
            let chunk = match self.input.fill() {
                Ok(chunk) => chunk,
                Err(error) => return Err(self.input.fault(&self.name, self.line, &error)),
            };
            if chunk.is_empty() {
                return Ok(false);
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let take = end.unwrap_or(chunk.len());
            if self.buffer.len() + take > self.line_bytes_max {
                let problem = format!("the line is longer than {} bytes", self.line_bytes_max);
                return Err(FileFault::new(&self.name, self.line, 0, problem));
            }
            self.buffer.extend_from_slice(&chunk[..take]);
            self.input.consume(end.map_or(take, |end| end + 1));
            if end.is_some() {
                return Ok(true);
            }
        }
    }
}
