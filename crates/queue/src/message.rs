//! From nothing to accepted: pid -> mess -> intd -> todo (INTERNALS section 3), one type per state.
//!
//! A value that is dropped before [`Enveloped::commit`] removes what it made. A process that dies
//! leaves it to the 36-hour cleaner; both are states S2 or S3, which nobody delivers from.

use std::io;
use std::path::PathBuf;

use os::disk::Disk;

use crate::layout::{Flat, MessageId, Queue, Split};

/// Which step failed; qmail-queue(8) gives each its own exit code.
#[derive(Debug, thiserror::Error)]
pub enum EnqueueError {
    /// No file could be created under pid/, or it could not be looked at or removed.
    #[error("unable to make a file in pid/")]
    Birth(#[source] io::Error),
    /// The content could not be linked into mess/.
    #[error("unable to link into mess/")]
    LinkMess(#[source] io::Error),
    /// The content could not be written or synced.
    #[error("unable to write the message")]
    WriteMess(#[source] io::Error),
    /// No file could be created under intd/.
    #[error("unable to create a file in intd/")]
    CreateIntd(#[source] io::Error),
    /// The envelope could not be written or synced.
    #[error("unable to write the envelope")]
    WriteIntd(#[source] io::Error),
    /// The envelope could not be linked into todo/, or todo/ could not be synced.
    #[error("unable to link into todo/")]
    LinkTodo(#[source] io::Error),
}

/// State S2: a content file that is being written.
pub struct Message<D: Disk> {
    made: Made<D>,
    content: D::File,
    id: MessageId,
}

/// State S3: an envelope that is being written.
pub struct Enveloped<D: Disk> {
    made: Made<D>,
    content: D::File,
    envelope: D::File,
    id: MessageId,
}

impl<D: Disk> Message<D> {
    /// S1 to S2: a file under pid/ whose inode number becomes the message's number, linked into
    /// mess/.
    ///
    /// # Errors
    /// [`EnqueueError::Birth`], [`EnqueueError::LinkMess`].
    pub fn create(disk: D, queue: &Queue, pid: u32, now: u64) -> Result<Self, EnqueueError> {
        let mut made = Made {
            disk,
            queue: queue.clone(),
            names: Vec::new(),
        };
        let (mut content, birth) = made.birth(pid, now).map_err(EnqueueError::Birth)?;
        // For the cleanup of leftovers to see; without it the 36 hours alone protect the message.
        let _by_age_alone = made.disk.claim(&mut content);
        made.names.push(birth.clone());
        let id = MessageId::new(made.disk.inode(&content).map_err(EnqueueError::Birth)?);
        let mess = queue.mess(id);
        made.disk
            .link(&birth, &mess)
            .map_err(EnqueueError::LinkMess)?;
        made.names.push(mess);
        made.disk.unlink(&birth).map_err(EnqueueError::Birth)?;
        made.names.remove(0);
        Ok(Self { made, content, id })
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> MessageId {
        self.id
    }

    /// Adds to the content.
    ///
    /// # Errors
    /// [`EnqueueError::WriteMess`].
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), EnqueueError> {
        self.made
            .disk
            .write(&mut self.content, bytes)
            .map_err(EnqueueError::WriteMess)
    }

    /// S2 to S3: an empty envelope under intd/. One that is there already was left by a message
    /// whose mess/N a power cut has taken away: the number is the inode number of our own file, so
    /// nobody else can be at work on it.
    ///
    /// # Errors
    /// [`EnqueueError::CreateIntd`].
    pub fn envelope(mut self) -> Result<Enveloped<D>, EnqueueError> {
        let intd = self.made.queue.intd(self.id);
        let disk = &mut self.made.disk;
        let created = match disk.create(&intd, FILE_MODE) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => disk
                .unlink(&intd)
                .and_then(|()| disk.create(&intd, FILE_MODE)),
            result => result,
        };
        let envelope = created.map_err(EnqueueError::CreateIntd)?;
        self.made.names.push(intd);
        Ok(Enveloped {
            made: self.made,
            content: self.content,
            envelope,
            id: self.id,
        })
    }
}

impl<D: Disk> Enveloped<D> {
    /// Adds to the envelope.
    ///
    /// # Errors
    /// [`EnqueueError::WriteIntd`].
    pub fn write(&mut self, records: &[u8]) -> Result<(), EnqueueError> {
        self.made
            .disk
            .write(&mut self.envelope, records)
            .map_err(EnqueueError::WriteIntd)
    }

    /// S3 to S4, the commit. When it returns the message is accepted: content, envelope and the
    /// names of both are on the disk (barrier R1). The syncs come together, after all writing, so
    /// that the first one's journal commit serves the others.
    ///
    /// # Errors
    /// [`EnqueueError::WriteMess`], [`EnqueueError::WriteIntd`], [`EnqueueError::LinkTodo`]. Then
    /// the message may still be delivered (a duplicate when the caller tries again), but nothing
    /// has been promised.
    pub fn commit(mut self) -> Result<MessageId, EnqueueError> {
        let queue = self.made.queue.clone();
        let disk = &mut self.made.disk;
        disk.sync(&mut self.content)
            .map_err(EnqueueError::WriteMess)?;
        disk.sync(&mut self.envelope)
            .map_err(EnqueueError::WriteIntd)?;
        disk.sync_dir(&queue.dir(Split::Mess, self.id))
            .map_err(EnqueueError::WriteMess)?;
        let todo = queue.todo(self.id);
        disk.link(&queue.intd(self.id), &todo)
            .map_err(EnqueueError::LinkTodo)?;
        // From here on qmail-send may be at work on it: the content is no longer ours to remove.
        self.made.names.clear();
        self.made
            .disk
            .sync_dir(&queue.flat(Flat::Todo))
            .map_err(|error| {
                // If this fails too, the message may be delivered although it was refused.
                let _duplicate = self.made.disk.unlink(&todo);
                EnqueueError::LinkTodo(error)
            })?;
        Ok(self.id)
    }
}

/// The names made so far, removed again unless the commit takes them over.
struct Made<D: Disk> {
    disk: D,
    queue: Queue,
    names: Vec<PathBuf>,
}

impl<D: Disk> Made<D> {
    fn birth(&mut self, pid: u32, now: u64) -> io::Result<(D::File, PathBuf)> {
        for sequence in 1..BIRTHS_MAX {
            let path = self.queue.birth(pid, now, sequence);
            match self.disk.create(&path, FILE_MODE) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                result => return Ok((result?, path)),
            }
        }
        let path = self.queue.birth(pid, now, BIRTHS_MAX);
        Ok((self.disk.create(&path, FILE_MODE)?, path))
    }
}

impl<D: Disk> Drop for Made<D> {
    /// The envelope goes first, so that no state but S2 is passed; a name that stays is the
    /// 36-hour cleaner's.
    fn drop(&mut self) {
        while let Some(name) = self.names.pop() {
            if self.disk.unlink(&name).is_err() {
                return;
            }
        }
    }
}

/// Mode before the umask 033 takes its part.
const FILE_MODE: u32 = 0o644;
/// Names tried under pid/: the process id is only reused after a crash within a second.
const BIRTHS_MAX: u32 = 9;
