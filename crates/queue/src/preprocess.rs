//! From todo/ to info/, local/ and remote/ (INTERNALS 4, R2), in two steps for a batch of
//! messages: write everything, then make all of it durable together. Only what
//! [`make_durable`] returns may be taken out of todo/, which is qmail-clean's work.
//!
//! No clock, no log, no routing table here: bytes and paths in, outcome out.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

use os::disk::Disk;

use crate::channel::{self, Channel};
use crate::envelope::records;
use crate::info;
use crate::layout::{Flat, MessageId, Queue};
use crate::trouble::{Attempt, Trouble, on};

/// A message whose new files are written and not yet durable.
pub struct LaidOut<F> {
    /// What is known of it now.
    pub message: Preprocessed,
    files: Vec<(PathBuf, F)>,
    /// Directories in which names came or went.
    dirs: BTreeSet<PathBuf>,
}

/// A message as its envelope describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preprocessed {
    /// Its number.
    pub id: MessageId,
    /// Envelope sender.
    pub sender: Vec<u8>,
    /// The qmail-queue that took it.
    pub qp: u32,
    /// Who called that.
    pub uid: u32,
    /// Size of the message, with the line that qmail-queue added.
    pub bytes: u64,
    /// Whether it has recipients on this machine.
    pub has_local: bool,
    /// Whether it has recipients elsewhere.
    pub has_remote: bool,
}

impl Preprocessed {
    /// Whether it has recipients on a channel.
    #[must_use]
    pub const fn has(&self, channel: Channel) -> bool {
        match channel {
            Channel::Local => self.has_local,
            Channel::Remote => self.has_remote,
        }
    }
}

/// Writes info, local and remote of one message that stands in todo/. Whatever an earlier attempt,
/// or an earlier message of this number, has left in these places is removed first.
///
/// The message stays in todo/: on an error, too, everything can be done once more.
///
/// # Errors
/// When the envelope cannot be read or is not one, when mess/ does not hold the message that the
/// name promises, or when a file cannot be written.
pub fn lay_out<D: Disk>(
    disk: &mut D,
    queue: &Queue,
    id: MessageId,
    mut route: impl FnMut(&[u8]) -> (Channel, Vec<u8>),
) -> Result<LaidOut<D::File>, Trouble> {
    let todo = read_todo(disk, queue, id)?;
    let Some(head) = head(&todo) else {
        return Err(Trouble::new(Attempt::Understand, &queue.todo(id)));
    };
    let bytes = message_size(disk, queue, id)?;
    let mut dirs = remove_stale(disk, queue, id)?;
    let mut info = Draft::new(queue.info(id));
    info.add(disk, &info::encode(head.sender))?;
    let mut local = Draft::new(queue.local(id));
    let mut remote = Draft::new(queue.remote(id));
    for recipient in recipients(&todo) {
        let (channel, address) = route(recipient);
        let draft = match channel {
            Channel::Local => &mut local,
            Channel::Remote => &mut remote,
        };
        draft.add(disk, &channel::encode(&address))?;
    }
    let mut files = Vec::with_capacity(3);
    let mut finished = [false; 3];
    for (draft, is_there) in [info, local, remote].into_iter().zip(&mut finished) {
        if let Some(file) = draft.finish(disk)? {
            dirs.extend(file.0.parent().map(PathBuf::from));
            files.push(file);
            *is_there = true;
        }
    }
    let [_, has_local, has_remote] = finished;
    let sender = head.sender.to_vec();
    let (qp, uid) = (head.qp, head.uid);
    let message = Preprocessed {
        id,
        sender,
        qp,
        uid,
        bytes,
        has_local,
        has_remote,
    };
    Ok(LaidOut {
        message,
        files,
        dirs,
    })
}

/// A file that is created when there is something to put into it.
struct Draft<F> {
    path: PathBuf,
    file: Option<F>,
    unwritten: Vec<u8>,
}

impl<F> Draft<F> {
    fn new(path: PathBuf) -> Self {
        Self {
            path,
            file: None,
            unwritten: Vec::new(),
        }
    }

