//! The machine's name.

use std::io;
use std::os::unix::ffi::OsStringExt;

/// gethostname(2).
///
/// # Errors
/// The system call's.
pub fn name() -> io::Result<Vec<u8>> {
    Ok(nix::unistd::gethostname()?.into_vec())
}
