//! The argument of `MAIL FROM:` and `RCPT TO:`, as lenient as qmail-smtpd(8) always was: angle
//! brackets may be missing, source routes are dropped, quoting is removed.

use crate::SMTP_MAX;

/// An address as a client gave it, and what follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path<'a> {
    /// Without route and quoting; empty for `<>` and for no argument.
    pub address: Vec<u8>,
    /// ESMTP parameters, if any: what follows the end of the address.
    pub rest: &'a [u8],
}

/// The only thing that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("address longer than {SMTP_MAX} bytes")]
pub struct PathTooLong;

/// Reads the argument of MAIL or RCPT, for example `FROM:<@relay:"a b"@c> SIZE=100`.
pub fn parse(argument: &[u8]) -> Result<Path<'_>, PathTooLong> {
    let (text, end) = match after(argument, b'<') {
        Some(text) => (text, b'>'),
        None => (
            without_spaces(after(argument, b':').unwrap_or_default()),
            b' ',
        ),
    };
    unquote(without_route(text), end)
}

fn without_route(text: &[u8]) -> &[u8] {
    if text.first() != Some(&b'@') {
        return text;
    }
    after(text, b':').unwrap_or_default()
}

fn unquote(text: &[u8], end: u8) -> Result<Path<'_>, PathTooLong> {
    let mut address = Vec::new();
    let mut rest = text;
    let mut is_quoted = false;
    while let Some((b, after)) = rest.split_first() {
        if *b == end && !is_quoted {
            return Ok(Path {
                address,
                rest: after,
            });
        }
        rest = after;
        let byte = match b {
            b'"' => {
                is_quoted = !is_quoted;
                continue;
            }
            b'\\' => match rest.split_first() {
                Some((literal, after)) => {
                    rest = after;
                    *literal
                }
                None => break,
            },
            plain => *plain,
        };
        if address.len() == SMTP_MAX {
            return Err(PathTooLong);
        }
        address.push(byte);
    }
    Ok(Path { address, rest: &[] })
}

fn after(text: &[u8], mark: u8) -> Option<&[u8]> {
    let at = text.iter().position(|b| *b == mark)?;
    text.get(at + 1..)
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
        check("<a@b", "a@b");
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
        check("TO:<\"a>b\"@c>", "a>b@c");
        check("TO:<a\\>b@c>", "a>b@c");
        check("TO:<a\\", "a");
    }

    #[test]
    fn the_length_is_that_of_the_address_without_quoting() {
        let long = "x".repeat(SMTP_MAX);
        check(&format!("TO:<@route:\"{long}\">"), &long);
        assert_eq!(parse(format!("TO:<{long}x>").as_bytes()), Err(PathTooLong));
    }
}