    /// Adds a record. Never holds more than a block and a record.
    fn add<D: Disk<File = F>>(&mut self, disk: &mut D, record: &[u8]) -> Result<(), Trouble> {
        self.unwritten.extend_from_slice(record);
        if self.unwritten.len() >= BLOCK {
            self.write(disk)?;
        }
        Ok(())
    }

    fn write<D: Disk<File = F>>(&mut self, disk: &mut D) -> Result<(), Trouble> {
        if self.file.is_none() {
            let created = disk.create(&self.path, FILE_MODE);
            self.file = Some(created.map_err(on(Attempt::Create, &self.path))?);
        }
        if let Some(file) = &mut self.file {
            disk.write(file, &self.unwritten)
                .map_err(on(Attempt::Write, &self.path))?;
        }
        self.unwritten.clear();
        Ok(())
    }

    /// The file with all that was added; `None` when nothing was.
    fn finish<D: Disk<File = F>>(mut self, disk: &mut D) -> Result<Option<(PathBuf, F)>, Trouble> {
        if !self.unwritten.is_empty() {
            self.write(disk)?;
        }
        Ok(self.file.map(|file| (self.path, file)))
    }
}

fn read_todo<D: Disk>(disk: &mut D, queue: &Queue, id: MessageId) -> Result<Vec<u8>, Trouble> {
    let path = queue.todo(id);
    let Some(stat) = disk.stat(&path).map_err(on(Attempt::Stat, &path))? else {
        return Err(on(Attempt::Open, &path)(io::ErrorKind::NotFound.into()));
    };
    if !stat.is_file {
        return Err(Trouble::new(Attempt::Match, &path));
    }
    disk.read(&path, TODO_MAX).map_err(on(Attempt::Read, &path))
}

/// What stands before the recipients.
#[derive(Debug, Default, PartialEq, Eq)]
struct Head<'a> {
    uid: u32,
    qp: u32,
    sender: &'a [u8],
}

/// Reads an envelope, all of it: whole records of known kinds, one sender, no recipient before it.
/// Anything else was damaged, and guessing would send mail to the wrong people.
fn head(todo: &[u8]) -> Option<Head<'_>> {
    let mut head = Head::default();
    let mut sender = None;
    for record in todo.strip_suffix(b"\0")?.split(|&byte| byte == 0) {
        match (record.split_first()?, sender) {
            ((b'u', digits), _) => head.uid = number(digits)?,
            ((b'p', digits), _) => head.qp = number(digits)?,
            ((b'F', address), None) => sender = Some(address),
            ((b'T', _), Some(_)) => {}
            _ => return None,
        }
    }
    head.sender = sender?;
    Some(head)
}

fn number(digits: &[u8]) -> Option<u32> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn recipients(todo: &[u8]) -> impl Iterator<Item = &[u8]> {
    records(todo).filter_map(|record| record.strip_prefix(b"T"))
}

/// The size of the message, once it is certain that this is the message: its number is its inode
/// number, always. A copied or restored queue breaks that, and then a body would go to somebody
/// else's recipients.
///
/// # Errors
/// When it is not there, or something else is.
pub fn message_size<D: Disk>(disk: &mut D, queue: &Queue, id: MessageId) -> Result<u64, Trouble> {
    let path = queue.mess(id);
    match disk.stat(&path).map_err(on(Attempt::Stat, &path))? {
        Some(stat) if stat.is_file && stat.inode == id.get() => Ok(stat.size),
        Some(_) => Err(Trouble::new(Attempt::Match, &path)),
        None => Err(on(Attempt::Stat, &path)(io::ErrorKind::NotFound.into())),
    }
}

