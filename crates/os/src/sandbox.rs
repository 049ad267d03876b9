//! A process that gives up what it does not need: Landlock where the kernel has it, no new
//! privileges, no core files (landlock(7), prctl(2), getrlimit(2)).
//!
//! Only for processes that exec nothing: under no_new_privs a setuid qmail-queue would not gain
//! its account.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;

use nix::sys::resource::{Resource, setrlimit};

/// No core file, no ptrace by the caller, no rights to gain.
///
/// # Errors
/// The first system call that refused.
pub fn close_doors() -> io::Result<()> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    prctl(libc::PR_SET_DUMPABLE, 0)?;
    prctl(libc::PR_SET_NO_NEW_PRIVS, 1)
}

/// Lifts the limits that a caller may have lowered, as far as the hard limits allow: file size,
/// processor time, memory and descriptors. A hard limit stays; it then shows as a write error.
pub fn lift_limits() {
    for resource in [
        Resource::RLIMIT_FSIZE,
        Resource::RLIMIT_CPU,
        Resource::RLIMIT_AS,
        Resource::RLIMIT_DATA,
        Resource::RLIMIT_NOFILE,
    ] {
        if let Ok((soft, hard)) = nix::sys::resource::getrlimit(resource)
            && soft < hard
        {
            // Refused: the limit stays as the caller set it, and the work may fail; it never lies.
            let _refused = setrlimit(resource, hard, hard);
        }
    }
}

/// Confines the file system to `tree` from now on: everything below it as the permissions allow,
/// nothing elsewhere. Returns `false` when the kernel has no Landlock; then nothing changed.
///
/// # Errors
/// A kernel that has Landlock and refuses.
pub fn confine_to(tree: &Path) -> io::Result<bool> {
    let version = landlock_version();
    if version < FIRST_WITH_LINKS {
        return Ok(false);
    }
    let handled = rights(version);
    let ruleset = create_ruleset(handled)?;
    add_tree(&ruleset, handled, tree)?;
    prctl(libc::PR_SET_NO_NEW_PRIVS, 1)?;
    // SAFETY: landlock_restrict_self takes a descriptor and flags 0; a bad one is an error.
    let result =
        unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0_u32) };
    if result == 0 {
        Ok(true)
    } else {
        Err(io::Error::last_os_error())
    }
}

fn prctl(option: libc::c_int, value: libc::c_ulong) -> io::Result<()> {
    const ZERO: libc::c_ulong = 0;
    // SAFETY: both options used here take plain numbers, no pointers.
    let result = unsafe { libc::prctl(option, value, ZERO, ZERO, ZERO) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

fn landlock_version() -> libc::c_long {
    const VERSION_FLAG: u32 = 1;
    // SAFETY: with this flag the kernel reads no memory; unknown call: -1.
    unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<RulesetAttr>(),
            0_usize,
            VERSION_FLAG,
        )
    }
}

/// Every file-system right that this kernel's Landlock can take away: what is not handled stays
/// allowed, so all of them are.
fn rights(version: libc::c_long) -> u64 {
    let count = match version {
        2 => 14,
        3 | 4 => 15,
        _ => 16,
    };
    (1_u64 << count) - 1
}

fn create_ruleset(handled: u64) -> io::Result<OwnedFd> {
    let attr = RulesetAttr {
        handled_access_fs: handled,
    };
    // SAFETY: the pointer and size describe one live RulesetAttr, laid out as the kernel's first
    // version of the structure; the kernel only reads it.
    let number = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            &raw const attr,
            size_of::<RulesetAttr>(),
            0_u32,
        )
    };
    let number = i32::try_from(number).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    if number < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just gave us this new descriptor; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

fn add_tree(ruleset: &OwnedFd, allowed: u64, tree: &Path) -> io::Result<()> {
    let directory = File::open(tree)?;
    let attr = PathBeneathAttr {
        allowed_access: allowed,
        parent_fd: directory.as_raw_fd(),
    };
    const PATH_BENEATH: u32 = 1;
    // SAFETY: the pointer is to one live PathBeneathAttr, packed as the kernel declares it; the
    // kernel only reads it.
    let result = unsafe {
        libc::syscall(
            libc::SYS_landlock_add_rule,
            ruleset.as_raw_fd(),
            PATH_BENEATH,
            &raw const attr,
            0_u32,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Landlock before this version forbids every link between directories, which is what a queue is
/// made of.
const FIRST_WITH_LINKS: libc::c_long = 2;

/// struct landlock_ruleset_attr, first version.
#[repr(C)]
struct RulesetAttr {
    handled_access_fs: u64,
}

/// struct landlock_path_beneath_attr.
#[repr(C, packed)]
struct PathBeneathAttr {
    allowed_access: u64,
    parent_fd: i32,
}
