//! forward(1): sends the message on to other addresses, from the sender that forwarded mail has.

use std::process::ExitCode;

use report::Exit;
use thiserror::Error;

use crate::command;
use crate::requeue::{self, Letter, RequeueError};

/// Queues the message for the addresses on the command line.
#[must_use]
pub fn main() -> ExitCode {
    os::signal::ignore_pipe();
    let exit = match run(&os::env::args()) {
        Ok(qp) => {
            diag::line(&format!("forward: qp {qp}"));
            Exit::OK
        }
        Err(refusal) => {
            refusal.complain();
            refusal.exit()
        }
    };
    ExitCode::from(exit.code())
}

fn run(recipients: &[Vec<u8>]) -> Result<u32, Refusal> {
    let sender = os::env::var("NEWSENDER").ok_or(Refusal::NoSender)?;
    let line = os::env::var("DTLINE").ok_or(Refusal::NoLine)?;
    let mut message = command::input().map_err(RequeueError::Read)?;
    let letter = Letter {
        line: &line,
        sender: &sender,
        recipients,
    };
    Ok(requeue::queue(&letter, &mut message)?)
}

/// Why the message was not forwarded.
#[derive(Debug, Error)]
enum Refusal {
    #[error("NEWSENDER not set")]
    NoSender,
    #[error("DTLINE not set")]
    NoLine,
    #[error(transparent)]
    Requeue(#[from] RequeueError),
}

impl Refusal {
    fn complain(&self) {
        match self {
            Self::Requeue(error) => error.complain("forward"),
            Self::NoSender | Self::NoLine => diag::fatal("forward", self),
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::NoSender | Self::NoLine => Exit::PERMANENT,
            Self::Requeue(error) => error.exit(),
        }
    }
}
