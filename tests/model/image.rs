//! A disk without power: what is on it and nothing else.

use crate::model::journal::{Name, ObjectId};
use crate::model::places::{DirId, Place, Volume};

/// A file and its names.
#[derive(Debug, Clone)]
pub struct FileImage {
    /// Inode number.
    pub number: u64,
    /// Where it is.
    pub volume: Volume,
    /// The directory that it was created in.
    pub place: Place,
    /// Its content.
    pub content: Vec<u8>,
    /// When it was created.
    pub time: u64,
}

/// Everything on the disk.
#[derive(Debug, Clone, Default)]
pub struct Image {
    /// When the power went.
    pub now: u64,
    /// All names, in order, and which of `files` they are of.
    pub names: Vec<(DirId, Name, ObjectId)>,
    /// All files.
    pub files: Vec<FileImage>,
}

impl Image {
    /// Files by their names.
    pub fn named(&self) -> impl Iterator<Item = (DirId, &Name, &FileImage)> {
        self.names
            .iter()
            .map(|(dir, name, index)| (*dir, name, &self.files[*index as usize]))
    }
}
