//! The user's home directory, and whether it can be trusted right now: dot-qmail(5), "safety".

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use dot_qmail::file::OTHERS_MAY_WRITE;

use crate::call::{Call, path};

/// Why nothing is delivered in this home for now.
#[derive(Debug)]
pub(crate) enum HomeError {
    /// It cannot be made the current directory.
    Unreachable(io::Error),
    /// It cannot be looked at.
    Unknown(io::Error),
    /// Anybody could have put the .qmail files there.
    Writable,
    /// The sticky bit: the user is changing files and wants no delivery meanwhile.
    Sticky,
}

/// Makes the home the current directory.
pub(crate) fn enter(call: &Call) -> Result<(), HomeError> {
    os::file::chdir(path(&call.home)).map_err(HomeError::Unreachable)
}

/// Looks at the mode of the current directory.
pub(crate) fn check() -> Result<(), HomeError> {
    let mode = std::fs::metadata(Path::new("."))
        .map_err(HomeError::Unknown)?
        .mode();
    if mode & OTHERS_MAY_WRITE != 0 {
        return Err(HomeError::Writable);
    }
    if mode & STICKY != 0 {
        return Err(HomeError::Sticky);
    }
    Ok(())
}

const STICKY: u32 = 0o1000;
