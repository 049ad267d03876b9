//! The message and the envelope that qmail-qmqpc(8) was given, as one QMQP request.
//!
//! A request begins with its length, so all of it is in memory before the first byte leaves.

use std::fs::File;
use std::io::{self, Read};

use thiserror::Error;

/// A complete request.
#[derive(Debug)]
pub(crate) struct Outgoing {
    message: Vec<u8>,
    /// The sender and the recipients, a netstring each.
    addresses: Vec<u8>,
}

/// Why there is no request.
#[derive(Debug, Error)]
pub(crate) enum InputError {
    /// A descriptor cannot be read to its end.
    #[error("unable to read")]
    Read(#[from] io::Error),
    /// More than any server takes, or than there is memory for.
    #[error("message too large")]
    Memory,
    /// The envelope is not one.
    #[error("malformed envelope")]
    Format,
}

impl Outgoing {
    /// The message from descriptor 0, then the envelope from descriptor 1.
    pub(crate) fn read() -> Result<Self, InputError> {
        let message = read_all(&mut os::fd::take(0)?)?;
        let envelope = read_all(&mut os::fd::take(1)?)?;
        Ok(Self {
            message,
            addresses: addresses(&envelope)?,
        })
    }

    /// The parts of the request in their order; they are not copied together.
    pub(crate) fn parts(&self) -> [Vec<u8>; 2] {
        let message = netstring::encoded_length(self.message.len());
        let total = message.saturating_add(self.addresses.len());
        let mut first = netstring::head(total);
        first.extend_from_slice(&netstring::head(self.message.len()));
        let mut last = b",".to_vec();
        last.extend_from_slice(&self.addresses);
        last.push(b',');
        [first, last]
    }

    /// The message, which stands between the two parts.
    pub(crate) fn message(&self) -> &[u8] {
        &self.message
    }
}

fn read_all(input: &mut File) -> Result<Vec<u8>, InputError> {
    let mut content = Vec::new();
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let count = match input.read(&mut piece) {
            Ok(0) => return Ok(content),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        let is_too_large = content.len().saturating_add(count) > INPUT_BYTES_MAX;
        if is_too_large || content.try_reserve(count).is_err() {
            return Err(InputError::Memory);
        }
        content.extend_from_slice(piece.get(..count).unwrap_or_default());
    }
}

/// `F` sender NUL, `T` recipient NUL ..., NUL as netstrings. What follows the last NUL is nobody's.
fn addresses(envelope: &[u8]) -> Result<Vec<u8>, InputError> {
    let mut out = Vec::new();
    let mut letter = b'F';
    let mut rest = envelope;
    while rest.first() != Some(&b'\0') || letter == b'F' {
        let end = rest.iter().position(|b| *b == b'\0');
        let (record, tail) = end
            .and_then(|end| rest.split_at_checked(end))
            .ok_or(InputError::Format)?;
        let address = record.strip_prefix(&[letter]).ok_or(InputError::Format)?;
        netstring::write(&mut out, address);
        rest = tail.get(1..).unwrap_or_default();
        letter = b'T';
    }
    Ok(out)
}

/// Of the message, and of the envelope: what a netstring may have, and no server takes more.
const INPUT_BYTES_MAX: usize = 200_000_000;

/// One read.
const PIECE_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(envelope: &[u8], expected: Option<&str>) {
        let shown = addresses(envelope)
            .ok()
            .map(|bytes| bytes.escape_ascii().to_string());
        assert_eq!(shown.as_deref(), expected);
    }

    #[test]
    fn an_envelope_becomes_netstrings() {
        check(b"Fs@h\0Tr@h\0\0", Some("3:s@h,3:r@h,"));
        check(b"F\0Ta\0Tb\0\0trailing", Some("0:,1:a,1:b,"));
        check(b"Fs\0\0", Some("1:s,"));
    }

    #[test]
    fn an_envelope_without_its_end_is_none() {
        let whole = b"Fs@h\0Ta@b\0Tc@d\0\0";
        for length in 0..whole.len() {
            check(&whole[..length], None);
        }
        for envelope in [&b"Xs\0Ta\0\0"[..], b"Fs\0Xa\0\0", b"\0", b"Ta\0\0"] {
            check(envelope, None);
        }
    }

    #[test]
    fn the_parts_and_the_message_are_one_netstring() {
        let outgoing = Outgoing {
            message: b"a\0b\r\n".to_vec(),
            addresses: b"3:s@h,3:r@h,".to_vec(),
        };
        let [first, last] = outgoing.parts();
        let request = [first.as_slice(), outgoing.message(), &last].concat();
        assert_eq!(request, b"20:5:a\0b\r\n,3:s@h,3:r@h,,");
        let read = netstring::read(&request, 100).unwrap();
        assert_eq!(read.map(|(_, length)| length), Some(request.len()));
    }
}
