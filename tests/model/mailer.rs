//! What the programs do with a queue, on a model disk: the shipped steps of crates `queue` and
//! `mailbox`, called in the order in which qmail-queue, qmail-clean, qmail-local and qmail-send call
//! them.
//!
//! qmail-send's own loop is tied to pipes and a clock, so its decisions are repeated here: what is
//! looked at after a start (`arrears`), one batch of todo/ (`todo`), one pass over the recipients
//! (`pass`, `delivery`), the end of a message (`ending`), the old leftovers (`leftovers`).
//! Everything is due at once, and syncing marks is left out: it only prevents some duplicates.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use mailbox::maildir::{self, Names};
use os::disk::Disk;
use queue::channel::{Head, head};
use queue::clean::{Request, carry_out, sweep_births};
use queue::eliminate::{self, Standing};
use queue::envelope::origin;
use queue::layout::{Flat, SPLIT, Split};
use queue::message::{EnqueueError, Message};
use queue::scan::{self, Walk};
use queue::trouble::Trouble;
use queue::{Channel, MessageId, Queue, bounce, channel, info, preprocess};

use crate::model::disk::{Call, ModelDisk, OpenFile};
use crate::model::journal::{Fact, Role};
use crate::model::letters::{self, Copy, Letter, is_failing};
use crate::model::places::MAILDIR;

/// All programs, from their start on.
pub struct Mailer {
    disk: ModelDisk,
    queue: Queue,
    letters: Arc<[Letter]>,
    names: Names,
    /// Whether another qmail-send finds a message before its qmail-queue has ended.
    is_found_early: bool,
    /// Out of todo/, but that is not certainly on the disk: not to be delivered.
    cleaned: BTreeSet<MessageId>,
}

/// A recipient that is to be tried.
struct Open {
    offset: u64,
    address: Vec<u8>,
}

impl Mailer {
    /// The programs have just been started.
    pub fn new(disk: &ModelDisk, letters: &Arc<[Letter]>) -> Self {
        Self {
            disk: disk.clone(),
            queue: Queue::here(),
            letters: Arc::clone(letters),
            names: Names::new(b"model", 1),
            is_found_early: false,
            cleaned: BTreeSet::new(),
        }
    }

    /// A client gives a letter to qmail-queue. Says whether it was accepted.
    pub fn submit(&mut self, letter: &Letter) -> bool {
        let recipients = letter.recipients.iter().map(|one| one.as_bytes());
        let accepted = self.enqueue(&letter.body(), letter.sender.as_bytes(), recipients);
        if accepted.is_ok() {
            self.disk.world().fact(Fact::Acknowledged(letter.number));
        }
        accepted.is_ok()
    }

