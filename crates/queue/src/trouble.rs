//! What went wrong with which file of the queue, in the words of qmail-log(5).

use std::io;
use std::path::{Path, PathBuf};

/// What was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// To open a file or list a directory.
    Open,
    /// To read it.
    Read,
    /// To create it.
    Create,
    /// To write to it.
    Write,
    /// To get its bytes, or the names in it, onto the disk.
    Sync,
    /// To look at its inode.
    Stat,
    /// To remove it.
    Unlink,
    /// To make sense of it.
    Understand,
    /// To find the message that its name promises.
    Match,
}

impl Attempt {
    /// How a log line about it begins; the name of the file follows.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Open => "unable to open",
            Self::Read => "trouble reading",
            Self::Create => "unable to create",
            Self::Write => "trouble writing to",
            Self::Sync => "trouble fsyncing",
            Self::Stat => "unable to stat",
            Self::Unlink => "unable to unlink",
            Self::Understand => "unknown record type in",
            Self::Match => "wrong inode number or type of",
        }
    }
}

/// A step that did not succeed. Nothing that mattered has been changed: the message is where it was.
#[derive(Debug, thiserror::Error)]
#[error("{} {}", attempt.words(), path.display())]
pub struct Trouble {
    /// What was tried.
    pub attempt: Attempt,
    /// On which file.
    pub path: PathBuf,
    /// What the system said, if it said anything.
    pub source: Option<io::Error>,
}

impl Trouble {
    /// A file that is there but cannot be what its place says.
    pub(crate) fn new(attempt: Attempt, path: &Path) -> Self {
        Self {
            attempt,
            path: path.to_owned(),
            source: None,
        }
    }

    /// Whether there was no such file.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.source
            .as_ref()
            .is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
    }
}

/// Says which attempt on which file an error belongs to.
pub(crate) fn on(attempt: Attempt, path: &Path) -> impl FnOnce(io::Error) -> Trouble {
    let path = path.to_owned();
    move |source| Trouble {
        attempt,
        path,
        source: Some(source),
    }
}
