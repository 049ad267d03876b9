//! New mail: from todo/ onto the schedule, a batch at a time (INTERNALS 4, R2).
//!
//! All files of a batch are written, then synced together, then qmail-clean is asked to take the
//! batch out of todo/, then todo/ is synced once, then the batch is due.

use std::collections::{HashMap, HashSet};

use os::poll::{PollSet, Slot};
use queue::clean::Request;
use queue::layout::Flat;
use queue::preprocess::{self, Preprocessed};
use queue::scan;
use queue::trigger::Trigger;
use queue::{Channel, MessageId};

use crate::clean_link::Cleaned;
use crate::desk::Desk;
use crate::schedule::Due;
use crate::wakeup::Wakeup;

/// What is between todo/ and the schedule.
pub(crate) struct Todo {
    trigger: Option<Trigger>,
    slot: Option<Slot>,
    /// Found in todo/ and not looked at yet.
    found: Vec<MessageId>,
    /// On the disk, but their qmail-queue is one that we feed and have not seen the end of.
    held: Vec<Preprocessed>,
    held_until: u64,
    /// On the disk, to be taken out of todo/ by qmail-clean.
    asked: HashMap<MessageId, Preprocessed>,
    /// Out of todo/, but the disk does not know that yet.
    cleaned: Vec<Preprocessed>,
    /// Could not be preprocessed, and when to try again.
    refused: HashMap<MessageId, u64>,
    /// Names that were complained about.
    strange: HashSet<std::path::PathBuf>,
    next_scan: u64,
    next_sync: u64,
}

impl Todo {
    /// The first look is due at once.
    pub(crate) fn new(desk: &mut Desk) -> Self {
        let trigger = match Trigger::open(&desk.queue) {
            Ok(trigger) => Some(trigger),
            Err(_) => {
                desk.log.warning("unable to open lock/trigger");
                None
            }
        };
        Self {
            trigger,
            slot: None,
            found: Vec::new(),
            held: Vec::new(),
            held_until: 0,
            asked: HashMap::new(),
            cleaned: Vec::new(),
            refused: HashMap::new(),
            strange: HashSet::new(),
            next_scan: 0,
            next_sync: 0,
        }
    }

    /// What to wait for.
    pub(crate) fn prepare(&mut self, desk: &Desk, set: &mut PollSet, wakeup: &mut Wakeup) {
        self.slot = None;
        // While qmail-clean still owes answers, these wake us.
        if !self.cleaned.is_empty() && self.asked.is_empty() {
            wakeup.at(self.next_sync);
        }
        if !self.held.is_empty() {
            wakeup.at(self.held_until);
        }
        if desk.is_stopping || self.is_busy() {
            return;
        }
        if !self.found.is_empty() {
            wakeup.at_once();
            return;
        }
        // While there is work the trigger does not matter: todo/ is read again after it.
        self.slot = self.trigger.as_ref().map(|trigger| set.read(trigger));
        wakeup.at(self.next_scan);
    }

    /// Takes in what qmail-clean has answered about todo/.
    pub(crate) fn act_on_answer(&mut self, desk: &mut Desk, answer: Cleaned, id: MessageId) {
        let Some(message) = self.asked.remove(&id) else {
            return;
        };
        if answer.is_done {
            self.cleaned.push(message);
        } else {
            self.refused.insert(id, desk.after_failure());
            self.scan_again_at(desk.after_failure());
        }
    }

    /// Puts a batch that is out of todo/ onto the schedule, and lays out the next one.
    pub(crate) fn act(&mut self, desk: &mut Desk, set: &PollSet) {
        self.ask(desk);
        self.schedule_cleaned(desk);
        let is_pulled = self.slot.take().is_some_and(|slot| set.ready(slot));
        if desk.is_stopping || self.is_busy() {
            return;
        }
        if self.found.is_empty() && (is_pulled || desk.now >= self.next_scan) {
            self.scan(desk);
        }
        self.lay_out_batch(desk);
    }

    fn schedule_cleaned(&mut self, desk: &mut Desk) {
        if self.cleaned.is_empty() || !self.asked.is_empty() || desk.now < self.next_sync {
            return;
        }
        if let Err(trouble) = preprocess::sync_todo(&mut desk.disk, &desk.queue) {
            desk.log.trouble_for_now(&trouble);
            self.next_sync = desk.after_failure();
            return;
        }
        for message in self.cleaned.drain(..) {
            let due = Due {
                at: desk.now,
                id: message.id,
            };
            for channel in Channel::ALL
                .into_iter()
                .filter(|&channel| message.has(channel))
            {
                desk.schedule.channel(channel).push_fresh(due);
            }
            if !message.has_local && !message.has_remote {
                desk.schedule.done.push(due);
            }
        }
    }