    fn enqueue<'a>(
        &mut self,
        body: &[u8],
        sender: &[u8],
        recipients: impl Iterator<Item = &'a [u8]>,
    ) -> Result<MessageId, EnqueueError> {
        let now = self.disk.world().now;
        let disk = self.submission_disk();
        disk.act_as(Role::Enqueue);
        let mut message = Message::create(disk, &self.queue, QP, now)?;
        message.write(body)?;
        let mut enveloped = message.envelope()?;
        let mut records = origin(UID, QP);
        records.extend(info::encode(sender));
        records.extend(recipients.flat_map(channel::encode));
        enveloped.write(&records)?;
        enveloped.commit()
    }

    /// The same, but qmail-send finds each message before its qmail-queue has made the name in todo/
    /// durable, and does all that it can.
    pub fn finding_early(disk: &ModelDisk, letters: &Arc<[Letter]>) -> Self {
        Self {
            is_found_early: true,
            ..Self::new(disk, letters)
        }
    }

    /// The disk of a qmail-queue.
    fn submission_disk(&self) -> ModelDisk {
        if !self.is_found_early {
            return self.disk.clone();
        }
        let (disk, letters) = (self.disk.clone(), Arc::clone(&self.letters));
        self.disk.hooked(Arc::new(move |call, path| {
            if call == Call::SyncDir && path == Path::new("todo") {
                Self::new(&disk, &letters).run();
                disk.act_as(Role::Enqueue);
            }
        }))
    }

    /// qmail-send has been started: its predecessor may have had something taken out of todo/ and not
    /// have got to the sync of that.
    pub fn start(&mut self) {
        if SYNCS_TODO_AT_START {
            self.disk.act_as(Role::Preprocess);
            let _as_ever = preprocess::sync_todo(&mut self.disk, &self.queue);
        }
    }

    /// qmail-send works until nothing moves any more, or everybody has been killed.
    pub fn run(&mut self) {
        for _ in 0..ROUNDS_MAX {
            let before = self.disk.world().journal.len();
            self.take_todo();
            for id in self.walk(Split::Info) {
                self.work_on(id);
            }
            let world = self.disk.world();
            if world.is_dead() || world.journal.len() == before {
                return;
            }
        }
    }

    /// A day and a half later: the leftovers of dead programs go.
    pub fn clean_up_later(&mut self) {
        self.disk.world().wait(LATER_S);
        let now = self.disk.world().now;
        for id in self.walk(Split::Mess) {
            let is_leftover = eliminate::is_leftover(&mut self.disk, &self.queue, id, now);
            if is_leftover.unwrap_or(false) {
                self.settle(id);
            }
        }
        let _next_time = sweep_births(&mut self.disk, &self.queue, now);
        self.run();
    }

    fn walk(&mut self, dir: Split) -> Vec<MessageId> {
        let dirs = (0..SPLIT).map(|number| self.queue.bucket(dir, number));
        let mut walk = Walk::new(dirs.collect());
        std::iter::from_fn(|| walk.next(&mut self.disk).ok().flatten()).collect()
    }

    /// As `todo`: a batch is written, made durable, taken out of todo/, and that made durable.
    fn take_todo(&mut self) {
        self.disk.act_as(Role::Preprocess);
        let Ok(listing) = scan::list(&mut self.disk, &self.queue.flat(Flat::Todo)) else {
            return;
        };
        if SYNCS_TODO_BEFORE_BATCH
            && !listing.ids.is_empty()
            && preprocess::sync_todo(&mut self.disk, &self.queue).is_err()
        {
            return;
        }
        let mut batch = Vec::new();
        for id in listing.ids {
            let route = |address: &[u8]| (letters::channel(address), address.to_vec());
            if let Ok(laid_out) = preprocess::lay_out(&mut self.disk, &self.queue, id, route) {
                batch.push(laid_out);
            }
        }
        for message in preprocess::make_durable(&mut self.disk, batch).durable {
            let request = Request::Todo(message.id);
            if carry_out(&mut self.disk, &self.queue, request).is_ok() {
                self.cleaned.insert(message.id);
            }
        }
        if !self.cleaned.is_empty() && preprocess::sync_todo(&mut self.disk, &self.queue).is_ok() {
            self.cleaned.clear();
        }
    }

    /// As `arrears`, for a message in info/.
    fn work_on(&mut self, id: MessageId) {
        let is_early = self.disk.exists(&self.queue.todo(id)).unwrap_or(true);
        if is_early || self.cleaned.contains(&id) {
            return;
        }
        let mut is_waiting = false;
        for channel in Channel::ALL {
            let path = channel.path(&self.queue, id);
            match self.disk.exists(&path) {
                Ok(true) => is_waiting |= self.pass(id, channel).is_none(),
                Ok(false) => {}
                Err(_) => return,
            }
        }
        if !is_waiting {
            self.end(id);
        }
    }

    /// As `pass` and `delivery`: tries all recipients of one channel. `None` when some are left.
    fn pass(&mut self, id: MessageId, channel: Channel) -> Option<()> {
        self.disk.act_as(Role::Deliver);
        preprocess::message_size(&mut self.disk, &self.queue, id).ok()?;
        info::read(&mut self.disk, &self.queue, id).ok()?;
        let file = self.disk.read(&channel.path(&self.queue, id), FILE_MAX);
        let (open, is_whole) = recipients(&file.ok()?);
        let content = self.disk.read(&self.queue.mess(id), FILE_MAX).ok()?;
        let mut is_done = is_whole;
        let mut notes: Vec<bounce::Note<OpenFile>> = Vec::new();
        let mut marks = Vec::new();
        for one in open {
            let is_over = if is_failing(&one.address) {
                let paragraph = letters::paragraph(&one.address);
                let note = bounce::append(&mut self.disk, &self.queue, id, &paragraph);
                note.map(|note| notes.push(note)).is_ok()
            } else {
                self.deliver(channel, &one.address, &content)
            };
            is_done &= is_over;
            marks.extend(is_over.then_some(one));
        }
        let is_noted = bounce::sync(&mut self.disk, &self.queue, &mut notes).is_ok();
        for one in marks {
            if !is_noted && is_failing(&one.address) {
                is_done = false;
                continue;
            }
            // A mark that is not made is a recipient who gets it twice, after a restart.
            let _told = channel::mark_done(&mut self.disk, &self.queue, (id, channel), one.offset);
        }
        if !is_done || eliminate::end_channel(&mut self.disk, &self.queue, id, channel).is_err() {
            return None;
        }
        Some(())
    }

    fn deliver(&mut self, channel: Channel, address: &[u8], content: &[u8]) -> bool {
        match channel {
            Channel::Local => {
                let line = [b"To: ", address, b"\n"].concat();
                let maildir = Path::new(MAILDIR);
                let mut content = content;
                maildir::deliver(
                    &mut self.disk,
                    maildir,
                    &mut self.names,
                    &[&line],
                    &mut content,
                )
                .is_ok()
            }
            Channel::Remote => {
                let copy = Copy::read(address, content, &self.letters);
                self.disk.world().fact(Fact::Sent(copy));
                !self.disk.world().is_dead()
            }
        }
    }

    /// As `ending`.
    fn end(&mut self, id: MessageId) {
        self.disk.act_as(Role::End);
        let had_bounce = match eliminate::standing(&mut self.disk, &self.queue, id) {
            Ok(Standing::Finished) => false,
            Ok(Standing::Bounced) => true,
            Ok(Standing::NotOurs) | Err(_) => return,
        };
        if had_bounce && self.tell(id).is_err() {
            return;
        }
        self.disk.act_as(Role::End);
        if had_bounce && eliminate::end_bounce(&mut self.disk, &self.queue, id).is_err() {
            return;
        }
        if eliminate::end_info(&mut self.disk, &self.queue, id).is_err() {
            return;
        }
        self.settle(id);
    }

    /// Has the end of a message on the disk, and its content removed.
    fn settle(&mut self, id: MessageId) {
        self.disk.act_as(Role::End);
        let (safe, _) = eliminate::make_durable(&mut self.disk, &self.queue, &[id]);
        for id in safe {
            let _told = carry_out(&mut self.disk, &self.queue, Request::Foop(id));
        }
    }

    /// Queues the notice about a message.
    fn tell(&mut self, id: MessageId) -> Result<(), Untold> {
        let sender = info::read(&mut self.disk, &self.queue, id)?.sender;
        if sender.is_empty() {
            return Ok(());
        }
        let paragraphs = self.disk.read(&self.queue.bounce(id), FILE_MAX);
        let content = self.disk.read(&self.queue.mess(id), FILE_MAX);
        let (Ok(paragraphs), Ok(content)) = (paragraphs, content) else {
            return Err(Untold);
        };
        let notice = letters::notice(&sender, &paragraphs, &content);
        self.enqueue(&notice, b"", [sender.as_slice()].into_iter())?;
        Ok(())
    }
}

