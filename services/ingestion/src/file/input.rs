//! The bytes of a file, decompressed where needed.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

use super::FileFault;

const BUFFER_BYTES: usize = 128 * 1024;

/// Bytes of a file after decompression.
pub(super) struct Input {
    reader: Box<dyn BufRead + Send>,
    compressed: bool,
}

/// Counts the bytes that are read from the disk.
struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

impl Input {
    /// Opens a file; whether it is gzip is told by its first bytes. `read` counts the bytes read from the disk.
    pub(super) fn open(path: &Path, name: &str, read: Arc<AtomicU64>) -> Result<Self, FileFault> {
        let fault = |error: &io::Error| {
            let problem = match error.kind() {
                io::ErrorKind::NotFound => "there is no such file".to_owned(),
                _ => format!("cannot be read: {error}"),
            };
            FileFault::new(name, 0, 0, problem)
        };
        let file = File::open(path).map_err(|error| fault(&error))?;
        let mut plain = BufReader::with_capacity(BUFFER_BYTES, Counted { file, read });
        let start = plain.fill_buf().map_err(|error| fault(&error))?;
        let compressed = start.starts_with(&[0x1f, 0x8b]);
        let reader: Box<dyn BufRead + Send> = if compressed {
            Box::new(BufReader::with_capacity(
                BUFFER_BYTES,
                MultiGzDecoder::new(plain),
            ))
        } else {
            Box::new(plain)
        };
        let mut input = Self { reader, compressed };
        match input.starts_with(b"\xef\xbb\xbf") {
            Ok(true) => input.consume(3),
            Ok(false) => {}
            Err(error) => return Err(input.fault(name, 1, &error)),
        }
        Ok(input)
    }

    /// Returns the next bytes, empty at the end.
    pub(super) fn fill(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    /// Returns whether the next bytes are these.
    fn starts_with(&mut self, bytes: &[u8]) -> io::Result<bool> {
        Ok(self.fill()?.starts_with(bytes))
    }

    /// Returns whether there are no more bytes.
    pub(super) fn is_at_end(&mut self) -> io::Result<bool> {
        Ok(self.fill()?.is_empty())
    }

    /// Goes on by `count` of the bytes that [`Self::fill`] returned.
    pub(super) fn consume(&mut self, count: usize) {
        self.reader.consume(count);
    }

    /// Says in a sentence why reading failed at a line.
    pub(super) fn fault(&self, name: &str, line: u64, error: &io::Error) -> FileFault {
        let problem = match error.kind() {
            io::ErrorKind::UnexpectedEof if self.compressed => {
                "the gzip data end in the middle: the file was cut off".to_owned()
            }
            _ if self.compressed => format!("the gzip data are damaged: {error}"),
            _ => format!("cannot be read: {error}"),
        };
        FileFault::new(name, line, 0, problem)
    }
}
