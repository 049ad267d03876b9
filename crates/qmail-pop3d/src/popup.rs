//! qmail-popup(8): USER and PASS, or APOP, then the password checker, then the end.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};

use os::child::{Spawn, Status};
use thiserror::Error;

use crate::command::Command;
use crate::secret::Secret;
use crate::wire::{Wire, WireError};

/// Who the client says it is: a name and a password, or a name and a digest of the greeting and
/// the password.
struct Login {
    name: Secret,
    proof: Secret,
}

/// What to do after a command.
enum Step {
    Say(&'static str),
    Leave(&'static str),
    Check(Login),
}

/// The checker did not run, or did not say yes.
#[derive(Debug, Error)]
enum CheckError {
    #[error("unable to open pipe")]
    Pipe,
    #[error("unable to write pipe")]
    Write,
    #[error("unable to fork")]
    Fork,
    #[error("aack, child crashed")]
    Crashed,
    #[error("authorization failed")]
    Refused,
}

/// One session; how it ended is of no interest to anybody.
pub(crate) fn run() {
    if let Ok(mut wire) = Wire::open(READ_AHEAD) {
        let ended = serve(&mut wire);
        if let Err(WireError::Endless) = ended {
            let _unheard = wire.say("-ERR command line too long");
        }
        let _unheard = wire.flush();
    }
}

fn serve(wire: &mut Wire) -> Result<(), WireError> {
    let mut args = os::env::args().into_iter();
    let (Some(host), Some(program)) = (args.next(), args.next()) else {
        return wire.say("-ERR usage: popup hostname subprogram");
    };
    let rest: Vec<_> = args.collect();
    let greeting = greeting(&host);
    wire.put(&[b"+OK ", greeting.as_slice(), b"\r\n"].concat())?;
    let mut name = None;
    for _ in 0..COMMANDS_MAX {
        match answer(&wire.command()?, &mut name) {
            Step::Say(line) => wire.say(line)?,
            Step::Leave(line) => return wire.say(line),
            Step::Check(login) => {
                wire.flush()?;
                return match check(&program, &rest, &login, &greeting) {
                    Ok(()) => Ok(()),
                    Err(error) => wire.say(&format!("-ERR {error}")),
                };
            }
        }
    }
    wire.say("-ERR too many commands")
}

/// What the digest of APOP is made of; no two sessions have the same.
fn greeting(host: &[u8]) -> Vec<u8> {
    let unique = format!("<{}.{}@", os::account::pid(), os::clock::now());
    [unique.as_bytes(), host, b">"].concat()
}

fn answer(command: &Command, name: &mut Option<Secret>) -> Step {
    let argument = command.words();
    match command.verb().as_slice() {
        b"user" if argument.is_empty() => Step::Say(SYNTAX),
        b"user" => {
            *name = Some(Secret::concat(&[argument]));
            Step::Say(OK)
        }
        b"pass" => match name.take() {
            None => Step::Say("-ERR USER first"),
            Some(given) if argument.is_empty() => {
                *name = Some(given);
                Step::Say(SYNTAX)
            }
            Some(name) => Step::Check(Login {
                name,
                proof: Secret::concat(&[argument]),
            }),
        },
        b"apop" => apop(argument),
        b"quit" => Step::Leave(OK),
        b"noop" => Step::Say(OK),
        _ => Step::Say("-ERR authorization first"),
    }
}

fn apop(argument: &[u8]) -> Step {
    let space = argument.iter().position(|b| *b == b' ');
    let Some((name, proof)) = space.and_then(|space| argument.split_at_checked(space)) else {
        return Step::Say(SYNTAX);
    };
    Step::Check(Login {
        name: Secret::concat(&[name]),
        proof: Secret::concat(&[proof.get(1..).unwrap_or_default()]),
    })
}

/// Runs the checker with name, proof and greeting on its descriptor 3, a NUL after each, and waits:
/// it has become the whole session when it ends.
fn check(
    program: &[u8],
    args: &[Vec<u8>],
    login: &Login,
    greeting: &[u8],
) -> Result<(), CheckError> {
    let (name, proof) = (login.name.as_bytes(), login.proof.as_bytes());
    if name.contains(&b'\0') || proof.contains(&b'\0') {
        return Err(CheckError::Refused);
    }
    let credentials = Secret::concat(&[name, b"\0", proof, b"\0", greeting, b"\0"]);
    if credentials.as_bytes().len() > PIPE_BYTES {
        return Err(CheckError::Write);
    }
    let (reader, writer) = os::fd::pipe().map_err(|_| CheckError::Pipe)?;
    // The pipe has room for all of it, so that no checker, slow or dead, can hold us up.
    let written = File::from(OwnedFd::from(writer)).write_all(credentials.as_bytes());
    written.map_err(|_| CheckError::Write)?;
    drop(credentials);
    let started = Spawn::new(program)
        .search_path()
        .args(args)
        .fd(3, reader.as_fd())
        .start();
    let child = started.map_err(|error| why(&error))?;
    drop(reader);
    match child.wait() {
        Ok(Status::Exited(0)) => Ok(()),
        Ok(Status::Exited(_)) => Err(CheckError::Refused),
        Ok(Status::Signaled(_)) | Err(_) => Err(CheckError::Crashed),
    }
}

/// No process to be had is our trouble; a checker that cannot be executed says nothing for anybody.
fn why(error: &io::Error) -> CheckError {
    if matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory
    ) {
        CheckError::Fork
    } else {
        CheckError::Refused
    }
}

const OK: &str = "+OK ";
const SYNTAX: &str = "-ERR syntax error";

/// What a client sends before it knows that it is let in belongs to qmail-pop3d, which could not
/// have it back from us: one byte at a time is read, so that nothing is.
const READ_AHEAD: usize = 1;

/// A client that does not log in within so many commands does not want to.
const COMMANDS_MAX: u32 = 100;

/// Every pipe takes as much at once.
const PIPE_BYTES: usize = 4096;
