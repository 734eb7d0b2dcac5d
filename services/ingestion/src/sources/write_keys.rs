use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use store::{Store, StoreError};

use crate::store::write_keys;

/// Start of every write key, so that one is known for what it is wherever it turns up.
const MARK: &str = "wk_";
/// Characters of a key that are shown.
const PREFIX_CHARS: usize = 10;
/// Most keys that are remembered, unknown ones among them.
const KEYS_MAX: usize = 10_000;

/// For whom a write key speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyHolder {
    /// Tenant.
    pub tenant: String,
    /// Source whose events it may send.
    pub source: String,
}

type Known = HashMap<[u8; 32], (Instant, Option<KeyHolder>)>;

/// Knows write keys by their hashes. What it knows is believed for a while.
pub struct WriteKeys {
    store: Store,
    believe: Duration,
    known: Mutex<Known>,
    /// Counts changes, so that what was read before one is not remembered after it.
    changes: AtomicU64,
}

impl WriteKeys {
    /// Reads keys from `store` and believes each answer for `believe`.
    pub fn new(store: Store, believe: Duration) -> Self {
        Self {
            store,
            believe,
            known: Mutex::default(),
            changes: AtomicU64::default(),
        }
    }

    /// Returns for whom a key speaks; `None` when it is unknown or void.
    pub async fn find(&self, key: &str) -> Result<Option<KeyHolder>, StoreError> {
        if !is_key(key) {
            return Ok(None);
        }
        let hash = hash(key);
        let remembered = self.known().get(&hash).cloned();
        if let Some((read, found)) = &remembered
            && read.elapsed() < self.believe
        {
            return Ok(found.clone());
        }
        let asked = Instant::now();
        let changes = self.changes.load(Ordering::SeqCst);
        let row = write_keys::by_hash(self.store.reader(), &hash).await?;
        let found = row
            .filter(|row| row.revoked.is_none())
            .map(|row| KeyHolder {
                tenant: row.tenant,
                source: row.source,
            });
        let mut known = self.known();
        if known.len() >= KEYS_MAX {
            known.clear();
        }
        if self.changes.load(Ordering::SeqCst) == changes {
            known.insert(hash, (asked, found.clone()));
        }
        Ok(found)
    }

    /// Forgets what is known, because keys were made void.
    pub fn forget(&self) {
        let mut known = self.known();
        self.changes.fetch_add(1, Ordering::SeqCst);
        known.clear();
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a key of 32 random bytes; returns it with its hash and the part that may be shown.
pub(crate) fn make() -> (String, [u8; 32], String) {
    let bytes: [u8; 32] = rand::random();
    let key = format!("{MARK}{}", URL_SAFE_NO_PAD.encode(bytes));
    let prefix = key[..PREFIX_CHARS].to_owned();
    (key.clone(), hash(&key), prefix)
}

/// A key is random as a whole: a plain hash of it tells nothing and cannot be guessed.
fn hash(key: &str) -> [u8; 32] {
    blake3::derive_key("clientele write key 1", key.as_bytes())
}

fn is_key(text: &str) -> bool {
    text.strip_prefix(MARK).is_some_and(|rest| {
        rest.len() == 43
            && rest
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_by_their_form() {
        let (key, hash_of_it, prefix) = make();
        assert!(is_key(&key) && key.starts_with(&prefix));
        assert_eq!(hash(&key), hash_of_it);
        assert_ne!(make().0, key);
        for text in ["", "wk_", "wk_short", &key[1..], &format!("{key}x")] {
            assert!(!is_key(text), "{text}");
        }
    }
}
