//! Runs a program system call by system call (ptrace(2)), and strikes before the n-th: a signal, an
//! error instead of the call, or a call that does only part of its work.
//!
//! Counting begins after exec. The program's process is a shell that waits at a gate until we have
//! seized it, so no code of ours runs between fork and exec. x86-64 only.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::mpsc;
use std::thread;

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::run::{Output, Run};
use crate::syscalls::{self, Call};
use crate::wait;

/// What happens at the chosen system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blow {
    /// The signal is pending when the call begins. SIGKILL ends the process before the call; what
    /// the others do they do after it.
    Signal(Signal),
    /// The call is not made and returns this error.
    Error(Errno),
    /// The call (a read or write of some kind) moves a single byte.
    OneByte,
}

/// Runs the program to its end and lists its system calls.
#[track_caller]
pub fn trace(run: Run<'_>) -> (Vec<Call>, Output) {
    let mut calls: Vec<Call> = Vec::new();
    let output = follow(run, |pid, moment, regs| {
        match (moment, calls.last_mut()) {
            (Moment::End, Some(call)) => call.result = regs.rax.cast_signed(),
            (Moment::Begin(number), _) => {
                keep_readable(pid, regs);
                calls.push(syscalls::describe(pid, number, regs));
            }
            // The end of exec, which we do not count.
            (Moment::End, None) => {}
        }
        None
    });
    (calls, output)
}

/// A program may close its memory to tracers that are not root, and with it the paths in its calls:
/// here it believes that it has.
fn keep_readable(pid: Pid, regs: &libc::user_regs_struct) {
    let is_prctl = regs.orig_rax == libc::SYS_prctl.cast_unsigned();
    if is_prctl && regs.rdi == PR_SET_DUMPABLE {
        ptrace::setregs(pid, libc::user_regs_struct { rsi: 1, ..*regs }).expect("registers");
    }
}

/// Runs the program and strikes at its `number`-th call, counted from 0.
///
/// # Panics
/// When the program makes fewer calls.
#[track_caller]
pub fn strike(run: Run<'_>, number: usize, blow: Blow) -> Output {
    let mut struck = false;
    let output = follow(run, |_, moment, _| {
        let now = moment == Moment::Begin(number);
        struck |= now;
        now.then_some(blow)
    });
    assert!(struck, "no call {number} to strike at");
    output
}

/// A stop of the program.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// At the beginning of the call of this number.
    Begin(usize),
    /// At the end of a call.
    End,
}

/// Steps through the program; `choose` is shown every stop, and may strike at the beginning of a
/// call.
#[track_caller]
fn follow(
    run: Run<'_>,
    mut choose: impl FnMut(Pid, Moment, &libc::user_regs_struct) -> Option<Blow>,
) -> Output {
    let (running, gate) = run.start_gated();
    let pid = Pid::from_raw(i32::try_from(running.pid()).expect("pid"));
    let _watchdog = Watchdog::over(pid);
    let mut gate = reach_gate(&gate);
    ptrace::seize(pid, options()).expect("PTRACE_SEIZE");
    gate.write_all(b"\n").expect("gate");
    let mut number = 0;
    let mut error = None;
    let mut step = Step::Starting;
    loop {
        let status = waitpid(pid, Some(WaitPidFlag::__WALL)).expect("waitpid");
        match (status, step) {
            (WaitStatus::Exited(_, code), _) => return running.ended(exited(code)),
            (WaitStatus::Signaled(_, signal, _), _) => {
                return running.ended(ExitStatus::from_raw(signal as i32));
            }
            (WaitStatus::PtraceEvent(..), Step::Starting) => {
                step = Step::Inside;
                advance(pid, None);
            }
            (WaitStatus::PtraceSyscall(_), Step::Outside) => {
                step = Step::Inside;
                let regs = ptrace::getregs(pid).expect("registers");
                error = choose(pid, Moment::Begin(number), &regs)
                    .and_then(|blow| deal(pid, blow, regs));
                number += 1;
                advance(pid, None);
            }
            (WaitStatus::PtraceSyscall(_), _) => {
                step = Step::Outside;
                if let Some(errno) = error.take() {
                    put_result(pid, errno);
                } else if let Ok(regs) = ptrace::getregs(pid) {
                    choose(pid, Moment::End, &regs);
                }
                advance(pid, None);
            }
            (WaitStatus::Stopped(_, signal), _) => advance(pid, Some(signal)),
            (_, _) => advance(pid, None),
        }
    }
}

/// Where the program stands between two of its stops.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Still the shell at the gate.
    Starting,
    /// In a system call (exec is the first).
    Inside,
    /// In its own code.
    Outside,
}

/// Does what the blow says at the beginning of a call; an error is put in place at its end.
fn deal(pid: Pid, blow: Blow, mut regs: libc::user_regs_struct) -> Option<Errno> {
    match blow {
        Blow::Signal(signal) => {
            kill(pid, signal).expect("kill");
            None
        }
        Blow::Error(errno) => {
            // No such system call: the kernel does nothing.
            regs.orig_rax = u64::MAX;
            ptrace::setregs(pid, regs).expect("registers");
            Some(errno)
        }
        Blow::OneByte => {
            regs.rdx = regs.rdx.min(1);
            ptrace::setregs(pid, regs).expect("registers");
            None
        }
    }
}

fn put_result(pid: Pid, errno: Errno) {
    // SIGKILL may have been faster; then there is nothing left to change.
    let Ok(mut regs) = ptrace::getregs(pid) else {
        return;
    };
    regs.rax = (-i64::from(errno as i32)).cast_unsigned();
    ptrace::setregs(pid, regs).expect("registers");
}

/// Lets the program run to its next stop. It may be gone already (SIGKILL): waitpid will tell.
fn advance(pid: Pid, signal: Option<Signal>) {
    match ptrace::syscall(pid, signal) {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(errno) => panic!("PTRACE_SYSCALL: {errno}"),
    }
}

pub(crate) fn options() -> Options {
    Options::PTRACE_O_EXITKILL | Options::PTRACE_O_TRACEEXEC | Options::PTRACE_O_TRACESYSGOOD
}

fn exited(code: i32) -> ExitStatus {
    ExitStatus::from_raw(code << 8)
}

/// A fifo at which a shell waits before it becomes the program.
pub(crate) fn make_gate(path: &std::path::Path) {
    nix::unistd::mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR).expect("mkfifo");
}

/// Waits until the shell is at the gate; a line written there lets it go on. Seized before that, it
/// might still be inside its own exec, stop at the end of it and never get to the gate.
pub(crate) fn reach_gate(path: &std::path::Path) -> fs::File {
    let open = || {
        let mut options = OpenOptions::new();
        options
            .write(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(path)
            .ok()
    };
    let gate = wait::until("the shell at the gate", open);
    fs::remove_file(path).expect("gate");
    gate
}

/// Kills the process when it hangs; stops watching when dropped.
pub(crate) struct Watchdog(Option<mpsc::Sender<()>>);

impl Watchdog {
    pub(crate) fn over(pid: Pid) -> Self {
        let (sender, receiver) = mpsc::channel::<()>();
        thread::spawn(move || {
            if receiver.recv_timeout(wait::PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                let _ = kill(pid, Signal::SIGKILL);
            }
        });
        Self(Some(sender))
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.0.take();
    }
}

/// As the kernel counts.
const PR_SET_DUMPABLE: u64 = libc::PR_SET_DUMPABLE as u64;