/// A sender who is to be told later.
struct Untold;

impl From<Trouble> for Untold {
    fn from(_: Trouble) -> Self {
        Self
    }
}

impl From<EnqueueError> for Untold {
    fn from(_: EnqueueError) -> Self {
        Self
    }
}

/// The recipients in a file that are not done, and whether it was whole. As `pass`, a file without
/// any record is not.
fn recipients(file: &[u8]) -> (Vec<Open>, bool) {
    let mut open = Vec::new();
    let mut position = 0;
    loop {
        match head(&file[position..]) {
            Head::Record(record) => {
                if !record.done {
                    open.push(Open {
                        offset: u64::try_from(position).expect("small files"),
                        address: record.address.to_vec(),
                    });
                }
                position += record.size();
            }
            Head::Part if position == file.len() => return (open, position > 0),
            Head::Part | Head::Unknown => return (open, false),
        }
    }
}

/// Whether qmail-send syncs todo/ before it looks at info/ for the first time.
const SYNCS_TODO_AT_START: bool = true;
/// Whether it syncs todo/ before it makes anything of what it has found there.
const SYNCS_TODO_BEFORE_BATCH: bool = true;
/// Any process id; the same for every message, so that names under pid/ can meet.
const QP: u32 = 7;
const UID: u32 = 1000;
/// Longer than the cleaner waits.
const LATER_S: u64 = 40 * 60 * 60;
/// A queue in which something still moves after so many rounds is never at rest.
const ROUNDS_MAX: usize = 30;
const FILE_MAX: u64 = 1 << 20;
