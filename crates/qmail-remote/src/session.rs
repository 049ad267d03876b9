//! The conversation, one type per state: Connection, Greeted, Helloed, Mailed, Willing, Ready.
//!
//! Every reply is waited for; QUIT is sent after success and after any refusal, and its reply is not waited for.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{IpAddr, TcpStream};

use address::quote;
use os::tcp::TimedStream;
use smtp::line::LineBuffer;
use smtp::reply::{Answer, Progress, Reply, ReplyParser};
use smtp::stuff::Stuffer;

use crate::envelope::is_sendable;
use crate::output::Output;
use crate::text::{Accepted, Failure, RecipientReport};

/// A connected server that has not said anything yet.
pub(crate) struct Connection {
    ip: IpAddr,
    stream: TimedStream<TcpStream>,
    /// what came after the last reply
    input: LineBuffer,
}

/// It has greeted us.
pub(crate) struct Greeted(Connection);

/// It knows our name.
pub(crate) struct Helloed(Connection);

/// It has taken the sender.
pub(crate) struct Mailed(Connection);

/// It has taken at least one recipient.
pub(crate) struct Willing(Connection);

/// It waits for the message.
pub(crate) struct Ready(Connection);

impl Connection {
    /// A fresh connection.
    pub(crate) fn new(ip: IpAddr, stream: TimedStream<TcpStream>) -> Self {
        Self {
            ip,
            stream,
            input: LineBuffer::new(INPUT_BYTES),
        }
    }

    /// Waits for 220.
    pub(crate) fn greeting(mut self) -> Result<Greeted, Failure> {
        let reply = self.reply().map_err(|_| Failure::Died(self.ip))?;
        if reply.code() == Some(220) {
            return Ok(Greeted(self));
        }
        let ip = self.ip;
        Err(self.quit(Failure::Greeting(ip, reply)))
    }

    /// Sends one command and waits for its reply.
    fn command(&mut self, line: &[u8]) -> Result<Reply, Failure> {
        let exchanged = self.stream.write_all(line).and_then(|()| self.reply());
        exchanged.map_err(|_| Failure::Died(self.ip))
    }

    /// The next reply; a server that never finishes it is as good as gone.
    fn reply(&mut self) -> io::Result<Reply> {
        let mut parser = ReplyParser::new();
        loop {
            let (used, progress) = parser.take(self.input.pending());
            self.input.consume(used);
            match progress {
                Progress::Complete(reply) => return Ok(reply),
                Progress::Endless => return Err(io::ErrorKind::InvalidData.into()),
                Progress::Incomplete => self.read_more()?,
            }
        }
    }

