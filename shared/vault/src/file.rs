//! Sealed files: AES-256-GCM-SIV over pieces of 64 KiB, so that they are written as a stream and read from anywhere.
//!
//! A header of 40 bytes (mark, key, salt) is followed by the pieces, each with its tag. Every file has a key of its own, derived
//! from the ring's key and the salt, which must be new for every file. A piece's nonce is its number and whether it is the last,
//! so that pieces cannot be moved, left out or cut off unnoticed.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use aes_gcm_siv::aead::{Aead, KeyInit, Payload};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use zeroize::Zeroize;

use crate::ring::KeyRing;
use crate::secret::{KeyId, Secret};

/// How sealed files begin.
const MARK: &[u8; 8] = b"\x89CLSEAL\x01";
/// Bytes of the header: mark, key's name padded with zeros, salt.
const HEADER_BYTES: usize = 40;
/// Plain bytes of a piece.
const PIECE_BYTES: usize = 64 * 1024;
/// Bytes that sealing adds to a piece.
const TAG_BYTES: usize = 16;

/// Seals a stream of bytes.
pub struct Sealer {
    cipher: Aes256GcmSiv,
    header: [u8; HEADER_BYTES],
    held: Vec<u8>,
    number: u32,
    begun: bool,
}

impl Sealer {
    /// Begins a file under the active key. `salt` must never be used for another file.
    pub fn new(ring: &KeyRing, salt: [u8; 16]) -> Self {
        let (id, secret) = ring.active_key();
        let mut header = [0; HEADER_BYTES];
        header[..8].copy_from_slice(MARK);
        let name = id.to_string();
        header[8..8 + name.len()].copy_from_slice(name.as_bytes());
        header[24..].copy_from_slice(&salt);
        Self {
            cipher: cipher(secret, &salt),
            header,
            held: Vec::with_capacity(PIECE_BYTES),
            number: 0,
            begun: false,
        }
    }

    /// Takes bytes, and adds what is sealed of them to `out`.
    pub fn push(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        while !bytes.is_empty() {
            // A full piece waits until it is known not to be the last.
            if self.held.len() == PIECE_BYTES {
                self.seal(false, out)?;
            }
            let (now, later) = bytes.split_at(bytes.len().min(PIECE_BYTES - self.held.len()));
            self.held.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    /// Adds the end of the file to `out`.
    pub fn finish(mut self, out: &mut Vec<u8>) -> io::Result<()> {
        self.seal(true, out)
    }

    fn seal(&mut self, last: bool, out: &mut Vec<u8>) -> io::Result<()> {
        if !std::mem::replace(&mut self.begun, true) {
            out.extend_from_slice(&self.header);
        }
        let payload = Payload {
            msg: &self.held,
            aad: &self.header,
        };
        let sealed = self
            .cipher
            .encrypt(&nonce(self.number, last), payload)
            .map_err(|_| io::Error::other("a piece cannot be sealed"))?;
        out.extend_from_slice(&sealed);
        self.held.zeroize();
        self.number = self
            .number
            .checked_add(1)
            .ok_or_else(|| io::Error::other("the file is too large to be sealed"))?;
        Ok(())
    }
}

impl Drop for Sealer {
    fn drop(&mut self) {
        self.held.zeroize();
    }
}

/// A sealed file, read in the clear from anywhere. Clones read side by side, each from its own place.
#[derive(Clone)]
pub struct SealedFile {
    file: Arc<Mutex<File>>,
    cipher: Aes256GcmSiv,
    header: [u8; HEADER_BYTES],
    length: u64,
    position: u64,
    /// The piece read last, and its number.
    piece: Vec<u8>,
    number: Option<u32>,
}

impl SealedFile {
    /// Opens a sealed file. Fails with `InvalidData` when it is none, or its key is not in the ring.
    pub fn open(path: &Path, ring: &KeyRing) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut header = [0; HEADER_BYTES];
        file.read_exact(&mut header)
            .map_err(|_| damaged("it is too short"))?;
        if !header.starts_with(MARK) {
            return Err(damaged("it does not begin as one"));
        }
        let name = header[8..24].split(|byte| *byte == 0).next();
        let id: KeyId = name
            .and_then(|name| std::str::from_utf8(name).ok())
            .and_then(|name| name.parse().ok())
            .ok_or_else(|| damaged("it names no key"))?;
        let secret = ring
            .secret(id)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let mut salt = [0; 16];
        salt.copy_from_slice(&header[24..]);
        let body = file.metadata()?.len() - HEADER_BYTES as u64;
        let whole = (PIECE_BYTES + TAG_BYTES) as u64;
        let rest = body % whole;
        if body == 0 || (rest > 0 && rest < TAG_BYTES as u64) {
            return Err(damaged("it was cut off"));
        }
        let mut sealed = Self {
            cipher: cipher(secret, &salt),
            file: Arc::new(Mutex::new(file)),
            header,
            length: body - body.div_ceil(whole) * TAG_BYTES as u64,
            position: 0,
            piece: Vec::new(),
            number: None,
        };
        // Whether it was cut off shows in its last piece.
        sealed.load(sealed.last())?;
        Ok(sealed)
    }

    /// Returns the plain bytes of the file.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Returns whether the file has no bytes.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Returns the number of the last piece.
    fn last(&self) -> u32 {
        (self.length.saturating_sub(1) / PIECE_BYTES as u64) as u32
    }

    fn load(&mut self, number: u32) -> io::Result<()> {
        if self.number == Some(number) {
            return Ok(());
        }
        let last = number == self.last();
        let begin = u64::from(number) * PIECE_BYTES as u64;
        let plain = (self.length - begin).min(PIECE_BYTES as u64) as usize;
        let mut sealed = vec![0; plain + TAG_BYTES];
        let place = HEADER_BYTES as u64 + u64::from(number) * (PIECE_BYTES + TAG_BYTES) as u64;
        {
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start(place))?;
            file.read_exact(&mut sealed)?;
        }
        let payload = Payload {
            msg: &sealed,
            aad: &self.header,
        };
        let opened = self
            .cipher
            .decrypt(&nonce(number, last), payload)
            .map_err(|_| damaged("it was changed or cut off"))?;
        self.piece.zeroize();
        self.piece = opened;
        self.number = Some(number);
        Ok(())
    }
}

