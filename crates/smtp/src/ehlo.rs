//! The extensions a server offers in its answer to EHLO (RFC 5321 section 4.1.1.1).

/// One service extension.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Extension {
    /// Commands may be sent ahead of their replies (RFC 2920).
    Pipelining,
    /// Message bytes above 127 are kept as they are (RFC 6152).
    EightBitMime,
}

impl Extension {
    /// The keyword, as it stands on the EHLO line.
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Pipelining => "PIPELINING",
            Self::EightBitMime => "8BITMIME",
        }
    }
}

/// The lines of the 250 reply, in order, without codes: the greeting, then one line for each extension.
pub fn offer(greeting: &[u8], extensions: &[Extension]) -> Vec<Vec<u8>> {
    std::iter::once(greeting.to_vec())
        .chain(extensions.iter().map(|e| e.keyword().as_bytes().to_vec()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
