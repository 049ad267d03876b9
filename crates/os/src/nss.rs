//! getpwnam through libc and so through the name service (LDAP, sssd): for qmail-getpw alone,
//! which stays a glibc program for this.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// What the password database says of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passwd {
    /// Login name.
    pub name: Vec<u8>,
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Home directory.
    pub home: PathBuf,
}

/// Looks a user up by name; `None` when there is no such user.
///
/// # Errors
/// The name service's own error. ENOENT and ESRCH, which some services give for "no such user",
/// are `None`; everything else is doubt.
pub fn passwd_by_name(name: &[u8]) -> io::Result<Option<Passwd>> {
    let Ok(name) = CString::new(name) else {
        return Ok(None);
    };
    let Ok(text) = name.to_str() else {
        return Ok(None);
    };
    match nix::unistd::User::from_name(text) {
        Ok(None) | Err(nix::errno::Errno::ENOENT | nix::errno::Errno::ESRCH) => Ok(None),
        Ok(Some(user)) => Ok(Some(Passwd {
            name: user.name.into_bytes(),
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
            home: user.dir,
        })),
        Err(errno) => Err(errno.into()),
    }
}

impl Passwd {
    /// The home directory as bytes.
    #[must_use]
    pub fn home_bytes(&self) -> &[u8] {
        self.home.as_os_str().as_bytes()
    }
}
