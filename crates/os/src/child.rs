//! Starts a program: descriptors, identity, directory and environment stated, nothing else passed
//! on by accident.
//!
//! The child is made with clone(2) `CLONE_VM | CLONE_VFORK`: no page is copied however large the
//! parent is, and the parent learns at once whether the exec worked.

mod plan;

use std::ffi::{CString, c_int};
use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use self::plan::{Plan, cstring, set_identity};
use crate::env;

/// Who the child becomes, for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Real, effective and saved user id.
    pub uid: u32,
    /// Real, effective and saved group id.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
}

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It exited with this code.
    Exited(i32),
    /// This signal killed it.
    Signaled(i32),
}

/// A program about to be started.
#[derive(Debug, Clone)]
pub struct Spawn<'fd> {
    program: Vec<u8>,
    search_path: bool,
    argv0: Option<Vec<u8>>,
    args: Vec<Vec<u8>>,
    env: Option<Vec<(Vec<u8>, Vec<u8>)>>,
    fds: Vec<(RawFd, BorrowedFd<'fd>)>,
    closed: Vec<RawFd>,
    close_from: Option<u32>,
    cwd: Option<Vec<u8>>,
    identity: Option<Identity>,
    is_unwatched: bool,
}

impl<'fd> Spawn<'fd> {
    /// The program at this path, with no arguments, our environment and our descriptors 0 to 2.
    #[must_use]
    pub fn new(program: &[u8]) -> Self {
        Self {
            program: program.to_vec(),
            search_path: false,
            argv0: None,
            args: Vec::new(),
            env: None,
            fds: Vec::new(),
            closed: Vec::new(),
            close_from: None,
            cwd: None,
            identity: None,
            is_unwatched: false,
        }
    }

    /// Looks a name without a slash up in `$PATH`, as execvp(3) does.
    #[must_use]
    pub fn search_path(mut self) -> Self {
        self.search_path = true;
        self
    }

