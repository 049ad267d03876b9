//! The one place where the harness waits: a condition is looked at again and again until it holds
//! or its time is up. A test never sleeps for a guessed time.

use std::time::{Duration, Instant};

use nix::poll::PollTimeout;

/// How long anything in a test may take before it counts as hung.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until `look` finds something and returns it.
///
/// # Panics
/// After [`PATIENCE`], naming `what` was waited for.
#[track_caller]
pub fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, look).unwrap_or_else(|| panic!("waited {PATIENCE:?} in vain for {what}"))
}

/// Waits until `look` finds something, at most for `patience`.
pub fn within<T>(patience: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if start.elapsed() >= patience {
            return None;
        }
        let _ = nix::poll::poll(&mut [], PollTimeout::from(LOOK_EVERY_MS));
    }
}

/// Short against the life of a process, long against a system call.
const LOOK_EVERY_MS: u8 = 1;
