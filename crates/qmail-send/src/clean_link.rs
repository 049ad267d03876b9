//! The pipe to qmail-clean: requests out, one byte for each back, in the same order. Several
//! requests are under way at once; the answers come when they come.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Write};

use os::poll::{PollSet, Slot};
use queue::MessageId;
use queue::clean::Request;

/// qmail-clean.
pub(crate) struct CleanLink {
    requests: File,
    answers: File,
    unsent: Vec<u8>,
    pending: VecDeque<Request>,
    is_alive: bool,
    write_slot: Option<Slot>,
    read_slot: Option<Slot>,
}

/// A request that has been answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cleaned {
    /// What was asked.
    pub request: Request,
    /// Whether it was done.
    pub is_done: bool,
}

impl CleanLink {
    /// Over these two pipes.
    ///
    /// # Errors
    /// When the pipe cannot be made non-blocking.
    pub(crate) fn open(requests: File, answers: File) -> io::Result<Self> {
        os::fd::set_nonblocking(&requests)?;
        Ok(Self {
            requests,
            answers,
            unsent: Vec::new(),
            pending: VecDeque::new(),
            is_alive: true,
            write_slot: None,
            read_slot: None,
        })
    }

    /// Whether qmail-clean still runs.
    pub(crate) fn is_alive(&self) -> bool {
        self.is_alive
    }

    /// Whether it is a good time to ask for something that can wait.
    pub(crate) fn has_room(&self) -> bool {
        self.is_alive && self.pending.len() < PENDING_MAX
    }

    /// Whether all requests have been answered.
    pub(crate) fn is_idle(&self) -> bool {
        self.pending.is_empty() || !self.is_alive
    }

    /// Whether something was asked about this message and not yet answered. Nobody may ask about it
    /// again: by the time that request is carried out the number may be another message's.
    pub(crate) fn is_pending(&self, id: MessageId) -> bool {
        self.pending.iter().any(|request| match request {
            Request::Todo(pending) | Request::Foop(pending) => *pending == id,
        })
    }

    /// Asks.
    pub(crate) fn ask(&mut self, request: Request) {
        self.unsent.extend_from_slice(&request.to_bytes());
        self.pending.push_back(request);
    }

    /// Sends what can be sent without waiting.
    pub(crate) fn flush(&mut self) {
        while self.is_alive && !self.unsent.is_empty() {
            match self.requests.write(&self.unsent) {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.is_alive = false,
            }
        }
    }

    /// What to wait for.
    pub(crate) fn prepare(&mut self, set: &mut PollSet) {
        self.read_slot = self.is_alive.then(|| set.read(&self.answers));
        let is_waiting = self.is_alive && !self.unsent.is_empty();
        self.write_slot = is_waiting.then(|| set.write(&self.requests));
    }

    /// Sends and receives; returns the answers that came.
    pub(crate) fn act(&mut self, set: &PollSet) -> Vec<Cleaned> {
        if self.write_slot.take().is_some_and(|slot| set.ready(slot)) {
            self.flush();
        }
        if !self.read_slot.take().is_some_and(|slot| set.ready(slot)) {
            return Vec::new();
        }
        let mut buffer = [0; READ_BYTES];
        match self.answers.read(&mut buffer) {
            Ok(0) => self.is_alive = false,
            Ok(count) => return self.match_up(buffer.get(..count).unwrap_or_default()),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock
                ) => {}
            Err(_) => self.is_alive = false,
        }
        Vec::new()
    }

    /// An answer that nobody asked for is dropped.
    fn match_up(&mut self, bytes: &[u8]) -> Vec<Cleaned> {
        bytes
            .iter()
            .map_while(|&byte| {
                let request = self.pending.pop_front()?;
                Some(Cleaned {
                    request,
                    is_done: byte == b'+',
                })
            })
            .collect()
    }
}

/// Requests under way before those that can wait have to: two batches of new mail.
const PENDING_MAX: usize = 200;
/// Answers taken in at once.
const READ_BYTES: usize = 512;
