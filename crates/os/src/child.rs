//! Starts a program: descriptors, identity, directory and environment stated, nothing else passed
//! on by accident.
//!
//! The child is made with clone(2) `CLONE_VM | CLONE_VFORK`: no page is copied however large the
//! parent is, and the parent learns at once whether the exec worked.

use std::ffi::{CString, c_int, c_void};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

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

    /// Starts it.
    ///
    /// # Errors
    /// What the first failing step said: a NUL byte in a name, no process to be had, an identity
    /// refused, a directory that is not there, or exec itself.
    pub fn start(self) -> io::Result<Child> {
        let mut plan = Plan::new(&self)?;
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
            match waitpid(self.pid, None).map(ended) {
                Ok(Some((_, status))) => return Ok(status),
                Ok(None) | Err(nix::errno::Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// Looks whether it has ended, without waiting.
    ///
    /// # Errors
    /// waitpid(2)'s.
    pub fn try_wait(&self) -> io::Result<Option<Status>> {
        Ok(ended(waitpid(self.pid, Some(WaitPidFlag::WNOHANG))?).map(|(_, status)| status))
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
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) | Err(nix::errno::Errno::ECHILD) => return Ok(None),
            Ok(status) => {
                if let Some((pid, status)) = ended(status) {
                    return Ok(Some((u32::try_from(pid.as_raw()).unwrap_or(0), status)));
                }
            }
            Err(nix::errno::Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
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

fn ended(status: WaitStatus) -> Option<(Pid, Status)> {
    match status {
        WaitStatus::Exited(pid, code) => Some((pid, Status::Exited(code))),
        WaitStatus::Signaled(pid, signal, _) => {
            Some((pid, Status::Signaled(signal_number(signal))))
        }
        WaitStatus::Stopped(..)
        | WaitStatus::PtraceEvent(..)
        | WaitStatus::PtraceSyscall(_)
        | WaitStatus::Continued(_)
        | WaitStatus::StillAlive => None,
    }
}

#[expect(
    clippy::as_conversions,
    reason = "the enum is the number; nix offers no other way"
)]
fn signal_number(signal: Signal) -> i32 {
    signal as i32
}

/// Everything the child needs, laid out before it exists: between clone and exec it makes system
/// calls and touches nothing else.
struct Plan {
    paths: Vec<CString>,
    /// The strings that `argv` and `envp` point into.
    _strings: Vec<CString>,
    argv: Vec<*const libc::c_char>,
    envp: Vec<*const libc::c_char>,
    moves: Vec<(RawFd, RawFd)>,
    /// Copies of descriptors that stood in the way of a target; alive until the child has execed.
    _moved: Vec<OwnedFd>,
    closed: Vec<RawFd>,
    close_from: Option<u32>,
    cwd: Option<CString>,
    identity: Option<Identity>,
    /// Why the child could not exec; 0 while it could.
    errno: c_int,
}

impl Plan {
    fn new(spawn: &Spawn<'_>) -> io::Result<Self> {
        let mut strings = vec![cstring(spawn.argv0.as_ref().unwrap_or(&spawn.program))?];
        for arg in &spawn.args {
            strings.push(cstring(arg)?);
        }
        let argv = pointers(&strings);
        let env = match &spawn.env {
            Some(env) => env.clone(),
            None => env::all(),
        };
        let mut variables = Vec::with_capacity(env.len());
        for (name, value) in env {
            variables.push(cstring(&[&name, b"=".as_slice(), &value].concat())?);
        }
        let envp = pointers(&variables);
        strings.append(&mut variables);
        let (moves, moved) = out_of_the_way(&spawn.fds)?;
        let cwd = match &spawn.cwd {
            Some(dir) => Some(cstring(dir)?),
            None => None,
        };
        Ok(Self {
            paths: spawn.candidates()?,
            _strings: strings,
            argv,
            envp,
            moves,
            _moved: moved,
            closed: spawn.closed.clone(),
            close_from: spawn.close_from,
            cwd,
            identity: spawn.identity.clone(),
            errno: 0,
        })
    }

    fn clone_and_exec(&mut self) -> io::Result<Pid> {
        let mut stack = vec![0_u128; STACK_BYTES / size_of::<u128>()];
        let top = stack.as_mut_ptr_range().end.cast::<c_void>();
        // While the child shares our memory no signal handler may run in it.
        let mut old = SigSet::empty();
        nix::sys::signal::sigprocmask(
            SigmaskHow::SIG_SETMASK,
            Some(&SigSet::all()),
            Some(&mut old),
        )?;
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
        let argument = (&raw mut *self).cast::<c_void>();
        // SAFETY: `top` is the aligned end of a live stack that grows down; CLONE_VFORK suspends
        // this thread until the child has execed or exited, so the stack and `self` outlive its
        // use of them and nobody else touches them meanwhile.
        let pid = unsafe { libc::clone(in_child, top, flags, argument) };
        let error = io::Error::last_os_error();
        nix::sys::signal::sigprocmask(SigmaskHow::SIG_SETMASK, Some(&old), None)?;
        if pid < 0 {
            Err(error)
        } else {
            Ok(Pid::from_raw(pid))
        }
    }

    /// The child's steps; returns only when one of them failed, with `errno` set.
    fn run(&mut self) {
        for step in [
            Self::place_fds,
            Self::drop_rights,
            Self::change_dir,
            Self::exec,
        ] {
            if step(self).is_none() {
                return;
            }
        }
    }

    /// Notes why a call failed. Allocates nothing.
    fn check(&mut self, result: libc::c_long) -> Option<()> {
        if result < 0 {
            self.errno = nix::errno::Errno::last_raw();
            return None;
        }
        Some(())
    }

    fn place_fds(&mut self) -> Option<()> {
        for index in 0..self.moves.len() {
            let (source, target) = *self.moves.get(index)?;
            // SAFETY: dup2 on a bad number is an error, not undefined behaviour.
            let result = unsafe { libc::dup2(source, target) };
            self.check(result.into())?;
        }
        for &fd in &self.closed {
            // SAFETY: this process image ends at the exec below; no owner of the number runs.
            unsafe { libc::close(fd) };
        }
        if let Some(first) = self.close_from {
            const CLOEXEC: u32 = 4;
            // SAFETY: plain numbers. A kernel without the call leaves what close-on-exec covers.
            unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, CLOEXEC) };
        }
        Some(())
    }

    /// Raw system calls: the C library's would tell other threads, of which there are none here
    /// and whose memory is the parent's.
    fn drop_rights(&mut self) -> Option<()> {
        let Some(identity) = self.identity.take() else {
            return Some(());
        };
        let result = set_identity(&identity);
        // Not freed here: the allocator's state is shared with the suspended parent.
        std::mem::forget(identity);
        self.check(result)
    }

    fn change_dir(&mut self) -> Option<()> {
        let Some(dir) = &self.cwd else {
            return Some(());
        };
        // SAFETY: a NUL-terminated string that outlives the call.
        let result = unsafe { libc::chdir(dir.as_ptr()) };
        self.check(result.into())
    }

    /// The error is noted only when all candidates failed: the parent reads it after a success too.
    fn exec(&mut self) -> Option<()> {
        let mut errno = libc::ENOENT;
        for path in &self.paths {
            // SAFETY: path and the NULL-terminated vectors point to strings that this plan owns.
            unsafe { libc::execve(path.as_ptr(), self.argv.as_ptr(), self.envp.as_ptr()) };
            match nix::errno::Errno::last_raw() {
                libc::EACCES => errno = libc::EACCES,
                libc::ENOENT | libc::ENOTDIR => {}
                other => {
                    errno = other;
                    break;
                }
            }
        }
        self.errno = errno;
        None
    }

    /// What the parent changed for itself and a program expects otherwise.
    fn restore_signals(&self) {
        // SAFETY: SIG_DFL installs no handler.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        // Fails only for an invalid `how`.
        let _unchanged = SigSet::empty().thread_set_mask();
    }
}

