//! The keys in use: one active, the others still open what they sealed.

use std::collections::BTreeMap;

use crate::secret::{KeyId, Secret};

/// Keys by name. The one with the greatest number is active: what is sealed from now on is sealed under it.
///
/// Hashes and tokens are for matching, so they stay under the first key unless another is named: after a rotation equal
/// values still have equal hashes.
#[derive(Clone, Debug)]
pub struct KeyRing {
    first: Secret,
    later: BTreeMap<KeyId, Secret>,
}

/// A key that the ring does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key `{0}` is not in the ring")]
pub struct UnknownKey(pub KeyId);

impl KeyRing {
    /// Begins a ring with its first key, [`KeyId::FIRST`].
    pub fn new(first: Secret) -> Self {
        Self {
            first,
            later: BTreeMap::new(),
        }
    }

    /// Adds a key, or replaces the one of that name.
    pub fn add(&mut self, id: KeyId, secret: Secret) {
        match id {
            KeyId::FIRST => self.first = secret,
            _ => drop(self.later.insert(id, secret)),
        }
    }

    /// Returns the name of the active key.
    pub fn active(&self) -> KeyId {
        self.active_key().0
    }

    pub(crate) fn active_key(&self) -> (KeyId, &Secret) {
        match self.later.last_key_value() {
            Some((id, secret)) => (*id, secret),
            None => (KeyId::FIRST, &self.first),
        }
    }

    /// Returns the names of all keys, oldest first.
    pub fn ids(&self) -> impl Iterator<Item = KeyId> {
        std::iter::once(KeyId::FIRST).chain(self.later.keys().copied())
    }

    /// Returns a key.
    pub(crate) fn secret(&self, id: KeyId) -> Result<&Secret, UnknownKey> {
        match id {
            KeyId::FIRST => Ok(&self.first),
            _ => self.later.get(&id).ok_or(UnknownKey(id)),
        }
    }

    /// Returns the keyed hash of a value, 32 hexadecimal digits: equal for equal values of one field of one tenant, and for
    /// nothing else. Whoever lacks the key cannot test a guess. Fails when the ring lacks the key.
    pub fn hash(
        &self,
        id: KeyId,
        (tenant, field): (&str, &str),
        value: &str,
    ) -> Result<String, UnknownKey> {
        let key = self.secret(id)?.derive("clientele masking hash", b"");
        let hash = key.hash(&[tenant.as_bytes(), field.as_bytes(), value.as_bytes()]);
        Ok(hash.to_hex()[..32].to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring() -> KeyRing {
        let mut ring = KeyRing::new(Secret::new([1; 32]));
        let second = KeyId::FIRST.next().expect("a name");
        ring.add(second, Secret::new([2; 32]));
        ring
    }

    #[test]
    fn takes_the_latest_key_as_active() {
        assert_eq!(ring().active().to_string(), "k1");
        assert_eq!(ring().ids().count(), 2);
    }

    #[test]
    fn hashes_apart_by_key_tenant_field_and_value() {
        let ring = ring();
        let hash = |id: &str, tenant, field, value| {
            ring.hash(id.parse().expect("id"), (tenant, field), value)
        };
        let one = hash("k0", "acme", "email", "a@b.example").expect("hash");
        assert_eq!(one.len(), 32);
        for other in [
            hash("k1", "acme", "email", "a@b.example"),
            hash("k0", "acm", "email", "a@b.example"),
            hash("k0", "acme", "mail", "a@b.example"),
            hash("k0", "acme", "email", "b@b.example"),
            hash("k0", "acmee", "mail", "a@b.example"),
        ] {
            assert_ne!(one, other.expect("hash"));
        }
        assert_eq!(hash("k0", "acme", "email", "a@b.example"), Ok(one));
        assert!(hash("k9", "acme", "email", "a@b.example").is_err());
    }
}
