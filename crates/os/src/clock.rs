//! The time, asked for once per event and passed down.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Seconds since 1970; 0 when the clock is before that.
#[must_use]
pub fn now() -> u64 {
    now_nanos().0
}

/// Seconds since 1970 and nanoseconds within the second.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that asks")]
pub fn now_nanos() -> (u64, u32) {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => (since.as_secs(), since.subsec_nanos()),
        Err(_) => (0, 0),
    }
}

/// A clock that nobody sets, for time limits.
#[must_use]
pub fn monotonic() -> Duration {
    // The origin is the first call's moment: only differences mean anything.
    static ORIGIN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    ORIGIN.get_or_init(Instant::now).elapsed()
}
