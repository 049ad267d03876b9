//! The `Date:` and `Message-ID:` that a message gets when it has none.

/// `Date: 22 Nov 2026 07:52:38 -0000`; `date` as `datetime::rfc822` makes it.
pub fn date(date: &str) -> Vec<u8> {
    format!("Date: {date}\n").into_bytes()
}

/// `Message-ID: <20261122074851.26917.qmail@id.example>`; `digits` as `datetime::digits` makes
/// them. Second and process number make it unique on a host.
pub fn message_id(digits: &str, pid: u32, id_host: &[u8]) -> Vec<u8> {
    let mut out = format!("Message-ID: <{digits}.{pid}.qmail@").into_bytes();
    out.extend(id_host.iter().filter(|b| !matches!(b, b'\n' | b'\r' | 0)));
    out.extend_from_slice(b">\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stamps_are_whole_lines() {
        assert_eq!(
            date("22 Nov 2026 07:52:38 -0000"),
            b"Date: 22 Nov 2026 07:52:38 -0000\n"
        );
        assert_eq!(
            message_id("20261122074851", 26917, b"id.example"),
            b"Message-ID: <20261122074851.26917.qmail@id.example>\n"
        );
    }

    #[test]
    fn a_host_cannot_add_a_line() {
        assert_eq!(message_id("1", 2, b"a\nb"), b"Message-ID: <1.2.qmail@ab>\n");
    }
}
