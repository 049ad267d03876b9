//! Deliveries: as many as each spawner takes, from several messages by turns; their reports; the
//! marks on recipients that are done (INTERNALS 4, R4 and R5).

use std::collections::VecDeque;

use os::disk::Disk;
use os::poll::PollSet;
use queue::bounce::{self, Note};
use queue::{Channel, MessageId, channel, eliminate};
use report::Verdict;

use crate::desk::Desk;
use crate::job::{Job, JobNumber, Jobs, PassEnd};
use crate::log::Load;
use crate::marks::Marks;
use crate::notice;
use crate::pass::{Pass, Recipient};
use crate::reports::Answer;
use crate::schedule::{Due, is_dying, next_attempt};
use crate::spawn_link::SpawnLink;
use crate::wakeup::Wakeup;

/// Both channels.
pub(crate) struct Deliveries {
    local: Lane,
    remote: Lane,
    jobs: Jobs,
    marks: Marks,
    last: u64,
}

/// One channel.
pub(crate) struct Lane {
    channel: Channel,
    link: SpawnLink,
    slots: Vec<Option<Delivery>>,
    used: usize,
    /// Deliveries that have been reported, and of which the log has not spoken yet.
    unlogged: usize,
    /// Messages with recipients left, the one whose turn is next in front.
    open: VecDeque<Pass>,
    /// Whether the next free slot goes to a message that is already open.
    open_is_next: bool,
}

/// One delivery under way.
struct Delivery {
    number: u64,
    job: JobNumber,
    recipient: Recipient,
}

/// A report that has been matched to its delivery.
struct Ending {
    channel: Channel,
    delivery: Delivery,
    verdict: Option<Verdict>,
    text: Vec<u8>,
    /// A failure that could not be written down: the recipient is kept.
    is_lost: bool,
}

impl Lane {
    /// A channel with this many slots.
    pub(crate) fn new(channel: Channel, link: SpawnLink, concurrency: u16) -> Self {
        let slots = std::iter::repeat_with(|| None)
            .take(concurrency.into())
            .collect();
        Self {
            channel,
            link,
            slots,
            used: 0,
            unlogged: 0,
            open: VecDeque::new(),
            open_is_next: false,
        }
    }

    /// The lowest free slot, if the spawner would take a command for it.
    fn free_slot(&self) -> Option<u16> {
        if self.used >= self.slots.len() || !self.link.has_room() {
            return None;
        }
        self.slots
            .iter()
            .position(Option::is_none)
            .and_then(|slot| u16::try_from(slot).ok())
    }

    fn take(&mut self, number: u16) -> Option<Delivery> {
        let delivery = self.slots.get_mut(usize::from(number))?.take()?;
        self.used -= 1;
        Some(delivery)
    }
}

impl Deliveries {
    /// Nothing under way.
    pub(crate) fn new(local: Lane, remote: Lane) -> Self {
        Self {
            local,
            remote,
            jobs: Jobs::default(),
            marks: Marks::default(),
            last: 0,
        }
    }

    fn lane(&mut self, channel: Channel) -> &mut Lane {
        match channel {
            Channel::Local => &mut self.local,
            Channel::Remote => &mut self.remote,
        }
    }

    /// Says how many deliveries run, as far as the log has got: reports that came together are told
    /// one after the other.
    pub(crate) fn log_status(&self, desk: &mut Desk) {
        let count = |lane: &Lane| (lane.used + lane.unlogged, lane.slots.len());
        let load = Load {
            local: count(&self.local),
            remote: count(&self.remote),
        };
        desk.log.status(load, desk.is_stopping);
    }

    /// Whether both spawners still run.
    pub(crate) fn are_spawners_alive(&self) -> bool {
        self.local.link.is_alive() && self.remote.link.is_alive()
    }

    /// Whether a delivery runs.
    pub(crate) fn are_running(&self) -> bool {
        self.local.used > 0 || self.remote.used > 0
    }

    /// Whether no delivery has to be waited for. A spawner that is gone reports nothing.
    pub(crate) fn can_stop(&self) -> bool {
        [&self.local, &self.remote]
            .iter()
            .all(|lane| lane.used == 0 || !lane.link.is_alive())
    }

    /// What to wait for.
    pub(crate) fn prepare(&mut self, desk: &mut Desk, set: &mut PollSet, wakeup: &mut Wakeup) {
        for lane in [&mut self.local, &mut self.remote] {
            lane.link.prepare(set);
            if desk.is_stopping || lane.free_slot().is_none() {
                continue;
            }
            if lane.open.is_empty() {
                wakeup.at_if(desk.schedule.channel(lane.channel).next());
            } else {
                wakeup.at_once();
            }
        }
        wakeup.at_if(self.marks.due());
    }

