//! The process's umask and directory, and opening a file that somebody else may have put there.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::stat::{Mode, umask as set};
use nix::unistd::{Whence, lseek};

/// Sets the file creation mask.
pub fn umask(mask: u32) {
    set(Mode::from_bits_truncate(mask));
}

/// Changes the current directory.
///
/// # Errors
/// The system call's.
pub fn chdir(path: &Path) -> io::Result<()> {
    std::env::set_current_dir(path)
}

/// Moves on to what is stored at or after the file's position: a hole reads as NULs, and may be far
/// larger than the disk. Gives how many bytes were passed over; nothing where holes are not known.
///
/// # Errors
/// lseek(2)'s.
pub fn skip_hole(file: &mut File) -> io::Result<u64> {
    let here = file.stream_position()?;
    let from = i64::try_from(here).map_err(|_| io::ErrorKind::InvalidInput)?;
    let there = match lseek(&*file, from, Whence::SeekData) {
        Ok(there) => u64::try_from(there).map_err(|_| io::ErrorKind::InvalidData)?,
        // Nothing is stored from here on.
        Err(Errno::ENXIO) => file.seek(SeekFrom::End(0))?,
        Err(Errno::EINVAL) => here,
        Err(errno) => return Err(errno.into()),
    };
    Ok(there.saturating_sub(here))
}

/// Opens for reading without waiting for a writer of a fifo, so that a foreign file type cannot
/// hold the process up. The caller checks the type.
///
/// # Errors
/// open(2)'s.
pub fn open_read(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)
}

/// A file without a name in this directory, for reading and writing; it is gone when closed.
///
/// # Errors
/// open(2)'s; EOPNOTSUPP where the file system has no such files.
pub fn unnamed(directory: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .mode(0o600)
        .custom_flags(libc::O_TMPFILE)
        .open(directory)
}

/// Whether this path, links followed, still names this open file: somebody may have put another
/// in its place since it was opened.
///
/// # Errors
/// stat(2)'s, other than ENOENT.
pub fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (ours.dev(), ours.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// As [`open_read`], and refuses a symbolic link in the last place.
///
/// # Errors
/// open(2)'s; ELOOP for a link.
pub fn open_read_no_link(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW)
        .open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn holes_are_passed_over_and_nothing_else_is() {
        let mut file = unnamed(&std::env::temp_dir()).unwrap();
        file.write_all(b"x").unwrap();
        file.set_len(1 << 30).unwrap();
        file.seek(SeekFrom::Start(1 << 29)).unwrap();
        file.write_all(b"y").unwrap();
        file.rewind().unwrap();
        assert_eq!(skip_hole(&mut file).unwrap(), 0);
        file.seek(SeekFrom::Start(1 << 28)).unwrap();
        let skipped = skip_hole(&mut file).unwrap();
        // A file system may store whole blocks, or know of no holes.
        assert!(skipped <= 1 << 28);
        assert_eq!(file.stream_position().unwrap(), (1 << 28) + skipped);
        file.seek(SeekFrom::Start((1 << 30) - 1)).unwrap();
        assert!(skip_hole(&mut file).unwrap() <= 1);
        file.seek(SeekFrom::End(0)).unwrap();
        assert_eq!(skip_hole(&mut file).unwrap(), 0);
    }
}
