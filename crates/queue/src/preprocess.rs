//! From todo/ to info/, local/ and remote/ (INTERNALS section 4), in two steps for a batch of
//! messages: write everything, then make all of it durable together. Only what
//! [`make_durable`] returns may be taken out of todo/, which is qmail-clean's work.
//!
//! No clock, no log, no routing table here: bytes and paths in, outcome out.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

use os::disk::Disk;

use crate::channel::{self, Channel};
use crate::envelope::{Envelope, records};
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
    let envelope = read_envelope(disk, queue, id)?;
    let bytes = message_size(disk, queue, id)?;
    let mut dirs = remove_stale(disk, queue, id)?;
    let mut local = Vec::new();
    let mut remote = Vec::new();
    for recipient in &envelope.recipients {
        let (channel, address) = route(recipient);
        let records = match channel {
            Channel::Local => &mut local,
            Channel::Remote => &mut remote,
        };
        records.extend_from_slice(&channel::encode(&address));
    }
    let has_local = !local.is_empty();
    let has_remote = !remote.is_empty();
    let mut files = vec![(queue.info(id), info::encode(&envelope.sender))];
    if has_local {
        files.push((queue.local(id), local));
    }
    if has_remote {
        files.push((queue.remote(id), remote));
    }
    dirs.extend(
        files
            .iter()
            .filter_map(|(path, _)| path.parent().map(PathBuf::from)),
    );
    let files = write_files(disk, files)?;
    let message = Preprocessed {
        id,
        sender: envelope.sender,
        qp: envelope.qp.unwrap_or(0),
        uid: envelope.uid.unwrap_or(0),
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

/// Creates files, in this order, with this content.
fn write_files<D: Disk>(
    disk: &mut D,
    files: Vec<(PathBuf, Vec<u8>)>,
) -> Result<Vec<(PathBuf, D::File)>, Trouble> {
    let mut written = Vec::with_capacity(files.len());
    for (path, content) in files {
        let mut file = disk
            .create(&path, FILE_MODE)
            .map_err(on(Attempt::Create, &path))?;
        disk.write(&mut file, &content)
            .map_err(on(Attempt::Write, &path))?;
        written.push((path, file));
    }
    Ok(written)
}

fn read_envelope<D: Disk>(disk: &mut D, queue: &Queue, id: MessageId) -> Result<Envelope, Trouble> {
    let path = queue.todo(id);
    let Some(stat) = disk.stat(&path).map_err(on(Attempt::Stat, &path))? else {
        return Err(on(Attempt::Open, &path)(io::ErrorKind::NotFound.into()));
    };
    if !stat.is_file {
        return Err(Trouble::new(Attempt::Match, &path));
    }
    let bytes = disk
        .read(&path, TODO_MAX)
        .map_err(on(Attempt::Read, &path))?;
    match Envelope::parse(&bytes) {
        Ok(envelope) if is_in_order(&bytes) => Ok(envelope),
        Ok(_) | Err(_) => Err(Trouble::new(Attempt::Understand, &path)),
    }
}

/// Whether these are the bytes that qmail-queue leaves: whole records, one sender, no recipient
/// before it. Anything else was damaged, and guessing would send mail to the wrong people.
fn is_in_order(todo: &[u8]) -> bool {
    let letter = |wanted: u8| {
        records(todo)
            .filter(move |one| one.first() == Some(&wanted))
            .count()
    };
    let first = records(todo).find_map(|one| one.first().filter(|byte| b"FT".contains(byte)));
    todo.ends_with(b"\0") && first == Some(&b'F') && letter(b'F') == 1
}

/// The size of the message, once it is certain that this is the message: its number is its inode
/// number, always. A copied or restored queue breaks that, and then a body would go to somebody
/// else's recipients.
fn message_size<D: Disk>(disk: &mut D, queue: &Queue, id: MessageId) -> Result<u64, Trouble> {
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

/// Makes a batch durable: every file, then every directory once.
pub fn make_durable<D: Disk>(disk: &mut D, batch: Vec<LaidOut<D::File>>) -> Batch {
    let mut outcome = Batch::default();
    let mut synced = Vec::with_capacity(batch.len());
    for mut laid_out in batch {
        match sync_files(disk, &mut laid_out.files) {
            Ok(()) => synced.push((laid_out.message, laid_out.dirs)),
            Err(trouble) => outcome.failed.push((laid_out.message.id, trouble)),
        }
    }
    let mut dirs: BTreeSet<&PathBuf> = synced.iter().flat_map(|(_, dirs)| dirs).collect();
    // What stays in `dirs` could not be synced.
    dirs.retain(|dir| disk.sync_dir(dir).is_err());
    let broken: BTreeSet<PathBuf> = dirs.into_iter().cloned().collect();
    for (message, dirs) in synced {
        match dirs.intersection(&broken).next() {
            Some(dir) => outcome
                .failed
                .push((message.id, Trouble::new(Attempt::Sync, dir))),
            None => outcome.durable.push(message),
        }
    }
    outcome
}

fn sync_files<D: Disk>(disk: &mut D, files: &mut [(PathBuf, D::File)]) -> Result<(), Trouble> {
    for (path, file) in files {
        disk.sync(file).map_err(on(Attempt::Sync, path))?;
    }
    Ok(())
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
/// The envelope of some millions of recipients; what is larger is left alone.
const TODO_MAX: u64 = 256 << 20;
