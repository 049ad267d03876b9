//! Whose address a local part is: users/cdb, else qmail-getpw(8), as qmail-lspawn(8) asks them.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use os::child::{Spawn, Status};
use users::{Assignment, Users};

use crate::Trouble;

pub(crate) fn find(home: &Path, local: &[u8]) -> Result<Assignment, Trouble> {
    if let Some(users) = Users::open(home)?
        && let Some(found) = users.lookup(local)?
    {
        return Ok(found);
    }
    ask_getpw(home, local)
}

/// It always has an answer: who is nobody else's belongs to alias.
fn ask_getpw(home: &Path, local: &[u8]) -> Result<Assignment, Trouble> {
    let (reader, writer) = os::fd::pipe().map_err(Trouble::Start)?;
    let child = Spawn::new(b"bin/qmail-getpw")
        .args([local])
        .cwd(home)
        .fd(1, writer.as_fd())
        .start()
        .map_err(Trouble::Start)?;
    drop(writer);
    let mut answer = Vec::new();
    let read = File::from(OwnedFd::from(reader))
        .take(ANSWER_BYTES_MAX)
        .read_to_end(&mut answer);
    match (read, child.wait()) {
        (Ok(_), Ok(Status::Exited(0))) if answer.ends_with(&[0]) => {
            Assignment::parse(&answer).ok_or(Trouble::NoAnswer)
        }
        _ => Err(Trouble::NoAnswer),
    }
}

/// Six short fields and the longest local part.
const ANSWER_BYTES_MAX: u64 = 8192;
