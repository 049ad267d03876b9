//! The cleanup of files that nobody will finish (INTERNALS 3): in mess/, older than any
//! living qmail-queue, with neither info/ nor todo/. qmail-clean removes them.

use queue::MessageId;
use queue::eliminate::is_leftover;
use queue::layout::{SPLIT, Split};
use queue::scan::Walk;

use crate::desk::Desk;
use crate::wakeup::Wakeup;

/// The walk over mess/.
pub(crate) struct Leftovers {
    walk: Option<Walk>,
    next: u64,
}

impl Leftovers {
    /// The first walk is due at once.
    pub(crate) fn new() -> Self {
        Self {
            walk: None,
            next: 0,
        }
    }

    /// When to go on.
    pub(crate) fn prepare(&self, desk: &Desk, wakeup: &mut Wakeup) {
        if desk.is_stopping || !has_room(desk) {
            return;
        }
        if self.walk.is_some() {
            wakeup.at_once();
        } else {
            wakeup.at(self.next);
        }
    }

    /// Looks at some more files.
    pub(crate) fn act(&mut self, desk: &mut Desk) {
        if desk.is_stopping || (self.walk.is_none() && desk.now < self.next) {
            return;
        }
        let mut walk = self.walk.take().unwrap_or_else(|| {
            Walk::new(
                (0..SPLIT)
                    .map(|number| desk.queue.bucket(Split::Mess, number))
                    .collect(),
            )
        });
        for _ in 0..FILES_AT_ONCE {
            if !has_room(desk) {
                break;
            }
            match walk.next(&mut desk.disk) {
                Ok(Some(id)) => end_if_leftover(desk, id),
                Ok(None) => {
                    self.next = desk.now.saturating_add(INTERVAL);
                    return;
                }
                Err(trouble) => desk.log.trouble(&trouble),
            }
        }
        self.walk = Some(walk);
    }
}

fn has_room(desk: &Desk) -> bool {
    desk.clean.has_room() && desk.ended.len() < ENDED_MAX
}

/// What cannot be looked at is left alone.
fn end_if_leftover(desk: &mut Desk, id: MessageId) {
    let is_leftover = is_leftover(&mut desk.disk, &desk.queue, id, desk.now).unwrap_or(false);
    let is_ending = desk.clean.is_pending(id) || desk.ended.contains(&id);
    if is_leftover && !is_ending {
        // As at the end of a message: perhaps a crash has left this one between two steps, and its
        // other files must be gone from the disk before its number can be another's.
        desk.end(id);
    }
}

/// Seconds from the end of one walk to the next: 21 hours and a bit, so that it wanders through the
/// day.
const INTERVAL: u64 = 76_431;
/// The walk waits while so many files are about to be removed.
const ENDED_MAX: usize = 100;
/// Files looked at in one turn.
const FILES_AT_ONCE: usize = 500;
