//! flock(2), qmail's `lock_ex`; held until the file is closed. The only place that names fs2.

use std::fs::File;
use std::io;
use std::time::Duration;

use fs2::FileExt;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

use crate::clock;

/// Waits for the exclusive lock.
///
/// # Errors
/// The system call's; EINTR too, so that a deadline can end the wait.
pub fn exclusive(file: &File) -> io::Result<()> {
    FileExt::lock_exclusive(file)
}

/// Takes the exclusive lock if nobody has it; `false` when somebody does.
///
/// # Errors
/// The system call's, other than "somebody has it".
pub fn try_exclusive(file: &File) -> io::Result<bool> {
    match FileExt::try_lock_exclusive(file) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}

/// Waits for the exclusive lock, though not much longer than `limit`; `false` when it took too
/// long.
///
/// Uses SIGALRM while it waits, so it is for a process of one thread without a deadline of its own
/// (qmail-local and an mbox).
///
/// # Errors
/// The system call's, and those of setting an alarm.
pub fn exclusive_within(file: &File, limit: Duration) -> io::Result<bool> {
    if try_exclusive(file)? {
        return Ok(true);
    }
    let started = clock::monotonic();
    let _ticks = Ticks::start()?;
    loop {
        match exclusive(file) {
            Ok(()) => return Ok(true),
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            Err(_) if clock::monotonic().saturating_sub(started) >= limit => return Ok(false),
            Err(_) => {}
        }
    }
}

/// Interrupts system calls again and again, until dropped: a single alarm could come between two
/// calls and be missed.
struct Ticks;

impl Ticks {
    fn start() -> io::Result<Self> {
        handle_alarm(SigHandler::Handler(nothing))?;
        let mut alarm = SigSet::empty();
        alarm.add(Signal::SIGALRM);
        alarm.thread_unblock()?;
        let ticks = Self;
        set_timer(TICK)?;
        Ok(ticks)
    }
}

impl Drop for Ticks {
    fn drop(&mut self) {
        let _ = set_timer(Duration::ZERO);
        let _ = handle_alarm(SigHandler::SigDfl);
    }
}

fn handle_alarm(handler: SigHandler) -> io::Result<()> {
    // No SA_RESTART: ending the wait is what the signal is for.
    let action = SigAction::new(handler, SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler does nothing at all.
    unsafe { sigaction(Signal::SIGALRM, &action) }?;
    Ok(())
}

fn set_timer(every: Duration) -> io::Result<()> {
    let too_long = |_| io::Error::from(io::ErrorKind::InvalidInput);
    let every = libc::timeval {
        tv_sec: every.as_secs().try_into().map_err(too_long)?,
        tv_usec: every.subsec_micros().into(),
    };
    let timer = libc::itimerval {
        it_interval: every,
        it_value: every,
    };
    // SAFETY: the first pointer is to a live value, the second may be null.
    let result =
        unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut()) };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

extern "C" fn nothing(_: i32) {}

const TICK: Duration = Duration::from_millis(500);