/// Removes what must not be there, a bounce file included (it would be sent to this message's
/// sender). The directories in which something was removed need a sync: a name that came back
/// after a crash would meet this message.
fn remove_stale<D: Disk>(
    disk: &mut D,
    queue: &Queue,
    id: MessageId,
) -> Result<BTreeSet<PathBuf>, Trouble> {
    let mut dirs = BTreeSet::new();
    for path in [
        queue.local(id),
        queue.remote(id),
        queue.info(id),
        queue.bounce(id),
    ] {
        match disk.unlink(&path) {
            Ok(()) => dirs.extend(path.parent().map(PathBuf::from)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(on(Attempt::Unlink, &path)(error)),
        }
    }
    Ok(dirs)
}

/// What became of a batch.
#[derive(Default)]
pub struct Batch {
    /// On the disk, names included: these may leave todo/.
    pub durable: Vec<Preprocessed>,
    /// Not certainly on the disk: these stay in todo/ and are done once more.
    pub failed: Vec<(MessageId, Trouble)>,
}

/// Makes a batch durable: every file, and every directory once. A message is durable when all of its
/// files and all of its directories are.
pub fn make_durable<D: Disk>(disk: &mut D, mut batch: Vec<LaidOut<D::File>>) -> Batch {
    let dirs: BTreeSet<&PathBuf> = batch.iter().flat_map(|one| &one.dirs).collect();
    let dirs: Vec<PathBuf> = dirs.into_iter().cloned().collect();
    let mut files: Vec<&mut D::File> = batch
        .iter_mut()
        .flat_map(|one| one.files.iter_mut().map(|(_, file)| file))
        .collect();
    let together = disk.sync_together(&mut files, &dirs);
    let mut file_results = together.files.into_iter();
    let durable_dirs: BTreeSet<PathBuf> = dirs
        .into_iter()
        .zip(together.dirs)
        .filter_map(|(dir, result)| result.is_ok().then_some(dir))
        .collect();
    let mut outcome = Batch::default();
    for LaidOut {
        message,
        files,
        dirs,
    } in batch
    {
        let mut trouble = None;
        for (path, _) in files {
            if file_results.next().is_none_or(|result| result.is_err()) {
                trouble = Some(Trouble::new(Attempt::Sync, &path));
            }
        }
        for dir in dirs.difference(&durable_dirs) {
            trouble = Some(Trouble::new(Attempt::Sync, dir));
        }
        match trouble {
            Some(trouble) => outcome.failed.push((message.id, trouble)),
            None => outcome.durable.push(message),
        }
    }
    outcome
}

/// Returns when it is on the disk that messages have left todo/. Until then they are not delivered:
/// after a crash they would stand in todo/ again and be delivered once more.
///
/// # Errors
/// When the sync failed.
pub fn sync_todo<D: Disk>(disk: &mut D, queue: &Queue) -> Result<(), Trouble> {
    let dir = queue.flat(Flat::Todo);
    disk.sync_dir(&dir).map_err(on(Attempt::Sync, &dir))
}

/// Owner qmails alone, as ever (0644 under umask 077).
const FILE_MODE: u32 = 0o600;
/// So many bytes of recipients are collected before they are written.
const BLOCK: usize = 64 << 10;
/// The envelope of some millions of recipients; what is larger is left alone.
const TODO_MAX: u64 = 256 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(todo: &[u8], expected: Option<(u32, u32, &[u8])>) {
        let found = head(todo).map(|head| (head.uid, head.qp, head.sender));
        assert_eq!(found, expected, "{}", todo.escape_ascii());
    }

    #[test]
    fn an_envelope_names_its_caller_and_its_sender() {
        check(b"u0\0p2867\0Fs@x\0Ta@y\0Tb@z\0", Some((0, 2867, b"s@x")));
        check(b"u7\0p1\0F\0", Some((7, 1, b"")));
        check(b"Fs@x\0Ta@y\0", Some((0, 0, b"s@x")));
    }

    #[test]
    fn a_damaged_envelope_is_not_guessed_at() {
        for damaged in [
            b"".as_slice(),
            b"u0\0p1\0",
            b"u0\0p1\0Ta@y\0",
            b"u0\0p1\0Ta@y\0Fs@x\0",
            b"Fs@x\0Fs@z\0Ta@y\0",
            b"Fs@x\0Ta@y\0Tb@",
            b"Fs@x\0\0Ta@y\0",
            b"Fs@x\0Xa@y\0",
            b"ux\0Fs@x\0",
        ] {
            check(damaged, None);
        }
    }

    #[test]
    fn recipients_keep_their_order() {
        let all: Vec<&[u8]> = recipients(b"u0\0p1\0Fs\0Ta\0T\0Tb\0").collect();
        assert_eq!(all, [b"a".as_slice(), b"", b"b"]);
    }
}
