//! Looks over the headers of a Parquet file before a library is trusted with them: a header that claims more than there
//! is makes libraries reserve memory until the process dies.

use std::io::{self, Read};

/// Deepest nesting of a header.
const DEPTH_MAX: u32 = 24;

/// What a page says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PageSize {
    /// Bytes of the header.
    pub(super) header: u64,
    /// Bytes of the page in the file.
    pub(super) compressed: u64,
    /// Bytes of the page in memory.
    pub(super) plain: u64,
}

/// Checks that nothing in a footer claims more elements or bytes than there are.
pub(super) fn check_footer(bytes: &[u8]) -> Result<(), &'static str> {
    let mut walk = Walk::new(bytes, bytes.len() as u64);
    walk.structure(0, |_, _| {})
        .map_err(|_| "its footer is damaged")
}

/// Reads the sizes from a page's header.
pub(super) fn page_size(reader: impl Read, left: u64) -> io::Result<PageSize> {
    let mut walk = Walk::new(reader, left);
    let mut size = PageSize::default();
    let mut negative = false;
    walk.structure(0, |field, value| {
        let target = match field {
            2 => &mut size.plain,
            3 => &mut size.compressed,
            _ => return,
        };
        match u64::try_from(value) {
            Ok(value) => *target = value,
            Err(_) => negative = true,
        }
    })?;
    size.header = walk.done;
    match negative {
        true => Err(damaged()),
        false => Ok(size),
    }
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a header is damaged")
}

/// Walks over values of Thrift's compact protocol.
struct Walk<R> {
    reader: R,
    done: u64,
    most: u64,
}

impl<R: Read> Walk<R> {
    fn new(reader: R, most: u64) -> Self {
        Self {
            reader,
            done: 0,
            most,
        }
    }

    fn left(&self) -> u64 {
        self.most.saturating_sub(self.done)
    }

    fn byte(&mut self) -> io::Result<u8> {
        if self.left() == 0 {
            return Err(damaged());
        }
        let mut byte = [0];
        self.reader.read_exact(&mut byte)?;
        self.done += 1;
        Ok(byte[0])
    }

    fn varint(&mut self) -> io::Result<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(damaged())
    }

    fn signed(&mut self) -> io::Result<i64> {
        let raw = self.varint()?;
        Ok((raw >> 1) as i64 ^ -((raw & 1) as i64))
    }

    fn skip(&mut self, count: u64) -> io::Result<()> {
        if count > self.left() {
            return Err(damaged());
        }
        let copied = io::copy(&mut self.reader.by_ref().take(count), &mut io::sink())?;
        self.done += copied;
        match copied == count {
            true => Ok(()),
            false => Err(damaged()),
        }
    }

    /// Walks over the fields of a structure and tells its whole numbers.
    fn structure(&mut self, depth: u32, mut tell: impl FnMut(i64, i64)) -> io::Result<()> {
        let mut field = 0_i64;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Ok(());
            }
            field = match head >> 4 {
                0 => self.signed()?,
                step => field + i64::from(step),
            };
            match head & 0x0f {
                4..=6 => {
                    let value = self.signed()?;
                    tell(field, value);
                }
                // A flag's value is its type.
                1 | 2 => {}
                kind => self.value(kind, depth + 1)?,
            }
        }
    }

    fn value(&mut self, kind: u8, depth: u32) -> io::Result<()> {
        if depth > DEPTH_MAX {
            return Err(damaged());
        }
        match kind {
            1..=3 => self.skip(1),
            4..=6 => self.varint().map(|_| ()),
            7 => self.skip(8),
            8 => {
                let length = self.varint()?;
                self.skip(length)
            }
            9 | 10 => {
                let head = self.byte()?;
                let count = match head >> 4 {
                    15 => self.varint()?,
                    short => u64::from(short),
                };
                self.elements(count, &[head & 0x0f], depth)
            }
            11 => match self.varint()? {
                0 => Ok(()),
                count => {
                    let kinds = self.byte()?;
                    self.elements(count, &[kinds >> 4, kinds & 0x0f], depth)
                }
            },
            12 => self.structure(depth, |_, _| {}),
            13 => self.skip(16),
            _ => Err(damaged()),
        }
    }

    fn elements(&mut self, count: u64, kinds: &[u8], depth: u32) -> io::Result<()> {
        // Every element takes a byte at least.
        if count > self.left() {
            return Err(damaged());
        }
        for _ in 0..count {
            for kind in kinds {
                self.value(*kind, depth + 1)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_sizes_of_a_page() {
        // Field 1: kind 0; field 2: 300 plain; field 3: 100 compressed; field 5: a structure; the end.
        let header = [
            0x15, 0x00, 0x15, 0xd8, 0x04, 0x15, 0xc8, 0x01, 0x2c, 0x15, 0x02, 0x00, 0x00, 9, 9,
        ];
        let size = page_size(header.as_slice(), 15).expect("sizes");
        let expected = PageSize {
            header: 13,
            compressed: 100,
            plain: 300,
        };
        assert_eq!(size, expected);
    }

    #[test]
    fn refuses_what_claims_more_than_there_is() {
        // A list of 2^31 structures in three bytes.
        assert!(check_footer(&[0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07, 0x00]).is_err());
        // A text of 2^35 bytes.
        assert!(check_footer(&[0x18, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01, 0x00]).is_err());
        // Lists within lists without end.
        assert!(check_footer(&[0x19; 4000]).is_err());
        assert!(check_footer(&[]).is_err());
        assert!(check_footer(&[0x00]).is_ok());
    }
}
