//! Characters of a file as UTF-8, whatever encoding it is written in.
//!
//! Every encoding that is told apart here writes ASCII as itself, except UTF-16. So a file is passed on as it is until its
//! first byte beyond ASCII; only then a window of it decides, and a file that has none costs nothing. What is decided
//! depends on the file's bytes alone: reading it again decides the same.

use std::io::{self, BufRead, Read};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::fault::Problem;

/// Bytes from the first one beyond ASCII on that decide on an encoding.
const WINDOW_BYTES: usize = 256 * 1024;
/// Bytes at the start of a file that are searched for the zero bytes of UTF-16.
const START_BYTES: usize = 4096;
/// Most text that is decoded at once.
const STEP_BYTES: usize = 64 * 1024;

/// Reads text of any encoding as UTF-8.
///
/// Text that is, or seems to be, UTF-8 is passed on unchecked: whoever takes it apart knows the line and the cell.
pub(super) struct Transcoded {
    source: Box<dyn BufRead + Send>,
    /// Bytes that were taken from the source to decide, and how many of them are done.
    held: Vec<u8>,
    held_at: usize,
    encoding: &'static Encoding,
    told: bool,
    state: State,
    /// Decoded text, and how much of it is consumed.
    text: String,
    text_at: usize,
}

enum State {
    /// Nothing but ASCII so far, and no encoding told.
    Open,
    /// Passed on as it is.
    Plain,
    /// Decoded step by step.
    Decoding(Box<Decoder>),
    /// A problem that comes after the text that is left.
    Broken(String),
    /// Everything is decoded.
    Ended,
}

/// Where the next bytes are.
enum Next {
    Held(usize),
    Source(usize),
    Text,
}

impl Transcoded {
    /// Reads `source`, in an encoding that is told or to be detected. A byte order mark is skipped, and obeyed unless
    /// another encoding is told.
    pub(super) fn new(
        source: Box<dyn BufRead + Send>,
        told: Option<&'static Encoding>,
    ) -> io::Result<Self> {
        let mut new = Self {
            source,
            held: Vec::new(),
            held_at: 0,
            encoding: UTF_8,
            told: told.is_some(),
            state: State::Open,
            text: String::new(),
            text_at: 0,
        };
        new.gather(START_BYTES)?;
        match (Encoding::for_bom(&new.held), told) {
            (Some((marked, length)), told) if told.is_none_or(|told| told == marked) => {
                new.held_at = length;
                new.decide(marked);
            }
            (_, Some(told)) => new.decide(told),
            (_, None) => {
                if let Some(found) = utf16(&new.held) {
                    new.decide(found);
                }
            }
        }
        Ok(new)
    }

    /// Reads what is known to be UTF-8.
    pub(super) fn plain(source: Box<dyn BufRead + Send>) -> Self {
        Self {
            source,
            held: Vec::new(),
            held_at: 0,
            encoding: UTF_8,
            told: true,
            state: State::Plain,
            text: String::new(),
            text_at: 0,
        }
    }

