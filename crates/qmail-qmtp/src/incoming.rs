//! A message on its way from a client into the queue, in pieces, never whole in memory.
//!
//! Whatever goes wrong before the end, the envelope is never completed, so qmail-queue throws the
//! message away.

use std::path::Path;

use queue_client::{Injection, QueueProgram};
use smtp::unstuff::HopCounter;

use crate::answer;
use crate::ending::Ending;
use crate::wire::Wire;

/// One message for qmail-queue.
pub(crate) struct Incoming {
    injection: Injection,
    hops: HopCounter,
    /// Bytes of the message as stored, without our Received line.
    stored: u64,
    /// Most of them; 0 = no limit.
    databytes: u64,
    refusal: Option<&'static [u8]>,
}

/// How the lines of a message end on the wire.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum LineEnds {
    /// LF: the message is stored as it comes.
    Lf,
    /// CR LF, each of which becomes LF.
    CrLf,
}

impl Incoming {
    /// Starts qmail-queue and gives it the first lines.
    pub(crate) fn start(home: &Path, databytes: u64, received: &[u8]) -> Result<Self, Ending> {
        let started = QueueProgram::configured(home).start();
        let mut injection = started.map_err(Ending::NoQueue)?;
        injection.write(received);
        Ok(Self {
            injection,
            hops: HopCounter::default(),
            stored: 0,
            databytes,
            refusal: None,
        })
    }

    /// Passes on the next `length` bytes, the content of a message.
    pub(crate) fn copy(
        &mut self,
        wire: &mut Wire,
        length: u64,
        line_ends: LineEnds,
    ) -> Result<(), Ending> {
        let mut decoder = CrLfDecoder::default();
        let mut decoded = Vec::new();
        let mut rest = length;
        while rest > 0 {
            let piece = wire.piece(rest)?;
            match line_ends {
                LineEnds::Lf => self.store(piece),
                LineEnds::CrLf => {
                    decoded.clear();
                    decoder.feed(piece, &mut decoded);
                    self.store(&decoded);
                }
            }
            let count = piece.len();
            wire.consume(count);
            rest = rest.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX));
        }
        if decoder.has_bare_cr() {
            self.refuse(answer::BARE_CR);
        }
        Ok(())
    }

    fn store(&mut self, bytes: &[u8]) {
        let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.stored = self.stored.saturating_add(count);
        self.hops.feed(bytes);
        if self.hops.count() >= HOPS_MAX {
            self.refuse(answer::LOOPING);
        }
        if self.databytes > 0 && self.stored > self.databytes {
            self.refuse(answer::TOO_BIG);
        }
        self.injection.write(bytes);
    }

    /// The message will not be queued, for this reason. The first one counts.
    pub(crate) fn refuse(&mut self, answer: &'static [u8]) {
        self.refusal.get_or_insert(answer);
        self.injection.fail();
    }

    /// Ends the content and begins the envelope.
    pub(crate) fn sender(&mut self, sender: &[u8]) {
        self.injection.sender(sender);
    }

    /// Adds a recipient.
    pub(crate) fn recipient(&mut self, recipient: &[u8]) {
        self.injection.recipient(recipient);
    }

    /// Nobody wants it: it is not queued.
    pub(crate) fn abandon(&mut self) {
        self.injection.fail();
    }

    /// Ends the envelope, waits for qmail-queue, and says what the client is to be told.
    pub(crate) fn finish(self) -> Vec<u8> {
        let outcome = self.injection.finish();
        match (self.refusal, outcome.result) {
            (Some(refusal), _) => refusal.to_vec(),
            (None, Ok(())) => answer::accepted(os::clock::now(), outcome.qp),
            (None, Err(failure)) => failure.report(),
        }
    }

    /// The client broke off: waits until qmail-queue has thrown the message away.
    pub(crate) fn give_up(mut self) {
        self.injection.fail();
        // It can only have failed, and there is nobody to be told how.
        let _failed = self.injection.finish();
    }
}

/// Whether an address can go into an envelope, a header and a log line: no NUL, no line end.
pub(crate) fn is_sound(address: &[u8]) -> bool {
    !address.iter().any(|b| matches!(b, b'\0' | b'\r' | b'\n'))
}

/// Turns CR LF into LF, however the bytes are cut into pieces.
#[derive(Debug, Default)]
struct CrLfDecoder {
    /// The last byte was a CR that is not given out yet.
    after_cr: bool,
    has_bare_cr: bool,
}

impl CrLfDecoder {
    fn feed(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        for part in piece.split_inclusive(|b| matches!(b, b'\r' | b'\n')) {
            if std::mem::take(&mut self.after_cr) && part != b"\n" {
                out.push(b'\r');
                self.has_bare_cr = true;
            }
            match part.strip_suffix(b"\r") {
                Some(text) => {
                    out.extend_from_slice(text);
                    self.after_cr = true;
                }
                None => out.extend_from_slice(part),
            }
        }
    }

    /// Whether a CR was not followed by LF: some programs take it for a line end, some do not, so
    /// the message would not be the same everywhere. Asked at the end of the message.
    fn has_bare_cr(&self) -> bool {
        self.has_bare_cr || self.after_cr
    }
}

/// A message that passed so many machines or mailboxes goes round in circles, as in qmail-smtpd.
const HOPS_MAX: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    /// Whole, and a byte at a time.
    #[track_caller]
    fn check(wire: &[u8], expected: &[u8], has_bare_cr: bool) {
        for size in [1, 2, wire.len().max(1)] {
            let mut decoder = CrLfDecoder::default();
            let mut out = Vec::new();
            for piece in wire.chunks(size) {
                decoder.feed(piece, &mut out);
            }
            assert_eq!(
                out.escape_ascii().to_string(),
                expected.escape_ascii().to_string()
            );
            assert_eq!(decoder.has_bare_cr(), has_bare_cr);
        }
    }

    #[test]
    fn cr_lf_becomes_lf() {
        check(b"a\r\n\r\nb\r\n", b"a\n\nb\n", false);
        check(b"a\nb", b"a\nb", false);
        check(b"", b"", false);
    }

    #[test]
    fn a_cr_alone_is_noticed() {
        check(b"a\rb", b"a\rb", true);
        check(b"a\r\r\n", b"a\r\n", true);
        check(b"a\r.\r\n", b"a\r.\n", true);
        check(b"a\r", b"a", true);
    }

    #[test]
    fn an_address_has_no_line_end_and_no_nul() {
        assert!(is_sound(b"a b>@c"));
        for address in [&b"a\0"[..], b"a\n", b"a\r"] {
            assert!(!is_sound(address));
        }
    }
}
