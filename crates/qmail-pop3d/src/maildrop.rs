//! The maildir in the current directory as a maildrop (maildir(5), RFC 1939 section 8): what is
//! there when the session begins, numbered by age.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// One message. A session keeps a few of these words for each, and nothing else.
#[derive(Debug)]
pub(crate) struct Message {
    mtime: i64,
    /// Bytes of its file when the session began.
    length: u64,
    /// As LIST shows it.
    pub(crate) size: u64,
    /// The name of its file, without the directory.
    pub(crate) name: Box<[u8]>,
    is_new: bool,
    /// The client wants it removed.
    pub(crate) is_deleted: bool,
}

/// How LIST and STAT count.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Sizes {
    /// As RFC 1939 section 11: bytes as sent, each line end counted as two.
    OnWire,
    /// As the original: bytes of the file.
    OfFile,
}

impl Message {
    fn path(&self) -> PathBuf {
        let directory = if self.is_new { "new" } else { "cur" };
        PathBuf::from(directory).join(OsStr::from_bytes(&self.name))
    }

    /// The file, if it is still there, and what it was.
    pub(crate) fn open(&self) -> io::Result<File> {
        let file = os::file::open_read(&self.path())?;
        let found = file.metadata()?;
        if found.is_file() && found.len() == self.length {
            Ok(file)
        } else {
            Err(io::ErrorKind::InvalidInput.into())
        }
    }

    /// Removes it.
    pub(crate) fn remove(&self) -> io::Result<()> {
        fs::remove_file(self.path())
    }

    /// Moves a message from new/ to cur/: the client has seen it. A name that is taken there is
    /// left alone; the message stays where it is then, as when anything else goes wrong.
    pub(crate) fn mark_seen(&self) {
        if !self.is_new {
            return;
        }
        let name = [&self.name, b":2,".as_slice()].concat();
        let seen = PathBuf::from("cur").join(OsStr::from_bytes(&name));
        if fs::symlink_metadata(&seen).is_err() {
            let _stays = fs::rename(self.path(), seen);
        }
    }
}

/// The messages in new/ and cur/ that are older than this second, oldest first.
///
/// # Errors
/// A directory that cannot be read.
pub(crate) fn scan(now: u64, sizes: Sizes) -> io::Result<Vec<Message>> {
    let mut messages = Vec::new();
    add(&mut messages, "new", now)?;
    add(&mut messages, "cur", now)?;
    messages.shrink_to_fit();
    messages.sort_unstable_by(|one, other| {
        (one.mtime, &one.name, one.is_new).cmp(&(other.mtime, &other.name, other.is_new))
    });
    if sizes == Sizes::OnWire {
        for message in &mut messages {
            // One that cannot be read will be refused when it is asked for.
            message.size = size_on_wire(message).unwrap_or(message.size);
        }
    }
    Ok(messages)
}

fn add(messages: &mut Vec<Message>, directory: &str, now: u64) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        if name.as_bytes().first() == Some(&b'.') {
            continue;
        }
        // Somebody else may have taken it away meanwhile.
        let Ok(found) = fs::metadata(PathBuf::from(directory).join(&name)) else {
            continue;
        };
        let is_old = u64::try_from(found.mtime()).map_or(true, |mtime| mtime < now);
        if found.is_file() && is_old {
            messages.push(Message {
                mtime: found.mtime(),
                length: found.len(),
                size: found.len(),
                name: name.into_vec().into_boxed_slice(),
                is_new: directory == "new",
                is_deleted: false,
            });
        }
    }
    Ok(())
}

/// What `dots` makes of it, without the dots that are doubled.
fn size_on_wire(message: &Message) -> io::Result<u64> {
    let mut file = message.open()?;
    let mut piece = vec![0; PIECE_BYTES];
    let mut size: u64 = 0;
    let mut last = b'\n';
    loop {
        let count = file.read(&mut piece)?;
        let read = piece.get(..count).unwrap_or_default();
        let Some(end) = read.last() else { break };
        last = *end;
        let line_ends = read.iter().filter(|b| **b == b'\n').count();
        let sum = u64::try_from(count.saturating_add(line_ends)).unwrap_or(u64::MAX);
        size = size.saturating_add(sum);
        if line_ends == 0 && last == b'\0' {
            size = size.saturating_add(os::file::skip_hole(&mut file)?);
        }
    }
    Ok(size.saturating_add(if last == b'\n' { 0 } else { 2 }))
}

/// Removes what deliveries left behind in tmp/ that were broken off 36 hours ago or more.
pub(crate) fn clean_tmp(now: u64) {
    let Ok(entries) = fs::read_dir("tmp") else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Ok(found) = entry.metadata() else {
            continue;
        };
        let accessed = u64::try_from(found.atime()).unwrap_or(0);
        let is_stale = now.saturating_sub(accessed) > STALE_S;
        if is_stale && !found.is_dir() && name.as_bytes().first() != Some(&b'.') {
            let _stays = fs::remove_file(entry.path());
        }
    }
}

/// 36 hours; a delivery takes 24 at most (maildir(5)).
const STALE_S: u64 = 129_600;

/// One read.
const PIECE_BYTES: usize = 64 * 1024;
