//! bounce/: what is to be told about the recipients that failed for good, one paragraph each.
//!
//! A paragraph and its file's name are on the disk before the recipient is marked done: after a
//! crash the sender may be told twice, but never not at all.

use os::disk::Disk;

use crate::layout::{Flat, MessageId, Queue};
use crate::trouble::{Attempt, Trouble, on};

/// A paragraph that was written and is not yet known to be on the disk.
pub struct Note<F> {
    id: MessageId,
    file: F,
}

/// Appends a paragraph to the file of a message.
///
/// # Errors
/// When it could not be written whole. What was written is taken back: the next attempt repeats it,
/// and readers of the notice take every paragraph for a recipient.
pub fn append<D: Disk>(
    disk: &mut D,
    queue: &Queue,
    id: MessageId,
    paragraph: &[u8],
) -> Result<Note<D::File>, Trouble> {
    let path = queue.bounce(id);
    let (mut file, _created) = disk
        .open_append(&path, FILE_MODE)
        .map_err(on(Attempt::Create, &path))?;
    let before = disk.stat(&path).map_err(on(Attempt::Stat, &path))?;
    if let Err(error) = disk.write(&mut file, paragraph) {
        let size = before.map_or(0, |stat| stat.size);
        // If that fails, too, there is a piece too much in the notice; better than nothing in it.
        let _a_piece_too_much = match size {
            0 => disk.unlink(&path),
            size => disk.truncate(&mut file, size),
        };
        return Err(on(Attempt::Write, &path)(error));
    }
    Ok(Note { id, file })
}

/// Returns when these paragraphs are on the disk: each file, then the directory once. A file that is
/// not new needs that, too: whoever made it may have died, or met an error, before its sync. Only
/// then may their recipients be marked done.
///
/// # Errors
/// On the first sync that fails; none of the paragraphs counts as written then.
pub fn sync<D: Disk>(
    disk: &mut D,
    queue: &Queue,
    notes: &mut [Note<D::File>],
) -> Result<(), Trouble> {
    for note in &mut *notes {
        disk.sync(&mut note.file)
            .map_err(on(Attempt::Sync, &queue.bounce(note.id)))?;
    }
    if !notes.is_empty() {
        let dir = queue.flat(Flat::Bounce);
        disk.sync_dir(&dir).map_err(on(Attempt::Sync, &dir))?;
    }
    Ok(())
}

/// Owner qmails alone: it quotes what delivery programs said.
const FILE_MODE: u32 = 0o600;
