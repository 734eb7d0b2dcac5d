//! The bytes of a file: decompressed, bounded, and as UTF-8.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use encoding_rs::Encoding;
use flate2::bufread::MultiGzDecoder;

use super::FileFault;
use super::encoding::Transcoded;
use super::fault::Problem;
use super::place::{Place, Source};

const BUFFER_BYTES: usize = 128 * 1024;
/// Largest window that zstd may ask for, as a power of two: 128 MiB.
const ZSTD_WINDOW_LOG: u32 = 27;
/// Decompressed bytes up to which no ratio is judged: a small file of one repeated line is no bomb.
const RATIO_GRACE_BYTES: u64 = 16 << 20;

/// Bounds on decompression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inflation {
    /// Most bytes of a file after decompression.
    pub bytes_max: u64,
    /// Most bytes after decompression for each byte before, beyond the first 16 MiB.
    pub ratio_max: u64,
}

/// How a file is compressed, told by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    Plain,
    /// RFC 1952, one or more members.
    Gzip,
    /// RFC 8878, one or more frames.
    Zstd,
}

impl Compression {
    /// Tells a compression by the first bytes of a file.
    pub fn of(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            // A skippable frame may stand before the first that holds data.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::Plain,
        }
    }

    /// Returns the name, for messages and `csv+gzip`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// Text of a file, decompressed and in UTF-8.
pub(super) struct Input {
    text: Transcoded,
    compression: Compression,
}

/// Counts the bytes that are read from the disk.
struct Counted {
    file: Source,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// Lets no more bytes out of a decompressor than the bounds allow. What failed once fails again.
struct Guarded<R> {
    reader: R,
    bounds: Inflation,
    /// Bytes read from the disk, and bytes let out.
    read: Arc<AtomicU64>,
    out: u64,
    failed: Option<(io::ErrorKind, String, bool)>,
}

impl<R: Read> Guarded<R> {
    /// Says what is wrong with the size reached.
    fn excess(&self) -> Option<String> {
        let Inflation {
            bytes_max,
            ratio_max,
        } = self.bounds;
        if self.out > bytes_max {
            return Some(format!(
                "the file is larger than {bytes_max} bytes after decompression"
            ));
        }
        let fair = self.read.load(Ordering::Relaxed).saturating_mul(ratio_max);
        (self.out > RATIO_GRACE_BYTES.max(fair)).then(|| {
            format!("the file grows to more than {ratio_max} times its size in decompression")
        })
    }
}

impl<R: Read> Read for Guarded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some((kind, text, problem)) = &self.failed {
            return Err(match problem {
                true => Problem::error(text.clone()),
                false => io::Error::new(*kind, text.clone()),
            });
        }
        let result = match self.reader.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Ok(count) => {
                self.out += count as u64;
                match self.excess() {
                    None => return Ok(count),
                    Some(problem) => Err((Problem::error(problem.clone()), problem, true)),
                }
            }
            Err(error) => {
                let text = error.to_string();
                Err((error, text, false))
            }
        };
        result.map_err(|(error, text, problem): (io::Error, String, bool)| {
            self.failed = Some((error.kind(), text, problem));
            error
        })
    }
}

/// Returns a file's bytes after decompression, with how it is compressed. `read` counts the bytes read from the disk.
pub(super) fn decompressed(
    place: &Place,
    name: &str,
    bounds: Inflation,
    read: Arc<AtomicU64>,
) -> Result<(Box<dyn BufRead + Send>, Compression), FileFault> {
    let file = place.open().map_err(|error| unreadable(name, &error))?;
    let mut plain = BufReader::with_capacity(
        BUFFER_BYTES,
        Counted {
            file,
            read: read.clone(),
        },
    );
    let start = plain.fill_buf().map_err(|error| unreadable(name, &error))?;
    let compression = Compression::of(start);
    let reader: Box<dyn Read + Send> = match compression {
        Compression::Plain => return Ok((Box::new(plain), compression)),
        Compression::Gzip => Box::new(MultiGzDecoder::new(plain)),
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(plain)
                .map_err(|error| unreadable(name, &error))?;
            decoder
                .window_log_max(ZSTD_WINDOW_LOG)
                .map_err(|error| unreadable(name, &error))?;
            Box::new(decoder)
        }
    };
    let guarded = Guarded {
        reader,
        bounds,
        read,
        out: 0,
        failed: None,
    };
    Ok((
        Box::new(BufReader::with_capacity(BUFFER_BYTES, guarded)),
        compression,
    ))
}

