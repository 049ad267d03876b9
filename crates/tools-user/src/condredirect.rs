//! condredirect(1): asks a program about the message; if it says yes, the message goes to another
//! address instead of where the rest of the .qmail file would send it.

use std::io::{self, Seek};
use std::process::ExitCode;

use report::Exit;
use thiserror::Error;

use crate::command::{self, Answer, AskError};
use crate::requeue::{self, Letter, RequeueError};

/// Redirects the message and exits 99, or exits 0 when the program says no.
#[must_use]
pub fn main() -> ExitCode {
    os::signal::ignore_pipe();
    let exit = match run(&os::env::args()) {
        Ok(Some(qp)) => {
            diag::line(&format!("condredirect: qp {qp}"));
            Exit::STOP
        }
        Ok(None) => Exit::OK,
        Err(refusal) => {
            refusal.complain();
            refusal.exit()
        }
    };
    ExitCode::from(exit.code())
}

fn run(words: &[Vec<u8>]) -> Result<Option<u32>, Refusal> {
    let Some((address, program)) = words.split_first() else {
        return Err(Refusal::Usage);
    };
    if program.is_empty() {
        return Err(Refusal::Usage);
    }
    match command::ask(program)? {
        Answer::Yes => redirect(address).map(Some),
        Answer::No => Ok(None),
    }
}

fn redirect(address: &[u8]) -> Result<u32, Refusal> {
    // The program read from the same descriptor, and moved its position.
    let mut message = command::input().map_err(Refusal::Rewind)?;
    message.rewind().map_err(Refusal::Rewind)?;
    let sender = os::env::var("SENDER").ok_or(Refusal::NoSender)?;
    let line = os::env::var("DTLINE").ok_or(Refusal::NoLine)?;
    let letter = Letter {
        line: &line,
        sender: &sender,
        recipients: &[address.to_vec()],
    };
    Ok(requeue::queue(&letter, &mut message)?)
}

/// Why the message was neither redirected nor left alone.
#[derive(Debug, Error)]
enum Refusal {
    #[error("usage")]
    Usage,
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error("unable to rewind")]
    Rewind(#[source] io::Error),
    #[error("SENDER not set")]
    NoSender,
    #[error("DTLINE not set")]
    NoLine,
    #[error(transparent)]
    Requeue(#[from] RequeueError),
}

impl Refusal {
    fn complain(&self) {
        match self {
            Self::Usage => diag::usage(PROGRAM, "newaddress program [ arg ... ]"),
            Self::Requeue(error) => error.complain(PROGRAM),
            Self::Ask(_) | Self::Rewind(_) | Self::NoSender | Self::NoLine => {
                diag::fatal(PROGRAM, self);
            }
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Usage | Self::NoSender | Self::NoLine => Exit::PERMANENT,
            Self::Ask(_) | Self::Rewind(_) => Exit::TEMPORARY,
            Self::Requeue(error) => error.exit(),
        }
    }
}

const PROGRAM: &str = "condredirect";
