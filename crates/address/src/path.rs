//! The argument of `MAIL FROM:` and `RCPT TO:`, almost as lenient as qmail-smtpd(8) always was: angle
//! brackets may be missing, source routes are dropped, quoting is removed. What another reader could
//! take for two addresses, or for the end of one, is refused.

use crate::SMTP_MAX;

/// An address as a client gave it, and what follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path<'a> {
    /// Without route and quoting; empty for `<>` and for no argument.
    pub address: Vec<u8>,
    /// ESMTP parameters, if any: what follows the end of the address.
    pub rest: &'a [u8],
    /// The address stood in angle brackets.
    pub is_bracketed: bool,
}

/// Why an argument is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Other programs have room for so much.
    #[error("address longer than {SMTP_MAX} bytes")]
    TooLong,
    /// A bracket or a quote was opened and not closed, or a backslash is the last byte.
    #[error("address without end")]
    Unterminated,
    /// A blank or a control character outside quotes; CR, LF or NUL anywhere.
    #[error("address with a blank or a control character")]
    Blank,
}

/// Reads the argument of MAIL or RCPT, for example `FROM:<@relay:"a b"@c> SIZE=100`.
pub fn parse(argument: &[u8]) -> Result<Path<'_>, PathError> {
    let Some(text) = after(argument, b'<') else {
        let text = without_spaces(after(argument, b':').unwrap_or_default());
        return Address::default().read(without_route(text), b' ');
    };
    Address::default().read(without_route(text), b'>')
}

/// A route without `:` has no address behind it.
fn without_route(text: &[u8]) -> &[u8] {
    if text.first() != Some(&b'@') {
        return text;
    }
    after(text, b':').unwrap_or_else(|| from(text, b'>'))
}

/// An address while it is read.
#[derive(Default)]
struct Address {
    bytes: Vec<u8>,
    is_quoted: bool,
}

impl Address {
    fn read(mut self, text: &[u8], end: u8) -> Result<Path<'_>, PathError> {
        let is_bracketed = end == b'>';
        let mut rest = text;
        while let Some((b, after)) = rest.split_first() {
            if *b == end && !self.is_quoted {
                return Ok(Path {
                    address: self.bytes,
                    rest: after,
                    is_bracketed,
                });
            }
            rest = self.take(*b, after)?;
        }
        if is_bracketed || self.is_quoted {
            return Err(PathError::Unterminated);
        }
        Ok(Path {
            address: self.bytes,
            rest,
            is_bracketed,
        })
    }

    /// Takes one byte, or two when the first is a backslash; gives what is left.
    fn take<'a>(&mut self, byte: u8, after: &'a [u8]) -> Result<&'a [u8], PathError> {
        let (byte, is_literal, rest) = match byte {
            b'"' => {
                self.is_quoted = !self.is_quoted;
                return Ok(after);
            }
            b'\\' => {
                let (literal, rest) = after.split_first().ok_or(PathError::Unterminated)?;
                (*literal, true, rest)
            }
            plain => (plain, self.is_quoted, after),
        };
        let is_blank = byte == b' ' || byte.is_ascii_control();
        if matches!(byte, b'\r' | b'\n' | 0) || (is_blank && !is_literal) {
            return Err(PathError::Blank);
        }
        if self.bytes.len() == SMTP_MAX {
            return Err(PathError::TooLong);
        }
        self.bytes.push(byte);
        Ok(rest)
    }
}

fn after(text: &[u8], mark: u8) -> Option<&[u8]> {
    from(text, mark).get(1..)
}

/// The text from its first `mark` on; empty without one.
fn from(text: &[u8], mark: u8) -> &[u8] {
    let at = text.iter().position(|b| *b == mark);
    at.and_then(|at| text.get(at..)).unwrap_or_default()
}

fn without_spaces(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|b| *b != b' ').unwrap_or(text.len());
    text.get(start..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(argument: &str, address: &str) {
        assert_eq!(
            parse(argument.as_bytes()).unwrap().address,
            address.as_bytes()
        );
    }

    #[test]
    fn angle_brackets_hold_the_address() {
        check("FROM:<a@b>", "a@b");
        check("FROM: <a@b> SIZE=1", "a@b");
        check("TO:<>", "");
    }

    #[test]
    fn parameters_are_what_follows() {
        assert_eq!(
            parse(b"FROM:<a@b> BODY=8BITMIME").unwrap().rest,
            b" BODY=8BITMIME"
        );
        assert_eq!(parse(b"FROM:a@b SIZE=1").unwrap().rest, b"SIZE=1");
        assert_eq!(parse(b"FROM:<a@b>").unwrap().rest, b"");
    }

    #[test]
    fn without_brackets_a_space_ends_it() {
        check("TO: foo bar@test.example", "foo");
        check("TO:a@b", "a@b");
        check("", "");
        check("a@b", "");
    }

    #[test]
    fn routes_are_dropped_and_quotes_removed() {
        check("TO:<@src,@rt:\"q x\"@test.example>", "q x@test.example");
        check("TO:<@src>", "");
        check("TO:<@src,@rt>", "");
        check("TO:<\"a>b\"@c>", "a>b@c");
        check("TO:<a\\>b@c>", "a>b@c");
    }

    #[test]
    fn the_length_is_that_of_the_address_without_quoting() {
        let long = "x".repeat(SMTP_MAX);
        check(&format!("TO:<@route:\"{long}\">"), &long);
        check_error(&format!("TO:<{long}x>"), PathError::TooLong);
    }

    #[track_caller]
    fn check_error(argument: &str, error: PathError) {
        assert_eq!(parse(argument.as_bytes()), Err(error), "{argument}");
    }

    #[test]
    fn what_was_opened_must_be_closed() {
        for argument in [
            "<a@b",
            "TO:<",
            "TO:<a\\",
            "TO:<\"a@b>",
            "TO:\"a@b",
            "TO:a\\",
            "TO:<@src",
            "TO:<@r:a@b",
            "TO:<v@x SIZE=1",
            "FROM:<\"",
        ] {
            let error = parse(argument.as_bytes()).unwrap_err();
            assert_ne!(error, PathError::TooLong, "{argument}");
        }
        check_error("TO:<a@b", PathError::Unterminated);
        check_error("TO:\"a@b", PathError::Unterminated);
    }

    #[test]
    fn blanks_belong_in_quotes_and_line_ends_nowhere() {
        for argument in [
            "TO:<a b@c>",
            "TO:< a@b>",
            "TO:<a\tb@c>",
            "TO:<\"a\rb\"@c>",
            "TO:<a@b\r>",
            "TO:<a\0@b>",
            "TO:a\x7fb@c",
            "FROM:<() { :; }; touch /tmp/p>",
        ] {
            check_error(argument, PathError::Blank);
        }
        check("TO:<\"a b\"@c>", "a b@c");
        check("TO:<a\\ b@c>", "a b@c");
        check("TO:<\"a\tb\"@c>", "a\tb@c");
    }
}
