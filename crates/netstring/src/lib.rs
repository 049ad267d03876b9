//! Netstrings, `LENGTH:BYTES,`: the framing of QMTP and QMQP (qmail-qmtpd(8), qmail-qmqpd(8)).
//!
//! A length is decimal, has no sign, no blank and no leading zero, and is refused while it is read
//! when it grows above [`LENGTH_MAX`]: nothing is reserved for what a peer only announces.

use thiserror::Error;

/// Why bytes are not a netstring.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum NetstringError {
    /// Something else where a length should be.
    #[error("not a netstring length")]
    NotALength,
    /// More bytes are announced than anybody here takes.
    #[error("netstring too long")]
    TooLong,
    /// Something else where the closing comma should be.
    #[error("no comma at the end of a netstring")]
    NoComma,
}

/// Reads a length and its colon, a byte at a time.
#[derive(Clone, Copy, Debug, Default)]
pub struct LengthReader {
    /// ≤ `LENGTH_MAX`; nothing before the first digit
    value: Option<u64>,
}

impl LengthReader {
    /// Takes the next byte; the length, when that was the colon.
    ///
    /// # Errors
    /// The byte cannot stand there, or the number is too large.
    pub fn feed(&mut self, byte: u8) -> Result<Option<u64>, NetstringError> {
        match (byte, self.value) {
            (b':', Some(length)) => Ok(Some(length)),
            (b'0'..=b'9', None) => self.set(0, byte),
            (b'0'..=b'9', Some(value)) if value > 0 => self.set(value, byte),
            _ => Err(NetstringError::NotALength),
        }
    }

    fn set(&mut self, value: u64, digit: u8) -> Result<Option<u64>, NetstringError> {
        let value = value * 10 + u64::from(digit - b'0');
        if value > LENGTH_MAX {
            return Err(NetstringError::TooLong);
        }
        self.value = Some(value);
        Ok(None)
    }
}

/// Appends `bytes` as a netstring.
pub fn write(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&head(bytes.len()));
    out.extend_from_slice(bytes);
    out.push(b',');
}

/// What goes before so many bytes; a comma follows them.
#[must_use]
pub fn head(length: usize) -> Vec<u8> {
    format!("{length}:").into_bytes()
}

/// How long so many bytes become as a netstring.
#[must_use]
pub fn encoded_length(length: usize) -> usize {
    head(length).len().saturating_add(length).saturating_add(1)
}

/// The netstring that `input` begins with, and how many bytes it takes there; nothing while it is
/// incomplete.
///
/// # Errors
/// What is there is not the beginning of a netstring of at most `limit` bytes.
pub fn read(input: &[u8], limit: usize) -> Result<Option<(&[u8], usize)>, NetstringError> {
    let mut reader = LengthReader::default();
    for (position, byte) in input.iter().enumerate() {
        let Some(length) = reader.feed(*byte)? else {
            continue;
        };
        let length = usize::try_from(length).map_err(|_| NetstringError::TooLong)?;
        if length > limit {
            return Err(NetstringError::TooLong);
        }
        let start = position + 1;
        let end = start + length;
        return match (input.get(start..end), input.get(end)) {
            (Some(bytes), Some(b',')) => Ok(Some((bytes, end + 1))),
            (Some(_), Some(_)) => Err(NetstringError::NoComma),
            (_, None) | (None, _) => Ok(None),
        };
    }
    Ok(None)
}

/// What the original calls too long.
pub const LENGTH_MAX: u64 = 200_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &[u8], expected: Result<Option<(&[u8], usize)>, NetstringError>) {
        assert_eq!(read(input, 1000), expected);
    }

    #[test]
    fn a_netstring_is_read_with_what_follows_it_left() {
        check(b"3:abc,", Ok(Some((b"abc", 6))));
        check(b"0:,rest", Ok(Some((b"", 3))));
        check(b"5:a,b:\0,6:", Ok(Some((b"a,b:\0", 8))));
    }

    #[test]
    fn an_incomplete_one_is_nothing_yet() {
        for input in [&b""[..], b"3", b"3:", b"3:ab", b"3:abc"] {
            check(input, Ok(None));
        }
    }

    #[test]
    fn a_length_is_digits_and_nothing_else() {
        for input in [
            &b":"[..],
            b"A:",
            b"/:",
            b"1 :",
            b" 1:",
            b"+3:abc,",
            b"-3:",
            b"03:abc,",
            b"00:,",
            b"1;",
            b"\0",
        ] {
            check(input, Err(NetstringError::NotALength));
        }
        check(b"3:abc;", Err(NetstringError::NoComma));
    }

    #[test]
    fn a_length_that_grows_too_large_is_refused_at_once_and_never_wraps() {
        for input in [
            &b"1001:"[..],
            b"200000001",
            b"4294967297",
            b"99999999999",
            b"18446744073709551617",
        ] {
            check(input, Err(NetstringError::TooLong));
        }
        let mut reader = LengthReader::default();
        let fed: Vec<_> = b"200000000:".iter().map(|b| reader.feed(*b)).collect();
        assert_eq!(fed.last(), Some(&Ok(Some(LENGTH_MAX))));
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read_back(
            bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300),
            rest in proptest::collection::vec(proptest::num::u8::ANY, 0..9),
        ) {
            let mut out = Vec::new();
            write(&mut out, &bytes);
            proptest::prop_assert_eq!(out.len(), encoded_length(bytes.len()));
            let length = out.len();
            out.extend_from_slice(&rest);
            proptest::prop_assert_eq!(read(&out, 300), Ok(Some((bytes.as_slice(), length))));
            for cut in 0..length {
                proptest::prop_assert_eq!(read(&out[..cut], 300), Ok(None));
            }
        }

        #[test]
        fn anything_is_read_without_panic_and_writes_back_the_same(
            input in proptest::collection::vec(proptest::num::u8::ANY, 0..40)
        ) {
            if let Ok(Some((bytes, length))) = read(&input, 1000) {
                let mut out = Vec::new();
                write(&mut out, bytes);
                proptest::prop_assert_eq!(&out, &input[..length]);
            }
        }
    }
}
