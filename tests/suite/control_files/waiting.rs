//! How long a process is willing to wait, read from the system call it waits in: nobody has to
//! wait twenty minutes to see a limit of twenty minutes.

use std::fs;

use harness::wait;

/// The limit, in seconds rounded up, of the wait in which process `pid` is, waits of `passing`
/// seconds left out. `None` where the kernel does not say.
#[track_caller]
pub(super) fn limit_s(pid: u32, passing: u64) -> Option<u64> {
    let path = format!("/proc/{pid}/syscall");
    if fs::read_to_string("/proc/self/syscall").is_err() || !cfg!(target_arch = "x86_64") {
        return None;
    }
    let limit = wait::until("a process that waits with a limit", || {
        let text = fs::read_to_string(&path).ok()?;
        let mut words = text.split(' ');
        // poll(2): number, descriptors, their count, milliseconds
        let number: i64 = words.next()?.parse().ok()?;
        if number != libc::SYS_poll {
            return None;
        }
        let millis = u64::from_str_radix(words.nth(2)?.strip_prefix("0x")?, 16).ok()?;
        Some(millis.div_ceil(1000)).filter(|limit| *limit != passing)
    });
    Some(limit)
}
