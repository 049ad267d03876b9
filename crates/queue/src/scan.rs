//! The message numbers in a directory of the queue: at once for todo/, one subdirectory at a time
//! for the split ones, so that a walk over a large queue never holds a daemon up.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use os::disk::Disk;

use crate::layout::MessageId;
use crate::trouble::{Attempt, Trouble, on};

/// What a directory holds.
#[derive(Debug, Default)]
pub struct Listing {
    /// Message numbers.
    pub ids: Vec<MessageId>,
    /// Names of digits that no message has, as `007` or one beyond 64 bits. Other names are nobody's
    /// business.
    pub strange: Vec<PathBuf>,
}

/// Reads one directory.
///
/// # Errors
/// When it cannot be listed.
pub fn list<D: Disk>(disk: &mut D, dir: &Path) -> Result<Listing, Trouble> {
    let mut listing = Listing::default();
    for name in disk.list(dir).map_err(on(Attempt::Open, dir))? {
        let bytes = name.as_bytes();
        match MessageId::parse(bytes) {
            Some(id) => listing.ids.push(id),
            None if bytes.iter().all(u8::is_ascii_digit) => listing.strange.push(dir.join(name)),
            None => {}
        }
    }
    Ok(listing)
}

/// A walk over the subdirectories of a split directory.
#[derive(Debug)]
pub struct Walk {
    dirs: std::vec::IntoIter<PathBuf>,
    ids: std::vec::IntoIter<MessageId>,
}

impl Walk {
    /// Starts before the first of these directories.
    #[must_use]
    pub fn new(dirs: Vec<PathBuf>) -> Self {
        Self {
            dirs: dirs.into_iter(),
            ids: Vec::new().into_iter(),
        }
    }

    /// The next message; `None` at the end.
    ///
    /// # Errors
    /// When a subdirectory cannot be listed; the walk goes on with the next one.
    pub fn next<D: Disk>(&mut self, disk: &mut D) -> Result<Option<MessageId>, Trouble> {
        loop {
            if let Some(id) = self.ids.next() {
                return Ok(Some(id));
            }
            let Some(dir) = self.dirs.next() else {
                return Ok(None);
            };
            self.ids = list(disk, &dir)?.ids.into_iter();
        }
    }
}
