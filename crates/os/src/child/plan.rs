//! Between clone and exec: what the child does, laid out beforehand by the parent whose memory it
//! shares.

use std::ffi::{CString, c_int, c_void};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::signal::{SigSet, SigmaskHow};
use nix::unistd::Pid;

use super::{Identity, NOT_BECOME, NOT_RUN_EVER, NOT_RUN_NOW, Spawn};
use crate::env;

/// Everything the child needs, laid out before it exists: between clone and exec it makes system
/// calls and touches nothing else.
pub(super) struct Plan {
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
    pub(super) errno: c_int,
    /// Whether the failure is one of exec.
    has_tried_exec: bool,
}

impl Plan {
    pub(super) fn new(spawn: &Spawn<'_>) -> io::Result<Self> {
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
            has_tried_exec: false,
        })
    }

    pub(super) fn clone_and_exec(&mut self) -> io::Result<Pid> {
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

    /// As [`clone_and_exec`](Self::clone_and_exec), in memory of the child's own and without
    /// waiting for it.
    pub(super) fn fork_and_exec(&mut self) -> io::Result<Pid> {
        // SAFETY: this process has one thread (os starts none), so the copy is whole; the child
        // makes system calls and ends by exec or _exit.
        let pid = unsafe { libc::fork() };
        if pid < 0 {
            return Err(io::Error::last_os_error());
        }
        if pid > 0 {
            return Ok(Pid::from_raw(pid));
        }
        self.restore_signals();
        self.run();
        let code = self.exit_code();
        // SAFETY: _exit runs no destructors and no handlers that the parent set up.
        unsafe { libc::_exit(code) }
    }

    /// What [`run`](Self::run) has failed at.
    fn exit_code(&self) -> c_int {
        if !self.has_tried_exec {
            NOT_BECOME
        } else if crate::errno::is_temporary(&io::Error::from_raw_os_error(self.errno)) {
            NOT_RUN_NOW
        } else {
            NOT_RUN_EVER
        }
    }

    /// The child's steps; returns only when one of them failed, with `errno` set.
    pub(super) fn run(&mut self) {
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
        self.has_tried_exec = true;
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
    pub(super) fn restore_signals(&self) {
        // SAFETY: SIG_DFL installs no handler.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        // Fails only for an invalid `how`.
        let _unchanged = SigSet::empty().thread_set_mask();
    }
}

pub(super) fn set_identity(identity: &Identity) -> libc::c_long {
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

pub(super) fn cstring(bytes: &[u8]) -> io::Result<CString> {
    CString::new(bytes).map_err(|_| io::ErrorKind::InvalidInput.into())
}

/// Status of a child that could not exec; the parent knows already.
const EXEC_FAILED: c_int = 127;
/// The child's few calls need little; a page boundary is never near.
const STACK_BYTES: usize = 64 << 10;
