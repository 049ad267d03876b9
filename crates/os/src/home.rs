//! Where the qmail home is: `/var/qmail`, compiled in.
//!
//! `$QMAILHOME` overrides it only when the kernel says that this process gained no rights by its
//! exec (`AT_SECURE` is 0), so that nobody can point the setuid qmail-queue elsewhere.

use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use crate::env;

/// The qmail home of this process.
#[must_use]
pub fn home() -> PathBuf {
    if gained_rights() {
        return PathBuf::from(HOME);
    }
    match env::var("QMAILHOME") {
        Some(path) if path.starts_with(b"/") => PathBuf::from(std::ffi::OsString::from_vec(path)),
        Some(_) | None => PathBuf::from(HOME),
    }
}

/// Whether this process runs with rights that its caller did not have (setuid, setgid, file
/// capabilities): the kernel's own word, getauxval(3) `AT_SECURE`.
#[must_use]
pub fn gained_rights() -> bool {
    // SAFETY: getauxval reads the process's own auxiliary vector; an unknown type returns 0.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// The compiled-in home (conf-qmail).
const HOME: &str = "/var/qmail";
