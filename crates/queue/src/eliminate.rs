//! The end of a message (INTERNALS 4, R6): its recipients' files go when all of them are done,
//! then bounce/N when the notice is queued, then info/N; and only when all of this is on the disk
//! may qmail-clean remove mess/N, since from then on the number can belong to another message.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

use os::disk::Disk;

use crate::channel::Channel;
use crate::clean::OSSIFIED_S;
use crate::layout::{MessageId, Queue};
use crate::trouble::{Attempt, Trouble, on};

/// Whether a message can end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It has recipients left, or stands in todo/, or is gone: somebody else's business.
    NotOurs,
    /// Nothing is left but to tell its sender about failures.
    Bounced,
    /// Nothing is left.
    Finished,
}

/// Looks at the files of a message whose recipients may all be done.
///
/// # Errors
/// When a file cannot be looked at.
pub fn standing<D: Disk>(disk: &mut D, queue: &Queue, id: MessageId) -> Result<Standing, Trouble> {
    for path in [queue.local(id), queue.remote(id), queue.todo(id)] {
        if disk.exists(&path).map_err(on(Attempt::Stat, &path))? {
            return Ok(Standing::NotOurs);
        }
    }
    let info = queue.info(id);
    if !disk.exists(&info).map_err(on(Attempt::Stat, &info))? {
        return Ok(Standing::NotOurs);
    }
    let bounce = queue.bounce(id);
    if disk.exists(&bounce).map_err(on(Attempt::Stat, &bounce))? {
        return Ok(Standing::Bounced);
    }
    Ok(Standing::Finished)
}

/// Removes the file of a channel all of whose recipients are done. Says whether the message has no
/// recipients on the other channel either.
///
/// # Errors
/// When the file could not be removed, or the other one not be looked at.
pub fn end_channel<D: Disk>(
    disk: &mut D,
    queue: &Queue,
    id: MessageId,
    channel: Channel,
) -> Result<bool, Trouble> {
    let path = channel.path(queue, id);
    disk.unlink_if_there(&path)
        .map_err(on(Attempt::Unlink, &path))?;
    let other = channel.other().path(queue, id);
    Ok(!disk.exists(&other).map_err(on(Attempt::Stat, &other))?)
}

/// Removes the failures of a message, after the notice about them was queued (or is not to be sent).
///
/// # Errors
/// When the file could not be removed.
pub fn end_bounce<D: Disk>(disk: &mut D, queue: &Queue, id: MessageId) -> Result<(), Trouble> {
    let path = queue.bounce(id);
    disk.unlink_if_there(&path)
        .map_err(on(Attempt::Unlink, &path))
}

/// Removes info/N: the message has no recipients and no sender any more.
///
/// # Errors
/// When the file could not be removed.
pub fn end_info<D: Disk>(disk: &mut D, queue: &Queue, id: MessageId) -> Result<(), Trouble> {
    let path = queue.info(id);
    disk.unlink_if_there(&path)
        .map_err(on(Attempt::Unlink, &path))
}

/// Makes the end of a batch of messages durable, each directory once, and returns those whose
/// mess/N may be removed. The others keep it until the cleanup of old files; the trouble is told.
pub fn make_durable<D: Disk>(
    disk: &mut D,
    queue: &Queue,
    ended: &[MessageId],
) -> (Vec<MessageId>, Vec<Trouble>) {
    let dirs: BTreeSet<PathBuf> = ended
        .iter()
        .flat_map(|id| directories(queue, *id))
        .collect();
    let dirs: Vec<PathBuf> = dirs.into_iter().collect();
    let together = disk.sync_together(&mut [], &dirs);
    let mut durable: BTreeSet<PathBuf> = BTreeSet::new();
    let mut troubles = Vec::new();
    for (dir, result) in dirs.into_iter().zip(together.dirs) {
        match result {
            Ok(()) => {
                durable.insert(dir);
            }
            Err(error) => troubles.push(on(Attempt::Sync, &dir)(error)),
        }
    }
    let safe = ended
        .iter()
        .copied()
        .filter(|id| directories(queue, *id).all(|dir| durable.contains(&dir)))
        .collect();
    (safe, troubles)
}

/// The directories that a message has left. It may have left bounce/ in an earlier attempt, or in
/// another process, which did not come to this sync.
fn directories(queue: &Queue, id: MessageId) -> impl Iterator<Item = PathBuf> {
    [
        queue.local(id),
        queue.remote(id),
        queue.info(id),
        queue.bounce(id),
    ]
    .into_iter()
    .filter_map(|path| path.parent().map(PathBuf::from))
}

/// What the cleanup of old files thinks of a file in mess/.
///
/// # Errors
/// When a file cannot be looked at: then it is left alone.
pub fn is_leftover<D: Disk>(
    disk: &mut D,
    queue: &Queue,
    id: MessageId,
    now: u64,
) -> io::Result<bool> {
    let Some(mess) = disk.stat(&queue.mess(id))? else {
        return Ok(false);
    };
    if !mess.is_file || now <= mess.atime.saturating_add(OSSIFIED_S) {
        return Ok(false);
    }
    // A qmail-queue of ours holds its message until it ends. Age alone says little after a suspend
    // of the machine, which its 24 hours do not count.
    if disk.is_claimed(&queue.mess(id))? {
        return Ok(false);
    }
    Ok(!disk.exists(&queue.info(id))? && !disk.exists(&queue.todo(id))?)
}
