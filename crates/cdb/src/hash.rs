//! The hash function of the format.

/// h = 5381, then h = 33 h XOR byte, in 32 bits.
pub fn hash(key: &[u8]) -> u32 {
    key.iter()
        .fold(5381, |h: u32, b| h.wrapping_mul(33) ^ u32::from(*b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(key: &[u8], expected: u32) {
        assert_eq!(hash(key), expected, "{:x}", hash(key));
    }

    #[test]
    fn keys_hash_as_in_every_other_implementation() {
        check(b"", 0x0000_1505);
        check(b"!", 0x0002_b584);
        check(b"!u1\0", 0x7c4c_c8a0);
        check(b"!u1-", 0x7c4c_c88d);
        check(b"example.com", 0xe8b7_8f82);
        check(b".example.com", 0x2395_694c);
    }
}
