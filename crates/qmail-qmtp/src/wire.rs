//! The connection as netstrings: lengths, bytes in pieces, commas, one netstring inside another.
//!
//! Nothing is reserved for an announced length; answers wait for company, but never while the
//! client is waited for.

use std::fs::File;
use std::io::{self, Read, Write};

use netstring::LengthReader;
use os::tcp::TimedStream;
use smtp::line::LineBuffer;

use crate::ending::Ending;

/// Both directions of one session.
pub(crate) struct Wire {
    input: TimedStream<File>,
    output: TimedStream<File>,
    read: LineBuffer,
    /// Answers to be sent, ≤ `UNSENT_BYTES_MAX` plus one answer.
    unsent: Vec<u8>,
    /// Bytes left of the netstring that was entered.
    left: Option<u64>,
}

impl Wire {
    /// The descriptors that tcpserver and its like give: 0 and 1.
    pub(crate) fn open(timeout_s: u64) -> io::Result<Self> {
        Ok(Self {
            input: TimedStream::new(os::fd::take(0)?, timeout_s),
            output: TimedStream::new(os::fd::take(1)?, timeout_s),
            read: LineBuffer::new(READ_BYTES),
            unsent: Vec::new(),
            left: None,
        })
    }

    /// The length of the next netstring. One inside another must fit there with its comma.
    pub(crate) fn length(&mut self) -> Result<u64, Ending> {
        let mut reader = LengthReader::default();
        let length = loop {
            if let Some(length) = reader.feed(self.byte()?)? {
                break length;
            }
        };
        if self.left.is_some_and(|left| length >= left) {
            return Err(Ending::BadFormat);
        }
        Ok(length)
    }

    /// The end of a netstring.
    pub(crate) fn comma(&mut self) -> Result<(), Ending> {
        if self.byte()? == b',' {
            Ok(())
        } else {
            Err(Ending::BadFormat)
        }
    }

    /// What follows, so many bytes, is netstrings.
    pub(crate) fn enter(&mut self, length: u64) {
        self.left = Some(length);
    }

    /// Whether more follows in the netstring that was entered; if not, it is left, and its comma
    /// comes next.
    pub(crate) fn has_more(&mut self) -> bool {
        if self.left == Some(0) {
            self.left = None;
        }
        self.left.is_some()
    }

    /// The next byte.
    pub(crate) fn byte(&mut self) -> Result<u8, Ending> {
        if self.left == Some(0) {
            return Err(Ending::BadFormat);
        }
        let byte = self.piece(1)?.first().copied().ok_or(Ending::Gone)?;
        self.consume(1);
        Ok(byte)
    }

    /// What there is of the next `length` bytes, at least one; waits for it if need be.
    pub(crate) fn piece(&mut self, length: u64) -> Result<&[u8], Ending> {
        if self.read.is_empty() {
            self.flush()?;
            self.fill()?;
        }
        let pending = self.read.pending();
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        Ok(pending.get(..length).unwrap_or(pending))
    }

    /// So many bytes of the piece are used.
    pub(crate) fn consume(&mut self, count: usize) {
        self.read.consume(count);
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX));
        }
    }

    /// The next `length` bytes and a comma as a text of less than `limit` bytes. A longer one is
    /// passed over.
    pub(crate) fn text(&mut self, length: u64, limit: usize) -> Result<Option<Vec<u8>>, Ending> {
        let is_short = usize::try_from(length).is_ok_and(|length| length < limit);
        let mut text = Vec::new();
        let mut rest = length;
        while rest > 0 {
            let piece = self.piece(rest)?;
            if is_short {
                text.extend_from_slice(piece);
            }
            let count = piece.len();
            self.consume(count);
            rest = rest.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX));
        }
        self.comma()?;
        Ok(is_short.then_some(text))
    }

    /// An answer, a netstring, sent at the latest when the client is waited for.
    pub(crate) fn say(&mut self, answer: &[u8]) -> Result<(), Ending> {
        netstring::write(&mut self.unsent, answer);
        if self.unsent.len() > UNSENT_BYTES_MAX {
            self.flush()
        } else {
            Ok(())
        }
    }

    /// Sends all answers now.
    pub(crate) fn flush(&mut self) -> Result<(), Ending> {
        let sent = self.output.write_all(&self.unsent);
        self.unsent.clear();
        sent.map_err(|_| Ending::Gone)
    }

    fn fill(&mut self) -> Result<(), Ending> {
        let count = loop {
            match self.input.read(self.read.space()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) | Ok(0) => return Err(Ending::Gone),
                Ok(count) => break count,
            }
        };
        self.read.filled(count);
        Ok(())
    }
}

/// Read ahead at most: as much as a pipe to qmail-queue takes at once.
const READ_BYTES: usize = 64 * 1024;

/// Answers that wait for company.
const UNSENT_BYTES_MAX: usize = 4096;
