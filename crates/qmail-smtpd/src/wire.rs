//! The connection: bytes read ahead, replies not yet sent, time limits on both, and the switch to TLS.
//!
//! Replies to pipelined commands leave together, when the next read would have to wait for the client (RFC 2920).
//! The buffers live as long as the connection; when TLS starts, what was read ahead is thrown away.

use std::fs::File;
use std::io::{self, Read, Write};
use std::time::Duration;

use os::tcp::TimedStream;
use smtp::command::{CommandLine, Gathered, Line};
use smtp::line::LineBuffer;
use thiserror::Error;
use tls::{HandshakeError, Server, Stream, Summary, Trouble};

use crate::replies::{Reply, Style};

/// Both directions of one session.
pub(crate) struct Wire {
    channel: Channel,
    read: LineBuffer,
    /// Replies to be sent, ≤ `UNSENT_BYTES_MAX` plus one reply.
    unsent: Vec<u8>,
    limits: Limits,
    /// When the session began, by [`os::clock::monotonic`].
    started: Duration,
    style: Style,
}

/// How long things may take, in seconds, each ≥ 1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Limits {
    /// One wait for the client.
    pub(crate) wait_s: u64,
    /// From the moment a line is waited for to its end.
    pub(crate) line_s: u64,
    /// The whole session.
    pub(crate) session_s: u64,
}

/// The way to the client.
enum Channel {
    Clear(Descriptors),
    Secret(Box<Stream<Descriptors>>),
    /// A handshake failed, and nothing can be said any more.
    Gone,
}

/// The descriptors that tcpserver and its like give.
struct Descriptors {
    input: TimedStream<File>,
    output: TimedStream<File>,
}

/// The connection is of no more use.
#[derive(Debug, Error)]
pub(crate) enum WireError {
    /// No byte came within timeoutsmtpd, or no line within timeoutcommand.
    #[error("the client is silent")]
    Timeout,
    /// timeoutsession is over.
    #[error("the session is too long")]
    TooLong,
    /// The client is gone, or was never there.
    #[error("the connection is lost")]
    Lost,
    /// A line without end.
    #[error("the client sends no line end")]
    Endless,
}

impl Wire {
    /// Descriptors 0 and 1.
    pub(crate) fn open(limits: Limits) -> io::Result<Self> {
        let descriptors = Descriptors {
            input: TimedStream::new(os::fd::take(0)?, limits.wait_s),
            output: TimedStream::new(os::fd::take(1)?, limits.wait_s),
        };
        let mut wire = Self {
            channel: Channel::Clear(descriptors),
            read: LineBuffer::new(READ_BYTES),
            unsent: Vec::new(),
            limits,
            started: os::clock::monotonic(),
            style: Style::Plain,
        };
        wire.set_limits(limits);
        Ok(wire)
    }