    /// Reads todo/. The trigger is made ready first: an entry that is made after we have passed its
    /// place pulls it again.
    fn scan(&mut self, desk: &mut Desk) {
        self.next_scan = desk.now.saturating_add(SCAN_INTERVAL);
        match &mut self.trigger {
            Some(trigger) => {
                if trigger.rearm().is_err() {
                    desk.log.warning("unable to open lock/trigger");
                    self.trigger = None;
                }
            }
            None => self.trigger = Trigger::open(&desk.queue).ok(),
        }
        if self.trigger.is_none() {
            self.scan_again_at(desk.after_failure());
        }
        let listing = match scan::list(&mut desk.disk, &desk.queue.flat(Flat::Todo)) {
            Ok(listing) => listing,
            Err(trouble) => {
                desk.log.trouble_for_now(&trouble);
                self.scan_again_at(desk.after_failure());
                return;
            }
        };
        for path in &listing.strange {
            if !self.strange.contains(path) {
                desk.log.strange(path);
            }
        }
        self.strange = listing.strange.into_iter().collect();
        self.found = listing.ids;
        self.hold_names(desk);
        self.forget_refused(desk.now);
    }

    /// Has the names in todo/ on the disk before anything is made of them. A qmail-queue that has not
    /// come to that itself may never do, and without todo/N nobody would know what info/N is.
    fn hold_names(&mut self, desk: &mut Desk) {
        if self.found.is_empty() {
            return;
        }
        if let Err(trouble) = preprocess::sync_todo(&mut desk.disk, &desk.queue) {
            desk.log.trouble_for_now(&trouble);
            self.found.clear();
            self.scan_again_at(desk.after_failure());
        }
    }

    /// What is not in todo/ any more need not be remembered, and what was refused a while ago is
    /// tried again.
    fn forget_refused(&mut self, now: u64) {
        if self.refused.is_empty() {
            return;
        }
        let there: HashSet<MessageId> = self.found.iter().copied().collect();
        self.refused
            .retain(|id, again| *again > now && there.contains(id));
        self.found.retain(|id| !self.refused.contains_key(id));
        if let Some(&again) = self.refused.values().min() {
            self.scan_again_at(again);
        }
    }

    /// Whether a batch is under way.
    pub(crate) fn is_busy(&self) -> bool {
        !self.held.is_empty() || !self.asked.is_empty() || !self.cleaned.is_empty()
    }

    /// Tries at once what is waiting for a better time.
    pub(crate) fn run_now(&mut self, now: u64) {
        self.refused.clear();
        self.scan_again_at(now);
    }

    fn scan_again_at(&mut self, time: u64) {
        self.next_scan = self.next_scan.min(time);
    }

    fn lay_out_batch(&mut self, desk: &mut Desk) {
        let mut batch = Vec::new();
        while batch.len() < BATCH {
            let Some(id) = self.found.pop() else { break };
            if desk.clean.is_pending(id) {
                continue;
            }
            if let Some(newcomers) = &mut desk.newcomers {
                newcomers.insert(id);
            }
            let routes = &desk.config.routes;
            let route = |recipient: &[u8]| routes.route(recipient);
            match preprocess::lay_out(&mut desk.disk, &desk.queue, id, route) {
                Ok(laid_out) => batch.push(laid_out),
                Err(trouble) => self.refuse(desk, id, &trouble),
            }
        }
        if batch.is_empty() {
            return;
        }
        let outcome = preprocess::make_durable(&mut desk.disk, batch);
        for (id, trouble) in outcome.failed {
            self.refuse(desk, id, &trouble);
        }
        self.held_until = desk.now.saturating_add(HOLD);
        self.held.extend(outcome.durable);
        self.ask(desk);
    }

    /// Has qmail-clean take messages out of todo/. A notice of ours waits for the moment in which its
    /// qmail-queue is seen to end, so that the log tells of the bounce before it tells of the new
    /// message; but not long.
    fn ask(&mut self, desk: &mut Desk) {
        let is_over = desk.now >= self.held_until;
        let is_held = |message: &Preprocessed| !is_over && desk.injecting.contains(&message.qp);
        let (held, free): (Vec<_>, _) = self.held.drain(..).partition(is_held);
        self.held = held;
        for message in free {
            desk.log.new_message(&message);
            desk.clean.ask(Request::Todo(message.id));
            self.asked.insert(message.id, message);
        }
        desk.clean.flush();
    }

    /// Leaves an entry where it is. One that has gone meanwhile is no trouble: it was listed before
    /// qmail-clean took it away.
    fn refuse(&mut self, desk: &mut Desk, id: MessageId, trouble: &queue::trouble::Trouble) {
        if trouble.is_missing() && trouble.path == desk.queue.todo(id) {
            return;
        }
        desk.log.trouble(trouble);
        let again = desk.after_failure();
        self.refused.insert(id, again);
        self.scan_again_at(again);
    }
}

/// Seconds after which todo/ is read although nobody has pulled the trigger.
const SCAN_INTERVAL: u64 = 1500;
/// Seconds that a notice waits for the end of its qmail-queue.
const HOLD: u64 = 2;
/// Messages whose syncs are shared. More would make the first of them wait, and each holds up to
/// three files open.
const BATCH: usize = 100;
