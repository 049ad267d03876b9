//! The cleanup of files that nobody will finish (INTERNALS section 7): in mess/, older than any
//! living qmail-queue, with neither info/ nor todo/. qmail-clean removes them.

use queue::MessageId;
use queue::clean::Request;
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
        if desk.is_stopping || !desk.clean.has_room() {
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
            if !desk.clean.has_room() {
                break;
            }
            match walk.next(&mut desk.disk) {
                Ok(Some(id)) => ask_if_leftover(desk, id),
                Ok(None) => {
                    self.next = desk.now.saturating_add(INTERVAL);
                    desk.clean.flush();
                    return;
                }
                Err(trouble) => desk.log.trouble(&trouble),
            }
        }
        desk.clean.flush();
        self.walk = Some(walk);
    }
}

/// What cannot be looked at is left alone.
fn ask_if_leftover(desk: &mut Desk, id: MessageId) {
    let is_leftover = is_leftover(&mut desk.disk, &desk.queue, id, desk.now).unwrap_or(false);
    if is_leftover && !desk.clean.is_pending(id) {
        desk.clean.ask(Request::Foop(id));
    }
}

/// Seconds from the end of one walk to the next: 21 hours and a bit, so that it wanders through the
/// day.
const INTERVAL: u64 = 76_431;
/// Files looked at in one turn.
const FILES_AT_ONCE: usize = 500;