    /// Other limits from now on; the session began with the connection.
    pub(crate) fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        if let Some(descriptors) = self.descriptors() {
            descriptors.input.set_timeout(limits.wait_s);
            descriptors.output.set_timeout(limits.wait_s);
        }
        self.allow_until(self.session_end());
    }

    /// How replies look from now on.
    pub(crate) fn set_style(&mut self, style: Style) {
        self.style = style;
    }

    /// Time for a last word after a limit has run out.
    pub(crate) fn grant_farewell(&mut self) {
        let now = os::clock::monotonic();
        self.allow_until(now.saturating_add(Duration::from_secs(FAREWELL_S)));
    }

    /// A reply, sent at the latest when the client is waited for.
    pub(crate) fn say(&mut self, reply: &Reply) -> Result<(), WireError> {
        self.unsent.extend_from_slice(&reply.bytes(self.style));
        self.unsent.extend_from_slice(b"\r\n");
        if self.unsent.len() > UNSENT_BYTES_MAX {
            self.flush()
        } else {
            Ok(())
        }
    }

    /// Sends all replies now.
    pub(crate) fn flush(&mut self) -> Result<(), WireError> {
        let sent = self.channel.write_all(&self.unsent);
        self.unsent.clear();
        sent.map_err(|_| WireError::Lost)
    }

    /// The next line, when it is complete.
    pub(crate) fn line(&mut self) -> Result<Line, WireError> {
        let now = os::clock::monotonic();
        let end = now.saturating_add(Duration::from_secs(self.limits.line_s));
        self.allow_until(end.min(self.session_end()));
        let line = self.gather();
        self.allow_until(self.session_end());
        line
    }

    fn gather(&mut self) -> Result<Line, WireError> {
        let mut line = CommandLine::default();
        loop {
            let (used, gathered) = line.feed(self.pending()?);
            self.read.consume(used);
            match gathered {
                Gathered::Whole(line) => return Ok(line),
                Gathered::Endless => return Err(WireError::Endless),
                Gathered::Partial => {}
            }
        }
    }

    /// Whether the client has sent more than it was asked for.
    pub(crate) fn has_more(&self) -> bool {
        let is_there = match &self.channel {
            Channel::Clear(descriptors) => descriptors.input.has_input().unwrap_or(false),
            Channel::Secret(_) | Channel::Gone => false,
        };
        is_there || !self.read.is_empty()
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

    /// Keeps the client waiting; what it sends meanwhile stays where it is.
    pub(crate) fn pause(&mut self, seconds: u64) -> Result<(), WireError> {
        self.flush()?;
        let mut nobody = os::poll::PollSet::new();
        nobody
            .wait(Some(Duration::from_secs(seconds)))
            .map_err(|_| WireError::Lost)
    }

    /// Shakes hands. What the client sent before, it sent in clear: it is thrown away.
    pub(crate) fn secure(&mut self, server: &Server) -> Result<(Summary, Trouble), HandshakeError> {
        let lost = || HandshakeError::Transport(io::ErrorKind::NotConnected.into());
        self.flush().map_err(|_| lost())?;
        self.read.consume(usize::MAX);
        let now = os::clock::monotonic();
        let end = now.saturating_add(Duration::from_secs(self.limits.line_s.min(HANDSHAKE_S)));
        self.allow_until(end.min(self.session_end()));
        let Channel::Clear(descriptors) = std::mem::replace(&mut self.channel, Channel::Gone)
        else {
            return Err(lost());
        };
        let (stream, trouble) = server.accept(descriptors)?;
        let summary = stream.summary();
        self.channel = Channel::Secret(Box::new(stream));
        self.allow_until(self.session_end());
        Ok((summary, trouble))
    }

    /// Ends a secret connection properly; the client may be gone already.
    pub(crate) fn close(&mut self) {
        if let Channel::Secret(stream) = &mut self.channel {
            let _unheard = stream.close();
        }
    }

    fn fill(&mut self) -> Result<(), WireError> {
        let count = loop {
            match self.channel.read(self.read.space()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::TimedOut => return Err(self.late()),
                Err(_) | Ok(0) => return Err(WireError::Lost),
                Ok(count) => break count,
            }
        };
        self.read.filled(count);
        Ok(())
    }

    fn late(&self) -> WireError {
        if os::clock::monotonic() >= self.session_end() {
            WireError::TooLong
        } else {
            WireError::Timeout
        }
    }

    fn session_end(&self) -> Duration {
        self.started
            .saturating_add(Duration::from_secs(self.limits.session_s))
    }

    fn allow_until(&mut self, end: Duration) {
        if let Some(descriptors) = self.descriptors() {
            descriptors.input.set_deadline(Some(end));
            descriptors.output.set_deadline(Some(end));
        }
    }

    fn descriptors(&mut self) -> Option<&mut Descriptors> {
        match &mut self.channel {
            Channel::Clear(descriptors) => Some(descriptors),
            Channel::Secret(stream) => Some(stream.transport()),
            Channel::Gone => None,
        }
    }
}

impl Channel {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Clear(descriptors) => descriptors.read(buffer),
            Self::Secret(stream) => stream.read(buffer),
            Self::Gone => Ok(0),
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Clear(descriptors) => descriptors.write_all(bytes),
            Self::Secret(stream) => stream.write_all(bytes),
            Self::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

impl Read for Descriptors {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.input.read(buffer)
    }
}

impl Write for Descriptors {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// Read ahead at most: as much as a pipe to qmail-queue takes at once.
pub(crate) const READ_BYTES: usize = 64 * 1024;

/// Replies that wait for company; a burst of RCPTs fills one segment after another.
const UNSENT_BYTES_MAX: usize = 4096;

/// A handshake is two or three round trips; who needs longer keeps a process busy for nothing.
const HANDSHAKE_S: u64 = 60;

/// To tell the client why its session ends.
const FAREWELL_S: u64 = 5;
