//! qmail-qmqpc(8): hands a message to the first QMQP server that takes it.
//!
//! A server that cannot be reached, breaks off or answers nonsense is no verdict, and the next one
//! is asked; one that was asked in full may have queued the message all the same, as when any
//! client tries again.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use control::{Control, ControlError};
use os::tcp::TimedStream;
use queue_client::QueueExit;
use thiserror::Error;

use crate::outgoing::{InputError, Outgoing};
use crate::servers;

/// Why no server has the message.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// There is no such directory.
    #[error("unable to enter the home directory")]
    Home,
    /// control/qmqpservers is missing, cannot be read, or names no server.
    #[error("no servers")]
    NoServers(#[source] Option<ControlError>),
    /// The time limit cannot be set.
    #[error("unable to set a time limit")]
    Deadline(#[source] io::Error),
    /// No message or no envelope.
    #[error(transparent)]
    Input(#[from] InputError),
    /// What the last server said or did.
    #[error(transparent)]
    Server(#[from] ServerError),
}

/// One server, and no message accepted.
#[derive(Debug, Error)]
pub(crate) enum ServerError {
    /// No socket to be had here.
    #[error("no network")]
    NoNetwork,
    /// It does not answer to the connection.
    #[error("connection timed out")]
    ConnectTimeout,
    /// It cannot be connected to.
    #[error("connection failed")]
    ConnectRejected,
    /// It broke off, fell silent or answered nonsense.
    #[error("communication failed")]
    Communication,
    /// `Z`
    #[error("the server refuses for now")]
    RefusedForNow,
    /// `D`
    #[error("the server refuses")]
    Refused,
}

impl Failure {
    /// What to exit with.
    pub(crate) fn exit(&self) -> QueueExit {
        match self {
            Self::Home => QueueExit::Home,
            Self::NoServers(_) => QueueExit::Configuration,
            Self::Deadline(_) => QueueExit::Bug,
            Self::Input(InputError::Read(_)) => QueueExit::Read,
            Self::Input(InputError::Memory) => QueueExit::OutOfMemory,
            Self::Input(InputError::Format) => QueueExit::EnvelopeFormat,
            Self::Server(ServerError::NoNetwork) => QueueExit::Network,
            Self::Server(ServerError::ConnectTimeout) => QueueExit::ConnectTimeout,
            Self::Server(ServerError::ConnectRejected) => QueueExit::ConnectRejected,
            Self::Server(ServerError::Communication) => QueueExit::Communication,
            Self::Server(ServerError::RefusedForNow) => QueueExit::RefusedForNow,
            Self::Server(ServerError::Refused) => QueueExit::Refused,
        }
    }
}

/// Reads everything, then asks the servers in their order.
pub(crate) fn run(home: &Path) -> Result<(), Failure> {
    os::signal::ignore_pipe();
    os::deadline::exit_after(DEATH_S, QueueExit::TimedOut.code()).map_err(Failure::Deadline)?;
    if !home.is_dir() {
        return Err(Failure::Home);
    }
    let list = Control::new(home).list("qmqpservers");
    let lines = list.map_err(|error| Failure::NoServers(Some(error)))?;
    let outgoing = Outgoing::read()?;
    let mut last = None;
    for server in servers::parse(&lines.unwrap_or_default()) {
        let error = match ask(server, &outgoing) {
            Ok(()) => return Ok(()),
            Err(error @ (ServerError::Refused | ServerError::RefusedForNow)) => {
                return Err(error.into());
            }
            Err(error) => error,
        };
        // That a server was reached says more than that the next one was not.
        if !matches!(last, Some(ServerError::Communication)) {
            last = Some(error);
        }
    }
    Err(last.map_or(Failure::NoServers(None), Failure::Server))
}

fn ask(server: SocketAddr, outgoing: &Outgoing) -> Result<(), ServerError> {
    let stream = os::tcp::connect(server, CONNECT_S, None).map_err(|error| why(&error))?;
    let mut stream = TimedStream::new(stream, SILENCE_S);
    let answer = talk(&mut stream, outgoing).map_err(|_| ServerError::Communication)?;
    match answer {
        Some(b'K') => Ok(()),
        Some(b'Z') => Err(ServerError::RefusedForNow),
        Some(b'D') => Err(ServerError::Refused),
        Some(_) | None => Err(ServerError::Communication),
    }
}

fn why(error: &io::Error) -> ServerError {
    if error.kind() == io::ErrorKind::TimedOut {
        ServerError::ConnectTimeout
    } else if error
        .raw_os_error()
        .is_some_and(|number| NO_SOCKET.contains(&number))
    {
        ServerError::NoNetwork
    } else {
        ServerError::ConnectRejected
    }
}

/// The letter of the server's answer; nothing if it is not exactly one netstring.
fn talk(stream: &mut TimedStream<TcpStream>, outgoing: &Outgoing) -> io::Result<Option<u8>> {
    let [first, last] = outgoing.parts();
    stream.write_all(&first)?;
    stream.write_all(outgoing.message())?;
    stream.write_all(&last)?;
    let end = os::clock::monotonic().saturating_add(Duration::from_secs(ANSWER_S));
    stream.set_deadline(Some(end));
    let mut answer = Vec::new();
    let mut piece = [0; 1024];
    loop {
        match netstring::read(&answer, ANSWER_BYTES_MAX) {
            Ok(Some((text, length))) if length == answer.len() => return Ok(text.first().copied()),
            Ok(Some(_)) | Err(_) => return Ok(None),
            Ok(None) => {}
        }
        match stream.read(&mut piece) {
            Ok(0) => return Ok(None),
            Ok(count) => answer.extend_from_slice(piece.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// As long as a qmail-queue lives: who waits for us counts on it.
const DEATH_S: u32 = 86_400;
/// For a connection.
const CONNECT_S: u64 = 10;
/// For each read and write.
const SILENCE_S: u64 = 60;
/// For a whole answer: a byte now and then is no answer.
const ANSWER_S: u64 = 600;
/// An answer is one line for a person.
const ANSWER_BYTES_MAX: usize = 10_000;
/// EMFILE, ENFILE, ENOBUFS, EAFNOSUPPORT.
const NO_SOCKET: [i32; 4] = [24, 23, 105, 97];
