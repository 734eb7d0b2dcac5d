//! Format-preserving tokens: FF1 of NIST SP 800-38G (revision 1) under AES-256.
//!
//! A token looks like its value: digits stay digits, letters stay letters of the same case where the value has no digits,
//! and what separates them stays in place. Equal values of one field of one tenant have equal tokens, and the key opens them.

use aes::Aes256;
use fpe::ff1::{FF1, FlexibleNumeralString};

use crate::ring::{KeyRing, UnknownKey};
use crate::secret::{KeyId, Secret};

/// Least number of values that look alike: with fewer, tokens could be told by trying all (SP 800-38G revision 1).
const DOMAIN_MIN: u64 = 1_000_000;
/// Most characters of a value.
const CHARACTERS_MAX: usize = 128;
/// Most steps of a walk back into the class; the chance to need them all is below 10^-60.
const STEPS_MAX: usize = 10_000;

/// Why a value has no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Fewer than a million values look like it.
    #[error("too few values look like this one: six digits or five letters are the least")]
    DomainTooSmall,
    /// It has letters or digits beyond ASCII, or more than 128 characters.
    #[error("only ASCII letters and digits can be replaced, at most 128 characters")]
    Unsupported,
    /// The ring lacks the key.
    #[error(transparent)]
    UnknownKey(#[from] UnknownKey),
}

/// What the letters and digits of a value are drawn from. Token and value are of one class, so that each can be read back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Digits,
    Lower,
    Upper,
    LowerDigits,
    UpperDigits,
    /// Letters of both cases, with or without digits.
    Mixed,
}

impl Class {
    fn of(characters: &[u8]) -> Option<Self> {
        let has = |test: fn(&u8) -> bool| characters.iter().any(test);
        let found = (
            has(u8::is_ascii_digit),
            has(u8::is_ascii_lowercase),
            has(u8::is_ascii_uppercase),
        );
        Some(match found {
            (true, false, false) => Self::Digits,
            (false, true, false) => Self::Lower,
            (false, false, true) => Self::Upper,
            (true, true, false) => Self::LowerDigits,
            (true, false, true) => Self::UpperDigits,
            (_, true, true) => Self::Mixed,
            (false, false, false) => return None,
        })
    }

    fn alphabet(self) -> &'static [u8] {
        const ALL: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefghijklmnopqrstuvwxyz";
        match self {
            Self::Digits => &ALL[26..36],
            Self::Lower => &ALL[36..],
            Self::Upper => &ALL[..26],
            Self::LowerDigits => &ALL[26..],
            Self::UpperDigits => &ALL[..36],
            Self::Mixed => ALL,
        }
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Forth,
    Back,
}

impl KeyRing {
    /// Returns the token of a value under a key. Fails when fewer than a million values look like it.
    pub fn token(&self, id: KeyId, place: (&str, &str), value: &str) -> Result<String, TokenError> {
        walk(self.secret(id)?, place, value, Direction::Forth)
    }

    /// Returns the value behind a token.
    pub fn untoken(
        &self,
        id: KeyId,
        place: (&str, &str),
        token: &str,
    ) -> Result<String, TokenError> {
        walk(self.secret(id)?, place, token, Direction::Back)
    }
}

fn walk(
    secret: &Secret,
    (tenant, field): (&str, &str),
    text: &str,
    direction: Direction,
) -> Result<String, TokenError> {
    if text.chars().count() > CHARACTERS_MAX
        || text.chars().any(|c| !c.is_ascii() && c.is_alphanumeric())
    {
        return Err(TokenError::Unsupported);
    }
    let inner: Vec<u8> = text.bytes().filter(u8::is_ascii_alphanumeric).collect();
    let class = Class::of(&inner).ok_or(TokenError::DomainTooSmall)?;
    let alphabet = class.alphabet();
    let radix = alphabet.len() as u64;
    let domain = u32::try_from(inner.len())
        .ok()
        .and_then(|length| radix.checked_pow(length));
    if domain.is_some_and(|domain| domain < DOMAIN_MIN) {
        return Err(TokenError::DomainTooSmall);
    }
    let key = secret.derive("clientele masking token", b"");
    let cipher =
        FF1::<Aes256>::new(key.bytes(), radix as u32).map_err(|_| TokenError::Unsupported)?;
    let tweak = key.hash(&[tenant.as_bytes(), field.as_bytes()]);
    let mut numerals: Vec<u16> = inner
        .iter()
        .filter_map(|byte| alphabet.iter().position(|one| one == byte))
        .map(|position| position as u16)
        .collect();
    for _ in 0..STEPS_MAX {
        let string = FlexibleNumeralString::from(numerals);
        let moved = match direction {
            Direction::Forth => cipher.encrypt(tweak.as_bytes(), &string),
            Direction::Back => cipher.decrypt(tweak.as_bytes(), &string),
        };
        numerals = moved.map_err(|_| TokenError::DomainTooSmall)?.into();
        let bytes: Vec<u8> = numerals
            .iter()
            .map(|numeral| alphabet[usize::from(*numeral)])
            .collect();
        // Walking on until the class fits again is a permutation of the class, so it can be walked back.
        if Class::of(&bytes) == Some(class) {
            let mut bytes = bytes.into_iter().map(char::from);
            return Ok(text
                .chars()
                .map(|c| match c.is_ascii_alphanumeric() {
                    true => bytes.next().unwrap_or(c),
                    false => c,
                })
                .collect());
        }
    }
    Err(TokenError::Unsupported)
}

