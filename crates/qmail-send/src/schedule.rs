//! When to try again: the quadratic rule of qmail-send(8), and the queues of what is due.
//!
//! A queued message costs one entry of sixteen bytes here for each channel that it still has
//! recipients on, and nothing else: sender, birth and recipients are read from the disk again
//! when its turn comes.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use queue::{Channel, MessageId};

/// One thing to do and when: seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Due {
    /// Not before this.
    pub at: u64,
    /// The message.
    pub id: MessageId,
}

/// Things to do, the earliest first.
#[derive(Default)]
pub(crate) struct Heap {
    entries: BinaryHeap<Reverse<Due>>,
}

impl Heap {
    /// Adds one.
    pub(crate) fn push(&mut self, due: Due) {
        self.entries.push(Reverse(due));
    }

    /// Takes the earliest if its time has come.
    pub(crate) fn take_due(&mut self, now: u64) -> Option<MessageId> {
        if self.next()? > now {
            return None;
        }
        self.entries.pop().map(|Reverse(due)| due.id)
    }

    /// When the earliest is due.
    pub(crate) fn next(&self) -> Option<u64> {
        self.entries.peek().map(|Reverse(due)| due.at)
    }

    /// Makes everything due at once (the alarm signal).
    pub(crate) fn run_now(&mut self, now: u64) {
        let mut entries = std::mem::take(&mut self.entries).into_vec();
        for Reverse(due) in &mut entries {
            due.at = now;
        }
        self.entries = entries.into();
    }

    /// Everything, in no order.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Due> {
        std::mem::take(&mut self.entries)
            .into_iter()
            .map(|Reverse(due)| due)
    }
}

/// What waits on one channel. First attempts and retries stand in two lines and take turns, so that
/// a backlog whose time has come does not hold up new mail, nor new mail the backlog.
#[derive(Default)]
pub(crate) struct Waiting {
    fresh: VecDeque<Due>,
    retries: Heap,
    retry_next: bool,
}

impl Waiting {
    /// A message that has not been tried by this process.
    pub(crate) fn push_fresh(&mut self, due: Due) {
        self.fresh.push_back(due);
    }

    /// A message to be tried again.
    pub(crate) fn push_retry(&mut self, due: Due) {
        self.retries.push(due);
    }

    /// Takes a message whose time has come, from the two lines by turns.
    pub(crate) fn take_due(&mut self, now: u64) -> Option<MessageId> {
        let retry_first = self.retry_next;
        self.retry_next = !retry_first;
        if retry_first {
            return self.retries.take_due(now).or_else(|| self.take_fresh());
        }
        self.take_fresh().or_else(|| self.retries.take_due(now))
    }

    fn take_fresh(&mut self) -> Option<MessageId> {
        self.fresh.pop_front().map(|due| due.id)
    }

    /// When the next message is due.
    pub(crate) fn next(&self) -> Option<u64> {
        let fresh = self.fresh.front().map(|due| due.at);
        [fresh, self.retries.next()].into_iter().flatten().min()
    }

    /// Makes everything due at once.
    pub(crate) fn run_now(&mut self, now: u64) {
        self.retries.run_now(now);
    }

    /// Everything, in no order.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Due> {
        std::mem::take(&mut self.fresh)
            .into_iter()
            .chain(self.retries.drain())
    }
}

/// All the lines of qmail-send.
#[derive(Default)]
pub(crate) struct Schedule {
    /// Messages with recipients on this machine.
    local: Waiting,
    /// Messages with recipients elsewhere.
    remote: Waiting,
    /// Messages all of whose recipients may be done.
    pub done: Heap,
    /// Messages whose files could not be looked at when qmail-send started.
    pub unseen: Heap,
}

impl Schedule {
    /// The line of one channel.
    pub(crate) fn channel(&mut self, channel: Channel) -> &mut Waiting {
        match channel {
            Channel::Local => &mut self.local,
            Channel::Remote => &mut self.remote,
        }
    }

    /// Makes every delivery due at once.
    pub(crate) fn run_now(&mut self, now: u64) {
        self.local.run_now(now);
        self.remote.run_now(now);
        self.unseen.run_now(now);
    }
}

