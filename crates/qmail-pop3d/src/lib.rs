//! POP3 (RFC 1939): qmail-popup(8) asks the client who it is and lets a password checker decide;
//! qmail-pop3d(8), which the checker becomes, lets the client read the maildir of that user.
//!
//! `wire` holds the connection, `command` is a line of it; `maildrop` is the maildir, `session` what
//! each command does with it, `dots` a message as it is sent.

mod command;
mod dots;
mod maildrop;
mod pop3d;
mod popup;
mod secret;
mod session;
mod uidl;
mod wire;

use std::process::ExitCode;

/// qmail-popup(8): 1 always, for whatever ended there is nothing more to do.
pub fn popup() -> ExitCode {
    os::signal::ignore_pipe();
    popup::run();
    ExitCode::from(1)
}

/// qmail-pop3d(8): 0 but for root, who may not.
pub fn pop3d() -> ExitCode {
    os::signal::ignore_pipe();
    pop3d::run()
}
