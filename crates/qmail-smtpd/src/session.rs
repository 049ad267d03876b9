//! The states of an SMTP session and what each command does in them (qmail-smtpd(8), RFC 5321 section 3.3).
//!
//! Nothing here reads or writes: commands come in, answers go out, DATA hands the finished envelope to `data`.

use smtp::command::{Command, Verb};

use crate::policy::{Clearance, Policy, PolicyError};
use crate::replies::{self, Reply};

/// One client, from greeting to QUIT.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    policy: &'a Policy,
    greeting: &'a [u8],
    helo: Option<Vec<u8>>,
    state: State,
}

/// How far the current transaction is.
#[derive(Debug)]
enum State {
    /// No sender yet.
    Idle,
    /// A sender, no recipient.
    Mailed(Mailed),
    /// At least one recipient.
    Addressed(Envelope),
}

/// What MAIL gave.
#[derive(Debug)]
struct Mailed {
    sender: Vec<u8>,
    /// badmailfrom lists the sender: every recipient is refused.
    is_bad: bool,
}

/// A sender and at least one recipient.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Envelope {
    sender: Vec<u8>,
    /// Each recipient and a NUL, which none contains; length ≤ `RECIPIENT_BYTES_MAX` plus one recipient.
    recipients: Vec<u8>,
    /// 1 ≤ count ≤ `RECIPIENTS_MAX`
    count: usize,
}

/// What to do after a command.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Answer {
    /// Send this and read on.
    Say(Reply),
    /// Take the message for this envelope.
    Receive(Envelope),
    /// Send this and end well.
    Leave(Reply),
}

impl<'a> Session<'a> {
    /// A client that has said nothing yet.
    pub(crate) fn new(policy: &'a Policy, greeting: &'a [u8]) -> Self {
        Self {
            policy,
            greeting,
            helo: None,
            state: State::Idle,
        }
    }

    /// The last HELO or EHLO argument.
    pub(crate) fn helo(&self) -> Option<&[u8]> {
        self.helo.as_deref()
    }

    /// Carries out one command. An error ends the session: our own configuration cannot be read.
    pub(crate) fn answer(&mut self, command: &Command) -> Result<Answer, PolicyError> {
        let reply = match command.verb() {
            Verb::Helo => self.greet(command, replies::helo(self.greeting)),
            Verb::Ehlo => self.greet(command, replies::ehlo(self.greeting)),
            Verb::Mail => self.mail(command)?,
            Verb::Rcpt => self.rcpt(command)?,
            Verb::Data => return Ok(self.data()),
            Verb::Rset => {
                self.state = State::Idle;
                replies::FLUSHED
            }
            Verb::Noop => replies::OK,
            Verb::Vrfy => replies::CANNOT_VERIFY,
            Verb::Help => replies::HELP,
            Verb::Quit => return Ok(Answer::Leave(replies::goodbye(self.greeting))),
            Verb::Unknown => replies::UNIMPLEMENTED,
        };
        Ok(Answer::Say(reply))
    }

    fn greet(&mut self, command: &Command, reply: Reply) -> Reply {
        if command.is_cut() {
            return replies::BAD_HELO;
        }
        self.helo = Some(command.argument().to_vec());
        self.state = State::Idle;
        reply
    }

    fn mail(&mut self, command: &Command) -> Result<Reply, PolicyError> {
        let Some(sender) = self.address(command)? else {
            return Ok(replies::BAD_ADDRESS);
        };
        let is_bad = self.policy.is_bad_sender(&sender);
        self.state = State::Mailed(Mailed { sender, is_bad });
        Ok(replies::OK)
    }

    fn rcpt(&mut self, command: &Command) -> Result<Reply, PolicyError> {
        if matches!(self.state, State::Idle) {
            return Ok(replies::MAIL_FIRST);
        }
        let Some(address) = self.address(command)? else {
            return Ok(replies::BAD_ADDRESS);
        };
        if matches!(self.state, State::Mailed(Mailed { is_bad: true, .. })) {
            return Ok(replies::BAD_SENDER);
        }
        match self.policy.clear(address)? {
            Clearance::NoGateway => Ok(replies::NO_GATEWAY),
            Clearance::Recipient(recipient) => Ok(self.add(&recipient)),
        }
    }

    fn add(&mut self, recipient: &[u8]) -> Reply {
        let mut envelope = match std::mem::replace(&mut self.state, State::Idle) {
            State::Idle => return replies::MAIL_FIRST,
            State::Mailed(mailed) => Envelope::new(mailed.sender),
            State::Addressed(envelope) => envelope,
        };
        let reply = if envelope.add(recipient) {
            replies::OK
        } else {
            replies::TOO_MANY_RECIPIENTS
        };
        self.state = State::Addressed(envelope);
        reply
    }

    /// Whatever becomes of the message, the transaction is over.
    fn data(&mut self) -> Answer {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Idle => Answer::Say(replies::MAIL_FIRST),
            State::Mailed(mailed) => {
                self.state = State::Mailed(mailed);
                Answer::Say(replies::RCPT_FIRST)
            }
            State::Addressed(envelope) => Answer::Receive(envelope),
        }
    }

    /// The address in the argument; nothing if it cannot be one.
    fn address(&self, command: &Command) -> Result<Option<Vec<u8>>, PolicyError> {
        if !command.is_sound() {
            return Ok(None);
        }
        let Ok(path) = address::path::parse(command.argument()) else {
            return Ok(None);
        };
        let address = self.policy.resolve_literal(path.address)?;
        Ok((address.len() <= address::SMTP_MAX).then_some(address))
    }
}

impl Envelope {
    fn new(sender: Vec<u8>) -> Self {
        Self {
            sender,
            recipients: Vec::new(),
            count: 0,
        }
    }

    /// False when there is no room for another one.
    fn add(&mut self, recipient: &[u8]) -> bool {
        let is_full = self.count >= RECIPIENTS_MAX || self.recipients.len() >= RECIPIENT_BYTES_MAX;
        if !is_full {
            self.recipients.extend_from_slice(recipient);
            self.recipients.push(b'\0');
            self.count = self.count.saturating_add(1);
        }
        !is_full
    }

    /// The envelope sender, without quoting.
    pub(crate) fn sender(&self) -> &[u8] {
        &self.sender
    }

    /// The recipients in the order they were given.
    pub(crate) fn recipients(&self) -> impl Iterator<Item = &[u8]> {
        self.recipients.split(|b| *b == b'\0').take(self.count)
    }
}

/// Recipients of one message. RFC 5321 section 4.5.3.1.8 asks for 100; lists and gateways send thousands.
pub(crate) const RECIPIENTS_MAX: usize = 20_000;

/// Bytes they may take together: bounds the memory of a session whatever the addresses look like.
pub(crate) const RECIPIENT_BYTES_MAX: usize = 2 << 20;

#[cfg(test)]
mod tests;
