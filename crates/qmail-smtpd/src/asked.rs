//! Programs that answer a question by their exit code, in bounded time: checkpassword and its like, rcptcheck.
//!
//! They never see the connection: descriptors 0 and 1 are the null device, and so is 2 where it is a socket.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use os::child::{Child, Spawn, Status};
use os::poll::PollSet;

/// The exit code; nothing when it crashed, took too long, or could not be started.
pub(crate) fn exit_code(spawn: Spawn<'_>, limit_s: u64) -> Option<i32> {
    let null = null().ok()?;
    let mut spawn = spawn.fd(0, null.as_fd()).fd(1, null.as_fd());
    if os::fd::is_socket(&os::fd::stderr()) {
        spawn = spawn.fd(2, null.as_fd());
    }
    let child = spawn.start().ok()?;
    if !has_ended(&child, limit_s) {
        // It may be gone this moment.
        let _gone = child.kill();
    }
    match child.wait() {
        Ok(Status::Exited(code)) => Some(code),
        Ok(Status::Signaled(_)) | Err(_) => None,
    }
}

fn null() -> io::Result<File> {
    File::options().read(true).write(true).open("/dev/null")
}

/// Waits so long at most. Where the kernel cannot tell of an end, there is no limit.
fn has_ended(child: &Child, limit_s: u64) -> bool {
    let Ok(end) = child.ended_fd() else {
        return true;
    };
    let deadline = os::clock::monotonic().saturating_add(Duration::from_secs(limit_s));
    let mut set = PollSet::new();
    loop {
        set.clear();
        let slot = set.read(&end);
        let left = deadline.saturating_sub(os::clock::monotonic());
        if set.wait(Some(left)).is_err() || set.ready(slot) {
            return true;
        }
        if left.is_zero() {
            return false;
        }
    }
}
