//! A user's directory and the Maildir in it, made when they are missing, as vpopmail does for
//! accounts that have never had mail.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use os::disk::{Disk, RealDisk};

/// Makes what is missing of `home/Maildir`. The directory above `home` must be there: what is
/// missing higher up is a disk that is not mounted.
///
/// # Errors
/// When it is not complete now.
pub(crate) fn complete(home: &Path) -> io::Result<()> {
    let maildir = home.join("Maildir");
    // `cur` is made last, when the way to `new` is on the disk.
    if RealDisk.exists(&maildir.join("cur"))? {
        return Ok(());
    }
    for directory in [home, &maildir, &maildir.join("tmp"), &maildir.join("new")] {
        make(directory)?;
    }
    for directory in [&maildir, home, home.parent().unwrap_or(Path::new("/"))] {
        sync(directory)?;
    }
    make(&maildir.join("cur"))
}

fn make(directory: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(MODE).create(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        result => result,
    }
}

fn sync(directory: &Path) -> io::Result<()> {
    match RealDisk.sync_dir(directory) {
        // Whoever may write there need not be allowed to read.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        result => result,
    }
}

/// As vpopmail's own.
const MODE: u32 = 0o700;
