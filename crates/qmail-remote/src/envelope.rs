//! The arguments: host, sender, recipients; and which addresses SMTP cannot carry.

use crate::text::Failure;

/// Sender and recipients as qmail-rspawn gives them.
pub(crate) struct Envelope<'a> {
    /// Empty for a bounce.
    pub(crate) sender: &'a [u8],
    /// At least one.
    pub(crate) recipients: &'a [Vec<u8>],
}

impl<'a> Envelope<'a> {
    /// Takes the arguments apart: the host, and the rest. An address that would break the line it is sent in
    /// could carry commands, so it is refused here; a recipient among others is refused when its turn comes.
    pub(crate) fn parse(arguments: &'a [Vec<u8>]) -> Result<(&'a [u8], Self), Failure> {
        let [host, sender, recipients @ ..] = arguments else {
            return Err(Failure::Usage);
        };
        if recipients.is_empty() {
            return Err(Failure::Usage);
        }
        if !is_sendable(sender) {
            return Err(Failure::SenderUnsendable);
        }
        if !recipients.iter().any(|recipient| is_sendable(recipient)) {
            return Err(Failure::RecipientUnsendable);
        }
        Ok((host, Self { sender, recipients }))
    }
}

/// Whether an address fits into one SMTP command line (RFC 5321, section 4.1.2: no control characters; those
/// that do no harm are let through, as ever).
pub(crate) fn is_sendable(address: &[u8]) -> bool {
    !address.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(arguments: &[&[u8]], expected: Result<&[u8], &str>) {
        let arguments: Vec<Vec<u8>> = arguments.iter().map(|argument| argument.to_vec()).collect();
        let parsed = Envelope::parse(&arguments).map(|(host, _)| host);
        let parsed = parsed.map_err(|failure| String::from_utf8(failure.report().text).unwrap());
        match (parsed, expected) {
            (Ok(host), Ok(expected)) => assert_eq!(host, expected),
            (Err(text), Err(expected)) => assert!(text.contains(expected), "{text}"),
            (parsed, expected) => panic!("{parsed:?}, not {expected:?}"),
        }
    }

    #[test]
    fn three_arguments_are_needed() {
        check(&[], Err("#5.3.5"));
        check(&[b"h", b"s"], Err("#5.3.5"));
        check(&[b"h", b"", b"r@h"], Ok(b"h"));
    }

    #[test]
    fn an_address_that_breaks_the_line_is_refused() {
        check(&[b"h", b"s\r\n@h", b"r@h"], Err("#5.1.7"));
        check(&[b"h", b"s@h", b"r\n@h"], Err("#5.1.3"));
        check(&[b"h", b"s@h", b"r@h\r", b"q@h"], Ok(b"h"));
    }
}
