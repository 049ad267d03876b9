//! The mbox to be: a copy of the old one, then the messages as mbox(5) has them, synced and put in
//! the old one's place.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use mailbox::mbox::Quoter;
use os::disk::{Disk, RealDisk};

use super::{Letter, MODE, Refusal, shown};

/// An mbox that is not in its place yet.
pub(super) struct Draft<'a> {
    path: &'a Path,
    output: Output,
    mbox: &'a Path,
    /// Where the mbox stands; opened before anything is changed, synced after.
    directory: File,
}

impl<'a> Draft<'a> {
    /// An empty file at `path`, whatever an earlier run has left there.
    pub(super) fn create(path: &'a Path, mbox: &'a Path, lock: &File) -> Result<Self, Refusal> {
        let uncreated = |source| Refusal::Create {
            path: path.to_owned(),
            source,
        };
        // Never the mbox itself under another name.
        if os::file::is_at(lock, path).map_err(uncreated)? {
            return Err(uncreated(io::Error::from_raw_os_error(EEXIST)));
        }
        let parent = mbox.parent().filter(|parent| *parent != Path::new(""));
        let directory = File::open(parent.unwrap_or(Path::new("."))).map_err(uncreated)?;
        RealDisk.unlink_if_there(path).map_err(uncreated)?;
        Ok(Self {
            path,
            output: Output {
                to: RealDisk.create(path, MODE).map_err(uncreated)?,
                pending: Vec::with_capacity(BUFFER_BYTES),
            },
            mbox,
            directory,
        })
    }

    /// Copies the old mbox and adds the messages.
    pub(super) fn fill(&mut self, letters: &[Letter]) -> Result<(), Refusal> {
        self.copy(self.mbox)?;
        letters.iter().try_for_each(|letter| self.add(letter))
    }

    fn copy(&mut self, mbox: &Path) -> Result<(), Refusal> {
        let unread = |source| Refusal::Read {
            name: shown(mbox),
            source,
        };
        let unwritten = unwritten(self.path);
        let mut old = os::file::open_read(mbox).map_err(unread)?;
        each_piece(&mut old, unread, |piece| {
            self.output.put(piece).map_err(&unwritten)
        })
    }

    fn add(&mut self, letter: &Letter) -> Result<(), Refusal> {
        let unread = |source| letter.unread(source);
        let unwritten = unwritten(self.path);
        let file = os::file::open_read(&letter.path).map_err(unread)?;
        let mut input = BufReader::with_capacity(BUFFER_BYTES, file);
        let mut first = Vec::new();
        input
            .by_ref()
            .take(FIRST_LINE_BYTES_MAX)
            .read_until(b'\n', &mut first)
            .map_err(unread)?;
        let mut put = |bytes: &[u8]| self.output.put(bytes);
        let mut quoter = Quoter::default();
        put(&from_line(&first, letter.mtime))
            .and_then(|()| quoter.take(&first, &mut put))
            .map_err(&unwritten)?;
        each_piece(&mut input, unread, |piece| {
            quoter.take(piece, &mut put).map_err(&unwritten)
        })?;
        // A last line without line feed gets one.
        quoter
            .finish(&mut put)
            .and_then(|()| put(b"\n"))
            .map_err(&unwritten)
    }

    /// Syncs it and puts it in the mbox's place, for good.
    pub(super) fn publish(&mut self) -> Result<(), Refusal> {
        self.output.flush().map_err(unwritten(self.path))?;
        let synced = RealDisk.sync(&mut self.output.to);
        synced.map_err(unwritten(self.path))?;
        let renamed = std::fs::rename(self.path, self.mbox);
        let moved = renamed.and_then(|()| RealDisk.sync(&mut self.directory));
        moved.map_err(|source| Refusal::Move {
            from: self.path.to_owned(),
            to: self.mbox.to_owned(),
            source,
        })
    }
}

/// Collects small pieces into writes of a bounded size.
struct Output {
    to: File,
    pending: Vec<u8>,
}

impl Output {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.pending.len().saturating_add(bytes.len()) > BUFFER_BYTES {
            self.flush()?;
        }
        if bytes.len() > BUFFER_BYTES {
            return self.to.write_all(bytes);
        }
        self.pending.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.write_all(&self.pending)?;
        self.pending.clear();
        Ok(())
    }
}

fn unwritten(path: &Path) -> impl Fn(io::Error) -> Refusal {
    move |source| Refusal::Write {
        path: path.to_owned(),
        source,
    }
}

/// Hands on the rest of a file, a buffer at a time.
fn each_piece(
    input: &mut impl Read,
    unread: impl Fn(io::Error) -> Refusal,
    mut take: impl FnMut(&[u8]) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => take(buffer.get(..count).unwrap_or_default())?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unread(error)),
        }
    }
}

/// The sender is that of the Return-Path line with which qmail-local begins a message.
fn from_line(first: &[u8], mtime: u64) -> Vec<u8> {
    let line = first.strip_suffix(b"\n").unwrap_or(first);
    let path = line
        .strip_prefix(b"Return-Path: <")
        .and_then(|rest| rest.strip_suffix(b">"));
    let sender = match path {
        None => b"XXX".to_vec(),
        Some(b"") => b"MAILER-DAEMON".to_vec(),
        Some(path) => path.iter().map(no_blank).collect(),
    };
    let date = datetime::from_line(mtime);
    [b"From ", sender.as_slice(), b" ", date.as_bytes(), b"\n"].concat()
}

const fn no_blank(byte: &u8) -> u8 {
    match *byte {
        b' ' | b'\t' => b'-',
        other => other,
    }
}

/// An address has 1003 bytes at most, twice that when each is quoted.
const FIRST_LINE_BYTES_MAX: u64 = 4096;
/// One read, and one write, of the mbox.
const BUFFER_BYTES: usize = 64 << 10;
/// "File already exists".
const EEXIST: i32 = 17;

#[cfg(test)]
mod tests {
    use super::from_line;

    #[track_caller]
    fn check(first: &str, sender: &str) {
        let expected = format!("From {sender} Thu Jan 01 00:00:00 1970\n");
        assert_eq!(from_line(first.as_bytes(), 0), expected.as_bytes());
    }

    #[test]
    fn the_sender_is_that_of_the_return_path() {
        check("Return-Path: <s@x.example>\n", "s@x.example");
        check("Return-Path: <\"a b>\tc\"@x>\n", "\"a-b>-c\"@x");
        check("Return-Path: <>\n", "MAILER-DAEMON");
        check("Return-Path: <s@x>", "s@x");
    }

    #[test]
    fn without_one_it_is_unknown() {
        check("", "XXX");
        check("return-path: <s@x>\n", "XXX");
        check("Return-Path: <s@x\n", "XXX");
        check("Subject: <s@x>\n", "XXX");
    }
}