fn unreadable(name: &str, error: &io::Error) -> FileFault {
    let problem = match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => format!("cannot be read: {error}"),
    };
    FileFault::new(name, 0, 0, problem)
}

impl Input {
    /// Opens a file, in an encoding that is told or to be detected. `read` counts the bytes read from the disk.
    ///
    /// Fails also for what is no text at all, by its first bytes.
    pub(super) fn open(
        place: &Place,
        name: &str,
        told: Option<&'static Encoding>,
        bounds: Inflation,
        read: Arc<AtomicU64>,
    ) -> Result<Self, FileFault> {
        let (mut bytes, compression) = decompressed(place, name, bounds, read)?;
        let first = |error: &io::Error| Self::sentence(compression, name, 1, error);
        let start = bytes.fill_buf().map_err(|error| first(&error))?;
        if let Some(problem) = no_text(start) {
            return Err(FileFault::new(name, 0, 0, problem));
        }
        let text = Transcoded::new(bytes, told).map_err(|error| first(&error))?;
        Ok(Self { text, compression })
    }

    /// Reads bytes that are in memory, as UTF-8.
    pub(super) fn of_bytes(bytes: Vec<u8>) -> Self {
        Self {
            text: Transcoded::plain(Box::new(io::Cursor::new(bytes))),
            compression: Compression::Plain,
        }
    }

    /// Returns the next bytes, empty at the end.
    pub(super) fn fill(&mut self) -> io::Result<&[u8]> {
        self.text.fill()
    }

    /// Returns whether there are no more bytes.
    pub(super) fn is_at_end(&mut self) -> io::Result<bool> {
        Ok(self.fill()?.is_empty())
    }

    /// Goes on by `count` of the bytes that [`Self::fill`] returned.
    pub(super) fn consume(&mut self, count: usize) {
        self.text.consume(count);
    }

    /// Returns the name of the encoding, as far as it is known by what was read.
    pub(super) fn encoding(&self) -> &'static str {
        self.text.encoding()
    }

    /// Returns how the file is compressed.
    pub(super) fn compression(&self) -> Compression {
        self.compression
    }

    /// Says in a sentence why reading failed at a line.
    pub(super) fn fault(&self, name: &str, line: u64, error: &io::Error) -> FileFault {
        Self::sentence(self.compression, name, line, error)
    }

    fn sentence(compression: Compression, name: &str, line: u64, error: &io::Error) -> FileFault {
        let kind = compression.name();
        let problem = match (Problem::of(error), compression) {
            (Some(problem), _) => problem.to_owned(),
            (None, Compression::Plain) => format!("cannot be read: {error}"),
            (None, _) if is_cut(error) => {
                format!("the {kind} data end in the middle: the file was cut off")
            }
            (None, _) => format!("the {kind} data are damaged: {error}"),
        };
        FileFault::new(name, line, 0, problem)
    }
}

/// Returns true when compressed data end too early, whichever library says so.
fn is_cut(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::UnexpectedEof || error.to_string().contains("incomplete frame")
}

/// Says what a file is that is no text.
fn no_text(start: &[u8]) -> Option<&'static str> {
    match start {
        [b'P', b'A', b'R', b'1', 0x15, ..] => {
            Some("this is a Parquet file: say so in the contract, `file: {format: parquet}`")
        }
        [b'P', b'K', 3, 4, ..] => {
            Some("this is a ZIP archive or an Excel workbook: unpack it, or save it as CSV")
        }
        [0xd0, 0xcf, 0x11, 0xe0, ..] => Some("this is an old Excel workbook: save it as CSV"),
        [b'B', b'Z', b'h', b'1'..=b'9', b'1', b'A', b'Y', ..]
        | [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => {
            Some("this compression is not read: use gzip or zstd")
        }
        _ => None,
    }
}