impl Read for SealedFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.length || buffer.is_empty() {
            return Ok(0);
        }
        self.load((self.position / PIECE_BYTES as u64) as u32)?;
        let within = (self.position % PIECE_BYTES as u64) as usize;
        let count = buffer.len().min(self.piece.len() - within);
        buffer[..count].copy_from_slice(&self.piece[within..within + count]);
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for SealedFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::End(offset) => self.length.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = place.ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "a place before the beginning")
        })?;
        Ok(self.position)
    }
}

impl Drop for SealedFile {
    fn drop(&mut self) {
        self.piece.zeroize();
    }
}

fn cipher(secret: &Secret, salt: &[u8; 16]) -> Aes256GcmSiv {
    let key = secret.derive("clientele sealed file", salt);
    Aes256GcmSiv::new(&(*key.bytes()).into())
}

fn nonce(number: u32, last: bool) -> Nonce {
    let mut bytes = [0; 12];
    bytes[7..11].copy_from_slice(&number.to_be_bytes());
    bytes[11] = u8::from(last);
    Nonce::from(bytes)
}

fn damaged(why: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("the sealed file cannot be read: {why}"),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ring() -> KeyRing {
        KeyRing::new(Secret::new([1; 32]))
    }

    fn sealed(plain: &[u8], step: usize) -> Vec<u8> {
        let mut sealer = Sealer::new(&ring(), [5; 16]);
        let mut out = Vec::new();
        for bytes in plain.chunks(step.max(1)) {
            sealer.push(bytes, &mut out).expect("sealed");
        }
        sealer.finish(&mut out).expect("sealed");
        out
    }

    fn opened(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), bytes)?;
        let mut plain = Vec::new();
        SealedFile::open(file.path(), &ring())?.read_to_end(&mut plain)?;
        Ok(plain)
    }

    fn bytes(count: usize) -> Vec<u8> {
        (0..count).map(|at| (at * 31 % 251) as u8).collect()
    }

    #[test]
    fn reads_what_it_wrote_at_every_length() {
        for count in [
            0,
            1,
            PIECE_BYTES - 1,
            PIECE_BYTES,
            PIECE_BYTES + 1,
            2 * PIECE_BYTES,
            3 * PIECE_BYTES + 7,
        ] {
            let plain = bytes(count);
            assert_eq!(
                opened(&sealed(&plain, 10_000)).expect("opens"),
                plain,
                "{count}"
            );
        }
    }

    #[test]
    fn reads_from_anywhere() {
        let plain = bytes(2 * PIECE_BYTES + 100);
        let file = tempfile::NamedTempFile::new().expect("file");
        std::fs::write(file.path(), sealed(&plain, 1 << 20)).expect("written");
        let mut one = SealedFile::open(file.path(), &ring()).expect("opens");
        assert_eq!(one.len(), plain.len() as u64);
        let mut two = one.clone();
        for place in [2 * PIECE_BYTES + 90, 3, PIECE_BYTES - 2] {
            one.seek(SeekFrom::Start(place as u64)).expect("seeks");
            let mut some = [0; 8];
            one.read_exact(&mut some).expect("reads");
            assert_eq!(some, plain[place..place + 8]);
        }
        two.seek(SeekFrom::End(-4)).expect("seeks");
        let mut rest = Vec::new();
        two.read_to_end(&mut rest).expect("reads");
        assert_eq!(rest, plain[plain.len() - 4..]);
    }

    #[test]
    fn notices_what_was_cut_off_moved_or_sealed_by_another() {
        let plain = bytes(3 * PIECE_BYTES);
        let good = sealed(&plain, 1 << 20);
        let piece = PIECE_BYTES + TAG_BYTES;
        for cut in [
            good.len() - piece,
            good.len() - 1,
            HEADER_BYTES,
            HEADER_BYTES - 1,
            0,
        ] {
            assert!(opened(&good[..cut]).is_err(), "{cut}");
        }
        let mut moved = good.clone();
        moved[HEADER_BYTES..HEADER_BYTES + 2 * piece].rotate_left(piece);
        assert!(opened(&moved).is_err());
        let stranger = KeyRing::new(Secret::new([9; 32]));
        let file = tempfile::NamedTempFile::new().expect("file");
        std::fs::write(file.path(), &good).expect("written");
        assert!(SealedFile::open(file.path(), &stranger).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn notices_every_changed_byte(count in 0usize..300, place in any::<prop::sample::Index>(), flip in 1u8..=255) {
            let mut changed = sealed(&bytes(count), 100);
            let place = place.index(changed.len());
            changed[place] ^= flip;
            prop_assert!(opened(&changed).is_err());
        }
    }
}