    /// The name the program sees itself called by; the path by default.
    #[must_use]
    pub fn argv0(mut self, name: &[u8]) -> Self {
        self.argv0 = Some(name.to_vec());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<I: IntoIterator<Item = A>, A: AsRef<[u8]>>(mut self, args: I) -> Self {
        self.args
            .extend(args.into_iter().map(|arg| arg.as_ref().to_vec()));
        self
    }

    /// The whole environment, instead of ours.
    #[must_use]
    pub fn env(mut self, env: Vec<(Vec<u8>, Vec<u8>)>) -> Self {
        self.env = Some(env);
        self
    }

    /// The child's descriptor `target` is this one.
    #[must_use]
    pub fn fd(mut self, target: RawFd, source: BorrowedFd<'fd>) -> Self {
        self.fds.push((target, source));
        self
    }

    /// The child starts with this descriptor closed.
    #[must_use]
    pub fn close(mut self, target: RawFd) -> Self {
        self.closed.push(target);
        self
    }

    /// The child starts with all descriptors from this one on closed.
    #[must_use]
    pub fn close_from(mut self, first: u32) -> Self {
        self.close_from = Some(first);
        self
    }

    /// The child's current directory.
    #[must_use]
    pub fn cwd(mut self, dir: &Path) -> Self {
        self.cwd = Some(dir.as_os_str().as_bytes().to_vec());
        self
    }

    /// Who the child becomes before its exec (needs root).
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// The child becomes somebody who may be hostile, and who may stop it even before its exec: so
    /// [`start`](Self::start) does not wait for that, at the price of a fork(2). What the child
    /// cannot do is an exit code then: [`NOT_BECOME`], [`NOT_RUN_NOW`] or [`NOT_RUN_EVER`].
    #[must_use]
    pub fn unwatched(mut self) -> Self {
        self.is_unwatched = true;
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// What the first failing step said: a NUL byte in a name, no process to be had, an identity
    /// refused, a directory that is not there, or exec itself.
    pub fn start(self) -> io::Result<Child> {
        let mut plan = Plan::new(&self)?;
        if self.is_unwatched {
            return Ok(Child {
                pid: plan.fork_and_exec()?,
            });
        }
        let pid = plan.clone_and_exec()?;
        if plan.errno == 0 {
            return Ok(Child { pid });
        }
        // The child told us why and is gone; take its status so that it does not stay a zombie.
        let _status = Child { pid }.wait();
        Err(io::Error::from_raw_os_error(plan.errno))
    }

    /// The paths to try in turn.
    fn candidates(&self) -> io::Result<Vec<CString>> {
        if !self.search_path || self.program.contains(&b'/') {
            return Ok(vec![cstring(&self.program)?]);
        }
        let path = match &self.env {
            Some(env) => env
                .iter()
                .find(|(name, _)| name == b"PATH")
                .map(|(_, value)| value.clone()),
            None => env::var("PATH"),
        };
        path.unwrap_or_else(|| DEFAULT_PATH.to_vec())
            .split(|&byte| byte == b':')
            .map(|dir| {
                let dir = if dir.is_empty() { b"." } else { dir };
                cstring(&[dir, b"/", &self.program].concat())
            })
            .collect()
    }
}

/// A running child. Dropping it neither kills nor waits.
#[derive(Debug, PartialEq, Eq)]
pub struct Child {
    pid: Pid,
}

impl Child {
    /// Process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        u32::try_from(self.pid.as_raw()).unwrap_or(0)
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// waitpid(2)'s, other than EINTR.
    pub fn wait(self) -> io::Result<Status> {
        loop {
            if let Some((_, status)) = await_child(self.pid.as_raw(), 0)? {
                return Ok(status);
            }
        }
    }

    /// Looks whether it has ended, without waiting.
    ///
    /// # Errors
    /// waitpid(2)'s.
    pub fn try_wait(&self) -> io::Result<Option<Status>> {
        Ok(await_child(self.pid.as_raw(), libc::WNOHANG)?.map(|(_, status)| status))
    }

    /// A descriptor that becomes readable when the child has ended (pidfd_open(2)).
    ///
    /// # Errors
    /// ENOSYS from a kernel older than 5.3.
    pub fn ended_fd(&self) -> io::Result<OwnedFd> {
        // SAFETY: plain numbers.
        let number = unsafe { libc::syscall(libc::SYS_pidfd_open, self.pid.as_raw(), 0_u32) };
        let number =
            i32::try_from(number).map_err(|_| io::Error::from_raw_os_error(libc::EBADF))?;
        if number < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel just gave us this new, close-on-exec descriptor.
        Ok(unsafe { OwnedFd::from_raw_fd(number) })
    }

    /// Sends SIGTERM.
    ///
    /// # Errors
    /// kill(2)'s.
    pub fn terminate(&self) -> io::Result<()> {
        Ok(nix::sys::signal::kill(self.pid, Signal::SIGTERM)?)
    }

    /// Sends SIGKILL.
    ///
    /// # Errors
    /// kill(2)'s.
    pub fn kill(&self) -> io::Result<()> {
        Ok(nix::sys::signal::kill(self.pid, Signal::SIGKILL)?)
    }
}

/// The next child of ours that has ended; `None` when none has.
///
/// # Errors
/// waitpid(2)'s, other than "no children".
pub fn reap() -> io::Result<Option<(u32, Status)>> {
    match await_child(ANY_CHILD, libc::WNOHANG) {
        Err(error) if error.raw_os_error() == Some(libc::ECHILD) => Ok(None),
        result => result,
    }
}

/// waitpid(2) until a child has ended or, with `WNOHANG`, there is none that has. Decoded here: a
/// status by a signal that has no name, such as a realtime signal, is one like any other.
fn await_child(pid: libc::pid_t, flags: c_int) -> io::Result<Option<(u32, Status)>> {
    loop {
        let mut status = 0;
        // SAFETY: the pointer is to a live integer; a bad pid is an error.
        let ended = unsafe { libc::waitpid(pid, &raw mut status, flags) };
        if ended < 0 {
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        } else if ended == 0 {
            return Ok(None);
        } else if libc::WIFEXITED(status) {
            let pid = u32::try_from(ended).unwrap_or(0);
            return Ok(Some((pid, Status::Exited(libc::WEXITSTATUS(status)))));
        } else if libc::WIFSIGNALED(status) {
            let pid = u32::try_from(ended).unwrap_or(0);
            return Ok(Some((pid, Status::Signaled(libc::WTERMSIG(status)))));
        }
    }
}

/// Replaces this process by another program (the last act of qmail-start). Returns only if it
/// cannot.
#[must_use]
pub fn become_program(spawn: &Spawn<'_>) -> io::Error {
    match Plan::new(spawn) {
        Ok(mut plan) => {
            plan.restore_signals();
            plan.run();
            io::Error::from_raw_os_error(plan.errno)
        }
        Err(error) => error,
    }
}

/// Becomes somebody else for good, in this process.
///
/// # Errors
/// The system call that refused.
pub fn become_user(identity: &Identity) -> io::Result<()> {
    if set_identity(identity) < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// waitpid(2)'s word for it.
const ANY_CHILD: libc::pid_t = -1;
/// Exit code of an [unwatched](Spawn::unwatched) child that could not take on its descriptors, its
/// identity or its directory; these three are qmail-lspawn(8)'s.
pub const NOT_BECOME: i32 = 112;
/// Exit code of one whose program could not be run, for a reason that may pass.
pub const NOT_RUN_NOW: i32 = 120;
/// Exit code of one whose program cannot be run.
pub const NOT_RUN_EVER: i32 = 126;
/// What execvp(3) searches when there is no `$PATH`.
const DEFAULT_PATH: &[u8] = b"/bin:/usr/bin";
#[cfg(test)]
mod tests;
