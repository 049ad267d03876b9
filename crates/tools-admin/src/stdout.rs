//! Descriptor 1, buffered, whose errors count.

use std::fs::File;
use std::io::{self, BufWriter};
use std::os::fd::AsFd;

/// What a tool writes to; to be flushed at the end.
pub(crate) type Stdout = BufWriter<File>;

/// A writer on descriptor 1.
pub(crate) fn open() -> io::Result<Stdout> {
    let fd = os::fd::stdout().as_fd().try_clone_to_owned()?;
    Ok(BufWriter::new(File::from(fd)))
}
