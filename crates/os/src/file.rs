//! The process's umask and directory, and opening a file that somebody else may have put there.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::sys::stat::{Mode, umask as set};

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
