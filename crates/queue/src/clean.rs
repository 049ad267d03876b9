//! What qmail-clean does for qmail-send, which may not unlink these files itself
//! (INTERNALS sections 4 and 6, qmail-clean(8)).

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;

use os::disk::Disk;

use crate::layout::{Flat, MessageId, Queue};

/// A request of qmail-send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// `todo/N`: the message is preprocessed; S4 to S5.
    Todo(MessageId),
    /// `foop/N`: the message is finished or was never completed; S2 or S3 to S1.
    Foop(MessageId),
}

impl Request {
    /// Reads a request without its NUL. `None` for anything malformed, which nobody acts upon.
    #[must_use]
    pub fn parse(request: &[u8]) -> Option<Self> {
        if !(REQUEST_BYTES_MIN..=REQUEST_BYTES_MAX).contains(&request.len()) {
            return None;
        }
        let (word, number) = request.split_at_checked(WORD_BYTES)?;
        let id = MessageId::parse(number)?;
        match word {
            b"todo/" => Some(Self::Todo(id)),
            b"foop/" => Some(Self::Foop(id)),
            _ => None,
        }
    }

    /// The request's bytes, with the NUL.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        match self {
            Self::Todo(id) => format!("todo/{id}\0"),
            Self::Foop(id) => format!("foop/{id}\0"),
        }
        .into_bytes()
    }
}

/// Carries out a request; files that are not there are no error.
///
/// Both remove intd/N first: after that nobody can link it into todo/ any more. `foop` then looks
/// at todo/N before it removes the content, since a qmail-queue that was stopped for longer than
/// the cleaner waits may have committed meanwhile (barrier R7).
///
/// # Errors
/// The first unlink that failed, or `AlreadyExists` when the message turned out to be accepted.
pub fn carry_out<D: Disk>(disk: &mut D, queue: &Queue, request: Request) -> io::Result<()> {
    match request {
        Request::Todo(id) => {
            disk.unlink_if_there(&queue.intd(id))?;
            disk.unlink_if_there(&queue.todo(id))
        }
        Request::Foop(id) => {
            disk.unlink_if_there(&queue.intd(id))?;
            if disk.exists(&queue.todo(id))? {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            disk.unlink_if_there(&queue.mess(id))
        }
    }
}

/// Removes the files under pid/ whose writer is dead for certain: not read or written for
/// [`OSSIFIED_S`] seconds. What cannot be looked at or removed stays for the next time.
///
/// # Errors
/// Only that pid/ cannot be read at all.
pub fn sweep_births<D: Disk>(disk: &mut D, queue: &Queue, now: u64) -> io::Result<()> {
    let pid = queue.flat(Flat::Pid);
    for name in disk.list(&pid)? {
        if !is_birth(&name) {
            continue;
        }
        let path = pid.join(&name);
        let Ok(Some(stat)) = disk.stat(&path) else {
            continue;
        };
        let last_sign_of_life = stat.atime.max(stat.mtime);
        if stat.is_file && now >= last_sign_of_life.saturating_add(OSSIFIED_S) {
            let _next_time = disk.unlink(&path);
        }
    }
    Ok(())
}

/// `PID.TIME.SEQUENCE`: a name of ours. Any other file is not ours to remove.
fn is_birth(name: &OsStr) -> bool {
    let parts: Vec<_> = name.as_bytes().split(|&byte| byte == b'.').collect();
    parts.len() == 3 && parts.iter().all(|part| MessageId::parse(part).is_some())
}

/// 36 hours. Must exceed qmail-queue's DEATH (24 hours): whoever wrote the file is gone by then.
pub const OSSIFIED_S: u64 = 129_600;
/// `todo/` or `foop/`.
const WORD_BYTES: usize = 5;
/// A word and one digit.
const REQUEST_BYTES_MIN: usize = 6;
/// Longer than any number; the original's limit, with the NUL, is 100.
const REQUEST_BYTES_MAX: usize = 99;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_strictly() {
        let id = MessageId::new(12);
        assert_eq!(Request::parse(b"todo/12"), Some(Request::Todo(id)));
        assert_eq!(Request::parse(b"foop/12"), Some(Request::Foop(id)));
        for malformed in [
            "", "short", "todo/", "xxxx/12", "foop/12x", "foop/-1", "todo/012",
        ] {
            assert_eq!(Request::parse(malformed.as_bytes()), None, "{malformed}");
        }
        assert_eq!(
            Request::parse(&[b"foop/".as_slice(), &[b'1'; 100]].concat()),
            None
        );
    }

    #[test]
    fn requests_are_written_as_they_are_read() {
        let request = Request::Foop(MessageId::new(987));
        assert_eq!(request.to_bytes(), b"foop/987\0");
        assert_eq!(Request::parse(b"foop/987"), Some(request));
    }

    #[test]
    fn only_names_of_qmail_queue_are_swept() {
        assert!(is_birth(OsStr::new("812.1795333776.1")));
        assert!(!is_birth(OsStr::new("notes.txt")));
        assert!(!is_birth(OsStr::new("812.1795333776.1.bak")));
    }
}
