//! Marks that are not on the disk yet. A mark that a crash takes away is a recipient who gets the
//! message twice, so they are synced within a second or so, many at once, but nothing waits for it.

use std::collections::BTreeSet;
use std::fs::OpenOptions;

use queue::{Channel, MessageId};

use crate::desk::Desk;

/// Files with marks to be synced.
#[derive(Default)]
pub(crate) struct Marks {
    files: BTreeSet<(MessageId, Channel)>,
    due: Option<u64>,
}

impl Marks {
    /// A mark was made.
    pub(crate) fn add(&mut self, file: (MessageId, Channel), now: u64) {
        self.files.insert(file);
        self.due.get_or_insert(now.saturating_add(1));
    }

    /// The file is about to be removed: its marks do not matter any more.
    pub(crate) fn forget(&mut self, file: (MessageId, Channel)) {
        if self.files.remove(&file) && self.files.is_empty() {
            self.due = None;
        }
    }

    /// When to look again.
    pub(crate) fn due(&self) -> Option<u64> {
        self.due
    }

    /// Syncs some files if it is time.
    pub(crate) fn sync_when_due(&mut self, desk: &mut Desk) {
        if self.due.is_none_or(|due| due > desk.now) {
            return;
        }
        for _ in 0..FILES_AT_ONCE {
            let Some((id, channel)) = self.files.pop_first() else {
                break;
            };
            let path = channel.path(&desk.queue, id);
            // Duplicates after a crash are all that depends on this; the mark itself was told of.
            let _unsynced = OpenOptions::new()
                .write(true)
                .open(&path)
                .and_then(|file| file.sync_data());
        }
        if self.files.is_empty() {
            self.due = None;
        }
    }
}

/// The first sync does most of the work for all; still, deliveries go on between two of these.
const FILES_AT_ONCE: usize = 4;
