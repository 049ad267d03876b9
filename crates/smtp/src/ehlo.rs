//! The extensions a server offers in its answer to EHLO (RFC 5321 section 4.1.1.1).

/// One service extension.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Extension<'a> {
    /// Commands may be sent ahead of their replies (RFC 2920).
    Pipelining,
    /// Message bytes above 127 are kept as they are (RFC 6152).
    EightBitMime,
    /// The size of a message may be told before it is sent; so many bytes at most, 0 = no limit (RFC 1870).
    Size(u64),
    /// Replies begin with a status of three numbers (RFC 2034).
    EnhancedStatusCodes,
    /// The session can be made secret (RFC 3207).
    StartTls,
    /// Who the client is can be proved, by these mechanisms (RFC 4954).
    Auth(&'a str),
}

impl Extension<'_> {
    /// The keyword and its parameters, as they stand on the EHLO line.
    pub fn line(self) -> String {
        match self {
            Self::Pipelining => "PIPELINING".to_owned(),
            Self::EightBitMime => "8BITMIME".to_owned(),
            Self::Size(most) => format!("SIZE {most}"),
            Self::EnhancedStatusCodes => "ENHANCEDSTATUSCODES".to_owned(),
            Self::StartTls => "STARTTLS".to_owned(),
            Self::Auth(mechanisms) => format!("AUTH {mechanisms}"),
        }
    }
}

/// The lines of the 250 reply, in order, without codes: the greeting, then one line for each extension.
pub fn offer(greeting: &[u8], extensions: &[Extension<'_>]) -> Vec<Vec<u8>> {
    std::iter::once(greeting.to_vec())
        .chain(extensions.iter().map(|e| e.line().into_bytes()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_extensions_say_more_than_their_names() {
        for (extension, line) in [
            (Extension::Size(0), "SIZE 0"),
            (Extension::Size(10_000), "SIZE 10000"),
            (Extension::EnhancedStatusCodes, "ENHANCEDSTATUSCODES"),
            (Extension::StartTls, "STARTTLS"),
            (Extension::Auth("LOGIN PLAIN"), "AUTH LOGIN PLAIN"),
        ] {
            assert_eq!(extension.line(), line);
        }
    }

    #[test]
    fn the_greeting_comes_first_and_each_extension_has_its_line() {
        let lines = offer(
            b"mx.test",
            &[Extension::Pipelining, Extension::EightBitMime],
        );
        assert_eq!(lines, [&b"mx.test"[..], b"PIPELINING", b"8BITMIME"]);
        assert_eq!(offer(b"mx.test", &[]), [b"mx.test"]);
    }
}
