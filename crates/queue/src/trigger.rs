//! lock/trigger: a named pipe by which qmail-queue wakes qmail-send (INTERNALS, trigger).

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

use crate::Queue;

/// Tells qmail-send that there is something in todo/. Nobody listening is no error: qmail-send
/// looks when it starts.
pub fn pull(queue: &Queue) {
    // The message is accepted whether or not anybody is awake.
    let _nobody = os::fifo::pull(&queue.trigger());
}

/// qmail-send's end.
pub struct Trigger {
    path: PathBuf,
    pipe: File,
}

impl Trigger {
    /// Opens the pipe; it becomes readable when it is pulled.
    ///
    /// # Errors
    /// open(2)'s.
    pub fn open(queue: &Queue) -> io::Result<Self> {
        let path = queue.trigger();
        Ok(Self {
            pipe: os::fifo::open_read(&path)?,
            path,
        })
    }

    /// Makes it ready for the next pull. To be called before todo/ is read, so that an entry made
    /// after the reading passed its place wakes us again.
    ///
    /// # Errors
    /// open(2)'s; the old end then stays.
    pub fn rearm(&mut self) -> io::Result<()> {
        self.pipe = os::fifo::open_read(&self.path)?;
        Ok(())
    }
}

impl AsFd for Trigger {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}
