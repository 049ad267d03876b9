//! qmail-tcpserver(8): listens on a TCP port and starts a program for every connection, with the
//! connection on fds 0 and 1 and who is at the other end in the environment (UCSPI-TCP).
//!
//! It looks nothing up: no host name, no ident. Names of clients are `qmail-smtpd`'s or nobody's.

mod options;
mod serve;
mod session;

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::process::ExitCode;

use os::child::Identity;

use options::Options;

/// Listens until SIGTERM or SIGINT, then lets the sessions finish.
#[must_use]
pub fn main() -> ExitCode {
    let options = match Options::parse(os::env::args()) {
        Ok(options) => options,
        Err(call) => {
            diag::line(&format!("{NAME}: {call}"));
            diag::usage(PROGRAM, USAGE);
            return ExitCode::from(PERMANENT);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(refusal) => {
            diag::fatal(NAME, &refusal);
            ExitCode::from(TEMPORARY)
        }
    }
}

/// What keeps it from listening; always worth another try by the supervisor.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("unable to find the address of {host}")]
    Address { host: String, source: io::Error },
    #[error("unable to find the port of {0}")]
    Port(String),
    #[error("unable to listen on {address}")]
    Listen {
        address: SocketAddr,
        source: io::Error,
    },
    #[error("unable to print the port")]
    Print { source: io::Error },
    #[error("unable to become user {uid} in group {gid}")]
    Drop {
        uid: u32,
        gid: u32,
        source: io::Error,
    },
    #[error("unable to wait for connections")]
    Wait { source: io::Error },
}

fn run(options: &Options) -> Result<(), Refusal> {
    let listener = listen(options)?;
    print_port(options, &listener)?;
    drop_rights(options)?;
    serve::serve(options, listener).map_err(|source| Refusal::Wait { source })
}

fn listen(options: &Options) -> Result<TcpListener, Refusal> {
    let port = options::port(&options.port).ok_or_else(|| Refusal::Port(options.port.clone()))?;
    let host = match options.host.as_str() {
        "0" => "0.0.0.0",
        name => name,
    };
    let found = (host, port).to_socket_addrs().and_then(|mut addresses| {
        addresses
            .next()
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    });
    let address = found.map_err(|source| Refusal::Address {
        host: options.host.clone(),
        source,
    })?;
    let listener = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    listener.map_err(|source| Refusal::Listen { address, source })
}

/// `-1`: for a supervisor or a test that asked for port 0.
fn print_port(options: &Options, listener: &TcpListener) -> Result<(), Refusal> {
    if !options.print_port {
        return Ok(());
    }
    let print = || {
        let port = listener.local_addr()?.port();
        os::fd::take(1)?.write_all(format!("{port}\n").as_bytes())
    };
    print().map_err(|source| Refusal::Print { source })
}

fn drop_rights(options: &Options) -> Result<(), Refusal> {
    if options.uid.is_none() && options.gid.is_none() {
        return Ok(());
    }
    let uid = options.uid.unwrap_or_else(os::account::uid);
    let gid = options.gid.unwrap_or_else(os::account::gid);
    os::child::become_user(&Identity {
        uid,
        gid,
        groups: Vec::new(),
    })
    .map_err(|source| Refusal::Drop { uid, gid, source })
}

const PROGRAM: &str = "qmail-tcpserver";
/// What stands before log lines: that of the original, which log analysers know.
const NAME: &str = "tcpserver";
const USAGE: &str = "[-1vQqHPRpDd] [-c limit] [-u uid] [-g gid] [-U] [-B banner] [-l localname] \
                     host port program [arg ...]";
const PERMANENT: u8 = 100;
const TEMPORARY: u8 = 111;
