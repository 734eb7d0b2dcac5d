//! Why a file cannot be read on.

use std::fmt;
use std::io;

/// Why a file cannot be read on; names the file, the line and the column where there are such.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFault {
    /// Name of the file, as its owner knows it.
    pub file: String,
    /// Line, from 1; 0 when it is not about a line.
    pub line: u64,
    /// Column: the number of the cell, from 1; 0 when it is not about a cell.
    pub column: u64,
    /// What is wrong, one sentence.
    pub problem: String,
}

impl FileFault {
    /// Says what is wrong at a place of a file.
    pub fn new(file: &str, line: u64, column: u64, problem: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line,
            column,
            problem: problem.into(),
        }
    }
}

impl fmt::Display for FileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if self.line > 0 {
            write!(f, ": line {}", self.line)?;
        }
        if self.column > 0 {
            write!(f, ", column {}", self.column)?;
        }
        write!(f, ": {}", self.problem)
    }
}

impl std::error::Error for FileFault {}

impl runtime::fault::Fault for FileFault {
    fn code(&self) -> tonic::Code {
        tonic::Code::InvalidArgument
    }

    fn reason(&self) -> &'static str {
        "FILE_MALFORMED"
    }

    fn metadata(&self) -> Vec<(String, String)> {
        let place = [("line", self.line), ("column", self.column)];
        let place = place.into_iter().filter(|(_, number)| *number > 0);
        let place = place.map(|(name, number)| (name.to_owned(), number.to_string()));
        std::iter::once(("file".to_owned(), self.file.clone()))
            .chain(place)
            .collect()
    }
}

/// A problem with the content of a file that a reader of bytes finds, said in a sentence.
#[derive(Clone, Debug)]
pub(super) struct Problem(String);

impl Problem {
    /// Returns the problem as an error of reading.
    pub(super) fn error(sentence: impl Into<String>) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, Self(sentence.into()))
    }

    /// Returns the sentence, when an error of reading is such a problem.
    pub(super) fn of(error: &io::Error) -> Option<&str> {
        let problem = error.get_ref()?.downcast_ref::<Self>()?;
        Some(&problem.0)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Problem {}
