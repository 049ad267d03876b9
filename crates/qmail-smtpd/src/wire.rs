//! The connection: bytes read ahead, replies not yet sent, a time limit on both.
//!
//! Replies to pipelined commands leave together, when the next read would have to wait for the client (RFC 2920).
//! The buffers live as long as the connection; before STARTTLS what was read ahead must be gone.

use std::fs::File;
use std::io::{self, Read, Write};

use os::tcp::TimedStream;
use smtp::command::{Command, CommandLine, Gathered};
use smtp::line::LineBuffer;
use thiserror::Error;

use crate::replies::Reply;

/// Both directions of one session.
pub(crate) struct Wire {
    input: TimedStream<File>,
    output: TimedStream<File>,
    read: LineBuffer,
    /// Replies to be sent, ≤ `UNSENT_BYTES_MAX` plus one reply.
    unsent: Vec<u8>,
}

/// The connection is of no more use.
#[derive(Debug, Error)]
pub(crate) enum WireError {
    /// No byte came within timeoutsmtpd.
    #[error("the client is silent")]
    Timeout,
    /// The client is gone, or was never there.
    #[error("the connection is lost")]
    Lost,
    /// A command without end.
    #[error("the client sends no line end")]
    Endless,
}

impl Wire {
    /// The descriptors that tcpserver and its like give: 0 and 1.
    pub(crate) fn open(timeout_s: u64) -> io::Result<Self> {
        Ok(Self {
            input: TimedStream::new(os::fd::take(0)?, timeout_s),
            output: TimedStream::new(os::fd::take(1)?, timeout_s),
            read: LineBuffer::new(READ_BYTES),
            unsent: Vec::new(),
        })
    }

    /// Another limit for every wait from now on.
    pub(crate) fn set_timeout(&mut self, timeout_s: u64) {
        self.input.set_timeout(timeout_s);
        self.output.set_timeout(timeout_s);
    }

    /// A reply, sent at the latest when the client is waited for.
    pub(crate) fn say(&mut self, reply: &Reply) -> Result<(), WireError> {
        self.unsent.extend_from_slice(reply.as_bytes());
        self.unsent.extend_from_slice(b"\r\n");
        if self.unsent.len() > UNSENT_BYTES_MAX {
            self.flush()
        } else {
            Ok(())
        }
    }

    /// Sends all replies now.
    pub(crate) fn flush(&mut self) -> Result<(), WireError> {
        let sent = self.output.write_all(&self.unsent);
        self.unsent.clear();
        sent.map_err(|_| WireError::Lost)
    }

    /// The next command, when it is complete.
    pub(crate) fn command(&mut self) -> Result<Command, WireError> {
        let mut line = CommandLine::default();
        loop {
            let (used, gathered) = line.feed(self.pending()?);
            self.read.consume(used);
            match gathered {
                Gathered::Whole(command) => return Ok(command),
                Gathered::Endless => return Err(WireError::Endless),
                Gathered::Partial => {}
            }
        }
    }

    /// What was read and not used, at least one byte; waits for it if need be.
    pub(crate) fn pending(&mut self) -> Result<&[u8], WireError> {
        if self.read.is_empty() {
            self.flush()?;
            self.fill()?;
        }
        Ok(self.read.pending())
    }

    /// So many of the pending bytes are used.
    pub(crate) fn consume(&mut self, count: usize) {
        self.read.consume(count);
    }

    fn fill(&mut self) -> Result<(), WireError> {
        let count = loop {
            match self.input.read(self.read.space()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    return Err(WireError::Timeout);
                }
                Err(_) | Ok(0) => return Err(WireError::Lost),
                Ok(count) => break count,
            }
        };
        self.read.filled(count);
        Ok(())
    }
}

/// Read ahead at most: as much as a pipe to qmail-queue takes at once.
pub(crate) const READ_BYTES: usize = 64 * 1024;

/// Replies that wait for company; a burst of RCPTs fills one segment after another.
const UNSENT_BYTES_MAX: usize = 4096;