#[cfg(test)]
mod tests {
    use aes::{Aes128, Aes192};
    use proptest::prelude::*;

    use super::*;

    fn ring() -> KeyRing {
        KeyRing::new(Secret::new([1; 32]))
    }

    const PLACE: (&str, &str) = ("acme", "card");

    fn token(value: &str) -> Result<String, TokenError> {
        ring().token(KeyId::FIRST, PLACE, value)
    }

    #[test]
    fn keeps_the_form() {
        for value in [
            "13812345678",
            "4111-1111 1111-1111",
            "ABCDEF",
            "ann.lee",
            "AB-1234-x",
        ] {
            let token = token(value).expect("token");
            assert_ne!(token, value);
            assert_eq!(token.len(), value.len());
            for (left, right) in token.bytes().zip(value.bytes()) {
                assert_eq!(left.is_ascii_alphanumeric(), right.is_ascii_alphanumeric());
                assert!(left.is_ascii_alphanumeric() || left == right);
            }
            let back = ring().untoken(KeyId::FIRST, PLACE, &token);
            assert_eq!(back.as_deref(), Ok(value));
        }
        assert!(
            token("13812345678")
                .expect("token")
                .bytes()
                .all(|b| b.is_ascii_digit())
        );
        assert!(
            token("ABCDEF")
                .expect("token")
                .bytes()
                .all(|b| b.is_ascii_uppercase())
        );
    }

    #[test]
    fn tells_tenants_and_fields_apart() {
        let ring = ring();
        let one = token("13812345678").expect("token");
        for place in [("acme", "phone"), ("other", "card")] {
            assert_ne!(
                ring.token(KeyId::FIRST, place, "13812345678")
                    .expect("token"),
                one
            );
        }
    }

    #[test]
    fn refuses_what_could_be_found_by_trying() {
        for value in ["12345", "abcd", "ab1", "", "--", "a"] {
            assert_eq!(token(value), Err(TokenError::DomainTooSmall), "{value}");
        }
        for value in ["123456", "abcde", "ab12"] {
            assert!(token(value).is_ok(), "{value}");
        }
        assert_eq!(token("李雷的卡1234567"), Err(TokenError::Unsupported));
        assert_eq!(token(&"1".repeat(129)), Err(TokenError::Unsupported));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn comes_back(value in "[0-9A-Za-z .-]{6,30}") {
            if let Ok(token) = token(&value) {
                let back = ring().untoken(KeyId::FIRST, PLACE, &token);
                prop_assert_eq!(back, Ok(value));
            }
        }
    }

    /// The nine samples that NIST publishes for FF1: key, radix, tweak, plaintext, ciphertext.
    #[test]
    fn agrees_with_the_samples_of_nist() {
        let bytes = |text: &str| -> Vec<u8> {
            (0..text.len() / 2)
                .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).expect("digits"))
                .collect()
        };
        let numerals = |text: &str| -> Vec<u16> {
            text.chars()
                .map(|c| c.to_digit(36).expect("numeral") as u16)
                .collect()
        };
        let full = "2B7E151628AED2A6ABF7158809CF4F3CEF4359D8D580AA4F7F036D6F04FC6A94";
        let (digits, letters) = ("0123456789", "0123456789abcdefghi");
        let (short, long) = ("39383736353433323130", "3737373770717273373737");
        for (key_bytes, radix, tweak, plain, cipher) in [
            (16, 10, "", digits, "2433477484"),
            (16, 10, short, digits, "6124200773"),
            (16, 36, long, letters, "a9tv40mll9kdu509eum"),
            (24, 10, "", digits, "2830668132"),
            (24, 10, short, digits, "2496655549"),
            (24, 36, long, letters, "xbj3kv35jrawxv32ysr"),
            (32, 10, "", digits, "6657667009"),
            (32, 10, short, digits, "1001623463"),
            (32, 36, long, letters, "xs8a0azh2avyalyzuwd"),
        ] {
            let (key, tweak) = (&bytes(full)[..key_bytes], bytes(tweak));
            let plain = FlexibleNumeralString::from(numerals(plain));
            let result: Vec<u16> = match key_bytes {
                16 => FF1::<Aes128>::new(key, radix)
                    .expect("radix")
                    .encrypt(&tweak, &plain),
                24 => FF1::<Aes192>::new(key, radix)
                    .expect("radix")
                    .encrypt(&tweak, &plain),
                _ => FF1::<Aes256>::new(key, radix)
                    .expect("radix")
                    .encrypt(&tweak, &plain),
            }
            .expect("encrypts")
            .into();
            assert_eq!(result, numerals(cipher));
        }
    }
}
