//! The time, asked for once per event and passed down.

use std::mem::MaybeUninit;
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

/// How many seconds local time (`$TZ`, /etc/localtime) is ahead of UTC at this moment; 0 when that
/// cannot be known.
#[must_use]
pub fn ahead_of_utc(secs: u64) -> i64 {
    let Ok(time) = secs.try_into() else {
        return 0;
    };
    let mut parts = MaybeUninit::<libc::tm>::uninit();
    // SAFETY: both pointers are to memory of the right type that outlives the call.
    let filled = unsafe { libc::localtime_r(&raw const time, parts.as_mut_ptr()) };
    if filled.is_null() {
        return 0;
    }
    // SAFETY: localtime_r filled it, as its result says.
    let parts = unsafe { parts.assume_init() };
    parts.tm_gmtoff
}

/// A clock that nobody sets, for time limits.
#[must_use]
pub fn monotonic() -> Duration {
    // The origin is the first call's moment: only differences mean anything.
    static ORIGIN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    ORIGIN.get_or_init(Instant::now).elapsed()
}
