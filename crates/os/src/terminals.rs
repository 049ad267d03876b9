//! Who is logged in where, and a word to them (qbiff): utmp(5), read as a file as glibc writes it.
//! The static build's C library has no functions for it, and a record of another length.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::file::open_read;

/// The terminals on which a user is logged in, as names below /dev.
///
/// # Errors
/// open(2)'s and read(2)'s; there may be no utmp here.
pub fn of_user(user: &[u8]) -> io::Result<Vec<Vec<u8>>> {
    let mut records = Vec::new();
    open_read(Path::new(UTMP))?
        .take(UTMP_BYTES_MAX)
        .read_to_end(&mut records)?;
    Ok(lines_of(&records, user))
}

/// Writes to a terminal if it is ours and has the owner's x bit, by which biff(1) says that its
/// user wants to know of mail. Says whether it was written to; never waits for the terminal.
///
/// # Errors
/// stat(2)'s, open(2)'s and write(2)'s.
pub fn tell_owner(line: &[u8], text: &[u8]) -> io::Result<bool> {
    let Some(path) = device(line) else {
        return Ok(false);
    };
    let facts = std::fs::metadata(&path)?;
    if facts.uid() != crate::account::uid() || facts.mode() & OWNER_EXECUTES == 0 {
        return Ok(false);
    }
    // Not to become our controlling terminal, and not to wait for a carrier.
    let mut terminal = OpenOptions::new()
        .append(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)?;
    terminal.write_all(text)?;
    Ok(true)
}

/// A name that leads out of /dev is none of a terminal.
fn device(line: &[u8]) -> Option<PathBuf> {
    if line.is_empty() || line.starts_with(b"/") || line.contains(&b'.') {
        return None;
    }
    Some(Path::new("/dev").join(std::ffi::OsStr::from_bytes(line)))
}

fn lines_of(records: &[u8], user: &[u8]) -> Vec<Vec<u8>> {
    if user.is_empty() {
        return Vec::new();
    }
    records
        .chunks_exact(RECORD_BYTES)
        .filter(|record| {
            let kind = record.get(..size_of::<libc::c_short>());
            kind == Some(&libc::USER_PROCESS.to_ne_bytes()) && text(record, USER) == user
        })
        .map(|record| text(record, LINE).to_vec())
        .collect()
}

/// A string field: up to its NUL, or all of it.
fn text(record: &[u8], (offset, length): (usize, usize)) -> &[u8] {
    let field = record.get(offset..offset + length).unwrap_or_default();
    let end = field.iter().position(|byte| *byte == 0);
    field.get(..end.unwrap_or(length)).unwrap_or_default()
}

const UTMP: &str = "/var/run/utmp";
/// Ten thousand sessions.
const UTMP_BYTES_MAX: u64 = 4 << 20;
const OWNER_EXECUTES: u32 = 0o100;
/// Where the fields stand in a record, and their lengths.
const LINE: (usize, usize) = (8, 32);
const USER: (usize, usize) = (44, 32);
/// On most 64-bit machines the time in a record is that of their 32-bit programs.
const RECORD_BYTES: usize = if cfg!(any(
    target_arch = "aarch64",
    target_arch = "s390x",
    target_arch = "loongarch64"
)) {
    400
} else {
    384
};

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: libc::c_short, line: &[u8], user: &[u8]) -> Vec<u8> {
        let mut record = vec![0; RECORD_BYTES];
        record[..2].copy_from_slice(&kind.to_ne_bytes());
        record[LINE.0..LINE.0 + line.len()].copy_from_slice(line);
        record[USER.0..USER.0 + user.len()].copy_from_slice(user);
        record
    }

    #[test]
    fn only_the_users_own_sessions_count() {
        let user = libc::USER_PROCESS;
        let mut records = [
            record(user, b"pts/1", b"alice"),
            record(user, b"pts/2", b"alice2"),
            record(libc::DEAD_PROCESS, b"pts/3", b"alice"),
            record(user, &[b'x'; 32], b"alice"),
            record(user, b"pts/5", b""),
        ]
        .concat();
        records.extend_from_slice(b"\x07\0partial record");
        assert_eq!(
            lines_of(&records, b"alice"),
            [b"pts/1".to_vec(), vec![b'x'; 32]]
        );
        assert!(lines_of(&records, b"").is_empty());
    }

    #[cfg(target_env = "gnu")]
    #[test]
    fn records_are_as_glibc_has_them() {
        assert_eq!(RECORD_BYTES, size_of::<libc::utmpx>());
        assert_eq!(LINE.0, std::mem::offset_of!(libc::utmpx, ut_line));
        assert_eq!(USER.0, std::mem::offset_of!(libc::utmpx, ut_user));
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_not_opened() {
        for line in [b"".as_slice(), b"/etc/passwd", b"../etc/passwd", b"a.b"] {
            assert_eq!(device(line), None);
        }
        assert_eq!(device(b"pts/1"), Some(PathBuf::from("/dev/pts/1")));
    }
}
