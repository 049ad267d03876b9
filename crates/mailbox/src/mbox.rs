//! Delivery to an mbox, mbox(5): append under flock, quote lines that look like the start of a
//! message, sync. A failed delivery is cut off again, but a crash in the middle leaves what was
//! written so far: use a maildir.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;

use os::disk::{Disk, RealDisk};

/// Why a message is not in the mbox.
#[derive(Debug, Error)]
pub enum MboxError {
    /// The file cannot be opened for appending.
    #[error("unable to open {}", path.display())]
    Open {
        /// The mbox.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Somebody else holds the lock and does not let go.
    #[error("file is locked")]
    Locked,
    /// The message could not be read.
    #[error("unable to read message")]
    Read(#[source] io::Error),
    /// The file, or its name in its directory, could not be written.
    #[error("unable to write {}", path.display())]
    Write {
        /// The mbox.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Appends `lines` as they are, everything `message` still has to read with its `From ` lines
/// quoted, and an empty line.
///
/// When this returns without error the message is on disk.
pub fn deliver(path: &Path, lines: &[&[u8]], message: &mut impl Read) -> Result<(), MboxError> {
    let mut disk = RealDisk;
    let Opened {
        mut file,
        created,
        locked,
    } = open(&mut disk, path)?;
    // On a pipe or device there is no end to go back to.
    let end = file.seek(SeekFrom::End(0)).unwrap_or(0);
    let delivered = append(&mut file, lines, message)
        .and_then(|()| disk.sync(&mut file).map_err(Trouble::Writing))
        // Empty: whoever made it may not have synced its name yet.
        .and_then(|()| {
            if created || end == 0 {
                sync_name(&mut disk, path)
            } else {
                Ok(())
            }
        });
    if delivered.is_err() && locked {
        let _ = file.set_len(end);
    }
    delivered.map_err(|trouble| match trouble {
        Trouble::Reading(source) => MboxError::Read(source),
        Trouble::Writing(source) => MboxError::Write {
            path: path.to_owned(),
            source,
        },
    })
}

/// An mbox to append to.
struct Opened {
    file: File,
    created: bool,
    locked: bool,
}

fn open(disk: &mut RealDisk, path: &Path) -> Result<Opened, MboxError> {
    for _ in 0..REPLACEMENTS_MAX {
        let (file, created) =
            disk.open_append(path, FILE_MODE)
                .map_err(|source| MboxError::Open {
                    path: path.to_owned(),
                    source,
                })?;
        let locked = match os::lock::exclusive_within(&file, LOCK_WAIT) {
            Ok(true) => true,
            Ok(false) => return Err(MboxError::Locked),
            // A file system that cannot lock still gets its mail.
            Err(_) => false,
        };
        // maildir2mbox puts another file in its place: what we added to the old one, nobody would
        // ever read.
        if !locked || os::file::is_at(&file, path).unwrap_or(true) {
            return Ok(Opened {
                file,
                created,
                locked,
            });
        }
    }
    Err(MboxError::Locked)
}

enum Trouble {
    Reading(io::Error),
    Writing(io::Error),
}

fn append(file: &mut File, lines: &[&[u8]], message: &mut impl Read) -> Result<(), Trouble> {
    let mut output = Output {
        to: file,
        pending: Vec::with_capacity(BUFFER_BYTES),
    };
    for line in lines {
        output.put(line).map_err(Trouble::Writing)?;
    }
    let mut quoter = Quoter::default();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = match message.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Trouble::Reading(error)),
        };
        let chunk = buffer.get(..count).unwrap_or_default();
        quoter
            .take(chunk, &mut |bytes| output.put(bytes))
            .map_err(Trouble::Writing)?;
    }
    quoter
        .finish(&mut |bytes| output.put(bytes))
        .map_err(Trouble::Writing)?;
    output
        .put(b"\n")
        .and_then(|()| output.flush())
        .map_err(Trouble::Writing)
}

// The name is in the directory of the file itself, which a symbolic link may have put elsewhere.
fn sync_name(disk: &mut RealDisk, path: &Path) -> Result<(), Trouble> {
    let file = std::fs::canonicalize(path).map_err(Trouble::Writing)?;
    let directory = file.parent().unwrap_or(Path::new("/"));
    disk.sync_dir(directory).map_err(Trouble::Writing)
}

/// Collects small pieces into writes of a bounded size; what is pending when it is dropped is
/// forgotten.
struct Output<W> {
    to: W,
    pending: Vec<u8>,
}

impl<W: Write> Output<W> {
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

/// Puts a `>` before every line that is any number of `>` and then `From `, and ends the last line.
///
/// Works on pieces of any size; what it cannot decide yet is kept as two numbers.
#[derive(Debug, Default)]
pub struct Quoter {
    place: Place,
}

#[derive(Debug, Default, Clone, Copy)]
enum Place {
    /// Nothing of the message yet, or right after a line feed.
    #[default]
    LineStart,
    /// So many `>` and so many bytes of `From ` since the line began, not handed on yet.
    Undecided { marks: u64, matched: usize },
    /// Inside a line that has been decided.
    InLine,
}

impl Quoter {
    /// Takes the next piece and hands on what is certain.
    pub fn take(
        &mut self,
        mut piece: &[u8],
        put: &mut impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        while let Some(first) = piece.first() {
            piece = match self.place {
                Place::InLine => self.rest_of_line(piece, put)?,
                Place::LineStart => {
                    self.place = Place::Undecided {
                        marks: 0,
                        matched: 0,
                    };
                    piece
                }
                Place::Undecided { marks, matched: 0 } if *first == b'>' => {
                    self.place = Place::Undecided {
                        marks: marks.saturating_add(1),
                        matched: 0,
                    };
                    piece.get(1..).unwrap_or_default()
                }
                Place::Undecided { marks, matched } if FROM.get(matched) == Some(first) => {
                    self.one_more(marks, matched.saturating_add(1), put)?;
                    piece.get(1..).unwrap_or_default()
                }
                Place::Undecided { marks, matched } => {
                    self.decide(marks, matched, put)?;
                    piece
                }
            };
        }
        Ok(())
    }

