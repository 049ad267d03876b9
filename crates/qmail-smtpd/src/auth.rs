//! AUTH (RFC 4954): the exchange on the connection, and the program that checks what came of it. Passwords are in
//! this process from the client's line to descriptor 3 of that program, and nowhere else.

use std::io::{self, Write};
use std::os::fd::AsFd;

use os::child::Spawn;
use smtp::sasl::{Credentials, Exchange, Mechanism, Progress, SaslError};

use crate::asked;
use crate::replies::{self, Reply};
use crate::wire::{Wire, WireError};

/// The program that knows passwords, from our arguments: `HOST PROGRAM ARGUMENTS`, as in patched qmails.
#[derive(Debug)]
pub(crate) struct Authenticator {
    /// Makes CRAM-MD5 challenges ours.
    host: Vec<u8>,
    program: Vec<u8>,
    args: Vec<Vec<u8>>,
}

/// How an AUTH ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It is this user.
    User(Vec<u8>),
    /// It is not, or it came to nothing; the name if one was given.
    Failed(Reply, Option<Vec<u8>>),
}

impl Authenticator {
    /// Nothing with fewer than two arguments: then they are ignored, as they always were.
    pub(crate) fn from_arguments(args: Vec<Vec<u8>>) -> Option<Self> {
        let mut args = args.into_iter();
        Some(Self {
            host: args.next()?,
            program: args.next()?,
            args: args.collect(),
        })
    }

    /// Goes through an exchange and has its result checked.
    pub(crate) fn converse(
        &self,
        wire: &mut Wire,
        mechanism: Mechanism,
        initial: Option<&[u8]>,
    ) -> Result<Outcome, WireError> {
        let mut progress = Exchange::begin(mechanism, initial, &self.challenge());
        loop {
            let exchange = match progress {
                Ok(Progress::Complete(credentials)) => return Ok(self.judge(credentials)),
                Ok(Progress::Ask(question, exchange)) => {
                    wire.say(&replies::challenge(question))?;
                    exchange
                }
                Err(error) => return Ok(Outcome::Failed(refusal(error), None)),
            };
            let line = wire.line()?;
            if line.is_cut() {
                return Ok(Outcome::Failed(replies::LOGIN_LINE_TOO_LONG, None));
            }
            progress = exchange.answer(line.bytes());
        }
    }

    fn judge(&self, credentials: Credentials) -> Outcome {
        let reply = match self.check(&credentials) {
            Some(0) => return Outcome::User(credentials.user),
            Some(1) => replies::LOGIN_WRONG,
            Some(_) | None => replies::LOGIN_TROUBLE,
        };
        Outcome::Failed(reply, Some(credentials.user))
    }

    /// The program's exit code. What is too long for it cannot be right.
    fn check(&self, credentials: &Credentials) -> Option<i32> {
        let Some(secret) = credentials.checkpassword() else {
            return Some(1);
        };
        let reader = self.written(&secret).ok()?;
        let args: Vec<&[u8]> = self.args.iter().map(Vec::as_slice).collect();
        let spawn = Spawn::new(&self.program)
            .search_path()
            .args(&args)
            .fd(3, reader.as_fd());
        asked::exit_code(spawn, LIMIT_S)
    }

    /// A pipe that holds these few bytes and nothing after them.
    fn written(&self, secret: &[u8]) -> io::Result<io::PipeReader> {
        let (reader, mut writer) = os::fd::pipe()?;
        writer.write_all(secret)?;
        Ok(reader)
    }

    /// Never the same twice on this host.
    fn challenge(&self) -> Vec<u8> {
        let (seconds, nanoseconds) = os::clock::now_nanos();
        let stamp = format!("<{}.{seconds}.{nanoseconds}@", os::account::pid());
        [stamp.as_bytes(), &self.host, b">"].concat()
    }
}

fn refusal(error: SaslError) -> Reply {
    match error {
        SaslError::Cancelled => replies::LOGIN_CANCELLED,
        SaslError::Malformed => replies::LOGIN_MALFORMED,
        SaslError::OtherIdentity => replies::LOGIN_WRONG,
    }
}

/// Directory services may be slow; a client waits longer than this.
const LIMIT_S: u64 = 60;
