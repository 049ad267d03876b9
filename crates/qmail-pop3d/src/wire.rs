//! The connection: command lines in, replies out, a time limit on both.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::time::Duration;

use os::tcp::TimedStream;
use smtp::line::LineBuffer;
use thiserror::Error;

use crate::command::Command;
use crate::secret::Secret;

/// Both directions of one session.
pub(crate) struct Wire {
    input: TimedStream<File>,
    output: TimedStream<File>,
    read: LineBuffer,
    /// To be sent, ≤ `UNSENT_BYTES_MAX` plus one addition.
    unsent: Vec<u8>,
}

/// The connection is of no more use.
#[derive(Debug, Error)]
pub(crate) enum WireError {
    /// The client is gone, or silent for too long.
    #[error("the client is gone")]
    Gone,
    /// A line that is too long for any command.
    #[error("the command line is too long")]
    Endless,
}

impl Wire {
    /// Descriptors 0 and 1, which stay open for a program to be started. At most `ahead` bytes are
    /// read that may not belong to the current line.
    pub(crate) fn open(ahead: usize) -> io::Result<Self> {
        let input = File::from(os::fd::stdin().as_fd().try_clone_to_owned()?);
        let output = File::from(os::fd::stdout().as_fd().try_clone_to_owned()?);
        Ok(Self {
            input: TimedStream::new(input, TIMEOUT_S),
            output: TimedStream::new(output, TIMEOUT_S),
            read: LineBuffer::new(ahead),
            unsent: Vec::new(),
        })
    }

    /// The next command, when it is complete. The time limit is for all of it, so that a byte now
    /// and then does not hold the session.
    pub(crate) fn command(&mut self) -> Result<Command, WireError> {
        let limit = os::clock::monotonic().saturating_add(Duration::from_secs(TIMEOUT_S));
        self.input.set_deadline(Some(limit));
        let mut line = Secret::with_capacity(LINE_BYTES_MAX);
        loop {
            match self.byte()? {
                b'\n' => return Ok(Command::new(line)),
                byte if line.push(byte) => {}
                _ => return Err(WireError::Endless),
            }
        }
    }

    fn byte(&mut self) -> Result<u8, WireError> {
        if self.read.is_empty() {
            self.flush()?;
            self.fill()?;
        }
        let byte = self.read.pending().first().copied();
        self.read.consume(1);
        byte.ok_or(WireError::Gone)
    }

    fn fill(&mut self) -> Result<(), WireError> {
        let count = loop {
            match self.input.read(self.read.space()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) | Ok(0) => return Err(WireError::Gone),
                Ok(count) => break count,
            }
        };
        self.read.filled(count);
        Ok(())
    }

    /// Something to be sent, at the latest when the client is waited for.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        self.unsent.extend_from_slice(bytes);
        if self.unsent.len() > UNSENT_BYTES_MAX {
            self.flush()
        } else {
            Ok(())
        }
    }

    /// A line, its end included.
    pub(crate) fn say(&mut self, line: &str) -> Result<(), WireError> {
        self.put(line.as_bytes())?;
        self.put(b"\r\n")
    }

    /// Sends all of it now.
    pub(crate) fn flush(&mut self) -> Result<(), WireError> {
        let sent = self.output.write_all(&self.unsent);
        self.unsent.clear();
        sent.map_err(|_| WireError::Gone)
    }
}

/// For a command, and for each write; RFC 1939 section 3 asks for 10 minutes.
const TIMEOUT_S: u64 = 1200;

/// A command with its CR; RFC 2449 section 4 allows 255 bytes.
const LINE_BYTES_MAX: usize = 511;

/// Replies that wait for company.
const UNSENT_BYTES_MAX: usize = 32 * 1024;
