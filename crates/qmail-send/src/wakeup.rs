//! When the loop has to look again although nothing came in.

use std::time::Duration;

/// The earliest time that some part of the loop asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wakeup {
    now: u64,
    at: u64,
}

impl Wakeup {
    /// Nobody has asked yet.
    pub(crate) fn new(now: u64) -> Self {
        Self {
            now,
            at: now.saturating_add(SLEEP_MAX),
        }
    }

    /// There is work right now.
    pub(crate) fn at_once(&mut self) {
        self.at = self.now;
    }

    /// There will be work at this time.
    pub(crate) fn at(&mut self, time: u64) {
        self.at = self.at.min(time);
    }

    /// The same, if there is such a time.
    pub(crate) fn at_if(&mut self, time: Option<u64>) {
        if let Some(time) = time {
            self.at(time);
        }
    }

    /// Whether there is work right now.
    pub(crate) fn is_at_once(&self) -> bool {
        self.at <= self.now
    }

    /// How long to wait.
    pub(crate) fn wait(&self) -> Duration {
        Duration::from_secs(self.at.saturating_sub(self.now))
    }
}

/// A day: however wrong the clock was, we look again after it.
const SLEEP_MAX: u64 = 86_400;
