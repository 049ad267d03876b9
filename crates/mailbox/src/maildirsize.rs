//! How much mail is in a maildir, folders included: Maildir++. The file maildirsize keeps the sum:
//! its first line is the quota, every other one a change, so that a delivery reads one small file
//! instead of all directories. It is only a cache: what is wrong, old or missing is counted again,
//! and two deliveries at once may both get into the last gap.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use os::disk::{Disk, RealDisk};

use crate::maildir::Names;
use crate::quota::{Quota, Usage, number};

/// What is in `maildir` with a message of this size added, as exactly as `quota` needs to know it;
/// makes the file anew where that is due.
///
/// # Errors
/// When the directories cannot be read.
pub fn with(maildir: &Path, quota: Quota, more: Usage, names: &mut Names) -> io::Result<Usage> {
    let now = os::clock::now();
    if let Some(ledger) = Ledger::read(maildir, now).filter(|ledger| ledger.quota == quota) {
        let sum = ledger.sum.plus(more);
        // A sum of many lines may have gone wrong; before somebody is refused it is counted again.
        if quota.admits(sum) || ledger.is_counted() {
            return Ok(sum);
        }
    }
    let before = changed_last(maildir);
    let counted = count(maildir)?;
    if changed_last(maildir) == before {
        // Without the file the next delivery counts again.
        let _uncached = publish(maildir, quota, counted, names);
    }
    Ok(counted.plus(more))
}

/// The quota that the file of this maildir names, whoever wrote it.
#[must_use]
pub fn quota(maildir: &Path) -> Option<Quota> {
    let content = read(maildir)?.0;
    let first = content.split(|byte| *byte == b'\n').next()?;
    Quota::parse(first).ok().flatten()
}

/// Notes in the file, if there is one, that this has been added. The mail is there already: that it
/// is not noted only means that it is counted later.
pub fn add(maildir: &Path, added: Usage) {
    let path = maildir.join(FILE);
    let is_file = std::fs::symlink_metadata(&path).is_ok_and(|facts| facts.is_file());
    if is_file && let Ok(mut file) = OpenOptions::new().append(true).open(&path) {
        let line = format!("{} {}\n", added.bytes, added.messages);
        let _uncached = file.write_all(line.as_bytes());
    }
}

/// A maildirsize file that can be relied on.
#[derive(Debug, PartialEq, Eq)]
struct Ledger {
    quota: Quota,
    sum: Usage,
    /// How many lines `sum` comes from.
    lines: u64,
}

impl Ledger {
    fn read(maildir: &Path, now: u64) -> Option<Self> {
        let (content, written) = read(maildir)?;
        if now > written.saturating_add(TRUSTED_FOR_S) {
            return None;
        }
        Self::parse(&content)
    }

    fn parse(content: &[u8]) -> Option<Self> {
        let mut lines = content.strip_suffix(b"\n")?.split(|byte| *byte == b'\n');
        let quota = Quota::parse(lines.next()?).ok()??;
        // Deletions are negative; their order does not matter, but a sum below zero is an error.
        let (mut bytes, mut messages, mut count) = (0_i128, 0_i128, 0_u64);
        for line in lines {
            let (change, more) = changes(line)?;
            bytes += change;
            messages += more;
            count = count.saturating_add(1);
        }
        Some(Self {
            quota,
            sum: Usage {
                bytes: u64::try_from(bytes).ok()?,
                messages: u64::try_from(messages).ok()?,
            },
            lines: count,
        })
    }

    /// Nothing has been added or taken away since it was made.
    fn is_counted(&self) -> bool {
        self.lines == 1
    }
}

/// `bytes messages`, both perhaps negative, blanks around them.
fn changes(line: &[u8]) -> Option<(i128, i128)> {
    let mut words = line
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    let change = (signed(words.next()?)?, signed(words.next()?)?);
    words.next().is_none().then_some(change)
}

fn signed(word: &[u8]) -> Option<i128> {
    match word.strip_prefix(b"-") {
        Some(digits) => number(digits).map(|number| -i128::from(number)),
        None => number(word).map(i128::from),
    }
}

