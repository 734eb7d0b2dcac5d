//! Page tokens: where the next page begins, sealed so that a caller can only hand them back.

use serde::{Serialize, de::DeserializeOwned};

use crate::StoreError;

/// Bytes of the checksum in front of a token. It catches mistakes, not malice: a token only says where to go on.
const CHECKSUM_BYTES: usize = 8;
/// Longest token that is read.
const TOKEN_BYTES_MAX: usize = 4096;

/// Makes the token of the page that begins after `position`.
pub fn encode<T: Serialize>(position: &T) -> String {
    encode_for(&(), position)
}

/// Reads a token. Fails with [`StoreError::Invalid`] (field `page_token`) when it is none of ours.
pub fn decode<T: DeserializeOwned>(token: &str) -> Result<T, StoreError> {
    decode_for(&(), token)
}

/// Makes a token that holds for one filter only: every field that must be unchanged from page to page.
pub fn encode_for<F: Serialize, T: Serialize>(filter: &F, position: &T) -> String {
    let position = serde_json::to_vec(position).expect("a position is plain data");
    let mut bytes = checksum(filter, &position).to_vec();
    bytes.extend_from_slice(&position);
    to_hex(&bytes)
}

/// Reads a token made by [`encode_for`]. Fails with [`StoreError::Invalid`] when it is none of ours, or was made for
/// another filter.
pub fn decode_for<F: Serialize, T: DeserializeOwned>(
    filter: &F,
    token: &str,
) -> Result<T, StoreError> {
    let bytes = from_hex(token)
        .filter(|it| it.len() >= CHECKSUM_BYTES)
        .ok_or_else(invalid)?;
    let (sum, position) = bytes.split_at(CHECKSUM_BYTES);
    if sum != checksum(filter, position) {
        return Err(invalid());
    }
    serde_json::from_slice(position).map_err(|_| invalid())
}

/// Returns how many rows a page shall have: 0 means `default`, more than `max` means `max`. Fails with
/// [`StoreError::Invalid`] (field `page_size`) below zero.
pub fn page_size(requested: i32, default: u64, max: u64) -> Result<u64, StoreError> {
    match u64::try_from(requested) {
        Ok(0) => Ok(default.min(max)),
        Ok(size) => Ok(size.min(max)),
        Err(_) => Err(StoreError::Invalid {
            field: "page_size",
            reason: "PAGE_SIZE_NEGATIVE",
            problem: "must be 0 (the default) or more".into(),
        }),
    }
}

fn checksum<F: Serialize>(filter: &F, position: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let filter = serde_json::to_vec(filter).expect("a filter is plain data");
    let mut hasher = blake3::Hasher::new_derive_key("clientele page token 1");
    hasher
        .update(&(filter.len() as u64).to_le_bytes())
        .update(&filter)
        .update(position);
    let mut sum = [0; CHECKSUM_BYTES];
    sum.copy_from_slice(&hasher.finalize().as_bytes()[..CHECKSUM_BYTES]);
    sum
}

fn invalid() -> StoreError {
    StoreError::Invalid {
        field: "page_token",
        reason: "PAGE_TOKEN_INVALID",
        problem: "not a token of this list and filter; begin with an empty one".into(),
    }
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|it| format!("{it:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if text.len() > TOKEN_BYTES_MAX || !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leads_back_to_its_position() {
        let token = encode_for(&("tenant", 7), &(12_i64, "last"));

        let back: (i64, String) = decode_for(&("tenant", 7), &token).unwrap();

        assert_eq!(back, (12, "last".to_owned()));
    }

    #[test]
    fn refuses_what_is_not_a_token_of_this_list() {
        let token = encode_for(&"one filter", &1);
        let swapped = if token.ends_with('0') { "1" } else { "0" };
        let bent = format!("{}{swapped}", &token[..token.len() - 1]);

        for bad in ["", "zz", "abc", "é0", &bent, &"00".repeat(3000)] {
            assert!(decode_for::<_, i32>(&"one filter", bad).is_err(), "{bad}");
        }
        assert!(decode_for::<_, i32>(&"another", &token).is_err());
    }

    #[test]
    fn page_sizes_stay_in_bounds() {
        assert_eq!(page_size(0, 100, 1000).unwrap(), 100);
        assert_eq!(page_size(7, 100, 1000).unwrap(), 7);
        assert_eq!(page_size(5000, 100, 1000).unwrap(), 1000);
        assert!(page_size(-1, 100, 1000).is_err());
    }
}