    /// Takes in reports.
    pub(crate) fn act_on_reports(&mut self, desk: &mut Desk, set: &PollSet) {
        let mut endings = Vec::new();
        for channel in Channel::ALL {
            for answer in self.lane(channel).link.act(set) {
                match self.match_up(channel, answer) {
                    Some(ending) => endings.push(ending),
                    None => desk
                        .log
                        .warning("internal error: delivery report out of range"),
                }
            }
        }
        // A batch at a time: each failure holds a file open until it is on the disk.
        let mut endings = endings.into_iter().peekable();
        while endings.peek().is_some() {
            let batch = endings.by_ref().take(NOTES_MAX).collect();
            self.settle(desk, batch);
        }
        self.marks.sync_when_due(desk);
    }

    /// Finds the delivery that a report is about. A deferral of a message that is too old becomes a
    /// failure.
    fn match_up(&mut self, channel: Channel, answer: Answer) -> Option<Ending> {
        let lane = self.lane(channel);
        let delivery = lane.take(answer.number)?;
        lane.unlogged += 1;
        let Answer {
            mut verdict,
            mut text,
            ..
        } = answer;
        let is_dying = self.jobs.get(delivery.job).is_some_and(|job| job.is_dying);
        if verdict == Some(Verdict::Deferral) && is_dying {
            verdict = Some(Verdict::Failure);
            text.extend_from_slice(TOO_LONG);
        }
        Some(Ending {
            channel,
            delivery,
            verdict,
            text,
            is_lost: false,
        })
    }

    /// Writes the failures down and has them on the disk, then marks and logs one delivery after
    /// the other.
    fn settle(&mut self, desk: &mut Desk, mut endings: Vec<Ending>) {
        let mut notes = Vec::new();
        for ending in &mut endings {
            if ending.verdict == Some(Verdict::Failure) {
                match self.note(desk, ending) {
                    Some(note) => notes.push(note),
                    None => ending.is_lost = true,
                }
            }
        }
        if let Err(trouble) = bounce::sync(&mut desk.disk, &desk.queue, &mut notes) {
            desk.log.trouble(&trouble);
            for ending in &mut endings {
                ending.is_lost |= ending.verdict == Some(Verdict::Failure);
            }
        }
        for ending in endings {
            self.finish(desk, &ending);
            let lane = self.lane(ending.channel);
            lane.unlogged = lane.unlogged.saturating_sub(1);
            self.log_status(desk);
        }
    }

    fn note(&mut self, desk: &mut Desk, ending: &Ending) -> Option<Note<std::fs::File>> {
        let id = self.jobs.get(ending.delivery.job)?.id;
        let shown = desk.config.routes.shown(&ending.delivery.recipient.address);
        let paragraph = notice::paragraph(shown, &ending.text);
        match bounce::append(&mut desk.disk, &desk.queue, id, &paragraph) {
            Ok(note) => Some(note),
            Err(trouble) => {
                desk.log.trouble(&trouble);
                desk.log
                    .alert("unable to append to bounce message; HELP! sleeping...");
                None
            }
        }
    }

    fn finish(&mut self, desk: &mut Desk, ending: &Ending) {
        let delivery = &ending.delivery;
        desk.log
            .ended(delivery.number, ending.verdict, &ending.text);
        let Some(job) = self.jobs.get(delivery.job) else {
            return;
        };
        job.running = job.running.saturating_sub(1);
        let is_done = match ending.verdict {
            Some(Verdict::Success) => true,
            Some(Verdict::Failure) => !ending.is_lost,
            Some(Verdict::Deferral) | None => false,
        };
        if is_done {
            job.undone = job.undone.saturating_sub(1);
            let place = (job.id, ending.channel);
            let offset = delivery.recipient.offset;
            match channel::mark_done(&mut desk.disk, &desk.queue, place, offset) {
                Ok(()) => self.marks.add(place, desk.now),
                Err(trouble) => desk.log.trouble_marking(&trouble.path),
            }
        } else if ending.is_lost {
            job.retry = job.retry.min(desk.after_failure());
        }
        self.close_if_over(desk, delivery.job);
    }

    /// Fills every free slot.
    pub(crate) fn start(&mut self, desk: &mut Desk) {
        if desk.is_stopping {
            return;
        }
        for channel in Channel::ALL {
            while let Some(slot) = self.lane(channel).free_slot()
                && let Some(pass) = self.next_pass(desk, channel)
            {
                self.start_one(desk, pass, (channel, slot));
            }
            self.lane(channel).link.flush();
        }
    }

    /// Starts the next delivery of a message, if it has one.
    fn start_one(&mut self, desk: &mut Desk, mut pass: Pass, (channel, slot): (Channel, u16)) {
        match pass.next(&desk.queue) {
            Ok(Some(recipient)) => {
                self.deliver(desk, (channel, slot), pass.job, recipient);
                if pass.is_at_end() {
                    self.end_pass(desk, pass.job, PassEnd::Complete);
                } else {
                    self.lane(channel).open.push_back(pass);
                }
            }
            Ok(None) => self.end_pass(desk, pass.job, PassEnd::Complete),
            Err(trouble) => {
                desk.log.trouble_in_pass(&trouble);
                let is_missing = trouble.is_missing();
                let end = if is_missing {
                    PassEnd::Missing
                } else {
                    PassEnd::Broken
                };
                self.end_pass(desk, pass.job, end);
            }
        }
    }

