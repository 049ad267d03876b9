//! What was done to a disk, in order, and the names of the syncs (barriers) that the order rests on.

use std::ffi::OsStr;
use std::sync::Arc;

use crate::model::letters::Copy as MailCopy;
use crate::model::places::{DirId, Place};

/// A file, whatever its names are: its index in the world. Never used again for another file, unlike
/// its inode number.
pub type ObjectId = u32;

/// A name in a directory.
pub type Name = Arc<OsStr>;

/// One effect.
#[derive(Debug, Clone)]
pub enum Event {
    /// A name came into a directory, or went (`None`).
    Entry(DirId, Name, Option<ObjectId>),
    /// A file's content changed.
    Data(ObjectId, Change),
    /// A file's content is on the disk.
    FileSynced(ObjectId),
    /// A directory's names are on the disk.
    DirSynced(DirId),
    /// So much time has passed that everything is on the disk; it is now so late.
    Settled(u64),
    /// Something happened elsewhere, where no power is cut.
    Fact(Fact),
}

/// A change of a file's content.
#[derive(Debug, Clone)]
pub enum Change {
    /// Bytes were added.
    Append(Vec<u8>),
    /// A byte was overwritten.
    Put(u64, u8),
}

impl Change {
    /// Makes the change.
    pub fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Append(bytes) => content.extend_from_slice(bytes),
            Self::Put(offset, byte) => {
                // A byte beyond what has survived leaves a hole.
                let offset = usize::try_from(*offset).expect("small files");
                if content.len() <= offset {
                    content.resize(offset + 1, 0);
                }
                content[offset] = *byte;
            }
        }
    }

    /// Makes half of the change, where half of it can be told from all and from nothing.
    pub fn apply_half(&self, content: &mut Vec<u8>) -> bool {
        match self {
            Self::Append(bytes) if bytes.len() > 1 => {
                content.extend_from_slice(&bytes[..bytes.len() / 2]);
                true
            }
            Self::Append(_) | Self::Put(..) => false,
        }
    }
}

/// What the outside world knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// The client of letter n has its acknowledgement.
    Acknowledged(usize),
    /// A remote host took a copy.
    Sent(MailCopy),
}

/// Who is at work: the same directory is synced for different reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// qmail-queue.
    Enqueue,
    /// qmail-send, from todo/ to info/, local/, remote/; and qmail-clean for it.
    Preprocess,
    /// qmail-local, and qmail-send reading its reports.
    Deliver,
    /// qmail-send at the end of a message; and qmail-clean for it.
    End,
}

/// A sync by its reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Barrier {
    /// Content of mess/N.
    MessData,
    /// Name mess/N.
    MessName,
    /// Content of intd/N, which becomes todo/N.
    IntdData,
    /// Name todo/N, before the acknowledgement.
    TodoLinked,
    /// Content of info/N.
    InfoData,
    /// Content of local/N.
    LocalData,
    /// Content of remote/N.
    RemoteData,
    /// Name info/N.
    InfoName,
    /// Name local/N.
    LocalName,
    /// Name remote/N.
    RemoteName,
    /// That a stale bounce/N is gone, before a message of that number.
    StaleNote,
    /// That todo/N is gone, before the first delivery.
    TodoRemoved,
    /// Content of the file in the maildir.
    MailData,
    /// Name in new/.
    MailName,
    /// Content of bounce/N.
    NoteData,
    /// Name bounce/N.
    NoteName,
    /// That info/N is gone, before the number is free.
    EndInfo,
    /// That local/N is gone.
    EndLocal,
    /// That remote/N is gone.
    EndRemote,
    /// That bounce/N is gone.
    EndNote,
}

impl Barrier {
    /// The sync of a file that was created in such a place.
    pub fn of_file(place: Place) -> Option<Self> {
        match place {
            Place::Pid | Place::Mess => Some(Self::MessData),
            Place::Intd | Place::Todo => Some(Self::IntdData),
            Place::Info => Some(Self::InfoData),
            Place::Local => Some(Self::LocalData),
            Place::Remote => Some(Self::RemoteData),
            Place::Bounce => Some(Self::NoteData),
            Place::Tmp | Place::New => Some(Self::MailData),
        }
    }

    /// The sync of a directory.
    pub fn of_dir(place: Place, role: Role) -> Option<Self> {
        match (place, role) {
            (Place::Mess, _) => Some(Self::MessName),
            (Place::Todo, Role::Enqueue) => Some(Self::TodoLinked),
            (Place::Todo, _) => Some(Self::TodoRemoved),
            (Place::Info, Role::End) => Some(Self::EndInfo),
            (Place::Local, Role::End) => Some(Self::EndLocal),
            (Place::Remote, Role::End) => Some(Self::EndRemote),
            (Place::Bounce, Role::End) => Some(Self::EndNote),
            (Place::Info, _) => Some(Self::InfoName),
            (Place::Local, _) => Some(Self::LocalName),
            (Place::Remote, _) => Some(Self::RemoteName),
            (Place::Bounce, Role::Preprocess) => Some(Self::StaleNote),
            (Place::Bounce, _) => Some(Self::NoteName),
            (Place::New, _) => Some(Self::MailName),
            (Place::Pid | Place::Intd | Place::Tmp, _) => None,
        }
    }
}
