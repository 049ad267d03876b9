//! qmail-smtpd(8): an SMTP server for one client on descriptors 0 and 1; mail goes to qmail-queue, nothing else.
//!
//! `wire` holds the connection, `session` the states, `dialogue` brings both together; `policy` says who may send
//! what, `data` is the way into the queue.

mod asked;
mod auth;
mod client;
mod config;
mod data;
mod dialogue;
mod hangup;
mod journal;
mod policy;
mod rcptcheck;
mod relay_clients;
mod replies;
mod session;
mod submission;
mod terms;
mod wire;

use std::path::Path;
use std::process::ExitCode;

use config::Config;
use dialogue::Dialogue;
use hangup::Hangup;
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
    let mut wire = Wire::open(config::DEFAULT_LIMITS).map_err(Hangup::NoConnection)?;
    let result = serve(&mut wire, &home);
    if let Err(Some(farewell)) = result.as_ref().map_err(Hangup::farewell) {
        wire.grant_farewell();
        // The session ends badly whether or not the client hears it.
        let _unheard = wire.say(&farewell).and_then(|()| wire.flush());
        wire.close();
    }
    result
}

fn serve(wire: &mut Wire, home: &Path) -> Result<(), Hangup> {
    let config = read_config(home)?;
    wire.set_limits(config.limits);
    Dialogue::new(wire, home, &config).hold()
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
