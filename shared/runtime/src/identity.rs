//! The keyed hash behind fragments and stored identifiers.

use std::path::{Path, PathBuf};

/// Bytes of the key.
const KEY_BYTES: usize = 32;
/// Bytes of a fragment's id.
pub const FRAGMENT_BYTES: usize = 16;

/// The suite's key for hashing identifiers. Whoever lacks it cannot test a guess against a stored hash.
#[derive(Clone)]
pub struct IdentityKey([u8; KEY_BYTES]);

/// The key could not be had.
#[derive(Debug, thiserror::Error)]
pub enum IdentityKeyError {
    /// The file cannot be read.
    #[error("cannot read the identity key `{}`", .0.display())]
    Unreadable(PathBuf, #[source] std::io::Error),
    /// The file holds something else than 32 bytes, or 64 hexadecimal digits.
    #[error("the identity key `{}` must hold 32 bytes or 64 hexadecimal digits", .0.display())]
    Malformed(PathBuf),
}

impl IdentityKey {
    /// Reads the key from a file: 32 bytes as they are, or 64 hexadecimal digits with or without a line end.
    pub fn load(path: &Path) -> Result<Self, IdentityKeyError> {
        let bytes = std::fs::read(path)
            .map_err(|error| IdentityKeyError::Unreadable(path.into(), error))?;
        if let Ok(key) = <[u8; KEY_BYTES]>::try_from(bytes.as_slice()) {
            return Ok(Self(key));
        }
        let text =
            String::from_utf8(bytes).map_err(|_| IdentityKeyError::Malformed(path.into()))?;
        from_hex(text.trim())
            .map(Self)
            .ok_or_else(|| IdentityKeyError::Malformed(path.into()))
    }

    /// Takes the key as given.
    pub fn from_bytes(key: [u8; KEY_BYTES]) -> Self {
        Self(key)
    }

    /// Writes a fresh key to a file that only its owner can read, unless there is one already; then returns the key.
    pub fn load_or_create(path: &Path) -> Result<Self, IdentityKeyError> {
        let unreadable = |error| IdentityKeyError::Unreadable(path.into(), error);
        match create_private(path) {
            Ok(mut file) => {
                let key: [u8; KEY_BYTES] = rand::random();
                std::io::Write::write_all(&mut file, &key).map_err(unreadable)?;
                file.sync_all().map_err(unreadable)?;
                Ok(Self(key))
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Self::load(path),
            Err(error) => Err(unreadable(error)),
        }
    }

    /// Returns the id of the fragment behind one identifier of a tenant.
    ///
    /// The value is normalised here, so that every caller means the same fragment: blanks around it do not count, and
    /// in the namespace `email` neither do capitals.
    pub fn fragment_id(&self, tenant: &str, namespace: &str, value: &str) -> [u8; FRAGMENT_BYTES] {
        let value = normalise(namespace, value);
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        for part in [tenant, namespace, value.as_str()] {
            // Lengths first: `ab` + `c` must differ from `a` + `bc`.
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        let mut id = [0; FRAGMENT_BYTES];
        hasher.finalize_xof().fill(&mut id);
        id
    }
}

impl std::fmt::Debug for IdentityKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("IdentityKey(***)")
    }
}

/// Returns the form of an identifier's value that is hashed.
pub fn normalise(namespace: &str, value: &str) -> String {
    match namespace {
        "email" => value.trim().to_lowercase(),
        _ => value.trim().to_owned(),
    }
}

fn create_private(path: &Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn from_hex(text: &str) -> Option<[u8; KEY_BYTES]> {
    if text.len() != 2 * KEY_BYTES || !text.is_ascii() {
        return None;
    }
    let mut key = [0; KEY_BYTES];
    for (index, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> IdentityKey {
        IdentityKey::from_bytes([7; KEY_BYTES])
    }

    #[test]
    fn depends_on_every_part_and_on_where_parts_end() {
        let id = key().fragment_id("acme", "email", "a@b.example");

        assert_ne!(id, key().fragment_id("acm", "email", "a@b.example"));
        assert_ne!(id, key().fragment_id("acme", "phone", "a@b.example"));
        assert_ne!(
            key().fragment_id("ab", "c", "d"),
            key().fragment_id("a", "bc", "d")
        );
        assert_ne!(
            id,
            IdentityKey::from_bytes([8; KEY_BYTES]).fragment_id("acme", "email", "a@b.example")
        );
    }

    #[test]
    fn ignores_blanks_and_capitals_of_addresses_alone() {
        let id = key().fragment_id("acme", "email", "a@b.example");

        assert_eq!(id, key().fragment_id("acme", "email", " A@B.example\n"));
        assert_ne!(
            key().fragment_id("acme", "login", "Ann"),
            key().fragment_id("acme", "login", "ann")
        );
    }

    #[test]
    fn reads_bytes_and_digits_and_refuses_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let check = |content: &[u8]| {
            std::fs::write(&path, content).unwrap();
            IdentityKey::load(&path).map(|key| key.0)
        };

        assert_eq!(check(&[7; 32]).unwrap(), [7; 32]);
        assert_eq!(
            check(format!("{}\n", "07".repeat(32)).as_bytes()).unwrap(),
            [7; 32]
        );
        assert!(matches!(
            check(b"short"),
            Err(IdentityKeyError::Malformed(_))
        ));
        assert!(matches!(
            check("zz".repeat(32).as_bytes()),
            Err(IdentityKeyError::Malformed(_))
        ));
    }

    #[test]
    fn creates_once_and_prints_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");

        let first = IdentityKey::load_or_create(&path).unwrap();
        let second = IdentityKey::load_or_create(&path).unwrap();

        assert_eq!(first.0, second.0);
        assert_eq!(format!("{first:?}"), "IdentityKey(***)");
    }
}
