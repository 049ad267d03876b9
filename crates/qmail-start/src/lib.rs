//! qmail-start(8) [root]: makes the pipes, starts qmail-lspawn, qmail-rspawn, qmail-clean and a
//! logger, each under its account, and becomes qmail-send. Reads nothing but /etc/passwd and
//! /etc/group, says nothing, keeps nothing. INTERNALS: who runs as whom.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::process::ExitCode;

use os::account::{AccountError, Roles};
use os::child::{Child, Identity, Spawn};

/// The program; it returns only when it failed.
#[must_use]
pub fn main() -> ExitCode {
    match run(&os::home::home(), &os::env::args()) {
        Err(
            StartError::Directory(_)
            | StartError::Roles(_)
            | StartError::NotRoot
            | StartError::Pipe(_)
            | StartError::Logger(_)
            | StartError::Send(_),
        ) => ExitCode::from(TEMPORARY),
        Ok(never) => match never {},
    }
}

fn run(home: &Path, args: &[Vec<u8>]) -> Result<Never, StartError> {
    os::file::chdir(Path::new("/")).map_err(StartError::Directory)?;
    os::file::umask(0o077);
    let roles = Roles::find(home).map_err(StartError::Roles)?;
    if !roles.single && os::account::euid() != 0 {
        return Err(StartError::NotRoot);
    }
    let (delivery, logger) = match args.split_first() {
        Some((delivery, logger)) => (delivery.as_slice(), logger),
        None => (DEFAULT_DELIVERY, args),
    };
    let as_whom = Identities::of(&roles);
    let channels = Channels::open().map_err(StartError::Pipe)?;
    let log = start_logger(logger, &as_whom)?;
    channels.start_daemons(delivery, &as_whom);
    Err(StartError::Send(
        channels.become_send(log.as_ref(), &as_whom),
    ))
}

enum Never {}

