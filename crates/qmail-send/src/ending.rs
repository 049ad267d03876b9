//! The end of messages (INTERNALS 4, R6): tell the sender about failures, forget the message,
//! have that on the disk, then let qmail-clean remove the content.

use std::collections::VecDeque;

use os::poll::PollSet;
use queue::MessageId;
use queue::clean::Request;
use queue::eliminate::{self, Standing};
use queue::trouble::Trouble;
use queue_client::QueueProgram;

use crate::bounce::{Injection, Quoted};
use crate::desk::Desk;
use crate::notice::Kind;
use crate::schedule::Due;
use crate::wakeup::Wakeup;

/// Messages that end.
pub(crate) struct Endings {
    program: QueueProgram,
    injections: Vec<Injection>,
    /// Messages whose sender is to be told, when there is a place among the injections.
    waiting: VecDeque<MessageId>,
}

impl Endings {
    /// Notices are queued with this program.
    pub(crate) fn new(program: QueueProgram) -> Self {
        Self {
            program,
            injections: Vec::new(),
            waiting: VecDeque::new(),
        }
    }

    /// Whether no notice is under way.
    pub(crate) fn can_stop(&self) -> bool {
        self.injections.is_empty()
    }

    /// What to wait for.
    pub(crate) fn prepare(&mut self, desk: &Desk, set: &mut PollSet, wakeup: &mut Wakeup) {
        for injection in &mut self.injections {
            injection.prepare(set);
        }
        wakeup.at_if(desk.schedule.done.next());
    }

    /// Ends what can end.
    pub(crate) fn act(&mut self, desk: &mut Desk, set: &PollSet) {
        self.feed_injections(desk, set);
        for _ in 0..MESSAGES_AT_ONCE {
            let Some(id) = desk.schedule.done.take_due(desk.now) else {
                break;
            };
            if desk.clean.is_pending(id) || self.is_telling(id) {
                continue;
            }
            match eliminate::standing(&mut desk.disk, &desk.queue, id) {
                Ok(Standing::NotOurs) => {}
                Ok(Standing::Finished) => self.end(desk, id),
                Ok(Standing::Bounced) => self.waiting.push_back(id),
                Err(trouble) => postpone(desk, id, Some(&trouble)),
            }
        }
        while !desk.is_stopping && self.injections.len() < INJECTIONS_MAX {
            let Some(id) = self.waiting.pop_front() else {
                break;
            };
            self.tell(desk, id);
        }
        if desk.ended.len() >= ENDED_MAX {
            settle(desk);
        }
    }

    fn is_telling(&self, id: MessageId) -> bool {
        self.waiting.contains(&id) || self.injections.iter().any(|injection| injection.id == id)
    }

    fn feed_injections(&mut self, desk: &mut Desk, set: &PollSet) {
        let mut going_on = Vec::with_capacity(self.injections.len());
        for mut injection in std::mem::take(&mut self.injections) {
            let Some(injected) = injection.act(set) else {
                going_on.push(injection);
                continue;
            };
            if injected.is_queued {
                desk.log.bounced(injection.id, injected.qp);
                self.end_bounced(desk, injection.id);
            } else {
                desk.log
                    .warning("trouble injecting bounce message, will try later");
                postpone(desk, injection.id, None);
            }
        }
        self.injections = going_on;
        desk.injecting = self
            .injections
            .iter()
            .map(|injection| injection.qp)
            .collect();
    }

    /// Begins to tell the sender.
    fn tell(&mut self, desk: &mut Desk, id: MessageId) {
        let info = match queue::info::read(&mut desk.disk, &desk.queue, id) {
            Ok(info) => info,
            Err(trouble) => return postpone(desk, id, Some(&trouble)),
        };
        let kind = Kind::of(&info.sender, &desk.config.postmaster);
        if kind == Kind::Triple {
            desk.log.triple_bounce(id);
            return self.end_bounced(desk, id);
        }
        let quoted = match Quoted::open(&desk.queue, id) {
            Ok(quoted) => quoted,
            Err(trouble) => return postpone(desk, id, Some(&trouble)),
        };
        match Injection::start(desk, &self.program, &kind, quoted) {
            Ok(injection) => {
                desk.injecting.push(injection.qp);
                self.injections.push(injection);
            }
            Err(_) => {
                desk.log
                    .warning("unable to start qmail-queue, will try later");
                postpone(desk, id, None);
            }
        }
    }

    fn end_bounced(&mut self, desk: &mut Desk, id: MessageId) {
        match eliminate::end_bounce(&mut desk.disk, &desk.queue, id) {
            Ok(()) => self.end(desk, id),
            Err(trouble) => {
                desk.log.trouble(&trouble);
                postpone(desk, id, None);
            }
        }
    }

    fn end(&mut self, desk: &mut Desk, id: MessageId) {
        desk.log.end_message(id);
        match eliminate::end_info(&mut desk.disk, &desk.queue, id) {
            Ok(()) => desk.end(id),
            Err(trouble) => postpone(desk, id, Some(&trouble)),
        }
    }
}

/// When the ends of this turn are to be made durable, if there are any: at once if nothing else goes
/// on, else together with those of the next second.
pub(crate) fn settle_at(desk: &Desk, is_busy: bool) -> Option<u64> {
    let wait = if is_busy { ENDED_WAIT } else { 0 };
    (!desk.ended.is_empty()).then(|| desk.ended_since.saturating_add(wait))
}

/// Has the ends of some messages on the disk, and lets their content go.
pub(crate) fn settle(desk: &mut Desk) {
    if desk.ended.is_empty() {
        return;
    }
    let ended = std::mem::take(&mut desk.ended);
    let (safe, troubles) = eliminate::make_durable(&mut desk.disk, &desk.queue, &ended);
    for trouble in troubles {
        desk.log.trouble(&trouble);
    }
    for id in safe {
        desk.clean.ask(Request::Foop(id));
    }
    desk.clean.flush();
}

/// Leaves a message for later.
fn postpone(desk: &mut Desk, id: MessageId, trouble: Option<&Trouble>) {
    if let Some(trouble) = trouble {
        desk.log.trouble_for_now(trouble);
    }
    let at = desk.after_failure();
    desk.schedule.done.push(Due { at, id });
}

/// Messages looked at in one turn; their syncs are shared.
const MESSAGES_AT_ONCE: usize = 100;
/// Seconds that an end may wait for others.
const ENDED_WAIT: u64 = 1;
/// Ends that are made durable at the latest when there are so many.
const ENDED_MAX: usize = 100;
/// Notices under way at once: each is a process, six descriptors and a block of memory.
const INJECTIONS_MAX: usize = 8;
