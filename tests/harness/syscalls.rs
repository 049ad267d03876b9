//! What a stopped process is about to ask of the kernel, in words: name, path, descriptor.

use nix::libc::{self, user_regs_struct};
use nix::sys::ptrace;
use nix::unistd::Pid;

/// One system call of a traced program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// How many calls went before it.
    pub number: usize,
    /// Its name, or "other" for calls that no test asks about. Calls that a C library may choose
    /// between have one name: open is "openat", setitimer is "alarm".
    pub name: &'static str,
    /// The first path among its arguments.
    pub path: Option<String>,
    /// The last path, for calls with two.
    pub to: Option<String>,
    /// Its first argument, when that is a descriptor.
    pub fd: Option<i32>,
    /// Its third argument: the length of a read or write, the flags of openat.
    pub third: u64,
    /// What it returned; an error is negative.
    pub result: i64,
}

impl Call {
    /// Whether it moves bytes, so that it can move fewer than asked.
    pub fn moves_bytes(&self) -> bool {
        matches!(self.name, "read" | "write" | "pread64" | "pwrite64") && self.third > 1
    }

    /// Whether it always works: no error can be made up for it that a program could meet.
    pub fn never_fails(&self) -> bool {
        matches!(
            self.name,
            "getuid"
                | "geteuid"
                | "getgid"
                | "getegid"
                | "getpid"
                | "umask"
                | "alarm"
                | "exit_group"
        )
    }

    /// Whether it can change a file, a directory, a pipe or another process: the points at which
    /// dying makes a difference to others.
    pub fn changes_something(&self) -> bool {
        match self.name {
            "write" | "writev" | "pwrite64" | "sendto" | "sendmsg" | "linkat" | "unlinkat"
            | "renameat2" | "mkdirat" | "fsync" | "fdatasync" | "syncfs" | "ftruncate"
            | "utimensat" | "clone" | "clone3" | "vfork" | "fork" | "execve" | "kill"
            | "connect" | "flock" | "exit_group" => true,
            "openat" => self.third & CREATE_OR_WRITE != 0,
            _ => false,
        }
    }
}

/// Reads a call's arguments at its beginning.
pub(crate) fn describe(pid: Pid, number: usize, regs: &user_regs_struct) -> Call {
    let known = KNOWN
        .iter()
        .find(|known| known.0.cast_unsigned() == regs.orig_rax);
    let (name, paths, has_fd) = known.map_or(("other", Paths::None, false), |k| (k.1, k.2, k.3));
    let (path, to) = match paths {
        Paths::None => (None, None),
        Paths::First => (Some(text(pid, regs.rdi)), None),
        Paths::Second => (Some(text(pid, regs.rsi)), None),
        Paths::FirstTwo => (Some(text(pid, regs.rdi)), Some(text(pid, regs.rsi))),
        Paths::SecondAndFourth => (Some(text(pid, regs.rsi)), Some(text(pid, regs.r10))),
    };
    let fd = has_fd.then(|| i32::try_from(regs.rdi).unwrap_or(-1));
    // open takes its flags one place earlier than openat.
    let is_open = regs.orig_rax == libc::SYS_open.cast_unsigned();
    let third = if is_open { regs.rsi } else { regs.rdx };
    Call {
        number,
        name,
        path,
        to,
        fd,
        third,
        result: 0,
    }
}

/// A string in the process's memory, up to its NUL.
fn text(pid: Pid, mut address: u64) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < PATH_MAX {
        let Ok(word) = ptrace::read(pid, address as ptrace::AddressType) else {
            break;
        };
        let word = word.to_ne_bytes();
        let end = word.iter().position(|&byte| byte == 0);
        bytes.extend_from_slice(&word[..end.unwrap_or(word.len())]);
        if end.is_some() {
            break;
        }
        address += 8;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[derive(Clone, Copy)]
enum Paths {
    None,
    First,
    Second,
    FirstTwo,
    SecondAndFourth,
}

/// Number, name, which arguments are paths, whether the first is a descriptor.
const KNOWN: &[(i64, &str, Paths, bool)] = &[
    (libc::SYS_read, "read", Paths::None, true),
    (libc::SYS_write, "write", Paths::None, true),
    (libc::SYS_writev, "writev", Paths::None, true),
    (libc::SYS_pread64, "pread64", Paths::None, true),
    (libc::SYS_pwrite64, "pwrite64", Paths::None, true),
    (libc::SYS_sendto, "sendto", Paths::None, true),
    (libc::SYS_sendmsg, "sendmsg", Paths::None, true),
    (libc::SYS_connect, "connect", Paths::None, true),
    (libc::SYS_open, "openat", Paths::First, false),
    (libc::SYS_openat, "openat", Paths::Second, false),
    (libc::SYS_close, "close", Paths::None, true),
    (libc::SYS_fstat, "fstat", Paths::None, true),
    (libc::SYS_newfstatat, "newfstatat", Paths::Second, true),
    (libc::SYS_statx, "statx", Paths::Second, true),
    (libc::SYS_access, "access", Paths::First, false),
    (libc::SYS_link, "linkat", Paths::FirstTwo, false),
    (libc::SYS_linkat, "linkat", Paths::SecondAndFourth, false),
    (libc::SYS_unlink, "unlinkat", Paths::First, false),
    (libc::SYS_unlinkat, "unlinkat", Paths::Second, false),
    (libc::SYS_rename, "renameat2", Paths::FirstTwo, false),
    (
        libc::SYS_renameat2,
        "renameat2",
        Paths::SecondAndFourth,
        false,
    ),
    (libc::SYS_mkdir, "mkdirat", Paths::First, false),
    (libc::SYS_mkdirat, "mkdirat", Paths::Second, false),
    (libc::SYS_fsync, "fsync", Paths::None, true),
    (libc::SYS_syncfs, "syncfs", Paths::None, true),
    (libc::SYS_fdatasync, "fdatasync", Paths::None, true),
    (libc::SYS_ftruncate, "ftruncate", Paths::None, true),
    (libc::SYS_utimensat, "utimensat", Paths::Second, false),
    (libc::SYS_chdir, "chdir", Paths::First, false),
    (libc::SYS_umask, "umask", Paths::None, false),
    (libc::SYS_alarm, "alarm", Paths::None, false),
    (libc::SYS_setitimer, "alarm", Paths::None, false),
    (libc::SYS_flock, "flock", Paths::None, true),
    (libc::SYS_getdents64, "getdents64", Paths::None, true),
    (libc::SYS_clone, "clone", Paths::None, false),
    (libc::SYS_clone3, "clone3", Paths::None, false),
    (libc::SYS_vfork, "vfork", Paths::None, false),
    (libc::SYS_fork, "fork", Paths::None, false),
    (libc::SYS_execve, "execve", Paths::First, false),
    (libc::SYS_kill, "kill", Paths::None, false),
    (libc::SYS_getuid, "getuid", Paths::None, false),
    (libc::SYS_geteuid, "geteuid", Paths::None, false),
    (libc::SYS_getgid, "getgid", Paths::None, false),
    (libc::SYS_getegid, "getegid", Paths::None, false),
    (libc::SYS_getpid, "getpid", Paths::None, false),
    (libc::SYS_exit_group, "exit_group", Paths::None, false),
];

const CREATE_OR_WRITE: u64 = (libc::O_CREAT | libc::O_WRONLY | libc::O_RDWR) as u64;
const PATH_MAX: usize = 4096;
