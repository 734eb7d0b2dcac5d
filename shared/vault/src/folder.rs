//! Keys in a folder: one file of 32 bytes per key, named `<key>.key`. Keep it apart from what the keys seal, and out of backups.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroize;

use crate::ring::KeyRing;
use crate::secret::{KeyId, Secret};

/// How the files of keys end.
const SUFFIX: &str = ".key";

/// Why keys cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The folder or a file of it cannot be used.
    #[error("cannot use the masking keys in `{path}`: {source}", path = .0.display(), source = .1)]
    Unusable(PathBuf, #[source] io::Error),
    /// A file holds something else than 32 bytes, or 64 hexadecimal digits.
    #[error("the masking key `{}` must hold 32 bytes or 64 hexadecimal digits", .0.display())]
    Malformed(PathBuf),
    /// There is no name left for another key.
    #[error("no further masking key can be named")]
    Exhausted,
}

/// Adds the keys of a folder to a ring, and returns how many there are; a folder that is absent has none.
pub fn load(folder: &Path, ring: &mut KeyRing) -> Result<usize, FolderError> {
    let unusable = |error| FolderError::Unusable(folder.into(), error);
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries.map_err(unusable)?,
    };
    let mut count = 0;
    for entry in entries {
        let path = entry.map_err(unusable)?.path();
        if let Some(id) = key_of(&path) {
            ring.add(id, read(&path)?);
            count += 1;
        }
    }
    Ok(count)
}

/// Creates the folder with a key of its own, unless it has one.
pub fn create(folder: &Path) -> Result<(), FolderError> {
    fs::create_dir_all(folder).map_err(|error| FolderError::Unusable(folder.into(), error))?;
    if newest(folder)?.is_none() {
        rotate(folder)?;
    }
    Ok(())
}

/// Draws a new key, which becomes the active one, and returns its name. The others stay and open what they sealed.
pub fn rotate(folder: &Path) -> Result<KeyId, FolderError> {
    let unusable = |error| FolderError::Unusable(folder.into(), error);
    let mut last = newest(folder)?.unwrap_or(KeyId::FIRST);
    loop {
        let id = last.next().ok_or(FolderError::Exhausted)?;
        let mut bytes: [u8; 32] = rand::random();
        // Whole or not at all: written beside, then given its name, which must be free.
        let part = folder.join(format!("{id}{SUFFIX}.{:08x}", rand::random::<u32>()));
        let written = write(&part, &bytes)
            .and_then(|()| fs::hard_link(&part, folder.join(format!("{id}{SUFFIX}"))));
        bytes.zeroize();
        let removed = fs::remove_file(&part);
        match written {
            // Another process was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = id,
            other => {
                other.and(removed).map_err(unusable)?;
                return Ok(id);
            }
        }
    }
}

/// Returns the newest key of a folder.
fn newest(folder: &Path) -> Result<Option<KeyId>, FolderError> {
    let unusable = |error| FolderError::Unusable(folder.into(), error);
    let mut newest = None;
    for entry in fs::read_dir(folder).map_err(unusable)? {
        newest = newest.max(key_of(&entry.map_err(unusable)?.path()));
    }
    Ok(newest)
}

/// Returns the key that a file is named for. The first key of a ring comes from elsewhere and is never in a folder.
fn key_of(path: &Path) -> Option<KeyId> {
    let id = path.file_name()?.to_str()?.strip_suffix(SUFFIX)?;
    id.parse().ok().filter(|id| *id != KeyId::FIRST)
}

fn read(path: &Path) -> Result<Secret, FolderError> {
    let mut bytes = fs::read(path).map_err(|error| FolderError::Unusable(path.into(), error))?;
    let key = <[u8; 32]>::try_from(bytes.as_slice())
        .ok()
        .or_else(|| from_hex(bytes.trim_ascii()));
    bytes.zeroize();
    key.map(Secret::new)
        .ok_or_else(|| FolderError::Malformed(path.into()))
}

fn write(path: &Path, bytes: &[u8; 32]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn from_hex(text: &[u8]) -> Option<[u8; 32]> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let mut key = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in key.iter_mut().zip(text.chunks(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(folder: &Path) -> KeyRing {
        let mut ring = KeyRing::new(Secret::new([1; 32]));
        load(folder, &mut ring).expect("keys");
        ring
    }

    #[test]
    fn creates_once_and_rotates() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("masking");
        assert_eq!(ring(&path).active(), KeyId::FIRST);
        create(&path).expect("created");
        let sealed = ring(&path).seal(("t", "f"), b"", "x");
        create(&path).expect("created");
        assert_eq!(ring(&path).active().to_string(), "k1");
        assert_eq!(rotate(&path).expect("rotated").to_string(), "k2");
        let ring = ring(&path);
        assert_eq!(
            (ring.active().to_string(), ring.ids().count()),
            ("k2".into(), 3)
        );
        assert_eq!(ring.open(("t", "f"), &sealed).expect("opens").as_str(), "x");
        assert_eq!(fs::read_dir(&path).expect("folder").count(), 2);
    }

    #[test]
    fn rotates_in_two_processes_at_once() {
        let folder = tempfile::tempdir().expect("folder");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| rotate(folder.path()).expect("rotated"));
            }
        });
        assert_eq!(ring(folder.path()).ids().count(), 5);
    }

    #[test]
    fn reads_bytes_and_digits_and_refuses_the_rest() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("k1.key");
        fs::write(folder.path().join("readme"), "no key").expect("written");
        fs::write(&path, format!("{}\n", "0a".repeat(32))).expect("written");
        let read = ring(folder.path()).hash("k1".parse().expect("id"), ("", ""), "");
        fs::write(&path, [10; 32]).expect("written");
        assert_eq!(
            ring(folder.path()).hash("k1".parse().expect("id"), ("", ""), ""),
            read
        );
        fs::write(&path, "short").expect("written");
        let mut empty = KeyRing::new(Secret::new([1; 32]));
        assert!(matches!(
            load(folder.path(), &mut empty),
            Err(FolderError::Malformed(_))
        ));
    }
}