    /// Returns the name of the encoding, by the Encoding Standard; `UTF-8` while nothing but ASCII has come.
    pub(super) fn encoding(&self) -> &'static str {
        self.encoding.name()
    }

    /// Returns the next bytes, all of UTF-8 unless the file only seems to be UTF-8; empty at the end.
    pub(super) fn fill(&mut self) -> io::Result<&[u8]> {
        let next = match self.state {
            State::Open => self.fill_open()?,
            State::Plain => self.fill_plain()?,
            _ => self.fill_text()?,
        };
        match next {
            Next::Held(end) => Ok(&self.held[self.held_at..end]),
            Next::Source(end) => Ok(&self.source.fill_buf()?[..end]),
            Next::Text => Ok(&self.text.as_bytes()[self.text_at..]),
        }
    }

    /// Goes on by `count` of the bytes that [`Self::fill`] returned.
    pub(super) fn consume(&mut self, count: usize) {
        if matches!(self.state, State::Open | State::Plain) {
            if self.held_at < self.held.len() {
                self.held_at += count;
            } else {
                self.source.consume(count);
            }
        } else {
            self.text_at += count;
        }
    }

    /// Passes ASCII on; at the first byte beyond it a window decides.
    fn fill_open(&mut self) -> io::Result<Next> {
        if self.held_at < self.held.len() {
            let left = &self.held[self.held_at..];
            let ascii = Encoding::ascii_valid_up_to(left);
            if ascii > 0 {
                return Ok(Next::Held(self.held_at + ascii));
            }
        } else {
            let buffer = self.source.fill_buf()?;
            let ascii = Encoding::ascii_valid_up_to(buffer);
            if ascii > 0 || buffer.is_empty() {
                return Ok(Next::Source(ascii));
            }
        }
        self.gather(WINDOW_BYTES)?;
        let found = detect(&self.held[self.held_at..]);
        self.decide(found);
        match self.state {
            State::Plain => self.fill_plain(),
            _ => self.fill_text(),
        }
    }

    fn fill_plain(&mut self) -> io::Result<Next> {
        if self.held_at < self.held.len() {
            return Ok(Next::Held(self.held.len()));
        }
        self.held = Vec::new();
        self.held_at = 0;
        Ok(Next::Source(self.source.fill_buf()?.len()))
    }

    /// Decodes more text when all of it is consumed. A problem is told only after the text before it.
    fn fill_text(&mut self) -> io::Result<Next> {
        while self.text_at == self.text.len() {
            if let State::Broken(problem) = &self.state {
                return Err(Problem::error(problem.clone()));
            }
            if !matches!(self.state, State::Decoding(_)) {
                break;
            }
            self.step()?;
        }
        Ok(Next::Text)
    }

    /// Decodes one step.
    fn step(&mut self) -> io::Result<()> {
        let State::Decoding(decoder) = &mut self.state else {
            return Ok(());
        };
        self.text.clear();
        self.text_at = 0;
        self.text.reserve(STEP_BYTES);
        let from_held = self.held_at < self.held.len();
        let bytes = if from_held {
            &self.held[self.held_at..]
        } else {
            self.source.fill_buf()?
        };
        let ended = !from_held && bytes.is_empty();
        let (result, read) =
            decoder.decode_to_string_without_replacement(bytes, &mut self.text, ended);
        let broken = match result {
            DecoderResult::Malformed(bad, after) => {
                let last = read.saturating_sub(usize::from(after));
                let first = last.saturating_sub(usize::from(bad));
                Some(malformed(
                    &bytes[first..last],
                    ended,
                    self.encoding,
                    self.told,
                ))
            }
            _ => None,
        };
        if from_held {
            self.held_at += read;
        } else {
            self.source.consume(read);
        }
        if let Some(problem) = broken {
            self.state = State::Broken(problem);
        } else if ended && result == DecoderResult::InputEmpty {
            self.state = State::Ended;
        }
        Ok(())
    }

    /// Takes bytes from the source until `count` are held that are not done.
    fn gather(&mut self, count: usize) -> io::Result<()> {
        self.held.drain(..self.held_at);
        self.held_at = 0;
        let missing = count.saturating_sub(self.held.len());
        // A read that fails in the middle loses nothing: what came before is held, and the next read fails again.
        match (&mut self.source)
            .take(missing as u64)
            .read_to_end(&mut self.held)
        {
            Err(error) if self.held.is_empty() => Err(error),
            _ => Ok(()),
        }
    }

    fn decide(&mut self, encoding: &'static Encoding) {
        self.encoding = encoding;
        self.state = if encoding == UTF_8 {
            State::Plain
        } else {
            State::Decoding(Box::new(encoding.new_decoder_without_bom_handling()))
        };
    }
}

/// Says which bytes are of no use.
fn malformed(bytes: &[u8], ended: bool, encoding: &'static Encoding, told: bool) -> String {
    let hex: Vec<String> = bytes.iter().map(|byte| format!("0x{byte:02x}")).collect();
    let what = match hex.as_slice() {
        [] if ended => "what the file ends with is".to_owned(),
        [] => "what comes here is".to_owned(),
        [one] => format!("the byte {one} is"),
        many => format!("the bytes {} are", many.join(" ")),
    };
    let (name, how) = (
        encoding.name(),
        if told {
            "that the contract names"
        } else {
            "that was detected; name another in the contract, as in `file: {encoding: gb18030}`"
        },
    );
    format!("{what} not of the encoding {name} {how}")
}

