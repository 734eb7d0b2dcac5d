//! Reads JSON objects, one per line.

use serde_json::Value;

use super::FileFault;
use super::input::Input;

/// Reads lines of bounded length as JSON.
pub(super) struct Lines {
    input: Input,
    name: String,
    line: u64,
    line_bytes_max: usize,
    buffer: Vec<u8>,
}

/// A line of the file.
pub(super) enum Line {
    /// A JSON object.
    Object(Value),
    /// Something else, with what is wrong with it.
    Broken(String),
    /// The end of the file.
    End,
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

    /// Number of the line that was read last, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Bytes of the line that was read last.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer
    }

    /// Reads the next line that is not blank.
    pub(super) fn next(&mut self) -> Result<Line, FileFault> {
        loop {
            let more = self.fill()?;
            let text = match std::str::from_utf8(&self.buffer) {
                Ok(text) => text.trim(),
                Err(error) => {
                    let at = error.valid_up_to();
                    let problem = format!(
                        "the byte 0x{:02x} at position {} is not UTF-8; save the file as UTF-8 (it may be Latin-1)",
                        self.buffer[at],
                        at + 1
                    );
                    return Err(FileFault::new(&self.name, self.line, 0, problem));
                }
            };
            if text.is_empty() {
                if more {
                    continue;
                }
                return Ok(Line::End);
            }
            return Ok(match serde_json::from_str::<Value>(text) {
                Ok(value) if value.is_object() => Line::Object(value),
                Ok(_) => Line::Broken("a JSON object is expected".to_owned()),
                Err(error) => Line::Broken(format!("not JSON at position {}", error.column())),
            });
        }
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
