//! The forms with one value: a line, and a number.

/// The first line without trailing spaces and tabs; leading ones belong to the value.
pub(crate) fn line(content: &[u8]) -> &[u8] {
    without_trailing_blanks(content.split(|b| *b == b'\n').next().unwrap_or_default())
}

/// The decimal digits a line begins with. A number too large for any purpose stays the largest.
pub(crate) fn integer(line: &[u8]) -> Option<u64> {
    let digits = line.iter().take_while(|b| b.is_ascii_digit());
    let mut value = None;
    for b in digits {
        let sum: u64 = value.unwrap_or(0);
        value = Some(sum.saturating_mul(10).saturating_add(u64::from(b - b'0')));
    }
    value
}

pub(crate) fn without_trailing_blanks(line: &[u8]) -> &[u8] {
    let end = line
        .iter()
        .rposition(|b| !matches!(b, b' ' | b'\t'))
        .map_or(0, |last| last + 1);
    line.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_loses_trailing_blanks_only() {
        assert_eq!(line(b" a b \t\nsecond"), b" a b");
        assert_eq!(line(b"a"), b"a");
        assert_eq!(line(b"a\r\n"), b"a\r");
        assert_eq!(line(b"#a\n"), b"#a");
        assert_eq!(line(b""), b"");
        assert_eq!(line(b"\nb"), b"");
    }

    #[test]
    fn a_number_ends_at_the_first_other_byte() {
        assert_eq!(integer(b"20"), Some(20));
        assert_eq!(integer(b"20s 3"), Some(20));
        assert_eq!(integer(b"0"), Some(0));
        assert_eq!(integer(b""), None);
        assert_eq!(integer(b" 20"), None);
        assert_eq!(integer(b"-1"), None);
        assert_eq!(integer(b"99999999999999999999999"), Some(u64::MAX));
    }
}
