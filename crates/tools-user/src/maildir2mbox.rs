//! maildir2mbox(1): moves the messages of a maildir to the end of an mbox. The mbox is copied, the
//! copy is completed and synced and takes its place, and only when that is on the disk are the
//! messages removed: whenever it stops, each message is in one of the two, if not in both.

mod draft;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use os::disk::{Disk, RealDisk};
use report::Exit;
use thiserror::Error;

use draft::Draft;

/// Moves `$MAILDIR` to `$MAIL` by way of `$MAILTMP`.
#[must_use]
pub fn main() -> ExitCode {
    let exit = match run() {
        Ok(()) => Exit::OK,
        Err(refusal) => {
            diag::fatal(PROGRAM, &refusal);
            // Whatever it is, nothing was lost and it may work next time.
            Exit::TEMPORARY
        }
    };
    ExitCode::from(exit.code())
}

fn run() -> Result<(), Refusal> {
    os::file::umask(UMASK);
    let mbox = place("MAIL")?;
    let copy = place("MAILTMP")?;
    let maildir = place("MAILDIR")?;
    os::file::chdir(&maildir).map_err(|source| Refusal::Enter {
        path: maildir.clone(),
        source,
    })?;
    let now = os::clock::now();
    remove_abandoned(now);
    if letters(now)?.is_empty() {
        return Ok(());
    }
    let lock = lock(&mbox)?;
    // Whoever held the lock may have moved some of them.
    let letters = letters(now)?;
    if letters.is_empty() {
        return Ok(());
    }
    let mut draft = Draft::create(&copy, &mbox, &lock)?;
    let moved = draft.fill(&letters).and_then(|()| draft.publish());
    if moved.is_err() {
        // Already renamed, or of no use; the next run would remove it, too.
        let _ = RealDisk.unlink(&copy);
    }
    moved?;
    for letter in &letters {
        letter.remove();
    }
    Ok(())
}

fn place(name: &'static str) -> Result<PathBuf, Refusal> {
    let value = os::env::var(name).ok_or(Refusal::Unset(name))?;
    Ok(PathBuf::from(OsString::from_vec(value)))
}

/// Removes what deliveries that are long dead have left under tmp/ (maildir(5)).
fn remove_abandoned(now: u64) {
    let directory = Path::new("tmp");
    for name in RealDisk.list(directory).unwrap_or_default() {
        let path = directory.join(&name);
        let Ok(Some(facts)) = RealDisk.stat(&path) else {
            continue;
        };
        let touched = facts.atime.max(facts.mtime);
        if facts.is_file && !is_hidden(&name) && now > touched.saturating_add(ABANDONED_S) {
            let _ = RealDisk.unlink(&path);
        }
    }
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_bytes().starts_with(b".")
}

/// A message of the maildir.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Letter {
    mtime: u64,
    /// Relative to the maildir.
    path: PathBuf,
}

/// The messages of the maildir, oldest first. Those of this very second wait for the next run: more
/// of them may come, and belong before some of these.
fn letters(now: u64) -> Result<Vec<Letter>, Refusal> {
    let mut letters = Vec::new();
    for part in ["new", "cur"] {
        let names = RealDisk
            .list(Path::new(part))
            .map_err(|source| Refusal::Scan { part, source })?;
        for name in names.iter().filter(|name| !is_hidden(name)) {
            let path = Path::new(part).join(name);
            match RealDisk.stat(&path) {
                Ok(Some(facts)) if facts.is_file && facts.mtime < now => letters.push(Letter {
                    mtime: facts.mtime,
                    path,
                }),
                // Being moved or removed by somebody else, or no message: not ours to touch.
                Ok(_) | Err(_) => {}
            }
        }
    }
    letters.sort();
    Ok(letters)
}

impl Letter {
    fn unread(&self, source: io::Error) -> Refusal {
        Refusal::Read {
            name: self.shown(),
            source,
        }
    }

    fn remove(&self) {
        if let Err(source) = RealDisk.unlink(&self.path) {
            let name = self.shown();
            diag::warning(PROGRAM, &Twice { name, source });
        }
    }

    fn shown(&self) -> String {
        format!("$MAILDIR/{}", shown(&self.path))
    }
}

/// The mbox, locked. One that was replaced while we waited for the lock is not the mbox any more:
/// what its new owner of that lock does to it concerns nobody.
fn lock(mbox: &Path) -> Result<File, Refusal> {
    let attempt = || {
        loop {
            let (file, _) = RealDisk.open_append(mbox, MODE)?;
            os::lock::exclusive(&file)?;
            if os::file::is_at(&file, mbox)? {
                return Ok(file);
            }
        }
    };
    attempt().map_err(|source| Refusal::Lock {
        path: mbox.to_owned(),
        source,
    })
}

/// Why nothing was moved; or, after [`Refusal::Move`], why nothing was removed.
#[derive(Debug, Error)]
enum Refusal {
    #[error("{0} not set")]
    Unset(&'static str),
    #[error("unable to chdir to {}", shown(path))]
    Enter { path: PathBuf, source: io::Error },
    #[error("unable to scan $MAILDIR/{part}")]
    Scan {
        part: &'static str,
        source: io::Error,
    },
    #[error("unable to lock {}", shown(path))]
    Lock { path: PathBuf, source: io::Error },
    #[error("unable to read {name}")]
    Read { name: String, source: io::Error },
    #[error("unable to create {}", shown(path))]
    Create { path: PathBuf, source: io::Error },
    #[error("unable to write to {}", shown(path))]
    Write { path: PathBuf, source: io::Error },
    #[error("unable to move {} to {}", shown(from), shown(to))]
    Move {
        from: PathBuf,
        to: PathBuf,
        source: io::Error,
    },
}

/// A message that is in the mbox and still in the maildir.
#[derive(Debug, Error)]
#[error("{name} will be delivered twice; unable to unlink")]
struct Twice {
    name: String,
    source: io::Error,
}

fn shown(path: &Path) -> String {
    diag::escape::shown(path.as_os_str().as_bytes())
}

const PROGRAM: &str = "maildir2mbox";
/// Mail is private.
const UMASK: u32 = 0o077;
const MODE: u32 = 0o600;
/// 36 hours, longer than any delivery lives (maildir(5)).
const ABANDONED_S: u64 = 129_600;