/// When to try a message again that was tried at `now` and did not succeed. A birth in the future
/// (the clock was set back) counts as now, so that nothing waits for the clock to catch up.
pub(crate) fn next_attempt(birth: u64, now: u64, channel: Channel) -> u64 {
    let birth = birth.min(now);
    let step = now
        .saturating_sub(birth)
        .isqrt()
        .saturating_add(skip(channel));
    birth.saturating_add(step.saturating_mul(step))
}

/// The longest wait that the rule gives a message that is not yet too old; a time on the disk that
/// is further away is not one of ours.
pub(crate) fn longest_wait(lifetime: u64, channel: Channel) -> u64 {
    next_attempt(0, lifetime, channel).saturating_sub(lifetime)
}

/// Whether a message has been in the queue for too long: what fails now is not tried again.
pub(crate) fn is_dying(birth: u64, now: u64, lifetime: u64) -> bool {
    now > birth.saturating_add(lifetime)
}

/// By how much the square root of the age grows from one attempt to the next.
fn skip(channel: Channel) -> u64 {
    match channel {
        Channel::Local => 10,
        Channel::Remote => 20,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ages at which a message that keeps failing is tried, each attempt just in time.
    fn ages(channel: Channel, lifetime: u64) -> Vec<u64> {
        let birth = 1_000_000;
        let mut ages = vec![0];
        let mut now = birth;
        while !is_dying(birth, now, lifetime) {
            now = next_attempt(birth, now, channel);
            ages.push(now - birth);
        }
        ages
    }

    #[test]
    fn local_and_remote_attempts_grow_apart_quadratically() {
        let local = [0, 100, 400, 900, 1600, 2500, 3600, 4900, 6400, 8100, 10000];
        assert_eq!(ages(Channel::Local, 604_800)[..11], local);
        let remote = [
            0, 400, 1600, 3600, 6400, 10000, 14400, 19600, 25600, 32400, 40000,
        ];
        assert_eq!(ages(Channel::Remote, 604_800)[..11], remote);
    }

    #[test]
    fn the_last_attempt_comes_an_hour_after_the_week() {
        let local = ages(Channel::Local, 604_800);
        let remote = ages(Channel::Remote, 604_800);
        assert_eq!((local.len(), remote.len()), (79, 40));
        assert_eq!(local[local.len() - 2..], [592_900, 608_400]);
        assert_eq!(remote[remote.len() - 2..], [577_600, 608_400]);
    }

    #[test]
    fn an_attempt_off_the_schedule_counts_from_its_own_age() {
        assert_eq!(next_attempt(0, 50, Channel::Local), 289);
    }

    #[test]
    fn a_birth_in_the_future_counts_as_now() {
        assert_eq!(next_attempt(10_000, 500, Channel::Remote), 900);
        assert!(!is_dying(10_000, 500, 0));
    }

    #[test]
    fn the_far_end_of_the_clock_does_not_overflow() {
        let _late = next_attempt(0, u64::MAX, Channel::Remote);
        assert!(!is_dying(u64::MAX, u64::MAX, u64::MAX));
    }

    #[test]
    fn fresh_mail_and_retries_take_turns() {
        let mut waiting = Waiting::default();
        for id in 1..=3 {
            waiting.push_retry(Due {
                at: 5,
                id: MessageId::new(id),
            });
            waiting.push_fresh(Due {
                at: 9,
                id: MessageId::new(10 + id),
            });
        }
        let order: Vec<u64> = std::iter::from_fn(|| waiting.take_due(9))
            .map(MessageId::get)
            .collect();
        assert_eq!(order, [11, 1, 12, 2, 13, 3]);
    }

    #[test]
    fn nothing_is_taken_before_its_time_until_the_alarm() {
        let mut waiting = Waiting::default();
        waiting.push_retry(Due {
            at: 100,
            id: MessageId::new(1),
        });
        assert_eq!(waiting.take_due(99), None);
        waiting.run_now(50);
        assert_eq!(waiting.next(), Some(50));
        assert_eq!(waiting.take_due(50), Some(MessageId::new(1)));
    }

    #[test]
    fn an_entry_takes_sixteen_bytes() {
        assert_eq!(size_of::<Reverse<Due>>(), 16);
    }
}
