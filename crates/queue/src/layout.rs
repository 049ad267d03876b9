//! Message numbers and the path of each of a message's files (INTERNALS section 1).

use std::fmt;
use std::path::{Path, PathBuf};

/// The number of a message: the inode number of its file under mess/.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(u64);

impl MessageId {
    /// The message whose file has this inode number.
    #[must_use]
    pub fn new(inode: u64) -> Self {
        Self(inode)
    }

    /// Reads a file name: decimal digits and nothing else, no leading zero, as qmail writes it.
    /// `None` for any other name, which is then somebody else's file.
    #[must_use]
    pub fn parse(name: &[u8]) -> Option<Self> {
        let first = name.first()?;
        if !name.iter().all(u8::is_ascii_digit) || (*first == b'0' && name.len() > 1) {
            return None;
        }
        std::str::from_utf8(name).ok()?.parse().ok().map(Self)
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }

    /// Which of the numbered subdirectories holds its files.
    #[must_use]
    pub fn bucket(self) -> u64 {
        self.0 % SPLIT
    }

    /// The name used on the pipes to the spawners, relative to mess/: `6/10168628`.
    #[must_use]
    pub fn spawn_name(self) -> String {
        format!("{}/{}", self.bucket(), self.0)
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// The directories that are split into numbered subdirectories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// Contents.
    Mess,
    /// Senders.
    Info,
    /// Local recipients.
    Local,
    /// Remote recipients.
    Remote,
}

impl Split {
    /// The directory's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mess => "mess",
            Self::Info => "info",
            Self::Local => "local",
            Self::Remote => "remote",
        }
    }
}

/// The directories that are not split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flat {
    /// Births.
    Pid,
    /// Envelopes being written.
    Intd,
    /// Envelopes accepted.
    Todo,
    /// Failures to report.
    Bounce,
}

impl Flat {
    /// The directory's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pid => "pid",
            Self::Intd => "intd",
            Self::Todo => "todo",
            Self::Bounce => "bounce",
        }
    }
}

/// A queue directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    root: PathBuf,
}

impl Queue {
    /// The queue of a home.
    #[must_use]
    pub fn new(home: &Path) -> Self {
        Self {
            root: home.join("queue"),
        }
    }

    /// The queue that is the current directory; its paths are relative.
    #[must_use]
    pub fn here() -> Self {
        Self {
            root: PathBuf::new(),
        }
    }

    /// A directory that is not split.
    #[must_use]
    pub fn flat(&self, dir: Flat) -> PathBuf {
        self.root.join(dir.name())
    }

    /// The subdirectory of a split directory that holds this message's file.
    #[must_use]
    pub fn dir(&self, dir: Split, id: MessageId) -> PathBuf {
        self.bucket(dir, id.bucket())
    }

    /// One of the numbered subdirectories, 0 to `SPLIT` - 1.
    #[must_use]
    pub fn bucket(&self, dir: Split, number: u64) -> PathBuf {
        self.root.join(format!("{}/{number}", dir.name()))
    }

    /// A message's file in a split directory.
    #[must_use]
    pub fn split_file(&self, dir: Split, id: MessageId) -> PathBuf {
        self.root
            .join(format!("{}/{}/{id}", dir.name(), id.bucket()))
    }

    /// A message's file in a directory that is not split.
    #[must_use]
    pub fn flat_file(&self, dir: Flat, id: MessageId) -> PathBuf {
        self.root.join(format!("{}/{id}", dir.name()))
    }

    /// Content.
    #[must_use]
    pub fn mess(&self, id: MessageId) -> PathBuf {
        self.split_file(Split::Mess, id)
    }

    /// Envelope under construction.
    #[must_use]
    pub fn intd(&self, id: MessageId) -> PathBuf {
        self.flat_file(Flat::Intd, id)
    }

    /// Envelope, accepted.
    #[must_use]
    pub fn todo(&self, id: MessageId) -> PathBuf {
        self.flat_file(Flat::Todo, id)
    }

    /// Sender and birth.
    #[must_use]
    pub fn info(&self, id: MessageId) -> PathBuf {
        self.split_file(Split::Info, id)
    }

    /// Local recipients.
    #[must_use]
    pub fn local(&self, id: MessageId) -> PathBuf {
        self.split_file(Split::Local, id)
    }

    /// Remote recipients.
    #[must_use]
    pub fn remote(&self, id: MessageId) -> PathBuf {
        self.split_file(Split::Remote, id)
    }

    /// Failures to report.
    #[must_use]
    pub fn bounce(&self, id: MessageId) -> PathBuf {
        self.flat_file(Flat::Bounce, id)
    }

    /// The birth place of a content file: `pid/PID.TIME.SEQ`.
    #[must_use]
    pub fn birth(&self, pid: u32, now: u64, sequence: u32) -> PathBuf {
        self.root.join(format!("pid/{pid}.{now}.{sequence}"))
    }

    /// The lock that keeps a second qmail-send out.
    #[must_use]
    pub fn sendmutex(&self) -> PathBuf {
        self.root.join("lock/sendmutex")
    }

    /// The named pipe that wakes qmail-send.
    #[must_use]
    pub fn trigger(&self) -> PathBuf {
        self.root.join("lock/trigger")
    }
}

/// Subdirectories of mess, info, local and remote (conf-split); every tool that reads a queue
/// counts on it.
pub const SPLIT: u64 = 23;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_digits_and_nothing_else() {
        for (name, expected) in [
            ("10168628", Some(10_168_628)),
            ("0", Some(0)),
            ("", None),
            ("012", None),
            ("12x", None),
            ("-1", None),
            ("99999999999999999999999", None),
        ] {
            assert_eq!(
                MessageId::parse(name.as_bytes()).map(MessageId::get),
                expected,
                "{name}"
            );
        }
    }

    #[test]
    fn paths_are_those_of_internals() {
        let queue = Queue::new(Path::new("/var/qmail"));
        let id = MessageId::new(10_168_628);
        assert_eq!(
            queue.mess(id),
            Path::new("/var/qmail/queue/mess/6/10168628")
        );
        assert_eq!(Queue::here().todo(id), Path::new("todo/10168628"));
        assert_eq!(id.spawn_name(), "6/10168628");
    }
}
