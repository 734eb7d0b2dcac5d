//! Sealing: AES-256-GCM-SIV (RFC 8452), with the name of the key in the sealed text.

use aes_gcm_siv::aead::{Aead, KeyInit, Payload};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::ring::{KeyRing, UnknownKey};
use crate::secret::{KeyId, Secret};

/// How every sealed text begins.
const PREFIX: &str = "enc:";
/// Bytes of a nonce.
const NONCE_BYTES: usize = 12;

/// Why a sealed text cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It is not of the form `enc:<key>:<base64>`.
    #[error("this is no sealed text: `enc:<key>:<base64>` is expected")]
    Malformed,
    /// The ring lacks its key.
    #[error(transparent)]
    UnknownKey(#[from] UnknownKey),
    /// It was changed, or it belongs to another tenant or field.
    #[error("the sealed text was changed, or belongs to another tenant or field")]
    NotAuthentic,
}

impl KeyRing {
    /// Seals a value under the active key, bound to its tenant and field: `enc:<key>:<base64>`.
    ///
    /// `salt` names the place, for example the event's id. The nonce is a keyed hash of all of it, so that the same event
    /// seals to the same text, by whichever door and however often it comes, while equal values of two events differ.
    /// GCM-SIV stays sound should two nonces ever meet.
    pub fn seal(&self, (tenant, field): (&str, &str), salt: &[u8], value: &str) -> String {
        let (id, secret) = self.active_key();
        let hash = secret.derive("clientele masking nonce", b"").hash(&[
            tenant.as_bytes(),
            field.as_bytes(),
            salt,
            value.as_bytes(),
        ]);
        let mut nonce = [0; NONCE_BYTES];
        nonce.copy_from_slice(&hash.as_bytes()[..NONCE_BYTES]);
        let aad = bound_to(tenant, field);
        let payload = Payload {
            msg: value.as_bytes(),
            aad: &aad,
        };
        // Fails only beyond 64 GiB.
        let sealed = cipher(secret)
            .encrypt(&Nonce::from(nonce), payload)
            .unwrap_or_default();
        let mut bytes = nonce.to_vec();
        bytes.extend_from_slice(&sealed);
        format!("{PREFIX}{id}:{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Opens a sealed text of a tenant's field, under whichever key of the ring sealed it.
    pub fn open(
        &self,
        (tenant, field): (&str, &str),
        sealed: &str,
    ) -> Result<Zeroizing<String>, OpenError> {
        let (id, bytes) = parse(sealed)?;
        let secret = self.secret(id)?;
        let (nonce, body) = bytes
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(OpenError::Malformed)?;
        let aad = bound_to(tenant, field);
        let payload = Payload {
            msg: body,
            aad: &aad,
        };
        let opened = cipher(secret)
            .decrypt(&Nonce::from(*nonce), payload)
            .map_err(|_| OpenError::NotAuthentic)?;
        String::from_utf8(opened)
            .map(Zeroizing::new)
            .map_err(|_| OpenError::NotAuthentic)
    }

    /// Seals a sealed text again under the active key; returns `None` when it is sealed under that already.
    pub fn reseal(
        &self,
        (tenant, field): (&str, &str),
        salt: &[u8],
        sealed: &str,
    ) -> Result<Option<String>, OpenError> {
        let (id, _) = parse(sealed)?;
        if id == self.active() {
            return Ok(None);
        }
        let value = self.open((tenant, field), sealed)?;
        Ok(Some(self.seal((tenant, field), salt, &value)))
    }
}

/// Returns the key that sealed a text; `None` when it is no sealed text.
pub fn key_of(sealed: &str) -> Option<KeyId> {
    parse(sealed).ok().map(|(id, _)| id)
}

fn parse(sealed: &str) -> Result<(KeyId, Vec<u8>), OpenError> {
    let (id, body) = sealed
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.split_once(':'))
        .ok_or(OpenError::Malformed)?;
    let id = id.parse().map_err(|_| OpenError::Malformed)?;
    let bytes = URL_SAFE_NO_PAD
        .decode(body)
        .map_err(|_| OpenError::Malformed)?;
    Ok((id, bytes))
}

/// Returns the associated data: lengths first, so that `ab` + `c` differs from `a` + `bc`.
fn bound_to(tenant: &str, field: &str) -> Vec<u8> {
    let mut data = Vec::with_capacity(16 + tenant.len() + field.len());
    for part in [tenant, field] {
        data.extend_from_slice(&(part.len() as u64).to_le_bytes());
        data.extend_from_slice(part.as_bytes());
    }
    data
}

fn cipher(secret: &Secret) -> Aes256GcmSiv {
    let key = secret.derive("clientele masking seal", b"");
    Aes256GcmSiv::new(&(*key.bytes()).into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ring() -> KeyRing {
        KeyRing::new(Secret::new([1; 32]))
    }

    fn rotated() -> KeyRing {
        let mut ring = ring();
        ring.add("k1".parse().expect("id"), Secret::new([2; 32]));
        ring
    }

    const FIELD: (&str, &str) = ("acme", "passport");

    #[test]
    fn opens_what_it_sealed_and_nothing_else() {
        let sealed = ring().seal(FIELD, b"event", "E12345678");
        assert!(sealed.starts_with("enc:k0:") && !sealed.contains("E1234"));
        assert_eq!(
            ring().open(FIELD, &sealed).as_deref(),
            Ok(&"E12345678".to_owned())
        );
        for other in [
            ("acme", "visa"),
            ("acm", "epassport"),
            ("other", "passport"),
        ] {
            assert_eq!(
                ring().open(other, &sealed).err(),
                Some(OpenError::NotAuthentic)
            );
        }
        let stranger = KeyRing::new(Secret::new([9; 32]));
        assert_eq!(
            stranger.open(FIELD, &sealed).err(),
            Some(OpenError::NotAuthentic)
        );
    }

    #[test]
    fn seals_alike_in_one_place_and_apart_in_two() {
        let ring = ring();
        let one = ring.seal(FIELD, b"event 1", "E12345678");
        assert_eq!(one, ring.seal(FIELD, b"event 1", "E12345678"));
        assert_ne!(one, ring.seal(FIELD, b"event 2", "E12345678"));
    }

    #[test]
    fn opens_under_retired_keys_and_seals_again_under_the_active_one() {
        let (old, new) = (ring(), rotated());
        let sealed = old.seal(FIELD, b"event", "E12345678");
        assert_eq!(
            new.open(FIELD, &sealed).as_deref(),
            Ok(&"E12345678".to_owned())
        );
        let again = new
            .reseal(FIELD, b"event", &sealed)
            .expect("opens")
            .expect("other key");
        assert!(again.starts_with("enc:k1:"));
        assert_eq!(
            new.open(FIELD, &again).as_deref(),
            Ok(&"E12345678".to_owned())
        );
        assert_eq!(new.reseal(FIELD, b"event", &again), Ok(None));
        let missing = OpenError::UnknownKey(UnknownKey("k1".parse().expect("id")));
        assert_eq!(old.open(FIELD, &again).err(), Some(missing));
    }

    #[test]
    fn refuses_what_is_no_sealed_text() {
        for wrong in [
            "",
            "enc:",
            "enc:k0",
            "enc:0:AAAA",
            "enc:k0:?",
            "enc:k0:AAAA",
            "hash:k0:AAAA",
        ] {
            let refused = ring().open(FIELD, wrong).err();
            assert_eq!(refused, Some(OpenError::Malformed), "{wrong}");
        }
        assert_eq!(key_of(&ring().seal(FIELD, b"", "x")), Some(KeyId::FIRST));
        assert_eq!(key_of("x"), None);
    }

    proptest! {
        #[test]
        fn notices_every_changed_byte(value in ".{0,40}", place in any::<prop::sample::Index>(), flip in 1u8..=255) {
            let sealed = ring().seal(FIELD, b"e", &value);
            let opened = ring().open(FIELD, &sealed).expect("opens");
            prop_assert_eq!(opened.as_str(), value.as_str());
            let body = sealed.strip_prefix("enc:k0:").expect("prefix");
            let mut bytes = URL_SAFE_NO_PAD.decode(body).expect("base64");
            let place = place.index(bytes.len());
            bytes[place] ^= flip;
            let changed = format!("enc:k0:{}", URL_SAFE_NO_PAD.encode(bytes));
            prop_assert_eq!(ring().open(FIELD, &changed).err(), Some(OpenError::NotAuthentic));
        }
    }

    /// Vectors of RFC 8452, appendix C.2 (AES-256): plaintext, additional data, result.
    #[test]
    fn agrees_with_the_vectors_of_rfc_8452() {
        let bytes = |text: &str| -> Vec<u8> {
            (0..text.len() / 2)
                .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).expect("digits"))
                .collect()
        };
        let mut key = [0; 32];
        key[0] = 1;
        let mut nonce = [0; 12];
        nonce[0] = 3;
        let cipher = Aes256GcmSiv::new(&key.into());
        for (message, aad, result) in [
            ("", "", "07f5f4169bbf55a8400cd47ea6fd400f"),
            (
                "0100000000000000",
                "",
                "c2ef328e5c71c83b843122130f7364b761e0b97427e3df28",
            ),
            (
                "010000000000000000000000",
                "",
                "9aab2aeb3faa0a34aea8e2b18ca50da9ae6559e48fd10f6e5c9ca17e",
            ),
            (
                "01000000000000000000000000000000",
                "",
                "85a01b63025ba19b7fd3ddfc033b3e76c9eac6fa700942702e90862383c6c366",
            ),
            (
                "0200000000000000",
                "01",
                "1de22967237a813291213f267e3b452f02d01ae33e4ec854",
            ),
        ] {
            let (message, aad) = (bytes(message), bytes(aad));
            let payload = Payload {
                msg: &message,
                aad: &aad,
            };
            let sealed = cipher.encrypt(&Nonce::from(nonce), payload).expect("seals");
            assert_eq!(sealed, bytes(result));
        }
    }
}