    /// The message whose turn it is: one that is due, or one that is open, by turns.
    fn next_pass(&mut self, desk: &mut Desk, channel: Channel) -> Option<Pass> {
        let lane = self.lane(channel);
        let open_first = lane.open_is_next;
        lane.open_is_next = !open_first;
        if (open_first || lane.open.len() >= OPEN_MAX)
            && let Some(pass) = lane.open.pop_front()
        {
            return Some(pass);
        }
        self.open_due(desk, channel)
            .or_else(|| self.lane(channel).open.pop_front())
    }

    /// Opens the next message that is due and can be opened.
    fn open_due(&mut self, desk: &mut Desk, channel: Channel) -> Option<Pass> {
        let now = desk.now;
        loop {
            let id = desk.schedule.channel(channel).take_due(now)?;
            if self.jobs.is_busy(id, channel) {
                continue;
            }
            if let Some(job) = open_job(desk, id, channel) {
                let number = self.jobs.open(job);
                return Some(Pass::new(number, id, channel));
            }
        }
    }

    fn deliver(
        &mut self,
        desk: &mut Desk,
        (channel, slot): (Channel, u16),
        job_number: JobNumber,
        recipient: Recipient,
    ) {
        self.last += 1;
        let number = self.last;
        let Some(job) = self.jobs.get(job_number) else {
            return;
        };
        job.running += 1;
        job.undone += 1;
        let sender = address::verp(&job.sender, &recipient.address);
        let id = job.id;
        desk.log.starting(number, id, channel, &recipient.address);
        let lane = self.lane(channel);
        lane.link.command(slot, id, &sender, &recipient.address);
        if let Some(place) = lane.slots.get_mut(usize::from(slot)) {
            *place = Some(Delivery {
                number,
                job: job_number,
                recipient,
            });
            lane.used += 1;
        }
        self.log_status(desk);
    }

    fn end_pass(&mut self, desk: &mut Desk, number: JobNumber, end: PassEnd) {
        let later = desk.after_failure();
        if let Some(job) = self.jobs.get(number) {
            job.end = Some(end);
            if end != PassEnd::Complete {
                job.retry = job.retry.min(later);
            }
        }
        self.close_if_over(desk, number);
    }

    fn close_if_over(&mut self, desk: &mut Desk, number: JobNumber) {
        let Some(job) = self.jobs.close_if_over(number) else {
            return;
        };
        let (id, channel) = (job.id, job.channel);
        match job.end {
            Some(PassEnd::Complete) if job.undone == 0 => self.end_channel(desk, id, channel),
            // Perhaps the message has lost its recipients; its other files will tell.
            Some(PassEnd::Missing) => desk.schedule.done.push(Due { at: job.retry, id }),
            Some(PassEnd::Complete | PassEnd::Broken) | None => {
                desk.schedule
                    .channel(channel)
                    .push_retry(Due { at: job.retry, id });
            }
        }
    }

    /// All recipients on this channel are done.
    fn end_channel(&mut self, desk: &mut Desk, id: MessageId, channel: Channel) {
        self.marks.forget((id, channel));
        let later = Due {
            at: desk.after_failure(),
            id,
        };
        match eliminate::end_channel(&mut desk.disk, &desk.queue, id, channel) {
            Ok(true) => desk.schedule.done.push(Due { at: desk.now, id }),
            Ok(false) => {}
            Err(trouble) if trouble.path == channel.path(&desk.queue, id) => {
                desk.log.trouble_for_now(&trouble);
                desk.schedule.channel(channel).push_retry(later);
            }
            Err(trouble) => {
                desk.log.trouble_for_now(&trouble);
                desk.schedule.done.push(later);
            }
        }
    }
}

/// Begins to work on a message: it must still be the one of its number, and say who sent it.
fn open_job(desk: &mut Desk, id: MessageId, channel: Channel) -> Option<Job> {
    let found = queue::preprocess::message_size(&mut desk.disk, &desk.queue, id)
        .and_then(|_| queue::info::read(&mut desk.disk, &desk.queue, id));
    match found {
        Ok(info) => Some(Job {
            id,
            channel,
            sender: info.sender,
            is_dying: is_dying(info.birth, desk.now, desk.config.queuelifetime),
            retry: next_attempt(info.birth, desk.now, channel),
            running: 0,
            undone: 0,
            end: None,
        }),
        Err(trouble) => {
            desk.log.trouble_for_now(&trouble);
            let path = channel.path(&desk.queue, id);
            // Unless somebody has taken the message out of the queue by hand.
            if !desk.disk.exists(&path).is_ok_and(|exists| !exists) {
                let at = desk.after_failure();
                desk.schedule.channel(channel).push_retry(Due { at, id });
            }
            None
        }
    }
}

/// What is added to a deferral that becomes a failure.
const TOO_LONG: &[u8] =
    b"I'm not going to try again; this message has been in the queue too long.\n";
/// Lists that are under way at once on one channel. Each may hold a block of recipients.
const OPEN_MAX: usize = 500;
/// Failures written down between two syncs.
const NOTES_MAX: usize = 64;
