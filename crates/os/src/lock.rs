//! flock(2), qmail's `lock_ex`; held until the file is closed. The only place that names fs2.

use std::fs::File;
use std::io;

use fs2::FileExt;

/// Waits for the exclusive lock.
///
/// # Errors
/// The system call's; EINTR too, so that a deadline can end the wait.
pub fn exclusive(file: &File) -> io::Result<()> {
    FileExt::lock_exclusive(file)
}

/// Takes the exclusive lock if nobody has it; `false` when somebody does.
///
/// # Errors
/// The system call's, other than "somebody has it".
pub fn try_exclusive(file: &File) -> io::Result<bool> {
    match FileExt::try_lock_exclusive(file) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}
