//! Keyed hashes: names that tell nothing to whoever lacks the key.

use std::sync::{Arc, PoisonError, RwLock};

use runtime::identity::IdentityKey;
use sketch::Salt;
use text::Detector;
use vault::{KeyRing, Secret};

use super::mask::Masking;

/// Sixteen bytes of a keyed hash.
pub type Hash = [u8; 16];

/// Hashes events and rows. Cheap to clone.
#[derive(Clone)]
pub struct Keys {
    identity: IdentityKey,
    event: [u8; 32],
    content: [u8; 32],
    salt: Salt,
    masking: Arc<RwLock<Arc<Masking>>>,
}

impl Keys {
    /// Derives the keys for events, for contents and for masking from the identity key.
    pub fn new(identity: IdentityKey) -> Self {
        let masking = Masking {
            ring: KeyRing::new(Secret::new(derive(&identity, "masking"))),
            detector: Detector::default(),
            free_text: true,
        };
        let event = derive(&identity, "event id");
        let content = derive(&identity, "content");
        let salt = Salt::new(derive(&identity, "sketch"));
        Self {
            identity,
            event,
            content,
            salt,
            masking: Arc::new(RwLock::new(Arc::new(masking))),
        }
    }

    /// Returns with what values are masked.
    pub fn masking(&self) -> Arc<Masking> {
        let masking = self.masking.read().unwrap_or_else(PoisonError::into_inner);
        masking.clone()
    }

    /// Masks otherwise from now on, wherever these keys are used: with more keys, or another detector.
    pub fn set_masking(&self, masking: Masking) {
        let mut present = self.masking.write().unwrap_or_else(PoisonError::into_inner);
        *present = Arc::new(masking);
    }

    /// Returns the id of an event: what makes a message of a source unique within a tenant.
    pub fn event_id(&self, tenant: &str, source: &str, message_id: &str) -> Hash {
        hash(
            &self.event,
            [tenant.as_bytes(), source.as_bytes(), message_id.as_bytes()],
        )
    }

    /// Returns the key of the hashes in sketches.
    pub fn salt(&self) -> &Salt {
        &self.salt
    }

    /// Returns the hash of an event's or a row's content, equal only for equal parts in equal order.
    pub fn content<'a>(&self, parts: impl IntoIterator<Item = &'a [u8]>) -> Hash {
        hash(&self.content, parts)
    }

    /// Returns the fragment that an identifier's events are kept under.
    pub fn fragment(&self, tenant: &str, namespace: &str, value: &str) -> Hash {
        self.identity.fragment_id(tenant, namespace, value)
    }
}

/// Derives a key for one purpose; no tenant is named so, hence no fragment is ever equal to a half of it.
fn derive(identity: &IdentityKey, purpose: &str) -> [u8; 32] {
    let mut key = [0; 32];
    key[..16].copy_from_slice(&identity.fragment_id("", purpose, "first half"));
    key[16..].copy_from_slice(&identity.fragment_id("", purpose, "second half"));
    key
}

/// Hashes the parts with their lengths, so that no two lists of parts read the same.
fn hash<'a>(key: &[u8; 32], parts: impl IntoIterator<Item = &'a [u8]>) -> Hash {
    let mut hasher = blake3::Hasher::new_keyed(key);
    let mut buffer = Vec::with_capacity(256);
    for part in parts {
        buffer.extend_from_slice(&(part.len() as u64).to_le_bytes());
        buffer.extend_from_slice(part);
    }
    hasher.update(&buffer);
    let mut short = [0; 16];
    short.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    short
}

/// Returns the lower-case hexadecimal text of a hash.
pub fn hex(hash: &Hash) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    hash.iter()
        .flat_map(|byte| {
            [
                DIGITS[usize::from(byte >> 4)],
                DIGITS[usize::from(byte & 15)],
            ]
        })
        .map(char::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_parts_apart() {
        let key = [7; 32];
        assert_ne!(
            hash(&key, [&b"ab"[..], b"c"]),
            hash(&key, [&b"a"[..], b"bc"])
        );
        assert_ne!(hash(&key, [&b"ab"[..]]), hash(&key, [&b"ab"[..], b""]));
        assert_ne!(hash(&key, [&b"ab"[..]]), hash(&[8; 32], [&b"ab"[..]]));
    }

    #[test]
    fn writes_hexadecimal() {
        assert_eq!(hex(&[0x0f; 16]), "0f".repeat(16));
    }
}
