//! qmail-smtpd(8): an SMTP server for one client on descriptors 0 and 1; mail goes to qmail-queue, nothing else.
//!
//! `wire` holds the connection, `session` the states, `policy` who may send what, `data` the way into the queue.

mod config;
mod data;
mod hangup;
mod policy;
mod relay_clients;
mod replies;
mod session;
mod wire;

use std::path::Path;
use std::process::ExitCode;

use config::Config;
use hangup::Hangup;
use session::{Answer, Session};
use wire::Wire;

/// One session; 0 if the client quit.
pub fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(hangup) => hangup.exit_code(),
    }
}

/// Serves the client until it quits. An error ends the session early; the client was told what it may know.
fn run() -> Result<(), Hangup> {
    os::signal::ignore_pipe();
    let home = os::home::home();
    let mut wire = Wire::open(config::TIMEOUT_S).map_err(Hangup::NoConnection)?;
    let result = serve(&mut wire, &home);
    if let Err(Some(farewell)) = result.as_ref().map_err(Hangup::farewell) {
        // The session ends badly whether or not the client hears it.
        let _unheard = wire.say(&farewell).and_then(|()| wire.flush());
    }
    result
}

/// Greets, then answers commands.
fn serve(wire: &mut Wire, home: &Path) -> Result<(), Hangup> {
    let config = read_config(home)?;
    wire.set_timeout(config.timeout_s);
    wire.say(&replies::welcome(&config.greeting))?;
    let mut session = Session::new(&config.policy, &config.greeting);
    loop {
        match session.answer(&wire.command()?)? {
            Answer::Say(reply) => wire.say(&reply)?,
            Answer::Leave(reply) => {
                wire.say(&reply)?;
                return Ok(wire.flush()?);
            }
            Answer::Receive(envelope) => {
                let received = config.client.received(session.helo(), os::clock::now());
                let reply = data::receive(wire, home, config.databytes, &received, &envelope)?;
                wire.say(&reply)?;
                // Until the client knows, it would send the message again.
                wire.flush()?;
            }
        }
    }
}

/// Notices go to the log. Where descriptor 2 is a socket, as under inetd, it is the client: nothing is said.
fn read_config(home: &Path) -> Result<Config, Hangup> {
    let mut notices = Vec::new();
    let config = Config::read(home, &mut notices)?;
    if !notices.is_empty() && !os::fd::is_socket(&os::fd::stderr()) {
        for notice in &notices {
            diag::warning("qmail-smtpd", notice);
        }
    }
    Ok(config)
}
