//! The unique id of a message: its file name as far as that names the message (RFC 1939 section 7,
//! maildir(5)).

/// The name up to the first colon, if that can be sent; else a digest of it. Whatever a file is
/// called, this is 1 to 70 printable bytes.
pub(crate) fn unique_id(name: &[u8]) -> Vec<u8> {
    let stem = name.split(|b| *b == b':').next().unwrap_or_default();
    let is_sendable = stem.len() <= ID_BYTES_MAX && stem.iter().all(u8::is_ascii_graphic);
    if is_sendable && !stem.is_empty() {
        return stem.to_vec();
    }
    let digested = if stem.is_empty() { name } else { stem };
    format!("~{:032x}", digest(digested)).into_bytes()
}

/// FNV-1a of 128 bits: no secret depends on it, and names that differ get ids that differ.
fn digest(bytes: &[u8]) -> u128 {
    bytes.iter().fold(OFFSET, |hash, byte| {
        (hash ^ u128::from(*byte)).wrapping_mul(PRIME)
    })
}

const ID_BYTES_MAX: usize = 70;
const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_name_is_the_id_without_its_flags() {
        assert_eq!(unique_id(b"100.M5P7Q1.host:2,S"), b"100.M5P7Q1.host");
        assert_eq!(unique_id(b"100.a.host"), b"100.a.host");
    }

    #[test]
    fn any_other_name_gets_an_id_that_can_be_sent() {
        let long = [b'x'; 255];
        let names: [&[u8]; 7] = [
            b"2.bad\r\n.\r\n+OK 99 injected",
            b"a b",
            b"\xff\x80",
            b"\x1b[2J",
            b":2,S",
            b":2,",
            &long,
        ];
        let mut ids: Vec<_> = names.iter().map(|name| unique_id(name)).collect();
        for id in &ids {
            assert!((1..=70).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic));
        }
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), names.len());
    }

    #[test]
    fn flags_do_not_change_an_id() {
        assert_eq!(unique_id(b"a b:2,"), unique_id(b"a b:2,S"));
    }
}