/// Why there is no qmail-send. Only tests and debuggers see the difference: it exits 111 anyway.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error("unable to switch to /")]
    Directory(#[source] io::Error),
    #[error("{0}")]
    Roles(AccountError),
    #[error("unable to become anybody else")]
    NotRoot,
    #[error("unable to create pipes")]
    Pipe(#[source] io::Error),
    #[error("unable to start the logger")]
    Logger(#[source] io::Error),
    #[error("unable to run qmail-send")]
    Send(#[source] io::Error),
}

/// Who each program becomes; `None` where everybody is the current user.
struct Identities {
    logger: Option<Identity>,
    lspawn: Option<Identity>,
    rspawn: Option<Identity>,
    clean: Option<Identity>,
    send: Option<Identity>,
}

impl Identities {
    fn of(roles: &Roles) -> Self {
        let become_user =
            |uid, gid, groups| (!roles.single).then_some(Identity { uid, gid, groups });
        let in_qmail = |uid| become_user(uid, roles.qmail, vec![roles.qmail]);
        let mut groups_of_remote = os::account::groups_with_member(roles.qmailr.name);
        groups_of_remote.insert(0, roles.qmail);
        Self {
            logger: become_user(roles.qmaill.uid, roles.nofiles, vec![roles.nofiles]),
            lspawn: in_qmail(0),
            rspawn: become_user(roles.qmailr.uid, roles.qmail, groups_of_remote),
            clean: in_qmail(roles.qmailq.uid),
            send: in_qmail(roles.qmails.uid),
        }
    }
}

/// The two ends of everything between qmail-send and its helpers.
struct Channels {
    lspawn: Pair,
    rspawn: Pair,
    clean: Pair,
}

/// What one helper has on descriptors 0 and 1, and what qmail-send has for it.
struct Pair {
    helper_reads: File,
    helper_writes: PipeWriter,
    send_writes: File,
    send_reads: PipeReader,
}

impl Channels {
    /// Commands to the spawners go over socket pairs, on which they can announce what they offer;
    /// all else goes over pipes.
    fn open() -> io::Result<Self> {
        Ok(Self {
            lspawn: Pair::open(os::fd::socketpair()?)?,
            rspawn: Pair::open(os::fd::socketpair()?)?,
            clean: {
                let (reads, writes) = os::fd::pipe()?;
                Pair::open((into_file(reads), into_file(writes)))?
            },
        })
    }

    /// A helper that cannot be started is like one that dies at once: qmail-send sees its
    /// channels closed and says so in the log.
    fn start_daemons(&self, delivery: &[u8], as_whom: &Identities) {
        let lspawn = Spawn::new(b"qmail-lspawn").args([delivery]);
        let _seen_by_send = self.lspawn.start(lspawn, as_whom.lspawn.as_ref());
        let rspawn = Spawn::new(b"qmail-rspawn");
        let _seen_by_send = self.rspawn.start(rspawn, as_whom.rspawn.as_ref());
        let clean = Spawn::new(b"qmail-clean");
        let _seen_by_send = self.clean.start(clean, as_whom.clean.as_ref());
    }

    fn become_send(&self, log: Option<&PipeWriter>, as_whom: &Identities) -> io::Error {
        let log = log.map_or(os::fd::stdout(), AsFd::as_fd);
        let program = Spawn::new(b"qmail-send")
            .search_path()
            .fd(0, log)
            .fd(1, self.lspawn.send_writes.as_fd())
            .fd(2, self.lspawn.send_reads.as_fd())
            .fd(3, self.rspawn.send_writes.as_fd())
            .fd(4, self.rspawn.send_reads.as_fd())
            .fd(5, self.clean.send_writes.as_fd())
            .fd(6, self.clean.send_reads.as_fd())
            .close_from(7);
        os::child::become_program(&identified(program, as_whom.send.as_ref()))
    }
}

impl Pair {
    fn open((helper_reads, send_writes): (File, File)) -> io::Result<Self> {
        let (send_reads, helper_writes) = os::fd::pipe()?;
        Ok(Self {
            helper_reads,
            helper_writes,
            send_writes,
            send_reads,
        })
    }

    fn start(&self, program: Spawn<'_>, identity: Option<&Identity>) -> io::Result<Child> {
        let fds = (self.helper_reads.as_fd(), self.helper_writes.as_fd());
        start(program, fds, identity)
    }
}

/// The logger reads what qmail-send writes on descriptor 0. Without one that is our own
/// descriptor 1; a log that nobody could read is worse than not starting.
fn start_logger(args: &[Vec<u8>], as_whom: &Identities) -> Result<Option<PipeWriter>, StartError> {
    let Some((program, args)) = args.split_first() else {
        return Ok(None);
    };
    let (reads, writes) = os::fd::pipe().map_err(StartError::Pipe)?;
    let fds = (reads.as_fd(), os::fd::stdout());
    start(Spawn::new(program).args(args), fds, as_whom.logger.as_ref())
        .map_err(StartError::Logger)?;
    Ok(Some(writes))
}

/// Starts a program that is found in `$PATH`, with descriptors 0 and 1 and no other.
fn start<'fd>(
    program: Spawn<'fd>,
    (input, output): (BorrowedFd<'fd>, BorrowedFd<'fd>),
    identity: Option<&Identity>,
) -> io::Result<Child> {
    let program = program
        .search_path()
        .fd(0, input)
        .fd(1, output)
        .close(2)
        .close_from(3);
    identified(program, identity).start()
}

fn identified<'fd>(program: Spawn<'fd>, identity: Option<&Identity>) -> Spawn<'fd> {
    match identity {
        Some(identity) => program.identity(identity.clone()),
        None => program,
    }
}

fn into_file(end: impl Into<std::os::fd::OwnedFd>) -> File {
    File::from(end.into())
}

/// Where mail goes without instructions, unless the caller says otherwise.
const DEFAULT_DELIVERY: &[u8] = b"./Mailbox";
/// Any failure: the supervisor tries again.
const TEMPORARY: u8 = 111;
