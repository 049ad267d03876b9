//! The message on descriptor 0: a file as qmail-local gives it, or a pipe when another program has
//! worked on it first. It is read several times, so that a pipe is copied to a file without a name.
//! An empty message is none: the program before us in the pipe has failed.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use dot_qmail::loops;
use thiserror::Error;

use crate::call::Call;

/// A message that can be read from its beginning again and again.
#[derive(Debug)]
pub(crate) struct Message {
    file: File,
    /// How long it is.
    pub(crate) bytes: u64,
}

/// Why there is no message to deliver. All of it may pass.
#[derive(Debug, Error)]
pub(crate) enum MessageError {
    /// Nobody gave us one.
    #[error("no message")]
    Empty,
    /// It cannot be read, or not from the beginning again.
    #[error("unable to read message")]
    Read(#[source] io::Error),
    /// There is nowhere to put what comes through a pipe.
    #[error("unable to keep message")]
    Keep(#[source] io::Error),
}

impl Message {
    /// Takes descriptor 0. A file that keeps a pipe's content is made in `directory`, or else in
    /// /tmp.
    pub(crate) fn take(directory: &Path) -> Result<Self, MessageError> {
        if os::fd::stdin_was_closed() {
            return Err(MessageError::Empty);
        }
        let mut file = os::fd::take(0).map_err(MessageError::Read)?;
        let facts = file.metadata().map_err(MessageError::Read)?;
        if !facts.is_file() {
            file = keep(&mut file, directory)?;
        }
        let bytes = file.metadata().map_err(MessageError::Read)?.len();
        if bytes == 0 {
            return Err(MessageError::Empty);
        }
        Ok(Self { file, bytes })
    }

    /// The message from its beginning.
    pub(crate) fn rewound(&mut self) -> Result<&mut File, MessageError> {
        self.file.rewind().map_err(MessageError::Read)?;
        Ok(&mut self.file)
    }

    /// Whether its header says that it was delivered to this address already.
    pub(crate) fn has_been_here(&mut self, call: &Call) -> Result<bool, MessageError> {
        let line = call.delivered_to();
        loops::has_line_in_any_case(self.rewound()?, &line).map_err(MessageError::Read)
    }
}

fn keep(pipe: &mut File, directory: &Path) -> Result<File, MessageError> {
    let mut kept = os::file::unnamed(directory)
        .or_else(|_| os::file::unnamed(Path::new("/tmp")))
        .map_err(MessageError::Keep)?;
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match pipe.read(&mut piece) {
            Ok(0) => return Ok(kept),
            Ok(count) => kept
                .write_all(piece.get(..count).unwrap_or_default())
                .map_err(MessageError::Keep)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(MessageError::Read(error)),
        }
    }
}

/// One read and one write.
const PIECE_BYTES: usize = 32 << 10;
