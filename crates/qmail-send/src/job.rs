//! The messages that are being worked on: one job for each message and channel, from the moment its
//! recipients' file is opened until the last delivery of that pass has been reported.

use std::collections::HashSet;

use queue::{Channel, MessageId};

/// Which job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct JobNumber(usize);

/// A message on one channel.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// The message.
    pub id: MessageId,
    /// The channel.
    pub channel: Channel,
    /// Envelope sender as it stands in info/.
    pub sender: Vec<u8>,
    /// Whether what fails for now fails for good.
    pub is_dying: bool,
    /// When what is left is tried again.
    pub retry: u64,
    /// Deliveries that have not been reported.
    pub running: usize,
    /// Recipients handed out that are not done.
    pub undone: u64,
    /// How the reading of the file ended, if it has.
    pub end: Option<PassEnd>,
}

/// How the reading of a recipients' file ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PassEnd {
    /// After the last recipient.
    Complete,
    /// Before it: there is something that cannot be read.
    Broken,
    /// The file was not there.
    Missing,
}

impl Job {
    /// Whether nothing is left to wait for.
    pub(crate) fn is_over(&self) -> bool {
        self.end.is_some() && self.running == 0
    }
}

/// All jobs.
#[derive(Default)]
pub(crate) struct Jobs {
    jobs: Vec<Option<Job>>,
    free: Vec<usize>,
    busy: HashSet<(MessageId, Channel)>,
}

impl Jobs {
    /// Whether this message is being worked on.
    pub(crate) fn is_busy(&self, id: MessageId, channel: Channel) -> bool {
        self.busy.contains(&(id, channel))
    }

    /// Begins one.
    pub(crate) fn open(&mut self, job: Job) -> JobNumber {
        self.busy.insert((job.id, job.channel));
        let number = self.free.pop().unwrap_or(self.jobs.len());
        match self.jobs.get_mut(number) {
            Some(place) => *place = Some(job),
            None => self.jobs.push(Some(job)),
        }
        JobNumber(number)
    }

    /// Looks at one.
    pub(crate) fn get(&mut self, number: JobNumber) -> Option<&mut Job> {
        self.jobs.get_mut(number.0)?.as_mut()
    }

    /// Takes one out if it is over.
    pub(crate) fn close_if_over(&mut self, number: JobNumber) -> Option<Job> {
        let place = self.jobs.get_mut(number.0)?;
        let job = place.take_if(|job| job.is_over())?;
        self.free.push(number.0);
        self.busy.remove(&(job.id, job.channel));
        Some(job)
    }
}
