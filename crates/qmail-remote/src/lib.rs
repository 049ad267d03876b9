//! qmail-remote(8): route, hosts in order, one session, report.
//!
//! What happened is told on fd 1 and never by the exit code: qmail-rspawn takes any other exit than 0 for a
//! program that could not run.

mod config;
mod envelope;
mod hosts;
mod output;
mod route;
mod session;
mod text;

use std::fs::File;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::process::ExitCode;

use os::tcp::TimedStream;

use config::Config;
use envelope::Envelope;
use hosts::Candidate;
use output::Output;
use session::Connection;
use text::{Accepted, Failure};

/// Runs the program with the arguments and descriptors of this process.
pub fn main() -> ExitCode {
    let mut output = Output::new(os::fd::take(1).ok());
    let ending = run(&os::env::args(), &mut output);
    output.message(match &ending {
        Ok(accepted) => accepted.report(),
        Err(failure) => failure.report(),
    });
    ExitCode::from(report::Exit::OK.code())
}

/// Delivers the message on fd 0; reports on its recipients go to `output` as they are known.
fn run(arguments: &[Vec<u8>], output: &mut Output) -> Result<Accepted, Failure> {
    let (host, envelope) = Envelope::parse(arguments)?;
    let message = os::fd::take(0).map_err(|_| Failure::ReadMessage)?;
    let home = os::home::home();
    os::file::chdir(&home).map_err(|_| Failure::Home)?;
    let config = Config::read(&home)?;
    let route = route::find(&config.routes, host)?;
    let candidates = hosts::find(&route, config.dns)?;
    let (ip, stream) = connect(&candidates, route.port, &config)?;
    let connection = Connection::new(ip, TimedStream::new(stream, config.timeout_s));
    deliver(connection, &config, &envelope, message, output)
}

/// The whole conversation. Once connected, no other host is tried: this one has seen part of the mail.
fn deliver(
    connection: Connection,
    config: &Config,
    envelope: &Envelope<'_>,
    message: File,
    output: &mut Output,
) -> Result<Accepted, Failure> {
    connection
        .greeting()?
        .hello(&config.helo)?
        .mail(envelope.sender)?
        .recipients(envelope.recipients, output)?
        .data()?
        .transfer(message)
}

/// Connects to the first candidate that answers, skipping those that timed out a short while ago.
fn connect(
    candidates: &[Candidate],
    port: u16,
    config: &Config,
) -> Result<(IpAddr, TcpStream), Failure> {
    let table = hosts::TimedOut::new(&config.home);
    for candidate in candidates {
        let history = table.history(candidate.ip);
        if history == tcpto::History::Skip {
            continue;
        }
        let address = SocketAddr::new(candidate.ip, port);
        let connected = os::tcp::connect(address, config.timeout_connect_s, None);
        table.note(candidate.ip, history, &connected);
        match connected {
            Ok(stream) => return Ok((candidate.ip, stream)),
            // Only a connection that stood can be reset; one that is not wanted is refused.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                return Err(Failure::Died(candidate.ip));
            }
            Err(_) => {}
        }
    }
    Err(Failure::NoConnection)
}
