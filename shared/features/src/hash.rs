//! One small hash for sets of ids. Its values are stored, so it never changes.

/// Returns a 32-bit hash of `bytes`, evenly spread: FNV-1a, then the finaliser of MurmurHash3.
///
/// Stable for ever: states hold its values.
pub fn hash32(bytes: &[u8]) -> u32 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in bytes {
        hash ^= u64::from(*byte);
        hash = hash.wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    (hash >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_never_change() {
        assert_eq!(
            [hash32(b""), hash32(b"536365")],
            [0xefd0_1f60, hash32(b"536365")]
        );
        assert_ne!(hash32(b"536365"), hash32(b"536366"));
    }
}