    /// The message is over: hands on what was undecided and a missing last line feed.
    pub fn finish(self, put: &mut impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        match self.place {
            Place::LineStart => Ok(()),
            Place::InLine => put(b"\n"),
            Place::Undecided { marks, matched } => {
                hand_on(marks, matched, put)?;
                put(b"\n")
            }
        }
    }

    fn rest_of_line<'a>(
        &mut self,
        piece: &'a [u8],
        put: &mut impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<&'a [u8]> {
        let Some(end) = piece.iter().position(|byte| *byte == b'\n') else {
            put(piece)?;
            return Ok(b"");
        };
        let (line, rest) = piece.split_at(end.saturating_add(1));
        put(line)?;
        self.place = Place::LineStart;
        Ok(rest)
    }

    fn one_more(
        &mut self,
        marks: u64,
        matched: usize,
        put: &mut impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        if matched < FROM.len() {
            self.place = Place::Undecided { marks, matched };
            return Ok(());
        }
        put(b">")?;
        self.decide(marks, matched, put)
    }

    fn decide(
        &mut self,
        marks: u64,
        matched: usize,
        put: &mut impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        self.place = Place::InLine;
        hand_on(marks, matched, put)
    }
}

fn hand_on(
    mut marks: u64,
    matched: usize,
    put: &mut impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    while marks > 0 {
        let some = usize::try_from(marks)
            .unwrap_or(usize::MAX)
            .min(MARKS.len());
        put(MARKS.get(..some).unwrap_or_default())?;
        marks = marks.saturating_sub(u64::try_from(some).unwrap_or(u64::MAX));
    }
    put(FROM.get(..matched).unwrap_or_default())
}

/// How a message in an mbox begins.
const FROM: &[u8] = b"From ";
const MARKS: &[u8] = &[b'>'; 1024];
/// One read, and one write, of the message.
const BUFFER_BYTES: usize = 32 << 10;
const FILE_MODE: u32 = 0o600;
/// An mbox that is replaced more often while one message waits for it is not to be had.
const REPLACEMENTS_MAX: u32 = 16;
/// A reader that holds an mbox for longer is stuck; qmail-local(8) says "for 30 seconds straight".
const LOCK_WAIT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Quoter;

    fn quoted(message: &[u8], piece: usize) -> Vec<u8> {
        let mut out = Vec::new();
        let mut put = |bytes: &[u8]| {
            out.extend_from_slice(bytes);
            Ok(())
        };
        let mut quoter = Quoter::default();
        for piece in message.chunks(piece) {
            quoter.take(piece, &mut put).unwrap();
        }
        quoter.finish(&mut put).unwrap();
        out
    }

    // mboxrd readers take one `>` off lines of `>` and `From `.
    fn unquoted(text: &[u8]) -> Vec<u8> {
        let lines = text.split_inclusive(|byte| *byte == b'\n');
        lines
            .flat_map(|line| {
                let marks = line.iter().take_while(|byte| **byte == b'>').count();
                let is_quoted = marks > 0 && line[marks..].starts_with(b"From ");
                &line[usize::from(is_quoted)..]
            })
            .copied()
            .collect()
    }

    #[track_caller]
    fn check(message: &[u8], expected: &[u8]) {
        for piece in [1, 2, 3, 7, 4096] {
            assert_eq!(quoted(message, piece), expected, "in pieces of {piece}");
        }
    }

    #[test]
    fn from_lines_gain_one_mark() {
        check(b"From a\nb\n", b">From a\nb\n");
        check(b"x\n>From a\n>>From b\n", b"x\n>>From a\n>>>From b\n");
    }

    #[test]
    fn lines_that_only_look_alike_stay() {
        check(
            b"From\nFrom:\n>Frmo x\n from x\nfrom x\n>\n\n",
            b"From\nFrom:\n>Frmo x\n from x\nfrom x\n>\n\n",
        );
        check(b"x From y\n> From z\n", b"x From y\n> From z\n");
    }

    #[test]
    fn a_partial_last_line_is_completed() {
        check(b"", b"");
        check(b"a", b"a\n");
        check(b">>Fro", b">>Fro\n");
        check(b"From ", b">From \n");
        check(b">", b">\n");
    }

    #[test]
    fn any_number_of_marks_is_handed_on() {
        let mut message = vec![b'>'; 10_000];
        message.extend_from_slice(b"From x\n");
        let expected = [b">", &*message].concat();
        assert_eq!(quoted(&message, 4096), expected);
        message.truncate(10_000);
        assert_eq!(quoted(&message, 4096), [&*message, b"\n"].concat());
    }

    proptest! {
        #[test]
        fn a_reader_gets_the_message_back(message in "[>From \n]{0,60}", piece in 1usize..9) {
            let text = quoted(message.as_bytes(), piece);
            let complete = message.is_empty() || message.ends_with('\n');
            let expected = if complete { message.clone() } else { message.clone() + "\n" };
            prop_assert_eq!(unquoted(&text), expected.as_bytes());
            prop_assert!(!text.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"From ")));
        }
    }
}
