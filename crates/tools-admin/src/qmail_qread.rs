//! qmail-qread(8): the preprocessed messages in the queue, each with its recipients. It only
//! reads, takes no lock, and is not surprised when a message ends under its eyes.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use os::disk::{Disk, RealDisk};
use queue::channel::{Channel, Head, RECORD_MAX, head};
use queue::layout::{MessageId, Queue, SPLIT, Split};
use queue::scan::list;
use queue::trouble::Trouble;
use report::Exit;

use crate::stdout::{self, Stdout};

/// Prints everything, complaints included, on descriptor 1.
#[must_use]
pub fn main() -> ExitCode {
    let Ok(mut out) = stdout::open() else {
        return ExitCode::from(Exit::TEMPORARY.code());
    };
    let failure = match run(&os::home::home(), &mut out) {
        Ok(()) => out.flush().err().map(Failure::Output),
        Err(failure) => Some(failure),
    };
    let Some(failure) = failure else {
        return ExitCode::SUCCESS;
    };
    // Nobody is left to be told that telling failed.
    let _untold = writeln!(out, "fatal: {}", diag::chain(&failure)).and_then(|()| out.flush());
    ExitCode::from(Exit::TEMPORARY.code())
}

/// Why there is no list, or only the beginning of one.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("unable to chdir")]
    Directory(#[source] io::Error),
    #[error("unable to opendir {}", path.display())]
    List { path: PathBuf, source: io::Error },
    #[error("unable to write output")]
    Output(#[from] io::Error),
}

fn run(home: &Path, out: &mut Stdout) -> Result<(), Failure> {
    os::file::chdir(&home.join("queue")).map_err(Failure::Directory)?;
    let queue = Queue::here();
    for number in 0..SPLIT {
        let path = queue.bucket(Split::Info, number);
        let ids = list(&mut RealDisk, &path).map_err(|trouble| Failure::List {
            path,
            source: cause(trouble),
        })?;
        for id in ids.ids {
            message(&queue, id, out)?;
        }
    }
    Ok(())
}

fn message(queue: &Queue, id: MessageId, out: &mut Stdout) -> io::Result<()> {
    match summary(queue, id) {
        Ok(line) => writeln!(out, "{line}")?,
        Err(trouble) => return warn(id, &cause(trouble), out),
    }
    for channel in Channel::ALL {
        match File::open(channel.path(queue, id)) {
            Ok(file) => recipients(file, (id, channel), out)?,
            // A message without recipients of this kind, or with none left.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => warn(id, &error, out)?,
        }
    }
    Ok(())
}

/// When the message came, its number, its size, its sender, and whether a bounce is in the making.
fn summary(queue: &Queue, id: MessageId) -> Result<String, Trouble> {
    let size = std::fs::metadata(queue.mess(id)).map_err(|source| Trouble {
        attempt: queue::trouble::Attempt::Stat,
        path: queue.mess(id),
        source: Some(source),
    })?;
    let info = queue::info::read(&mut RealDisk, queue, id)?;
    let date = datetime::rfc822(info.birth);
    let bouncing = match RealDisk.exists(&queue.bounce(id)) {
        Ok(true) => " bouncing",
        Ok(false) | Err(_) => "",
    };
    Ok(format!(
        "{} GMT  #{id}  {}  <{}> {bouncing}",
        date.trim_end_matches(" -0000"),
        size.len(),
        safe(&info.sender)
    ))
}

/// The recipients in a file, one record in memory at a time. What is no record of a recipient is
/// passed over, as ever; one that never ends is the end.
fn recipients(file: File, (id, channel): (MessageId, Channel), out: &mut Stdout) -> io::Result<()> {
    let mut input = BufReader::new(file);
    let mut record = Vec::new();
    loop {
        record.clear();
        let limit = u64::try_from(RECORD_MAX).unwrap_or(u64::MAX);
        match input.by_ref().take(limit).read_until(0, &mut record) {
            Ok(_) if record.last() != Some(&0) => return Ok(()),
            Ok(_) => {}
            Err(error) => return warn(id, &error, out),
        }
        if let Head::Record(recipient) = head(&record) {
            let done = if recipient.done { "  done" } else { "" };
            let address = safe(recipient.address);
            writeln!(out, "{done}\t{}\t{address}", channel.name())?;
        }
    }
}

fn warn(id: MessageId, error: &io::Error, out: &mut Stdout) -> io::Result<()> {
    writeln!(out, "warning: trouble with #{id}: {}", diag::chain(error))
}

/// What the system said; nothing, of a file that is something else than its place says.
fn cause(trouble: Trouble) -> io::Error {
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "not a file of the queue");
    trouble.source.unwrap_or_else(damaged)
}

/// Printable ASCII as it is, the rest as `_`.
fn safe(bytes: &[u8]) -> String {
    let shown = |byte: &u8| match byte {
        32..=126 => char::from(*byte),
        _ => '_',
    };
    bytes.iter().map(shown).collect()
}
