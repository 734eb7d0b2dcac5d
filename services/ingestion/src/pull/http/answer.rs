//! The body of an answer, within bounds.

use std::io::Write;

use flate2::write::MultiGzDecoder;

use crate::pull::PullFault;

/// Reads a body piece by piece.
pub(super) struct Body {
    received: usize,
    bytes_max: usize,
    ratio_max: usize,
    sink: Sink,
}

#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
enum Sink {
    Plain(Bounded),
    Gzip(MultiGzDecoder<Bounded>),
}

/// Takes at most so many bytes.
struct Bounded {
    bytes: Vec<u8>,
    most: usize,
}

impl Write for Bounded {
    fn write(&mut self, piece: &[u8]) -> std::io::Result<usize> {
        if self.bytes.len() + piece.len() > self.most {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        self.bytes.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Body {
    /// Reads a body that is packed as `Content-Encoding` says.
    pub(super) fn new(
        encoding: &str,
        bytes_max: usize,
        ratio_max: usize,
    ) -> Result<Self, PullFault> {
        let bounded = Bounded {
            bytes: Vec::new(),
            most: bytes_max,
        };
        let sink = match encoding {
            "" | "identity" => Sink::Plain(bounded),
            "gzip" | "x-gzip" => Sink::Gzip(MultiGzDecoder::new(bounded)),
            _ => {
                let problem = "the answer is packed in a way that was not asked for";
                return Err(PullFault::wrong(problem));
            }
        };
        Ok(Self {
            received: 0,
            bytes_max,
            ratio_max,
            sink,
        })
    }

    /// Adds a piece as it came.
    pub(super) fn add(&mut self, piece: &[u8]) -> Result<(), PullFault> {
        self.received += piece.len();
        let (written, unpacked) = match &mut self.sink {
            Sink::Plain(sink) => (sink.write_all(piece), 0),
            Sink::Gzip(sink) => (sink.write_all(piece), sink.get_ref().bytes.len()),
        };
        if let Err(error) = written {
            return Err(self.refusal(&error));
        }
        // A small answer may be packed very well by chance.
        if unpacked > self.ratio_max.saturating_mul(self.received.max(4096)) {
            let most = self.ratio_max;
            return Err(PullFault::wrong(format!(
                "the answer grows to more than {most} times its size when it is unpacked"
            )));
        }
        Ok(())
    }

    /// Returns all bytes, unpacked.
    pub(super) fn finish(self) -> Result<Vec<u8>, PullFault> {
        match self.sink {
            Sink::Plain(sink) => Ok(sink.bytes),
            Sink::Gzip(sink) => match sink.finish() {
                Ok(sink) => Ok(sink.bytes),
                Err(_) => Err(PullFault::away("the answer is no whole gzip stream")),
            },
        }
    }

    fn refusal(&self, error: &std::io::Error) -> PullFault {
        match error.kind() {
            std::io::ErrorKind::StorageFull => {
                PullFault::wrong(format!("the answer has more than {} bytes", self.bytes_max))
            }
            _ => PullFault::away("the answer is no whole gzip stream"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).expect("write");
        encoder.finish().expect("finish")
    }

    fn read(encoding: &str, bytes: &[u8], most: usize) -> Result<Vec<u8>, PullFault> {
        let mut body = Body::new(encoding, most, 100)?;
        for piece in bytes.chunks(1000) {
            body.add(piece)?;
        }
        body.finish()
    }

    #[test]
    fn bodies_keep_their_bounds() {
        let text = b"{\"a\":1}".repeat(100);
        assert_eq!(read("", &text, 1000).expect("read"), text);
        assert_eq!(read("gzip", &packed(&text), 1000).expect("read"), text);
        assert!(read("", &text, 100).is_err());
        assert!(read("gzip", &packed(&text), 100).is_err());
        assert!(read("br", &text, 1000).is_err());
        assert!(read("gzip", &packed(&text)[..20], 1000).is_err());
        assert!(read("gzip", b"not gzip at all", 1000).is_err());
    }

    #[test]
    fn a_bomb_is_told_by_how_it_grows() {
        let bomb = packed(&vec![0; 50 << 20]);
        let fault = read("gzip", &bomb, 100 << 20).unwrap_err();
        assert!(fault.to_string().contains("100 times"), "{fault}");
    }
}