fn set_identity(identity: &Identity) -> libc::c_long {
    // SAFETY: pointer and count describe one live vector of gid_t.
    let groups = unsafe {
        libc::syscall(
            libc::SYS_setgroups,
            identity.groups.len(),
            identity.groups.as_ptr(),
        )
    };
    if groups < 0 {
        return groups;
    }
    let gid = identity.gid;
    // SAFETY: plain numbers.
    let result = unsafe { libc::syscall(libc::SYS_setresgid, gid, gid, gid) };
    if result < 0 {
        return result;
    }
    let uid = identity.uid;
    // SAFETY: plain numbers.
    unsafe { libc::syscall(libc::SYS_setresuid, uid, uid, uid) }
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

extern "C" fn in_child(argument: *mut c_void) -> c_int {
    // SAFETY: the parent passed a pointer to its Plan and is suspended: this is the only user.
    let plan = unsafe { &mut *argument.cast::<Plan>() };
    plan.restore_signals();
    plan.run();
    // SAFETY: _exit runs no destructors and no handlers of the parent.
    unsafe { libc::_exit(EXEC_FAILED) }
}

/// Where each source stands in the child before the moves: copies of those whose number is some
/// target's, so that no move destroys the source of a later one.
type Moves = (Vec<(RawFd, RawFd)>, Vec<OwnedFd>);

fn out_of_the_way(fds: &[(RawFd, BorrowedFd<'_>)]) -> io::Result<Moves> {
    let first_free = fds.iter().map(|(target, _)| target + 1).max().unwrap_or(0);
    let mut moves = Vec::with_capacity(fds.len());
    let mut moved = Vec::new();
    for (target, source) in fds {
        if source.as_raw_fd() >= first_free {
            moves.push((source.as_raw_fd(), *target));
            continue;
        }
        let number = fcntl(source.as_fd(), FcntlArg::F_DUPFD_CLOEXEC(first_free))?;
        // SAFETY: fcntl just made this descriptor; nobody else owns it.
        moved.push(unsafe { OwnedFd::from_raw_fd(number) });
        moves.push((number, *target));
    }
    Ok((moves, moved))
}

fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings
        .iter()
        .map(|string| string.as_ptr())
        .chain([std::ptr::null()])
        .collect()
}

fn cstring(bytes: &[u8]) -> io::Result<CString> {
    CString::new(bytes).map_err(|_| io::ErrorKind::InvalidInput.into())
}

/// What execvp(3) searches when there is no `$PATH`.
const DEFAULT_PATH: &[u8] = b"/bin:/usr/bin";
/// Status of a child that could not exec; the parent knows already.
const EXEC_FAILED: c_int = 127;
/// The child's few calls need little; a page boundary is never near.
const STACK_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests;
