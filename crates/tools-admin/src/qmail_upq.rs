//! qmail-upq(8): puts the files of a queue into the subdirectories where they belong, after the
//! queue came from an installation with another number of them, or with none. Not beside a
//! qmail-send. A file is renamed, so whenever it is stopped it can be run again.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use os::disk::{Disk, RealDisk};
use queue::layout::{MessageId, Queue, SPLIT, Split};
use queue::mutex::{MutexError, SendMutex};
use report::Exit;

/// qmail-upq; its result as an exit code.
#[must_use]
pub fn main() -> ExitCode {
    match run(&os::home::home()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            diag::fatal("qmail-upq", &failure);
            ExitCode::from(Exit::TEMPORARY.code())
        }
    }
}

/// Why some files are not yet where they belong.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("unable to switch to {}", path.display())]
    Directory { path: PathBuf, source: io::Error },
    #[error("unable to take the queue")]
    Mutex(#[from] MutexError),
    #[error("unable to list {}", path.display())]
    List { path: PathBuf, source: io::Error },
    #[error("unable to move {}", path.display())]
    Move { path: PathBuf, source: io::Error },
    #[error("unable to move {}: there is another file in its place", path.display())]
    Taken { path: PathBuf },
    #[error("unable to sync {}", path.display())]
    Sync { path: PathBuf, source: io::Error },
}

fn run(home: &Path) -> Result<(), Failure> {
    let path = home.join("queue");
    os::file::chdir(&path).map_err(|source| Failure::Directory { path, source })?;
    let queue = Queue::here();
    let _mutex = SendMutex::lock(&queue)?;
    for split in [Split::Mess, Split::Info, Split::Local, Split::Remote] {
        let top = Path::new(split.name());
        settle(&queue, split, top)?;
        for bucket in subdirectories(top)? {
            settle(&queue, split, &bucket)?;
        }
        sync(&queue, split, top)?;
    }
    Ok(())
}

/// Moves the files of one directory that belong elsewhere. What has not the name of a message is
/// left alone.
fn settle(queue: &Queue, split: Split, dir: &Path) -> Result<(), Failure> {
    for name in list(dir)? {
        let path = dir.join(&name);
        let Some(id) = MessageId::parse(name.as_bytes()) else {
            continue;
        };
        let place = queue.split_file(split, id);
        if path == place || !is_file(&path) {
            continue;
        }
        put(&path, &place)?;
    }
    Ok(())
}

fn put(path: &Path, place: &Path) -> Result<(), Failure> {
    let moving = |source| Failure::Move {
        path: path.to_owned(),
        source,
    };
    // A rename would silently replace what stands there.
    match std::fs::hard_link(path, place) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if !is_same(path, place).map_err(moving)? {
                return Err(Failure::Taken {
                    path: path.to_owned(),
                });
            }
        }
        linked => linked.map_err(moving)?,
    }
    std::fs::remove_file(path).map_err(moving)
}

fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
    let (one, other) = (std::fs::metadata(one)?, std::fs::metadata(other)?);
    Ok((one.dev(), one.ino()) == (other.dev(), other.ino()))
}

fn is_file(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|facts| facts.is_file())
}

fn subdirectories(top: &Path) -> Result<Vec<PathBuf>, Failure> {
    let paths = list(top)?.into_iter().map(|name| top.join(name));
    Ok(paths.filter(|path| path.is_dir()).collect())
}

fn list(dir: &Path) -> Result<Vec<std::ffi::OsString>, Failure> {
    RealDisk.list(dir).map_err(|source| Failure::List {
        path: dir.to_owned(),
        source,
    })
}

fn sync(queue: &Queue, split: Split, top: &Path) -> Result<(), Failure> {
    let buckets = (0..SPLIT).map(|number| queue.bucket(split, number));
    for path in buckets.chain([top.to_owned()]) {
        RealDisk
            .sync_dir(&path)
            .map_err(|source| Failure::Sync { path, source })?;
    }
    Ok(())
}
