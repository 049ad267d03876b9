//! Delivery to a maildir, maildir(5): written and synced under tmp/, linked into new/, new/ synced,
//! tmp/ name removed. Each step is one function over [`Disk`], so that a model of a disk can stop
//! between any two of them. No fork and no chdir: names are made unique by a counter instead of a
//! process number alone.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;

use os::disk::Disk;

/// Why a message is not in the maildir.
#[derive(Debug, Error)]
pub enum MaildirError {
    /// The directory itself cannot be entered, and that will not pass by itself.
    #[error("unable to enter {}", path.display())]
    Enter {
        /// The maildir.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The delivery took so long that a reader may be about to remove the file under tmp/.
    #[error("maildir delivery took too long")]
    Timeout,
    /// The message could not be read.
    #[error("unable to read message")]
    Read(#[source] io::Error),
    /// No file could be made under tmp/.
    #[error("unable to create {}", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file under tmp/ could not be written or synced.
    #[error("unable to write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file could not be given its name under new/, or that name is not certain to stay.
    #[error("unable to link to {}", path.display())]
    Link {
        /// The name under new/.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Makes file names that no other delivery on this host makes: `time.M<usec>P<pid>Q<count>.host`.
#[derive(Debug)]
pub struct Names {
    host: Vec<u8>,
    pid: u32,
    count: u64,
    size: Option<u64>,
}

impl Names {
    /// Names for process `pid` on `host`. A `/` or `:` in the host's name is written `\057` or
    /// `\072`.
    #[must_use]
    pub fn new(host: &[u8], pid: u32) -> Self {
        Self {
            host: escaped(host),
            pid,
            count: 0,
            size: None,
        }
    }

    /// From now on names end in `,S=` and this number: the file's bytes, so that whoever adds up a
    /// maildir need not look at each file (Maildir++).
    pub fn tell_size(&mut self, bytes: u64) {
        self.size = Some(bytes);
    }

    /// The next name, for a delivery at this time.
    pub fn next(&mut self, seconds: u64, nanoseconds: u32) -> OsString {
        self.count = self.count.wrapping_add(1);
        let microseconds = nanoseconds / 1000;
        let mut name =
            format!("{seconds}.M{microseconds:06}P{}Q{}.", self.pid, self.count).into_bytes();
        name.extend_from_slice(&self.host);
        if let Some(bytes) = self.size {
            name.extend_from_slice(format!(",S={bytes}").as_bytes());
        }
        OsString::from_vec(name)
    }
}

/// What bounds a delivery in time: a clock that only runs forward, and how long it may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// The clock.
    pub clock: fn() -> Duration,
    /// The longest that a delivery may take by it.
    pub limit: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            clock: os::clock::monotonic,
            limit: DELIVERY_TAKES_AT_MOST,
        }
    }
}

/// Delivers `lines` and then everything `message` still has to read; returns the name under new/.
///
/// When this returns without error the message and its name are on disk.
pub fn deliver<D: Disk>(
    disk: &mut D,
    maildir: &Path,
    names: &mut Names,
    lines: &[&[u8]],
    message: &mut impl Read,
) -> Result<PathBuf, MaildirError> {
    let patience = Patience::default();
    let mut draft = Draft::create(disk, maildir, names, patience)?;
    let filled = draft
        .fill(disk, lines, message)
        .and_then(|()| draft.sync(disk));
    let delivered = filled.and_then(|()| draft.publish(disk));
    // The same unlink ends a success and a failure. What it misses, readers remove after 36 hours.
    let _ = disk.unlink(&draft.tmp);
    delivered.map(|()| draft.new)
}

/// A message under tmp/ on its way to new/.
#[derive(Debug)]
pub struct Draft<F> {
    file: F,
    tmp: PathBuf,
    new: PathBuf,
    new_directory: PathBuf,
    patience: Patience,
    started: Duration,
}

impl<F> Draft<F> {
    /// Makes an empty file under tmp/ that was not there before.
    pub fn create<D: Disk<File = F>>(
        disk: &mut D,
        maildir: &Path,
        names: &mut Names,
        patience: Patience,
    ) -> Result<Self, MaildirError> {
        let started = (patience.clock)();
        let new_directory = maildir.join("new");
        let mut attempts_left = CREATE_ATTEMPTS;
        loop {
            let (seconds, nanoseconds) = os::clock::now_nanos();
            let name = names.next(seconds, nanoseconds);
            let tmp = maildir.join("tmp").join(&name);
            attempts_left = attempts_left.saturating_sub(1);
            match disk.create(&tmp, FILE_MODE) {
                Ok(file) => {
                    let new = new_directory.join(&name);
                    return Ok(Self {
                        file,
                        tmp,
                        new,
                        new_directory,
                        patience,
                        started,
                    });
                }
                Err(error) if is_taken(&error) && attempts_left > 0 => {}
                Err(error) => return Err(not_created(disk, maildir, tmp, error)),
            }
        }
    }

