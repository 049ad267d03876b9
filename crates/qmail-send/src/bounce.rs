//! A failure notice on its way into the queue: qmail-queue is started and fed as fast as it reads,
//! and the loop goes on meanwhile.

use std::fs::File;
use std::io::{self, PipeReader, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use os::child::Child;
use os::poll::{PollSet, Slot};
use queue::trouble::{Attempt, Trouble};
use queue::{MessageId, Queue};
use queue_client::{QueueProgram, judge};

use crate::desk::Desk;
use crate::notice::{self, Kind};

/// One notice.
pub(crate) struct Injection {
    /// The message that failed.
    pub id: MessageId,
    /// qmail-queue's process id.
    pub qp: u32,
    child: Child,
    ended: OwnedFd,
    errors: Option<PipeReader>,
    said: Vec<u8>,
    message: Option<File>,
    envelope: Option<File>,
    /// What is read when `block` is empty, in this order.
    sources: std::vec::IntoIter<Source>,
    source: Option<File>,
    block: Vec<u8>,
    envelope_bytes: Vec<u8>,
    has_failed: bool,
    slots: Slots,
}

enum Source {
    Bytes(Vec<u8>),
    File(File),
}

#[derive(Default)]
struct Slots {
    message: Option<Slot>,
    envelope: Option<Slot>,
    errors: Option<Slot>,
    ended: Option<Slot>,
}

/// What a notice quotes, open.
pub(crate) struct Quoted {
    id: MessageId,
    failures: File,
    message: File,
}

impl Quoted {
    /// Opens bounce/N and mess/N.
    ///
    /// # Errors
    /// When one of them cannot be opened, or is no file.
    pub(crate) fn open(queue: &Queue, id: MessageId) -> Result<Self, Trouble> {
        let failures = open_file(&queue.bounce(id))?;
        let message = open_file(&queue.mess(id))?;
        Ok(Self {
            id,
            failures,
            message,
        })
    }
}

fn open_file(path: &Path) -> Result<File, Trouble> {
    let trouble = |attempt, source| Trouble {
        attempt,
        path: path.to_owned(),
        source,
    };
    let file =
        os::file::open_read_no_link(path).map_err(|error| trouble(Attempt::Open, Some(error)))?;
    match file.metadata() {
        Ok(metadata) if metadata.is_file() => Ok(file),
        Ok(_) => Err(trouble(Attempt::Match, None)),
        Err(error) => Err(trouble(Attempt::Stat, Some(error))),
    }
}

/// How it ended.
pub(crate) struct Injected {
    /// qmail-queue's process id.
    pub qp: u32,
    /// Whether the notice is in the queue.
    pub is_queued: bool,
}

impl Injection {
    /// Starts qmail-queue. The date of the notice is now.
    ///
    /// # Errors
    /// When there is no process to be had.
    pub(crate) fn start(
        desk: &Desk,
        program: &QueueProgram,
        kind: &Kind,
        quoted: Quoted,
    ) -> io::Result<Self> {
        let nothing = || io::Error::from(io::ErrorKind::InvalidInput);
        let date = datetime::rfc822(desk.now);
        let opening = notice::opening(kind, &desk.config.author, &date).ok_or_else(nothing)?;
        let (sender, recipient) = kind.envelope().ok_or_else(nothing)?;
        let id = quoted.id;
        let sources = vec![
            Source::Bytes(opening),
            Source::File(quoted.failures),
            Source::Bytes(notice::separator(kind)),
            Source::File(quoted.message),
        ];
        let envelope_bytes = [b"F", sender, b"\0T", recipient, b"\0\0"].concat();
        let parts = program.start()?.into_parts()?;
        let child = parts.child.ok_or(io::ErrorKind::NotFound)?;
        for pipe in [&parts.message, &parts.envelope] {
            os::fd::set_nonblocking(pipe)?;
        }
        os::fd::set_nonblocking(&parts.errors)?;
        Ok(Self {
            id,
            qp: child.pid(),
            ended: child.ended_fd()?,
            child,
            errors: Some(parts.errors),
            said: Vec::new(),
            message: Some(parts.message),
            envelope: Some(parts.envelope),
            sources: sources.into_iter(),
            source: None,
            block: Vec::new(),
            envelope_bytes,
            has_failed: false,
            slots: Slots::default(),
        })
    }

    /// What to wait for.
    pub(crate) fn prepare(&mut self, set: &mut PollSet) {
        let message = self.message.as_ref().map(|pipe| set.write(pipe));
        self.slots = Slots {
            message,
            // The envelope's turn comes when the message has ended.
            envelope: match (&self.message, &self.envelope) {
                (None, Some(pipe)) => Some(set.write(pipe)),
                (Some(_), _) | (None, None) => None,
            },
            errors: self.errors.as_ref().map(|pipe| set.read(pipe)),
            ended: Some(set.read(&self.ended)),
        };
    }

    /// Feeds; says how it ended once it has.
    pub(crate) fn act(&mut self, set: &PollSet) -> Option<Injected> {
        let slots = std::mem::take(&mut self.slots);
        let is_ready = |slot: Option<Slot>| slot.is_some_and(|slot| set.ready(slot));
        if is_ready(slots.errors) {
            self.listen();
        }
        if is_ready(slots.message) {
            self.feed_message();
        }
        if is_ready(slots.envelope) {
            self.feed_envelope();
        }
        if !is_ready(slots.ended) {
            return None;
        }
        let is_queued = match self.child.try_wait() {
            Ok(Some(status)) => judge(status, &self.said, self.has_failed).is_ok(),
            Ok(None) => return None,
            Err(_) => false,
        };
        Some(Injected {
            qp: self.qp,
            is_queued,
        })
    }

    fn listen(&mut self) {
        let mut buffer = [0; 256];
        match self.errors.as_mut().map(|pipe| pipe.read(&mut buffer)) {
            Some(Ok(count)) if count > 0 => {
                let room = SAID_MAX.saturating_sub(self.said.len());
                self.said.extend(buffer.iter().take(count.min(room)));
            }
            Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
            Some(Ok(_) | Err(_)) | None => self.errors = None,
        }
    }

    /// Without the end of the envelope nothing is queued.
    fn fail(&mut self) {
        self.has_failed = true;
        self.message = None;
        self.envelope = None;
    }

    fn feed_message(&mut self) {
        for _ in 0..BLOCKS_AT_ONCE {
            if self.block.is_empty() && self.next_block().is_err() {
                return self.fail();
            }
            if self.block.is_empty() {
                self.message = None;
            }
            let Some(pipe) = &mut self.message else {
                return;
            };
            match pipe.write(&self.block) {
                Ok(count) => drop(self.block.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return self.fail(),
            }
        }
    }

    /// Fills `block`, or leaves it empty at the end of the message.
    fn next_block(&mut self) -> io::Result<()> {
        while self.block.is_empty() {
            let Some(mut file) = self.source.take() else {
                match self.sources.next() {
                    Some(Source::Bytes(bytes)) => self.block = bytes,
                    Some(Source::File(file)) => self.source = Some(file),
                    None => return Ok(()),
                }
                continue;
            };
            self.block.resize(BLOCK, 0);
            let count = file.read(&mut self.block)?;
            self.block.truncate(count);
            self.source = (count > 0).then_some(file);
        }
        Ok(())
    }

    fn feed_envelope(&mut self) {
        let Some(pipe) = &mut self.envelope else {
            return;
        };
        match pipe.write(&self.envelope_bytes) {
            Ok(count) => drop(self.envelope_bytes.drain(..count)),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) => {}
            Err(_) => return self.fail(),
        }
        if self.envelope_bytes.is_empty() {
            self.envelope = None;
        }
    }
}

/// Bytes of the message in memory.
const BLOCK: usize = 32 << 10;
/// A large message does not keep the loop from its other work.
const BLOCKS_AT_ONCE: usize = 16;
/// What is kept of an error text (qmail-queue(8)).
const SAID_MAX: usize = 255;