/// The content and its time; `None` unless it is a small regular file.
fn read(maildir: &Path) -> Option<(Vec<u8>, u64)> {
    let file = os::file::open_read_no_link(&maildir.join(FILE)).ok()?;
    let facts = file.metadata().ok()?;
    if !facts.is_file() || facts.len() >= FILE_BYTES_MAX {
        return None;
    }
    let mut content = Vec::new();
    file.take(FILE_BYTES_MAX).read_to_end(&mut content).ok()?;
    Some((content, u64::try_from(facts.mtime()).unwrap_or(0)))
}

fn publish(maildir: &Path, quota: Quota, counted: Usage, names: &mut Names) -> io::Result<()> {
    let (seconds, nanoseconds) = os::clock::now_nanos();
    let made = maildir.join("tmp").join(names.next(seconds, nanoseconds));
    let text = format!("{quota}\n{} {}\n", counted.bytes, counted.messages);
    let mut file: File = RealDisk.create(&made, FILE_MODE)?;
    let done = file
        .write_all(text.as_bytes())
        .and_then(|()| std::fs::rename(&made, maildir.join(FILE)));
    if done.is_err() {
        let _gone = RealDisk.unlink(&made);
    }
    done
}

/// Adds up `new` and `cur` of the maildir and of its folders.
fn count(maildir: &Path) -> io::Result<Usage> {
    let mut sum = Usage::default();
    for folder in folders(maildir)? {
        for part in ["new", "cur"] {
            count_part(&folder.join(part), &mut sum)?;
        }
    }
    Ok(sum)
}

/// The maildir itself and every folder that counts: what is in the trash does not.
fn folders(maildir: &Path) -> io::Result<Vec<PathBuf>> {
    let is_folder = |name: &[u8]| {
        name.starts_with(b".") && ![b".".as_slice(), b"..", b".Trash"].contains(&name)
    };
    let names = RealDisk.list(maildir)?.into_iter();
    let folders = names
        .filter(|name| is_folder(name.as_bytes()))
        .map(|name| maildir.join(name));
    Ok(std::iter::once(maildir.to_owned()).chain(folders).collect())
}

fn count_part(directory: &Path, sum: &mut Usage) -> io::Result<()> {
    let names = match RealDisk.list(directory) {
        Ok(names) => names,
        // A file with a dot, or a folder that somebody is just making.
        Err(error) if is_no_directory(&error) => return Ok(()),
        Err(error) => return Err(error),
    };
    for name in names {
        if !counts(name.as_bytes()) {
            continue;
        }
        let bytes = match size_in_name(name.as_bytes()) {
            Some(bytes) => bytes,
            None => match RealDisk.stat(&directory.join(name))? {
                Some(facts) => facts.size,
                None => continue,
            },
        };
        *sum = sum.plus(Usage { bytes, messages: 1 });
    }
    Ok(())
}

fn is_no_directory(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// A message, and not one that its reader has marked as deleted.
fn counts(name: &[u8]) -> bool {
    let flags = name
        .windows(FLAGS.len())
        .position(|window| window == FLAGS)
        .and_then(|at| name.get(at.saturating_add(FLAGS.len())..));
    !name.starts_with(b".") && !flags.is_some_and(|flags| flags.contains(&b'T'))
}

/// `,S=1234` before the flags.
fn size_in_name(name: &[u8]) -> Option<u64> {
    let unique = name.split(|byte| *byte == b':').next()?;
    let mut parts = unique.split(|byte| *byte == b',').skip(1);
    parts.find_map(|part| number(part.strip_prefix(b"S=")?))
}

/// When a message was last put into or taken from any of the directories.
fn changed_last(maildir: &Path) -> Option<(i64, i64)> {
    let directories = folders(maildir).ok()?;
    let parts = directories
        .iter()
        .flat_map(|folder| ["new", "cur"].map(|part| folder.join(part)));
    parts
        .filter_map(|part| std::fs::metadata(part).ok())
        .map(|facts| (facts.mtime(), facts.mtime_nsec()))
        .max()
}

const FILE: &str = "maildirsize";
const FLAGS: &[u8] = b":2,";
/// Maildir++: a file that has become this long is made anew.
const FILE_BYTES_MAX: u64 = 5120;
/// Maildir++: after a quarter of an hour the sum is not relied on, since not everybody keeps it.
const TRUSTED_FOR_S: u64 = 15 * 60;
const FILE_MODE: u32 = 0o644;

#[cfg(test)]
mod tests;
