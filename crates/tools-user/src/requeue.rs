//! Sends the message on: the Delivered-To line, then the message unchanged, in one run of
//! qmail-queue (forward, condredirect).

use std::fs::File;
use std::io::{self, Write};

use queue_client::{QueueFailure, QueueProgram};
use report::Exit;
use thiserror::Error;

/// What goes before the message and onto its envelope.
#[derive(Debug)]
pub(crate) struct Letter<'a> {
    /// `$DTLINE`.
    pub(crate) line: &'a [u8],
    /// The envelope sender.
    pub(crate) sender: &'a [u8],
    /// The envelope recipients.
    pub(crate) recipients: &'a [Vec<u8>],
}

/// Why the message was not sent on.
#[derive(Debug, Error)]
pub(crate) enum RequeueError {
    /// There was no process for qmail-queue.
    #[error("unable to fork")]
    Fork(#[source] io::Error),
    /// The message cannot be read.
    #[error("unable to read message")]
    Read(#[source] io::Error),
    /// qmail-queue did not take it.
    #[error("qmail-queue refused")]
    Refused(QueueFailure),
}

impl RequeueError {
    /// Says so on standard error, as `program`.
    pub(crate) fn complain(&self, program: &str) {
        match self {
            // Its words may be in any character set, and are for the sender of the message.
            Self::Refused(failure) => {
                say(&[program.as_bytes(), b": fatal: ", failure.text.as_slice()])
            }
            Self::Fork(_) | Self::Read(_) => diag::fatal(program, self),
        }
    }

    /// Whether to try again.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Refused(failure) if failure.is_permanent => Exit::PERMANENT,
            Self::Fork(_) | Self::Read(_) | Self::Refused(_) => Exit::TEMPORARY,
        }
    }
}

/// Queues the letter with what `message` has left; returns the number of the qmail-queue process.
pub(crate) fn queue(letter: &Letter<'_>, message: &mut File) -> Result<u32, RequeueError> {
    let program = QueueProgram::configured(&os::home::home());
    let mut injection = program.start().map_err(RequeueError::Fork)?;
    injection.write(letter.line);
    let read = injection.write_all_of(message).map_err(RequeueError::Read);
    injection.sender(letter.sender);
    for recipient in letter.recipients {
        injection.recipient(recipient);
    }
    let outcome = injection.finish();
    read?;
    match outcome.result {
        Ok(()) => Ok(outcome.qp),
        Err(failure) => Err(RequeueError::Refused(failure)),
    }
}

/// One line on standard error, in one piece, of any bytes.
pub(crate) fn say(parts: &[&[u8]]) {
    let mut line = parts.concat();
    line.push(b'\n');
    // Nobody is left to be told that complaining failed.
    let _unheard = io::stderr().lock().write_all(&line);
}
