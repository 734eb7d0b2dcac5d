//! Key material and its names.

use std::fmt;
use std::str::FromStr;

use zeroize::Zeroize;

/// Thirty-two secret bytes. They are overwritten when dropped and never printed.
#[derive(Clone)]
pub struct Secret([u8; 32]);

impl Secret {
    /// Takes the bytes as given.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Derives a key for one purpose and one salt; keys of different purposes tell nothing of each other.
    pub(crate) fn derive(&self, purpose: &'static str, salt: &[u8]) -> Self {
        let mut material = [0; 32];
        let mut hasher = blake3::Hasher::new_derive_key(purpose);
        hasher.update(&self.0);
        hasher.update(salt);
        hasher.finalize_xof().fill(&mut material);
        let derived = Self(material);
        material.zeroize();
        derived
    }

    /// Hashes the parts under this key, with their lengths, so that no two lists of parts read the same.
    pub(crate) fn hash(&self, parts: &[&[u8]]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hasher.finalize()
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(***)")
    }
}

/// Name of a key of the ring, `k` and its number: a later key has a greater one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(u32);

impl KeyId {
    /// The key that every ring begins with.
    pub const FIRST: Self = Self(0);

    /// Returns the name of the key after this one; `None` after the last that can be named.
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "k{}", self.0)
    }
}

/// A text that names no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key is named by `k` and a number, for example `k2`")]
pub struct InvalidKeyId;

impl FromStr for KeyId {
    type Err = InvalidKeyId;

    fn from_str(text: &str) -> Result<Self, InvalidKeyId> {
        let digits = text.strip_prefix('k').ok_or(InvalidKeyId)?;
        let canonical = digits == "0" || !digits.starts_with(['0', '+']);
        let number = digits.parse().map_err(|_| InvalidKeyId)?;
        canonical.then_some(Self(number)).ok_or(InvalidKeyId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_no_secret() {
        assert_eq!(format!("{:?}", Secret::new([7; 32])), "Secret(***)");
    }

    #[test]
    fn derives_apart_by_purpose_and_salt() {
        let secret = Secret::new([7; 32]);
        let one = secret.derive("a", b"");
        assert_ne!(one.bytes(), secret.derive("b", b"").bytes());
        assert_ne!(one.bytes(), secret.derive("a", b"x").bytes());
        assert_eq!(one.bytes(), Secret::new([7; 32]).derive("a", b"").bytes());
    }

    #[test]
    fn names_keys_in_one_way() {
        assert_eq!(
            "k12".parse::<KeyId>().map(|id| id.to_string()),
            Ok("k12".into())
        );
        assert_eq!("k0".parse(), Ok(KeyId::FIRST));
        for wrong in ["", "k", "12", "k01", "k+1", "k-1", "k99999999999", "K1"] {
            assert_eq!(wrong.parse::<KeyId>(), Err(InvalidKeyId), "{wrong}");
        }
    }
}
