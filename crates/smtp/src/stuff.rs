//! DATA as sent: dots doubled, every line end CR LF, one end of data (RFC 5321, section 4.5.2; `blast` in qmail-remote).
//!
//! The peer may take CR LF, a bare LF or a bare CR for a line end, so neither of the last two is ever sent: a
//! bare CR in the file becomes CR LF, and **what follows it is a new line**, whose dot is doubled. Sent any
//! other way, a file could end the message early and go on with commands of its own.

use thiserror::Error;

/// Turns a message file into what goes over the wire, in chunks of any size.
#[derive(Debug)]
pub struct Stuffer {
    at: At,
}

/// The last line of the message has no line end, which SMTP cannot carry.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("the last line is not terminated")]
pub struct PartialLine;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum At {
    LineStart,
    /// at the start of a line which a CR began; an LF that follows belongs to that CR
    AfterCr,
    InLine,
}

impl Stuffer {
    /// At the start of a message.
    #[must_use]
    pub fn new() -> Self {
        Self { at: At::LineStart }
    }

    /// Appends to `wire` what `file` becomes: at most twice its length.
    pub fn encode(&mut self, file: &[u8], wire: &mut Vec<u8>) {
        let mut rest = file;
        while let Some(&first) = rest.first() {
            if self.at == At::AfterCr && first == b'\n' {
                self.at = At::LineStart;
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            if self.at != At::InLine && first == b'.' {
                wire.push(b'.');
            }
            let Some(length) = rest.iter().position(|&byte| is_line_end(byte)) else {
                wire.extend_from_slice(rest);
                self.at = At::InLine;
                return;
            };
            let (line, tail) = rest.split_at_checked(length).unwrap_or_default();
            wire.extend_from_slice(line);
            wire.extend_from_slice(b"\r\n");
            self.at = if tail.first() == Some(&b'\r') {
                At::AfterCr
            } else {
                At::LineStart
            };
            rest = tail.get(1..).unwrap_or_default();
        }
    }

    /// Appends the end of data, the only one in the stream. Fails when the message ends inside a line.
    pub fn finish(self, wire: &mut Vec<u8>) -> Result<(), PartialLine> {
        match self.at {
            At::InLine => Err(PartialLine),
            At::LineStart | At::AfterCr => {
                wire.extend_from_slice(b".\r\n");
                Ok(())
            }
        }
    }
}

impl Default for Stuffer {
    fn default() -> Self {
        Self::new()
    }
}

fn is_line_end(byte: u8) -> bool {
    byte == b'\n' || byte == b'\r'
}

#[cfg(test)]
mod tests;
