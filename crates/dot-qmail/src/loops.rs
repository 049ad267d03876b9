//! Has this message been here before? qmail-local(8), vdelivermail(8): the header already carries
//! our own Delivered-To line. The header is compared byte by byte as it streams by, so that its length
//! costs no memory.

use std::io::{self, Read};

/// Whether a line of the header of `message` is exactly `delivered_to`, line feed included.
///
/// The header ends at the first empty line, or with the message.
///
/// # Errors
/// read(2)'s.
pub fn has_line(message: &mut impl Read, delivered_to: &[u8]) -> io::Result<bool> {
    look(message, Line::new(delivered_to, u8::eq))
}

/// The same, whether in upper or lower case.
///
/// # Errors
/// read(2)'s.
pub fn has_line_in_any_case(message: &mut impl Read, delivered_to: &[u8]) -> io::Result<bool> {
    look(message, Line::new(delivered_to, u8::eq_ignore_ascii_case))
}

fn look(message: &mut impl Read, mut line: Line<'_>) -> io::Result<bool> {
    let mut buffer = [0; BUFFER_BYTES];
    loop {
        let count = match message.read(&mut buffer) {
            Ok(0) => return Ok(false),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        for byte in buffer.iter().take(count) {
            match line.take(*byte) {
                Seen::More => {}
                Seen::EndOfHeader => return Ok(false),
                Seen::Wanted => return Ok(true),
            }
        }
    }
}

/// The line being read, compared with the one we look for.
struct Line<'a> {
    wanted: &'a [u8],
    /// What of `wanted` has not been seen on this line; `None` once the line differs.
    rest: Option<&'a [u8]>,
    same: fn(&u8, &u8) -> bool,
    at_start: bool,
}

enum Seen {
    More,
    EndOfHeader,
    Wanted,
}

impl<'a> Line<'a> {
    fn new(wanted: &'a [u8], same: fn(&u8, &u8) -> bool) -> Self {
        Self {
            wanted,
            rest: Some(wanted),
            same,
            at_start: true,
        }
    }

    fn take(&mut self, byte: u8) -> Seen {
        let rest = match self.rest.and_then(|rest| rest.split_first()) {
            Some((expected, rest)) if (self.same)(expected, &byte) => Some(rest),
            Some(_) | None => None,
        };
        if byte != b'\n' {
            self.rest = rest;
            self.at_start = false;
            return Seen::More;
        }
        if rest == Some(b"") {
            return Seen::Wanted;
        }
        if self.at_start {
            return Seen::EndOfHeader;
        }
        *self = Self::new(self.wanted, self.same);
        Seen::More
    }
}

/// One read of the message; the caller's only copy of it at this point.
const BUFFER_BYTES: usize = 8192;

#[cfg(test)]
mod tests {
    use super::{has_line, has_line_in_any_case};

    const OURS: &[u8] = b"Delivered-To: a@b\n";

    #[track_caller]
    fn check(message: &[u8], expected: bool) {
        assert_eq!(has_line(&mut &*message, OURS).unwrap(), expected);
    }

    #[test]
    fn our_own_line_anywhere_in_the_header_is_found() {
        check(b"Delivered-To: a@b\n", true);
        check(b"Subject: x\nDelivered-To: a@b\nTo: y\n\nbody\n", true);
    }

    #[test]
    fn the_body_is_not_looked_at() {
        check(b"Subject: x\n\nDelivered-To: a@b\n", false);
        check(b"\nDelivered-To: a@b\n", false);
    }

    #[test]
    fn only_identical_lines_count() {
        check(b"delivered-to: a@b\n", false);
        check(b"Delivered-To: a@b \n", false);
        check(b"Delivered-To: a@bb\n", false);
        check(b"Delivered-To: a@\n", false);
        check(b" Delivered-To: a@b\n", false);
        check(b"Delivered-To: a@b\r\n", false);
        check(b"Delivered-To: a@b", false);
        check(b"", false);
    }

    #[test]
    fn the_case_counts_unless_it_is_asked_not_to() {
        let message = b"X: y\nDELIVERED-TO: A@b\n\n";
        assert!(has_line_in_any_case(&mut &message[..], OURS).unwrap());
        assert!(!has_line_in_any_case(&mut &message[1..20], OURS).unwrap());
        check(message, false);
    }

    #[test]
    fn a_very_long_header_line_is_passed_over() {
        let mut message = b"X: ".to_vec();
        message.resize(100_000, b'x');
        message.extend_from_slice(b"\nDelivered-To: a@b\n");
        check(&message, true);
    }
}
