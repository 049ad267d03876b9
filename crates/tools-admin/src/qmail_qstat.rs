//! qmail-qstat(8): how many messages are in the queue, and how many of them qmail-send has yet to
//! look at.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use os::disk::{Disk, RealDisk};
use queue::layout::{Flat, Queue, SPLIT, Split};
use report::Exit;

use crate::stdout;

/// qmail-qstat; its result as an exit code.
#[must_use]
pub fn main() -> ExitCode {
    match run(&os::home::home()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            diag::fatal("qmail-qstat", &failure);
            ExitCode::from(Exit::TEMPORARY.code())
        }
    }
}

/// Why there are no numbers.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("unable to list {}", path.display())]
    List { path: PathBuf, source: io::Error },
    #[error("unable to write output")]
    Output(#[from] io::Error),
}

fn run(home: &Path) -> Result<(), Failure> {
    let queue = Queue::new(home);
    let mut messages = 0;
    for number in 0..SPLIT {
        messages += count(queue.bucket(Split::Mess, number))?;
    }
    let todo = count(queue.flat(Flat::Todo))?;
    let mut out = stdout::open()?;
    writeln!(out, "messages in queue: {messages}")?;
    writeln!(out, "messages in queue but not yet preprocessed: {todo}")?;
    Ok(out.flush()?)
}

fn count(path: PathBuf) -> Result<usize, Failure> {
    match RealDisk.list(&path) {
        Ok(names) => Ok(names.len()),
        Err(source) => Err(Failure::List { path, source }),
    }
}
