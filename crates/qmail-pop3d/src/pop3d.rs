//! qmail-pop3d(8): who may, where the maildir is, then commands.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::maildrop::{self, Sizes};
use crate::session::{Next, Session, SessionError};
use crate::wire::{Wire, WireError};

/// One session.
pub(crate) fn run() -> ExitCode {
    if os::account::uid() == 0 || os::account::euid() == 0 {
        diag::line("qmail-pop3d invoked as uid 0, terminating");
        return ExitCode::from(1);
    }
    if let Ok(mut wire) = Wire::open(READ_AHEAD) {
        if let Err(SessionError::Wire(WireError::Endless)) = serve(&mut wire) {
            let _unheard = wire.say("-ERR command line too long");
        }
        let _unheard = wire.flush();
    }
    ExitCode::SUCCESS
}

fn serve(wire: &mut Wire) -> Result<(), SessionError> {
    let argument = os::env::args().into_iter().next();
    let maildir = argument.map(|name| PathBuf::from(OsString::from_vec(name)));
    let entered = maildir.is_some_and(|maildir| os::file::chdir(&maildir).is_ok());
    if !entered {
        return Ok(wire.say("-ERR this user has no $HOME/Maildir")?);
    }
    let sizes = match os::env::var("POP3CLASSIC") {
        None => Sizes::OnWire,
        Some(_) => Sizes::OfFile,
    };
    let now = os::clock::now();
    maildrop::clean_tmp(now);
    let Ok(messages) = maildrop::scan(now, sizes) else {
        return Ok(wire.say("-ERR unable to scan $HOME/Maildir")?);
    };
    wire.say("+OK ")?;
    let mut session = Session::new(messages, sizes);
    let mut idle: u32 = 0;
    loop {
        match session.act(&wire.command()?, wire)? {
            Next::Going => {}
            Next::Over => return Ok(()),
            Next::Idle if idle < IDLE_MAX => idle = idle.saturating_add(1),
            Next::Idle => return Ok(wire.say("-ERR too many commands")?),
        }
    }
}

/// A segment of pipelined commands.
const READ_AHEAD: usize = 4096;

/// NOOPs and errors. A day of NOOPs every 30 seconds is 2880.
const IDLE_MAX: u32 = 10_000;
