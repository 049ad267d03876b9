//! The directories of the model: a queue, and one maildir, on the same file system or on another.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use queue::layout::SPLIT;

/// A file system; each has its own inode numbers, and its own journal when it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Volume {
    /// The one that holds the queue.
    Queue,
    /// The one that holds the users' homes, where it is another.
    Home,
}

/// What a directory is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// queue/pid
    Pid,
    /// queue/mess/S
    Mess,
    /// queue/intd
    Intd,
    /// queue/todo
    Todo,
    /// queue/info/S
    Info,
    /// queue/local/S
    Local,
    /// queue/remote/S
    Remote,
    /// queue/bounce
    Bounce,
    /// Maildir/tmp
    Tmp,
    /// Maildir/new
    New,
}

impl Place {
    /// Whether the names in it mean nothing, as they carry the time.
    pub fn is_mailbox(self) -> bool {
        matches!(self, Self::Tmp | Self::New)
    }
}

/// A directory: its index in [`Places`].
pub type DirId = u16;

/// A directory of the model.
#[derive(Debug)]
pub struct Directory {
    /// Its path.
    pub path: String,
    /// Where it is.
    pub volume: Volume,
    /// What it is for.
    pub place: Place,
}

/// All directories. They exist before anything happens and are never removed.
#[derive(Debug)]
pub struct Places {
    directories: Vec<Directory>,
    by_path: HashMap<Vec<u8>, DirId>,
}

/// The maildir's path; the queue is the current directory.
pub const MAILDIR: &str = "Maildir";

impl Places {
    /// The queue, and a maildir on this file system.
    pub fn new(maildir_on: Volume) -> Self {
        let mut places = Self {
            directories: Vec::new(),
            by_path: HashMap::new(),
        };
        let flat = [
            ("pid", Place::Pid),
            ("intd", Place::Intd),
            ("todo", Place::Todo),
            ("bounce", Place::Bounce),
        ];
        for (name, place) in flat {
            places.add(name.to_owned(), Volume::Queue, place);
        }
        let split = [
            ("mess", Place::Mess),
            ("info", Place::Info),
            ("local", Place::Local),
            ("remote", Place::Remote),
        ];
        for (name, place) in split {
            for number in 0..SPLIT {
                places.add(format!("{name}/{number}"), Volume::Queue, place);
            }
        }
        places.add(format!("{MAILDIR}/tmp"), maildir_on, Place::Tmp);
        places.add(format!("{MAILDIR}/new"), maildir_on, Place::New);
        places
    }

    fn add(&mut self, path: String, volume: Volume, place: Place) {
        let id = DirId::try_from(self.directories.len()).expect("a hundred directories");
        self.by_path.insert(path.clone().into_bytes(), id);
        self.directories.push(Directory {
            path,
            volume,
            place,
        });
    }

    /// A directory by its number.
    pub fn get(&self, dir: DirId) -> &Directory {
        &self.directories[usize::from(dir)]
    }

    /// A directory by its path.
    pub fn find(&self, path: &Path) -> Option<DirId> {
        self.by_path.get(path.as_os_str().as_bytes()).copied()
    }

    /// Takes a path apart into a directory and a name.
    pub fn split<'a>(&self, path: &'a Path) -> Option<(DirId, &'a OsStr)> {
        let bytes = path.as_os_str().as_bytes();
        let slash = bytes.iter().rposition(|&byte| byte == b'/')?;
        let dir = self.by_path.get(&bytes[..slash]).copied()?;
        Some((dir, OsStr::from_bytes(&bytes[slash + 1..])))
    }
}
