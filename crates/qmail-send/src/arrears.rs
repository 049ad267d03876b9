//! The queue as we found it at the start: every message in info/ is put onto the schedule, a few
//! hundred in each turn of the loop, so that new mail does not wait for a large queue.

use std::path::PathBuf;

use os::disk::Disk;
use queue::layout::{SPLIT, Split};
use queue::preprocess;
use queue::scan::Walk;
use queue::trouble::{Attempt, Trouble};
use queue::{Channel, MessageId};

use crate::desk::Desk;
use crate::schedule::{Due, longest_wait};
use crate::wakeup::Wakeup;

/// The walk over info/.
pub(crate) struct Arrears {
    walk: Option<Walk>,
    /// When todo/ is to be synced before the walk. Our predecessor may have died when messages had
    /// left todo/ and the disk did not know: delivered now, they would be delivered again after a
    /// power cut.
    sync: Option<u64>,
    /// Subdirectories that could not be listed.
    unlisted: Vec<PathBuf>,
    /// Whether an alarm came during the walk: what it still finds is due at once.
    is_hurried: bool,
}

impl Arrears {
    /// Before the first message.
    pub(crate) fn new(desk: &Desk) -> Self {
        let dirs = (0..SPLIT)
            .map(|number| desk.queue.bucket(Split::Info, number))
            .collect();
        Self {
            walk: Some(Walk::new(dirs)),
            sync: Some(desk.now),
            unlisted: Vec::new(),
            is_hurried: false,
        }
    }

    /// Makes due at once what is still to be found, too.
    pub(crate) fn run_now(&mut self, now: u64) {
        self.is_hurried = self.walk.is_some();
        if let Some(time) = &mut self.sync {
            *time = now;
        }
    }

    /// When to go on.
    pub(crate) fn prepare(&self, desk: &Desk, wakeup: &mut Wakeup) {
        match self.sync {
            Some(time) if !desk.is_stopping => wakeup.at(time),
            None if self.walk.is_some() && !desk.is_stopping => wakeup.at_once(),
            Some(_) | None => {}
        }
        wakeup.at_if(desk.schedule.unseen.next());
    }

    /// Looks at some more messages.
    pub(crate) fn act(&mut self, desk: &mut Desk) {
        while let Some(id) = desk.schedule.unseen.take_due(desk.now) {
            look_at(desk, id, self.is_hurried);
        }
        if desk.is_stopping || !self.is_synced(desk) {
            return;
        }
        let Some(mut walk) = self.walk.take() else {
            return;
        };
        for _ in 0..MESSAGES_AT_ONCE {
            match walk.next(&mut desk.disk) {
                Ok(Some(id)) => look_at_unless_new(desk, id, self.is_hurried),
                Ok(None) => return self.end(desk),
                Err(trouble) => {
                    desk.log.trouble_for_now(&trouble);
                    self.unlisted.push(trouble.path);
                }
            }
        }
        self.walk = Some(walk);
    }

    /// The walk is over, but for what could not be listed, which is tried again after a while.
    fn end(&mut self, desk: &mut Desk) {
        if self.unlisted.is_empty() {
            desk.newcomers = None;
            self.is_hurried = false;
        } else {
            self.walk = Some(Walk::new(std::mem::take(&mut self.unlisted)));
            self.sync = Some(desk.after_failure());
        }
    }

    fn is_synced(&mut self, desk: &mut Desk) -> bool {
        match self.sync {
            Some(time) if time > desk.now => return false,
            Some(_) => {}
            None => return true,
        }
        match preprocess::sync_todo(&mut desk.disk, &desk.queue) {
            Ok(()) => self.sync = None,
            Err(trouble) => {
                desk.log.trouble_for_now(&trouble);
                self.sync = Some(desk.after_failure());
            }
        }
        self.sync.is_none()
    }
}

/// What came after the start is on the schedule already.
fn look_at_unless_new(desk: &mut Desk, id: MessageId, is_hurried: bool) {
    let is_new = desk
        .newcomers
        .as_ref()
        .is_some_and(|newcomers| newcomers.contains(&id));
    if !is_new {
        look_at(desk, id, is_hurried);
    }
}

/// Puts a message onto the schedule: on each channel at the time that its file names, or at the end
/// if it has no recipients.
fn look_at(desk: &mut Desk, id: MessageId, is_hurried: bool) {
    if let Err(trouble) = schedule(desk, id, is_hurried) {
        desk.log.trouble_for_now(&trouble);
        let at = desk.after_failure();
        desk.schedule.unseen.push(Due { at, id });
    }
}

fn schedule(desk: &mut Desk, id: MessageId, is_hurried: bool) -> Result<(), Trouble> {
    let todo = desk.queue.todo(id);
    let trouble = |path: &std::path::Path| {
        let path = path.to_owned();
        move |source| Trouble {
            attempt: Attempt::Stat,
            path,
            source: Some(source),
        }
    };
    // Not preprocessed yet, or not certainly: the scan of todo/ does it all again.
    if desk.disk.exists(&todo).map_err(trouble(&todo))? {
        return Ok(());
    }
    let mut found = Vec::new();
    for channel in Channel::ALL {
        let path = channel.path(&desk.queue, id);
        if let Some(stat) = desk.disk.stat(&path).map_err(trouble(&path))? {
            found.push((channel, stat.mtime));
        }
    }
    if found.is_empty() {
        desk.schedule.done.push(Due { at: desk.now, id });
    }
    for (channel, mtime) in found {
        let last = desk
            .now
            .saturating_add(longest_wait(desk.config.queuelifetime, channel));
        let at = if is_hurried {
            desk.now
        } else {
            mtime.min(last)
        };
        let due = Due { at, id };
        desk.schedule.channel(channel).push_retry(due);
    }
    Ok(())
}

/// Messages looked at in one turn: a few milliseconds' worth.
const MESSAGES_AT_ONCE: usize = 500;
