//! What each command of qmail-pop3d(8) does with the maildrop, and its reply, byte for byte.

use std::fs::File;
use std::io::{self, Read};

use thiserror::Error;

use crate::command::{self, Command};
use crate::dots::Dots;
use crate::maildrop::{Message, Sizes};
use crate::uidl::unique_id;
use crate::wire::{Wire, WireError};

/// A client and its maildrop.
pub(crate) struct Session {
    messages: Vec<Message>,
    sizes: Sizes,
    /// The highest number deleted; 0: none.
    last: usize,
}

/// What a command cannot be carried out for.
#[derive(Debug, Error)]
enum Refusal {
    #[error("syntax error")]
    Syntax,
    #[error("messages are counted from 1")]
    Zero,
    #[error("not that many messages")]
    TooLarge,
    #[error("already deleted")]
    Deleted,
    #[error("unable to open that message")]
    Unopened,
    #[error("unimplemented")]
    Unknown,
}

/// The session cannot go on.
#[derive(Debug, Error)]
pub(crate) enum SessionError {
    /// The connection is of no more use.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A message could not be read to its end: the client must not take what it has for all of it.
    #[error("unable to read a message")]
    Torn(#[source] io::Error),
}

/// Whether the session goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Next {
    /// After a command that means something.
    Going,
    /// After NOOP or an error.
    Idle,
    /// After QUIT.
    Over,
}

/// How a command is answered.
enum Answer {
    Line(String),
    Idle,
    Sizes,
    Ids,
    Message(File, Option<u64>),
    Leave,
}

impl Session {
    /// A session with these messages.
    pub(crate) fn new(messages: Vec<Message>, sizes: Sizes) -> Self {
        Self {
            messages,
            sizes,
            last: 0,
        }
    }

    /// Carries out one command and answers it.
    pub(crate) fn act(&mut self, command: &Command, wire: &mut Wire) -> Result<Next, SessionError> {
        let answer = match self.answer(command) {
            Ok(answer) => answer,
            Err(refusal) => {
                wire.say(&format!("-ERR {refusal}"))?;
                return Ok(Next::Idle);
            }
        };
        match answer {
            Answer::Line(line) => wire.say(&line)?,
            Answer::Idle => {
                wire.say(OK)?;
                return Ok(Next::Idle);
            }
            Answer::Sizes => self.list(wire, |message| message.size.to_string().into_bytes())?,
            Answer::Ids => self.list(wire, |message| unique_id(&message.name))?,
            Answer::Message(file, lines) => self.send(wire, file, lines)?,
            Answer::Leave => {
                self.leave(wire)?;
                return Ok(Next::Over);
            }
        }
        Ok(Next::Going)
    }

    fn answer(&mut self, command: &Command) -> Result<Answer, Refusal> {
        let argument = command.argument();
        Ok(match command.verb().as_slice() {
            b"quit" => Answer::Leave,
            b"stat" => Answer::Line(self.stat()),
            b"list" if command.words().is_empty() => Answer::Sizes,
            b"list" => {
                let (number, message, _) = self.pick(argument)?;
                Answer::Line(format!("+OK {number} {}", message.size))
            }
            b"uidl" if command.words().is_empty() => Answer::Ids,
            b"uidl" => {
                let (number, message, _) = self.pick(argument)?;
                // An id is printable ASCII, whatever the file is called.
                let id = diag::escape::shown(&unique_id(&message.name));
                Answer::Line(format!("+OK {number} {id}"))
            }
            b"retr" | b"top" => {
                let (_, message, lines) = self.pick(argument)?;
                let file = message.open().map_err(|_| Refusal::Unopened)?;
                Answer::Message(file, lines)
            }
            b"dele" => {
                self.delete(argument)?;
                Answer::Line(OK.to_owned())
            }
            b"last" => Answer::Line(format!("+OK {}", self.last)),
            b"rset" => {
                self.restore();
                Answer::Line(OK.to_owned())
            }
            b"noop" => Answer::Idle,
            _ => return Err(Refusal::Unknown),
        })
    }

    /// The message an argument names, and the number after it.
    fn pick(&self, argument: &[u8]) -> Result<(usize, &Message, Option<u64>), Refusal> {
        let (number, lines) = command::numbers(argument).ok_or(Refusal::Syntax)?;
        let number = usize::try_from(number).map_err(|_| Refusal::TooLarge)?;
        let index = number.checked_sub(1).ok_or(Refusal::Zero)?;
        let message = self.messages.get(index).ok_or(Refusal::TooLarge)?;
        if message.is_deleted {
            return Err(Refusal::Deleted);
        }
        Ok((number, message, lines))
    }

    fn delete(&mut self, argument: &[u8]) -> Result<(), Refusal> {
        let (number, _, _) = self.pick(argument)?;
        self.last = self.last.max(number);
        if let Some(message) = self.messages.get_mut(number.saturating_sub(1)) {
            message.is_deleted = true;
        }
        Ok(())
    }

    fn restore(&mut self) {
        self.last = 0;
        for message in &mut self.messages {
            message.is_deleted = false;
        }
    }

    /// The original counts deleted messages, too, though not their bytes.
    fn stat(&self) -> String {
        let kept = self.messages.iter().filter(|message| !message.is_deleted);
        let bytes: u128 = kept.clone().map(|message| u128::from(message.size)).sum();
        let count = match self.sizes {
            Sizes::OnWire => kept.count(),
            Sizes::OfFile => self.messages.len(),
        };
        format!("+OK {count} {bytes}")
    }

    fn list(&self, wire: &mut Wire, show: fn(&Message) -> Vec<u8>) -> Result<(), WireError> {
        wire.say(OK)?;
        for (number, message) in (1_usize..).zip(&self.messages) {
            if !message.is_deleted {
                wire.put(&[number.to_string().as_bytes(), b" ", &show(message), b"\r\n"].concat())?;
            }
        }
        wire.say(".")
    }

    fn send(
        &self,
        wire: &mut Wire,
        mut file: File,
        lines: Option<u64>,
    ) -> Result<(), SessionError> {
        wire.say(OK)?;
        let mut dots = Dots::new(lines);
        let mut piece = vec![0; PIECE_BYTES];
        let mut out = Vec::new();
        loop {
            let count = file.read(&mut piece).map_err(SessionError::Torn)?;
            let is_wanted = dots.encode(piece.get(..count).unwrap_or_default(), &mut out);
            wire.put(&out)?;
            out.clear();
            if count == 0 || !is_wanted {
                break;
            }
        }
        dots.finish(&mut out);
        if self.sizes == Sizes::OfFile {
            // The original sends an empty line more than the message has.
            out.extend_from_slice(b"\r\n");
        }
        wire.put(&out)?;
        Ok(wire.say(".")?)
    }

    /// Only now is anything removed or moved.
    fn leave(&self, wire: &mut Wire) -> Result<(), WireError> {
        for message in &self.messages {
            if !message.is_deleted {
                message.mark_seen();
            } else if message.remove().is_err() {
                wire.say("-ERR unable to unlink all deleted messages")?;
            }
        }
        wire.say(OK)?;
        wire.flush()
    }
}

const OK: &str = "+OK ";

/// One read of a message.
const PIECE_BYTES: usize = 16 * 1024;