    fn read_more(&mut self) -> io::Result<()> {
        loop {
            match self.stream.read(self.input.space()) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    self.input.filled(count);
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Says goodbye without waiting for an answer. What has been decided stays decided if that fails.
    fn quit<T>(mut self, ending: T) -> T {
        drop(self.stream.write_all(b"QUIT\r\n"));
        ending
    }
}

impl Greeted {
    /// Says who we are.
    pub(crate) fn hello(self, name: &[u8]) -> Result<Helloed, Failure> {
        let Self(mut connection) = self;
        let reply = connection.command(&line(b"HELO ", name, b""))?;
        if reply.code() == Some(250) {
            return Ok(Helloed(connection));
        }
        let ip = connection.ip;
        Err(connection.quit(Failure::Name(ip, reply)))
    }
}

impl Helloed {
    /// Names the sender.
    pub(crate) fn mail(self, sender: &[u8]) -> Result<Mailed, Failure> {
        let Self(mut connection) = self;
        let reply = connection.command(&line(b"MAIL FROM:<", &quote::for_smtp(sender), b">"))?;
        match reply.answer() {
            Answer::Positive => Ok(Mailed(connection)),
            Answer::Transient | Answer::Permanent => {
                let ip = connection.ip;
                Err(connection.quit(Failure::Sender(ip, reply)))
            }
        }
    }
}

impl Mailed {
    /// Names the recipients and reports on each.
    pub(crate) fn recipients(
        self,
        recipients: &[Vec<u8>],
        output: &mut Output,
    ) -> Result<Willing, Failure> {
        let Self(mut connection) = self;
        let mut accepted = false;
        for recipient in recipients {
            let report = connection.recipient(recipient)?;
            accepted |= matches!(report, RecipientReport::Accepted);
            output.recipient(&report);
        }
        if accepted {
            return Ok(Willing(connection));
        }
        let ip = connection.ip;
        Err(connection.quit(Failure::NoRecipient(ip)))
    }
}

impl Connection {
    fn recipient(&mut self, recipient: &[u8]) -> Result<RecipientReport, Failure> {
        if !is_sendable(recipient) {
            return Ok(RecipientReport::Unsendable);
        }
        let reply = self.command(&line(b"RCPT TO:<", &quote::for_smtp(recipient), b">"))?;
        Ok(match reply.answer() {
            Answer::Positive => RecipientReport::Accepted,
            Answer::Transient | Answer::Permanent => RecipientReport::Refused(self.ip, reply),
        })
    }
}

impl Willing {
    /// Asks to send the message.
    pub(crate) fn data(self) -> Result<Ready, Failure> {
        let Self(mut connection) = self;
        let reply = connection.command(b"DATA\r\n")?;
        match reply.answer() {
            Answer::Positive => Ok(Ready(connection)),
            Answer::Transient | Answer::Permanent => {
                let ip = connection.ip;
                Err(connection.quit(Failure::Data(ip, reply)))
            }
        }
    }
}

impl Ready {
    /// Sends the message and its end, and waits for the verdict. From the final dot on a broken connection
    /// leaves it open whether the message was taken.
    pub(crate) fn transfer(self, mut message: File) -> Result<Accepted, Failure> {
        let Self(mut connection) = self;
        let last = connection.body(&mut message)?;
        let answered = connection
            .stream
            .write_all(&last)
            .and_then(|()| connection.reply());
        let ip = connection.ip;
        let reply = answered.map_err(|_| Failure::DiedInDoubt(ip))?;
        let ending = match reply.answer() {
            Answer::Positive => Ok(Accepted { ip, reply }),
            Answer::Transient | Answer::Permanent => Err(Failure::Message(ip, reply)),
        };
        connection.quit(ending)
    }
}

impl Connection {
    /// Sends the message but for its last piece, which it returns: that one holds the final dot. A message
    /// that breaks off, by error or in the middle of a line, never gets one.
    fn body(&mut self, message: &mut impl Read) -> Result<Vec<u8>, Failure> {
        let mut stuffer = Stuffer::new();
        let mut file = vec![0; FILE_BYTES];
        let mut wire = Vec::with_capacity(WIRE_BYTES + 2 * FILE_BYTES);
        loop {
            let count = match message.read(&mut file) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return Err(Failure::ReadMessage),
            };
            stuffer.encode(file.get(..count).unwrap_or_default(), &mut wire);
            if wire.len() >= WIRE_BYTES {
                self.stream
                    .write_all(&wire)
                    .map_err(|_| Failure::Died(self.ip))?;
                wire.clear();
            }
        }
        stuffer
            .finish(&mut wire)
            .map_err(|_| Failure::PartialLine)?;
        Ok(wire)
    }
}

fn line(before: &[u8], argument: &[u8], after: &[u8]) -> Vec<u8> {
    [before, argument, after, b"\r\n"].concat()
}

/// Bytes of a server's replies read at once.
const INPUT_BYTES: usize = 4096;

/// Bytes of the message read at once.
const FILE_BYTES: usize = 16 * 1024;

/// Bytes of the encoded message collected before they are sent.
const WIRE_BYTES: usize = 16 * 1024;
