//! The loop: connections in, children out, a limit on how many at a time. SIGTERM and SIGINT stop
//! the accepting; the sessions that run are waited for. A second signal ends the waiting too.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use os::child::Status;
use os::poll::{PollSet, Slot};
use os::signal::{Signal, Signals};

use crate::NAME;
use crate::options::{Loudness, Options};
use crate::session::{self, Ends};

/// Serves until told to stop.
pub(crate) fn serve(options: &Options, listener: TcpListener) -> io::Result<()> {
    let mut signals = Signals::listen(&[Signal::Child, Signal::Term, Signal::Int])?;
    let mut server = Server {
        options,
        inherited: os::env::all(),
        listener: Some(listener),
        sessions: Vec::new(),
        resume: None,
    };
    server.say_status();
    let mut set = PollSet::new();
    while server.listener.is_some() || !server.sessions.is_empty() {
        set.clear();
        let told = set.read(&signals);
        let asked = server.prepare(&mut set);
        set.wait(server.patience())?;
        if set.ready(told) && server.heed(&signals.take())? == Mood::Stop {
            break;
        }
        if asked.is_some_and(|slot| set.ready(slot)) {
            server.accept();
        }
    }
    Ok(())
}

/// Whether to go on after some signals.
#[derive(PartialEq, Eq)]
enum Mood {
    GoOn,
    Stop,
}

struct Server<'a> {
    options: &'a Options,
    inherited: Vec<(Vec<u8>, Vec<u8>)>,
    /// Gone once we have been told to stop.
    listener: Option<TcpListener>,
    /// The process ids of the sessions, at most `options.limit`.
    sessions: Vec<u32>,
    /// When to accept again after the system had no room for a connection.
    resume: Option<Duration>,
}

impl Server<'_> {
    /// Asks for connections unless the house is full.
    fn prepare(&mut self, set: &mut PollSet) -> Option<Slot> {
        if self
            .resume
            .is_some_and(|time| os::clock::monotonic() >= time)
        {
            self.resume = None;
        }
        let full = self.sessions.len() >= self.options.limit;
        match &self.listener {
            Some(listener) if !full && self.resume.is_none() => Some(set.read(listener)),
            Some(_) | None => None,
        }
    }

    fn patience(&self) -> Option<Duration> {
        let time = self.resume?;
        Some(time.saturating_sub(os::clock::monotonic()))
    }

    fn heed(&mut self, signals: &[Signal]) -> io::Result<Mood> {
        for signal in signals {
            match signal {
                Signal::Child => self.reap()?,
                Signal::Term | Signal::Int if self.listener.is_none() => return Ok(Mood::Stop),
                Signal::Term | Signal::Int => self.listener = None,
                Signal::Hup | Signal::Alarm => {}
            }
        }
        Ok(Mood::GoOn)
    }

    fn reap(&mut self) -> io::Result<()> {
        while !self.sessions.is_empty() {
            let Some((pid, status)) = os::child::reap()? else {
                break;
            };
            self.sessions.retain(|&session| session != pid);
            self.say(&format!("end {pid} status {}", wait_status(status)));
            self.say_status();
        }
        Ok(())
    }

    fn accept(&mut self) {
        let Some(listener) = &self.listener else {
            return;
        };
        match listener.accept() {
            Ok((connection, remote)) => self.begin(&connection, remote),
            Err(error) if passing(&error) => {}
            Err(error) => {
                self.warn(&format!("unable to accept: {}", os::errno::text(&error)));
                self.resume = Some(os::clock::monotonic() + ROOM_AGAIN);
            }
        }
    }

    fn begin(&mut self, connection: &TcpStream, remote: SocketAddr) {
        let begun = Ends::of(connection, remote).and_then(|ends| {
            let child = session::start(self.options, connection, &ends, &self.inherited)?;
            Ok((ends, child.pid()))
        });
        match begun {
            Ok((ends, pid)) => {
                self.sessions.push(pid);
                self.say_status();
                self.say(&format!("pid {pid} from {}", ends.remote.ip()));
                self.say(&format!("ok {pid} {}", self.both(&ends)));
            }
            Err(error) => {
                let program = diag::escape::shown(&self.options.program);
                self.warn(&format!(
                    "unable to run {program}: {}",
                    os::errno::text(&error)
                ));
            }
        }
    }

    /// `localname:ip:port remotename:ip:remoteinfo:port`, what is not known left empty.
    fn both(&self, ends: &Ends) -> String {
        let name = diag::escape::shown(self.options.local_name.as_deref().unwrap_or_default());
        let (local, remote) = (ends.local, ends.remote);
        format!(
            "{name}:{}:{} :{}::{}",
            local.ip(),
            local.port(),
            remote.ip(),
            remote.port()
        )
    }

    fn say_status(&self) {
        self.say(&format!(
            "status: {}/{}",
            self.sessions.len(),
            self.options.limit
        ));
    }

    fn say(&self, text: &str) {
        if self.options.loudness == Loudness::Verbose {
            diag::line(&format!("{NAME}: {text}"));
        }
    }

    fn warn(&self, text: &str) {
        if self.options.loudness != Loudness::Quiet {
            diag::line(&format!("{NAME}: warning: {text}"));
        }
    }
}

/// Errors of accept that are about one connection, now gone.
fn passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted
    )
}

/// The number wait(2) gives, which is what tcpserver logs.
fn wait_status(status: Status) -> i32 {
    match status {
        Status::Exited(code) => code << 8,
        Status::Signaled(signal) => signal,
    }
}

/// The pause after the system refused a connection for want of descriptors or memory.
const ROOM_AGAIN: Duration = Duration::from_secs(1);
