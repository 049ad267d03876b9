//! maildirmake(1): makes a maildir, and waits until it is on the disk: what is delivered to it
//! later is safe only if the directory itself is.

use std::ffi::OsStr;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use os::disk::{Disk, RealDisk};
use report::Exit;
use thiserror::Error;

/// Makes the directory that the first argument names, and `tmp`, `new` and `cur` in it.
#[must_use]
pub fn main() -> ExitCode {
    let exit = match run(&os::env::args()) {
        Ok(()) => Exit::OK,
        Err(refusal) => {
            refusal.complain();
            refusal.exit()
        }
    };
    ExitCode::from(exit.code())
}

fn run(words: &[Vec<u8>]) -> Result<(), Refusal> {
    os::file::umask(UMASK);
    let name = words.first().ok_or(Refusal::Usage)?;
    let maildir = Path::new(OsStr::from_bytes(name));
    make(maildir)?;
    for part in ["tmp", "new", "cur"] {
        make(&maildir.join(part))?;
    }
    // `..` is where the name stands, however it was written.
    for directory in [maildir.to_owned(), maildir.join("..")] {
        sync(directory)?;
    }
    Ok(())
}

fn make(path: &Path) -> Result<(), Refusal> {
    DirBuilder::new()
        .mode(MODE)
        .create(path)
        .map_err(|source| Refusal::Make {
            path: path.to_owned(),
            source,
        })
}

fn sync(path: PathBuf) -> Result<(), Refusal> {
    match RealDisk.sync_dir(&path) {
        Ok(()) => Ok(()),
        // Whoever may write there need not be allowed to read.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        Err(source) => Err(Refusal::Sync { path, source }),
    }
}

/// Why there is no maildir.
#[derive(Debug, Error)]
enum Refusal {
    #[error("usage")]
    Usage,
    #[error("unable to mkdir {}", shown(path))]
    Make { path: PathBuf, source: io::Error },
    #[error("unable to sync {}", shown(path))]
    Sync { path: PathBuf, source: io::Error },
}

impl Refusal {
    fn complain(&self) {
        match self {
            Self::Usage => diag::usage(PROGRAM, "name"),
            Self::Make { .. } | Self::Sync { .. } => diag::fatal(PROGRAM, self),
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Usage => Exit::PERMANENT,
            Self::Make { .. } | Self::Sync { .. } => Exit::TEMPORARY,
        }
    }
}

fn shown(path: &Path) -> String {
    diag::escape::shown(path.as_os_str().as_bytes())
}

const PROGRAM: &str = "maildirmake";
/// Mail is private.
const UMASK: u32 = 0o077;
const MODE: u32 = 0o700;
