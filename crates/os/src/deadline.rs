//! A process that must not live for ever, and one that must say that it crashed.

use std::io;
use std::sync::atomic::{AtomicI32, Ordering};

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

/// Ends the process with `code` after so many seconds, whatever it is doing, without cleaning up
/// (qmail-queue's `sigalrm`: the janitor waits longer than this).
///
/// # Errors
/// sigaction(2)'s.
pub fn exit_after(seconds: u32, code: u8) -> io::Result<()> {
    ALARM_CODE.store(i32::from(code), Ordering::Relaxed);
    handle(Signal::SIGALRM, alarm)?;
    nix::unistd::alarm::set(seconds);
    Ok(())
}

/// Ends the process with `code` when the processor or the system says that it went wrong
/// (ILL, ABRT, FPE, BUS, SEGV, SYS).
///
/// # Errors
/// sigaction(2)'s.
pub fn crash_exits(code: u8) -> io::Result<()> {
    CRASH_CODE.store(i32::from(code), Ordering::Relaxed);
    for signal in [
        Signal::SIGILL,
        Signal::SIGABRT,
        Signal::SIGFPE,
        Signal::SIGBUS,
        Signal::SIGSEGV,
        Signal::SIGSYS,
    ] {
        handle(signal, crash)?;
    }
    Ok(())
}

fn handle(signal: Signal, handler: extern "C" fn(i32)) -> io::Result<()> {
    let action = SigAction::new(
        SigHandler::Handler(handler),
        SaFlags::SA_NODEFER,
        SigSet::empty(),
    );
    // SAFETY: the handlers call _exit(2) and atomics only, which are async-signal-safe.
    unsafe { sigaction(signal, &action) }?;
    Ok(())
}

extern "C" fn alarm(_: i32) {
    // SAFETY: _exit is async-signal-safe and does not return.
    unsafe { libc::_exit(ALARM_CODE.load(Ordering::Relaxed)) }
}

extern "C" fn crash(_: i32) {
    // SAFETY: _exit is async-signal-safe and does not return.
    unsafe { libc::_exit(CRASH_CODE.load(Ordering::Relaxed)) }
}

static ALARM_CODE: AtomicI32 = AtomicI32::new(111);
static CRASH_CODE: AtomicI32 = AtomicI32::new(111);
