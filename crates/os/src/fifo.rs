//! The trigger's named pipe: opened without blocking, pulled by one byte (INTERNALS, trigger).

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Opens the reading end without waiting for a writer.
///
/// # Errors
/// open(2)'s.
pub fn open_read(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)
}

/// Writes one NUL byte if somebody has the pipe open for reading.
///
/// # Errors
/// ENXIO when nobody reads; whoever pulls a trigger does not care.
pub fn pull(path: &Path) -> io::Result<()> {
    OpenOptions::new()
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?
        .write_all(&[0])
}
