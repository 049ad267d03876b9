//! QMTP and QMQP: qmail-qmtpd(8) and qmail-qmqpd(8) hand what one client on descriptors 0 and 1
//! sends to qmail-queue; qmail-qmqpc(8) is a qmail-queue that hands it to a server.
//!
//! `wire` holds the connection and cuts it into netstrings, `client` says who is there, `incoming`
//! is a message on its way into the queue, `outgoing` one that waits for a server.

mod answer;
mod client;
mod config;
mod ending;
mod incoming;
mod outgoing;
mod qmqpc;
mod qmqpd;
mod qmtpd;
mod servers;
mod wire;

use std::path::Path;
use std::process::ExitCode;

use ending::Ending;
use wire::Wire;

/// qmail-qmtpd(8): messages until the client leaves.
pub fn qmtpd() -> ExitCode {
    serve(qmtpd::run)
}

/// qmail-qmqpd(8): one message.
pub fn qmqpd() -> ExitCode {
    serve(qmqpd::run)
}

/// qmail-qmqpc(8): a message from descriptor 0, its envelope from 1, as qmail-queue(8).
pub fn qmqpc() -> ExitCode {
    match qmqpc::run(&os::home::home()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => ExitCode::from(failure.exit().code()),
    }
}

fn serve(run: fn(&mut Wire, &Path) -> Result<(), Ending>) -> ExitCode {
    os::signal::ignore_pipe();
    let result = os::deadline::exit_after(SESSION_S, ending::TEMPORARY)
        .and_then(|()| Wire::open(u64::from(SESSION_S)))
        .map_err(Ending::NoConnection)
        .and_then(|mut wire| run(&mut wire, &os::home::home()));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(ending) => ExitCode::from(ending.code()),
    }
}

/// A session lives no longer, whatever the client does.
const SESSION_S: u32 = 3600;