/// Tells UTF-16 without a mark by its zero bytes: text has delimiters and line ends of ASCII, whose other half is zero.
fn utf16(start: &[u8]) -> Option<&'static Encoding> {
    let zeros = |parity: usize| {
        start
            .iter()
            .skip(parity)
            .step_by(2)
            .filter(|byte| **byte == 0)
            .count()
    };
    let (even, odd) = (zeros(0), zeros(1));
    let enough = (start.len() / 64).max(2);
    match (even, odd) {
        (0, odd) if odd >= enough => Some(UTF_16LE),
        (even, 0) if even >= enough => Some(UTF_16BE),
        _ => None,
    }
}

/// Decides on the encoding of text whose first byte is not ASCII.
fn detect(window: &[u8]) -> &'static Encoding {
    let is_utf8 = match std::str::from_utf8(window) {
        Ok(_) => true,
        // The window may end within a character.
        Err(error) => error.error_len().is_none() && window.len() >= WINDOW_BYTES,
    };
    if is_utf8 {
        return UTF_8;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(window, window.len() < WINDOW_BYTES);
    detector.guess(None, Utf8Detection::Deny)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(
        bytes: &[u8],
        told: Option<&'static Encoding>,
    ) -> (String, &'static str, Option<String>) {
        let source = Box::new(io::BufReader::with_capacity(
            7,
            io::Cursor::new(bytes.to_vec()),
        ));
        let mut reader = Transcoded::new(source, told).expect("start");
        let mut all = Vec::new();
        let problem = loop {
            match reader.fill() {
                Ok([]) => break None,
                Ok(bytes) => {
                    let count = bytes.len().min(3);
                    all.extend_from_slice(&bytes[..count]);
                    reader.consume(count);
                }
                Err(error) => break Some(error.to_string()),
            }
        };
        (
            String::from_utf8(all).expect("UTF-8"),
            reader.encoding(),
            problem,
        )
    }

    const CHINESE: &str = "订单日期,客户,金额\n2017-04-27,曾惠,129.70\n2017-06-15,许安,125.44\n";
    const FRENCH: &str = "id,commentaire\n1,très bon café, délai d'attente particulièrement long\n";

    #[track_caller]
    fn check(encoding: &'static Encoding, text: &str) {
        let (bytes, _, lossy) = encoding.encode(text);
        assert!(!lossy);
        let (found, name, problem) = read(&bytes, None);
        assert_eq!((found.as_str(), problem), (text, None), "{name}");
        let told = read(&bytes, Some(encoding));
        assert_eq!((told.0.as_str(), told.1), (text, encoding.name()));
    }

    #[test]
    fn detects_what_companies_write() {
        check(UTF_8, CHINESE);
        check(UTF_8, "a,b\n1,2\n");
        check(encoding_rs::GBK, CHINESE);
        check(encoding_rs::WINDOWS_1252, FRENCH);
        let big5 = "訂單日期,客戶,金額\n2017-04-27,曾惠,129.70\n2017-06-15,許安,退貨原因說明\n";
        check(encoding_rs::BIG5, big5);
    }

    #[test]
    fn reads_utf16_with_and_without_a_mark() {
        for (mark, little) in [(true, true), (true, false), (false, true), (false, false)] {
            let text = format!("{}{CHINESE}", if mark { "\u{feff}" } else { "" });
            let bytes: Vec<u8> = text
                .encode_utf16()
                .flat_map(|unit| {
                    if little {
                        unit.to_le_bytes()
                    } else {
                        unit.to_be_bytes()
                    }
                })
                .collect();
            let (found, name, problem) = read(&bytes, None);
            assert_eq!((found.as_str(), problem), (CHINESE, None));
            assert_eq!(name, if little { "UTF-16LE" } else { "UTF-16BE" });
        }
    }

    #[test]
    fn tells_what_cannot_be_read_after_the_text_before_it() {
        let (text, name, problem) = read(b"a,b\n1,\x81\x39x\n", Some(encoding_rs::SHIFT_JIS));
        assert_eq!((text.as_str(), name), ("a,b\n1,", "Shift_JIS"));
        assert_eq!(
            problem.as_deref(),
            Some("the byte 0x81 is not of the encoding Shift_JIS that the contract names")
        );
    }

    #[test]
    fn skips_a_mark_of_utf8() {
        assert_eq!(read(b"\xef\xbb\xbfa\n", None).0, "a\n");
        assert_eq!(read(b"\xef\xbb\xbfa\n", Some(UTF_8)).0, "a\n");
        assert_eq!(read(b"", None), (String::new(), "UTF-8", None));
    }
}
