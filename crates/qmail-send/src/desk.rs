//! What every part of the loop works on: the queue, the log, the schedule, the control files, the
//! pipe to qmail-clean, and the time of this turn.

use std::collections::HashSet;

use os::disk::RealDisk;
use queue::{MessageId, Queue};

use crate::clean_link::CleanLink;
use crate::config::Config;
use crate::log::Log;
use crate::schedule::Schedule;

/// Shared by the parts; each turn of the loop hands it to one after the other.
pub(crate) struct Desk {
    /// Seconds since 1970, asked for once per turn.
    pub now: u64,
    /// The disk.
    pub disk: RealDisk,
    /// The queue, which is the current directory.
    pub queue: Queue,
    /// Descriptor 0.
    pub log: Log,
    /// The control files.
    pub config: Config,
    /// What is due when.
    pub schedule: Schedule,
    /// qmail-clean.
    pub clean: CleanLink,
    /// Whether nothing new is to be begun.
    pub is_stopping: bool,
    /// Messages that have no info any more, to be made durable together before their content goes.
    pub ended: Vec<MessageId>,
    /// When the first of these ended.
    pub ended_since: u64,
    /// The process ids of the qmail-queues that notices go to right now.
    pub injecting: Vec<u32>,
    /// While the queue that we found at the start is being looked through: the messages that came
    /// since then, which are on the schedule already.
    pub newcomers: Option<HashSet<MessageId>>,
}

impl Desk {
    /// Notes that a message has no info any more.
    pub(crate) fn end(&mut self, id: MessageId) {
        if self.ended.is_empty() {
            self.ended_since = self.now;
        }
        self.ended.push(id);
    }

    /// When something is tried again that the system did not let us do.
    pub(crate) fn after_failure(&self) -> u64 {
        self.now.saturating_add(FAILURE_WAIT)
    }
}

/// Seconds until a step that failed is repeated.
const FAILURE_WAIT: u64 = 123;
