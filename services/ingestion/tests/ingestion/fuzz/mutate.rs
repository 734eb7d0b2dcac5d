//! Changes inputs at random, always in the same way for the same seed.

/// Numbers from a seed (Steele, Lea and Flood, SplitMix64).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `bound`, 0 when the bound is.
    pub fn below(&mut self, bound: usize) -> usize {
        match bound {
            0 => 0,
            bound => (self.next() % bound as u64) as usize,
        }
    }
}

/// Pieces that parsers stumble over.
const PIECES: [&[u8]; 40] = [
    b"\"",
    b"\"\"",
    b",",
    b";",
    b"\n",
    b"\r\n",
    b"\r",
    b"\0",
    b"\t",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b"\\ud800",
    b"\\u0000",
    b"NaN",
    b"1e999",
    b"-1e-999",
    b"99999999999999999999999999999999999999",
    b"0001-01-01",
    b"9999-12-31",
    b"\xff\xfe",
    b"\xfe\xff",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"\x81\x30\x81\x30",
    b"\xe9",
    b"\xe5\xae\xa2",
    b"# guess",
    b"- ",
    b"&a",
    b"*a",
    b"!!",
    b"---\n",
    b"? ",
    b"<<: ",
    b"null",
    b"$row",
    b"column_1",
];

/// Returns a changed input; `other` is one that pieces are taken from.
pub fn mutated(input: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=random.below(8) {
        let at = random.below(bytes.len() + 1);
        match random.below(9) {
            0 if !bytes.is_empty() => {
                let at = at.min(bytes.len() - 1);
                bytes[at] ^= 1 << random.below(8);
            }
            1 if !bytes.is_empty() => {
                let at = at.min(bytes.len() - 1);
                bytes[at] = random.next() as u8;
            }
            2 => {
                let end = (at + random.below(16)).min(bytes.len());
                bytes.drain(at..end);
            }
            3 | 4 => {
                let piece = PIECES[random.below(PIECES.len())];
                bytes.splice(at..at, piece.iter().copied());
            }
            5 => {
                let end = (at + random.below(64)).min(bytes.len());
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            6 => {
                let from = random.below(other.len());
                let piece = &other[from..(from + random.below(64)).min(other.len())];
                bytes.splice(at..at, piece.iter().copied());
            }
            7 => bytes.truncate(at),
            _ => {
                // Lengths and counts, in either byte order.
                let number = [0_u32, 1, 0x7f, 0xff, 0x7fff_ffff, u32::MAX][random.below(6)];
                let number = if random.below(2) == 0 {
                    number.to_le_bytes()
                } else {
                    number.to_be_bytes()
                };
                let end = (at + 4).min(bytes.len());
                bytes.splice(at..end, number);
            }
        }
        bytes.truncate(1 << 16);
    }
    bytes
}
