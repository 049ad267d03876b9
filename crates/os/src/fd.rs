//! Descriptors: the ones we were started with, pipes, sockets between processes.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::sys::socket::{AddressFamily, SockFlag, SockType};

/// Takes over a descriptor that the parent gave us and makes it close-on-exec.
/// Take each number once, at the start of the program.
///
/// # Errors
/// EBADF when the descriptor is not open.
pub fn take(number: RawFd) -> io::Result<File> {
    let borrowed = inherited(number)?;
    fcntl(borrowed, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    // SAFETY: the descriptor is open, and by the contract above this is the one owner of a number
    // that the parent chose; closing a number twice is an error (EBADF), not undefined behaviour.
    let owned = unsafe { OwnedFd::from_raw_fd(number) };
    Ok(File::from(owned))
}

/// Whether the parent left this descriptor open.
#[must_use]
pub fn is_open(number: RawFd) -> bool {
    inherited(number).is_ok()
}

/// Whether the parent left descriptor 0 closed. Before `main` the standard library puts /dev/null
/// in its place, and an empty message is not the same as none.
///
/// In a setuid program the C library does so even before our own look: there, a null device open
/// for reading *and writing* is taken for its work. Whoever means an empty message opens it for
/// reading, as shells do.
#[must_use]
pub fn stdin_was_closed() -> bool {
    STDIN_WAS_CLOSED.load(Ordering::Relaxed)
        || (crate::home::gained_rights() && is_writable_null(stdin()))
}

fn is_writable_null(fd: BorrowedFd<'_>) -> bool {
    let Ok(stat) = nix::sys::stat::fstat(fd) else {
        return true;
    };
    let Ok(flags) = fcntl(fd, FcntlArg::F_GETFL) else {
        return true;
    };
    stat.st_mode & libc::S_IFMT == libc::S_IFCHR
        && stat.st_rdev == nix::sys::stat::makedev(1, 3)
        && OFlag::from_bits_retain(flags).intersection(OFlag::O_ACCMODE) == OFlag::O_RDWR
}

static STDIN_WAS_CLOSED: AtomicBool = AtomicBool::new(false);

// SAFETY: the loader calls what .init_array points to, before `main` and on the only thread; the
// function makes one system call and one store and needs nothing of the runtime.
#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = look_at_stdin;

extern "C" fn look_at_stdin() {
    // SAFETY: fcntl on a closed descriptor is an error, not undefined behaviour.
    let flags = unsafe { libc::fcntl(0, libc::F_GETFD) };
    STDIN_WAS_CLOSED.store(flags < 0, Ordering::Relaxed);
}

fn inherited(number: RawFd) -> io::Result<BorrowedFd<'static>> {
    if number < 0 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: number is not -1; an invalid descriptor gives EBADF in the call below.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl(borrowed, FcntlArg::F_GETFD)?;
    Ok(borrowed)
}

/// Descriptor 0. What it is, nobody has checked.
#[must_use]
pub fn stdin() -> BorrowedFd<'static> {
    standard(0)
}

/// Descriptor 1. What it is, nobody has checked.
#[must_use]
pub fn stdout() -> BorrowedFd<'static> {
    standard(1)
}

/// Descriptor 2. What it is, nobody has checked.
#[must_use]
pub fn stderr() -> BorrowedFd<'static> {
    standard(2)
}

fn standard(number: RawFd) -> BorrowedFd<'static> {
    // SAFETY: callers pass 0, 1 or 2, which the standard library keeps open for the whole run
    // (it opens /dev/null on those that the parent closed).
    unsafe { BorrowedFd::borrow_raw(number) }
}

/// Makes reads and writes return EAGAIN rather than wait.
///
/// # Errors
/// fcntl(2)'s.
pub fn set_nonblocking(fd: &impl AsFd) -> io::Result<()> {
    set_flag(fd, true)
}

/// Makes reads and writes wait.
///
/// # Errors
/// fcntl(2)'s.
pub fn set_blocking(fd: &impl AsFd) -> io::Result<()> {
    set_flag(fd, false)
}

fn set_flag(fd: &impl AsFd, nonblocking: bool) -> io::Result<()> {
    let mut flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?);
    flags.set(OFlag::O_NONBLOCK, nonblocking);
    fcntl(fd, FcntlArg::F_SETFL(flags))?;
    Ok(())
}

/// A pipe, both ends close-on-exec.
///
/// # Errors
/// pipe(2)'s.
pub fn pipe() -> io::Result<(PipeReader, PipeWriter)> {
    io::pipe()
}

/// A connected pair of stream sockets, close-on-exec. They read and write like pipes, both ways.
///
/// # Errors
/// socketpair(2)'s.
pub fn socketpair() -> io::Result<(File, File)> {
    let (ours, theirs) = nix::sys::socket::socketpair(
        AddressFamily::Unix,
        SockType::Stream,
        None,
        SockFlag::SOCK_CLOEXEC,
    )?;
    Ok((File::from(ours), File::from(theirs)))
}

/// Whether a descriptor is a socket.
#[must_use]
pub fn is_socket(fd: &impl AsFd) -> bool {
    match nix::sys::stat::fstat(fd) {
        Ok(stat) => stat.st_mode & libc::S_IFMT == libc::S_IFSOCK,
        Err(_) => false,
    }
}

/// Whether two descriptors lead to the same object: a log that is the client's connection, as under
/// inetd, is none.
#[must_use]
pub fn are_one(one: &impl AsFd, other: &impl AsFd) -> bool {
    let place = |stat: libc::stat| (stat.st_dev, stat.st_ino);
    match (
        nix::sys::stat::fstat(one).map(place),
        nix::sys::stat::fstat(other).map(place),
    ) {
        (Ok(one), Ok(other)) => one == other,
        (Err(_), _) | (_, Err(_)) => false,
    }
}

/// Reads what a socket has ready, without waiting and whatever its mode: `None` when there is
/// nothing yet. Used to see a greeting that was sent before something else.
///
/// # Errors
/// recv(2)'s; ENOTSOCK on a pipe.
pub fn receive_now(fd: &impl AsFd, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    let flags = nix::sys::socket::MsgFlags::MSG_DONTWAIT;
    match nix::sys::socket::recv(fd.as_fd().as_raw_fd(), buffer, flags) {
        Ok(count) => Ok(Some(count)),
        Err(nix::errno::Errno::EAGAIN) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// Raises the soft limit of open descriptors as far as `wanted` and the hard limit allow; returns
/// the limit now in force.
#[must_use]
pub fn raise_limit(wanted: u64) -> u64 {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return LIMIT_UNKNOWN;
    };
    let target = wanted.min(hard);
    if target <= soft {
        return soft;
    }
    match setrlimit(Resource::RLIMIT_NOFILE, target, hard) {
        Ok(()) => target,
        Err(_) => soft,
    }
}

/// What POSIX promises when the limit cannot be read.
const LIMIT_UNKNOWN: u64 = 20;
