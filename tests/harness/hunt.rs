//! Follows qmail-start and every process that comes of it (ptrace(2)), counts the calls with which
//! each program changes something, and kills one process before a chosen one of these.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::crash::{Watchdog, options, reach_gate};
use crate::home::Home;
use crate::run::Running;
use crate::syscalls;

/// The call before which a process dies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Victim {
    /// The program's name, as the kernel knows it. A process that has not become its program yet
    /// bears its parent's.
    pub program: String,
    /// Which of that program's changing calls, counted from 0 over all its processes.
    pub number: usize,
}

/// What came of a hunt.
#[derive(Debug, Default)]
pub struct Hunt {
    /// How many changing calls each program made.
    pub calls: BTreeMap<String, usize>,
    /// The call before which the victim died, in words.
    pub struck: Option<String>,
    /// What the daemons logged.
    pub log: String,
}

/// Starts the daemons on whatever is queued, and lets them work until `done` says of the log that
/// all is done, or the victim is dead. Then qmail-send is told to stop, and all have ended when
/// this returns.
#[track_caller]
pub fn hunt(home: &Home, victim: Option<&Victim>, done: impl Fn(&str) -> bool) -> Hunt {
    let (running, gate) = home
        .program("qmail-start")
        .args(["./Maildir/"])
        .start_gated();
    let leader = Pid::from_raw(i32::try_from(running.pid()).expect("pid"));
    let _watchdog = Watchdog::over(leader);
    let children =
        Options::PTRACE_O_TRACEFORK | Options::PTRACE_O_TRACEVFORK | Options::PTRACE_O_TRACECLONE;
    let mut gate = reach_gate(&gate);
    ptrace::seize(leader, options() | children).expect("PTRACE_SEIZE");
    gate.write_all(b"\n").expect("gate");
    let mut hunter = Hunter {
        leader,
        victim,
        running: &running,
        hunt: Hunt::default(),
        told: false,
    };
    let mut ended = ExitStatus::default();
    loop {
        let flags = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
        match waitpid(None, Some(flags)) {
            Ok(WaitStatus::Exited(pid, code)) if pid == leader => {
                ended = ExitStatus::from_raw(code << 8)
            }
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == leader => {
                ended = ExitStatus::from_raw(signal as i32);
            }
            Ok(status) => hunter.attend(status, &done),
            Err(Errno::EINTR) => {}
            Err(Errno::ECHILD) => break,
            Err(errno) => panic!("waitpid: {errno}"),
        }
    }
    let mut hunt = hunter.hunt;
    hunt.log = String::from_utf8_lossy(&running.ended(ended).stdout).into_owned();
    hunt
}

struct Hunter<'a> {
    leader: Pid,
    victim: Option<&'a Victim>,
    running: &'a Running,
    hunt: Hunt,
    /// Whether qmail-send has been told to stop.
    told: bool,
}

impl Hunter<'_> {
    fn attend(&mut self, status: WaitStatus, done: &impl Fn(&str) -> bool) {
        match status {
            WaitStatus::PtraceSyscall(pid) => {
                if is_entry(pid) {
                    self.begins(pid, done);
                }
                advance(pid, None);
            }
            WaitStatus::Stopped(pid, signal) => advance(pid, Some(signal)),
            WaitStatus::PtraceEvent(pid, _, _) => advance(pid, None),
            _ => {}
        }
    }

    fn begins(&mut self, pid: Pid, done: &impl Fn(&str) -> bool) {
        let Ok(regs) = ptrace::getregs(pid) else {
            return;
        };
        let call = syscalls::describe(pid, 0, &regs);
        if !call.changes_something() {
            return;
        }
        let Ok(name) = fs::read_to_string(format!("/proc/{pid}/comm")) else {
            return;
        };
        let name = name.trim_end();
        if !name.starts_with("qmail-") {
            return;
        }
        let count = self.hunt.calls.entry(name.to_owned()).or_default();
        let number = *count;
        *count += 1;
        let is_victim = |victim: &&Victim| victim.program == name && victim.number == number;
        if self.victim.is_some_and(|victim| is_victim(&victim)) {
            let words = format!(
                "{name} {number}: {} {:?} {:?}",
                call.name, call.path, call.to
            );
            self.hunt.struck = Some(words);
            let _ = kill(pid, Signal::SIGKILL);
            self.tell(pid);
        } else if call.name == "write" && pid == self.leader {
            let log = String::from_utf8_lossy(&self.running.stdout()).into_owned();
            if done(&log) {
                self.tell(Pid::from_raw(0));
            }
        }
    }

    /// Tells qmail-send to stop, once, unless it is the one that was killed.
    fn tell(&mut self, killed: Pid) {
        if !self.told && killed != self.leader {
            let _ = kill(self.leader, Signal::SIGTERM);
        }
        self.told = true;
    }
}

fn is_entry(pid: Pid) -> bool {
    ptrace::syscall_info(pid).is_ok_and(|info| info.op == libc::PTRACE_SYSCALL_INFO_ENTRY)
}

fn advance(pid: Pid, signal: Option<Signal>) {
    // Whoever was killed meanwhile is waited for like the others.
    let _ = ptrace::syscall(pid, signal);
}
