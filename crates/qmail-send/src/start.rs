//! Everything before the loop: directories, control files, the lock, the first words of the
//! spawners (qmail-send(8)).

use std::collections::HashSet;
use std::fs::File;
use std::io;

use control::Control;
use os::disk::RealDisk;
use os::signal::{Signal, Signals};
use queue::mutex::{MutexError, SendMutex};
use queue::{Channel, Queue};
use queue_client::QueueProgram;

use crate::Daemon;
use crate::arrears::Arrears;
use crate::clean_link::CleanLink;
use crate::config::{Config, ConfigError};
use crate::delivery::{Deliveries, Lane};
use crate::desk::Desk;
use crate::ending::Endings;
use crate::leftovers::Leftovers;
use crate::log::Log;
use crate::schedule::Schedule;
use crate::spawn_link::{NoFire, SpawnLink};
use crate::todo::Todo;

/// It did not start, and the log says why.
pub(crate) struct Unheard;

/// Why it does not start: what follows `alert: cannot start: ` in the log.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error("unable to switch to home directory")]
    Home(#[source] io::Error),
    #[error("unable to read controls")]
    Controls(#[source] ConfigError),
    #[error("unable to switch to queue directory")]
    Queue(#[source] io::Error),
    #[error("unable to open mutex")]
    Mutex(#[source] io::Error),
    #[error("qmail-send is already running")]
    Running,
    #[error(transparent)]
    NoFire(#[from] NoFire),
    #[error("unable to listen to signals")]
    Signals(#[source] io::Error),
}

/// Starts.
///
/// # Errors
/// The log has said why.
pub(crate) fn start() -> Result<Daemon, Unheard> {
    let mut log = Log::new(os::fd::take(0).map_err(|_| Unheard)?);
    // Before anything is opened, which would get the number of one that is missing.
    let pipes = Pipes::take();
    match prepare(pipes) {
        Ok(ready) => Ok(ready.into_daemon(log)),
        Err(error) => {
            if let StartError::Controls(cause) = &error {
                log.warning(&cause.to_string());
            }
            log.alert(&format!("cannot start: {error}"));
            Err(Unheard)
        }
    }
}

/// What the start has brought together.
struct Ready {
    control: Control,
    config: Config,
    program: QueueProgram,
    mutex: SendMutex,
    local: Lane,
    remote: Lane,
    clean: CleanLink,
    signals: Signals,
}

/// The pipes that qmail-start made for us.
struct Pipes {
    lspawn: Option<Pair>,
    rspawn: Option<Pair>,
    clean: Option<Pair>,
}

/// The one to a neighbour and the one from it.
struct Pair {
    to: File,
    from: File,
}

impl Pipes {
    fn take() -> Self {
        let pair = |to, from| {
            let to = os::fd::take(to).ok()?;
            let from = os::fd::take(from).ok()?;
            Some(Pair { to, from })
        };
        Self {
            lspawn: pair(1, 2),
            rspawn: pair(3, 4),
            clean: pair(5, 6),
        }
    }
}

fn prepare(pipes: Pipes) -> Result<Ready, StartError> {
    let home = os::home::home();
    os::file::chdir(&home).map_err(StartError::Home)?;
    let control = Control::new(&home);
    let config = Config::read(&control).map_err(StartError::Controls)?;
    os::file::chdir(&home.join("queue")).map_err(StartError::Queue)?;
    os::signal::ignore_pipe();
    os::file::umask(0o077);
    let signals = Signals::listen(&[Signal::Term, Signal::Alarm, Signal::Hup, Signal::Child])
        .map_err(StartError::Signals)?;
    let mutex = SendMutex::lock(&Queue::here()).map_err(|error| match error {
        MutexError::Open(source) => StartError::Mutex(source),
        MutexError::Running => StartError::Running,
    })?;
    let (local, local_limit) = open_spawner(pipes.lspawn)?;
    let (remote, remote_limit) = open_spawner(pipes.rspawn)?;
    let Pair { to, from } = pipes.clean.ok_or(NoFire)?;
    let clean = CleanLink::open(to, from).map_err(|_| NoFire)?;
    let concurrency = |wanted: u64, limit: u16| u16::try_from(wanted).unwrap_or(limit).min(limit);
    let local_slots = concurrency(config.concurrencylocal, local_limit);
    let remote_slots = concurrency(config.concurrencyremote, remote_limit);
    Ok(Ready {
        control,
        config,
        program: QueueProgram::configured(&home),
        mutex,
        local: Lane::new(Channel::Local, local, local_slots),
        remote: Lane::new(Channel::Remote, remote, remote_slots),
        clean,
        signals,
    })
}

fn open_spawner(pair: Option<Pair>) -> Result<(SpawnLink, u16), NoFire> {
    let Pair { to, from } = pair.ok_or(NoFire)?;
    SpawnLink::open(to, from)
}

impl Ready {
    fn into_daemon(self, log: Log) -> Daemon {
        let mut desk = Desk {
            now: os::clock::now(),
            disk: RealDisk,
            queue: Queue::here(),
            log,
            config: self.config,
            schedule: Schedule::default(),
            clean: self.clean,
            is_stopping: false,
            ended: Vec::new(),
            ended_since: 0,
            injecting: Vec::new(),
            newcomers: Some(HashSet::new()),
        };
        let deliveries = Deliveries::new(self.local, self.remote);
        deliveries.log_status(&mut desk);
        Daemon {
            _mutex: self.mutex,
            control: self.control,
            signals: self.signals,
            deliveries,
            todo: Todo::new(&mut desk),
            endings: Endings::new(self.program),
            arrears: Arrears::new(&desk),
            leftovers: Leftovers::new(),
            desk,
        }
    }
}