    /// Writes `lines`, then all that `message` has left, through one buffer.
    pub fn fill<D: Disk<File = F>>(
        &mut self,
        disk: &mut D,
        lines: &[&[u8]],
        message: &mut impl Read,
    ) -> Result<(), MaildirError> {
        let mut buffer = Vec::with_capacity(BUFFER_BYTES);
        buffer.extend(lines.iter().copied().flatten());
        loop {
            let room = BUFFER_BYTES.saturating_sub(buffer.len());
            let wanted = u64::try_from(room).unwrap_or(0);
            let read = message
                .take(wanted)
                .read_to_end(&mut buffer)
                .map_err(MaildirError::Read)?;
            if buffer.is_empty() {
                return Ok(());
            }
            self.in_time()?;
            disk.write(&mut self.file, &buffer)
                .map_err(|source| self.unwritten(source))?;
            buffer.clear();
            if room > 0 && read < room {
                return Ok(());
            }
        }
    }

    /// Waits until the message is on disk.
    pub fn sync<D: Disk<File = F>>(&mut self, disk: &mut D) -> Result<(), MaildirError> {
        disk.sync(&mut self.file)
            .map_err(|source| self.unwritten(source))
    }

    /// Gives the message its name under new/ and waits until that is on disk.
    ///
    /// A name that may or may not outlive a power cut is taken back: the delivery is tried again.
    pub fn publish<D: Disk<File = F>>(&mut self, disk: &mut D) -> Result<(), MaildirError> {
        self.in_time()?;
        let unlinked = |source| MaildirError::Link {
            path: self.new.clone(),
            source,
        };
        disk.link(&self.tmp, &self.new).map_err(unlinked)?;
        let settled = disk.sync_dir(&self.new_directory);
        if settled.is_err() {
            // A reader may have moved it to cur/ already; then the message is there twice, not
            // lost.
            let _ = disk.unlink(&self.new);
        }
        settled.map_err(unlinked)
    }

    fn in_time(&self) -> Result<(), MaildirError> {
        let taken = (self.patience.clock)().saturating_sub(self.started);
        if taken < self.patience.limit {
            Ok(())
        } else {
            Err(MaildirError::Timeout)
        }
    }

    fn unwritten(&self, source: io::Error) -> MaildirError {
        MaildirError::Write {
            path: self.tmp.clone(),
            source,
        }
    }
}

fn is_taken(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AlreadyExists
}

// A maildir that cannot be entered is told apart from one that is full or has no tmp/. `.` needs
// the same right as chdir.
fn not_created<D: Disk>(
    disk: &mut D,
    maildir: &Path,
    tmp: PathBuf,
    source: io::Error,
) -> MaildirError {
    let reason = match disk.stat(&maildir.join(".")) {
        Ok(Some(_)) => None,
        Ok(None) => Some(io::Error::from(io::ErrorKind::NotFound)),
        Err(error) if os::errno::is_temporary(&error) => None,
        Err(error) => Some(error),
    };
    match reason {
        Some(source) => MaildirError::Enter {
            path: maildir.to_owned(),
            source,
        },
        None => MaildirError::Create { path: tmp, source },
    }
}

fn escaped(host: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(host.len());
    for byte in host {
        let written: &[u8] = match byte {
            b'/' => b"\\057",
            b':' => b"\\072",
            other => std::slice::from_ref(other),
        };
        if escaped.len().saturating_add(written.len()) > HOST_BYTES_MAX {
            break;
        }
        escaped.extend_from_slice(written);
    }
    escaped
}

/// One read and one write of the message.
const BUFFER_BYTES: usize = 32 << 10;
/// Readers need no more rights than the user's umask leaves; qmail-local's is 077.
const FILE_MODE: u32 = 0o644;
/// A name can only be taken by a process with our number and host name on another machine.
const CREATE_ATTEMPTS: u32 = 3;
/// A file name is at most 255 bytes on Linux, of which the other parts may need 92.
const HOST_BYTES_MAX: usize = 160;
/// Readers remove files under tmp/ that nobody touched for 36 hours (maildir(5)); stay well below.
const DELIVERY_TAKES_AT_MOST: Duration = Duration::from_secs(24 * 60 * 60);

#[cfg(test)]
mod tests;
