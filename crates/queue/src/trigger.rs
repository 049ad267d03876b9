//! lock/trigger: a named pipe by which qmail-queue wakes qmail-send (INTERNALS, trigger).

use std::fs::File;
use std::io::{self, Read};
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
    /// A fresh end, because the old one reports for ever that its writers have gone; and the bytes
    /// are read, because they stay in the pipe as long as it has any end.
    ///
    /// # Errors
    /// open(2)'s; the old end then stays.
    pub fn rearm(&mut self) -> io::Result<()> {
        let fresh = os::fifo::open_read(&self.path)?;
        let mut old = std::mem::replace(&mut self.pipe, fresh);
        let mut pulls = [0; PULLS];
        for _ in 0..READS_MAX {
            match old.read(&mut pulls) {
                Ok(count) if count > 0 => {}
                Ok(_) | Err(_) => break,
            }
        }
        Ok(())
    }
}

impl AsFd for Trigger {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

/// Bytes read at a time.
const PULLS: usize = 4096;
/// All that a pipe holds. Whoever writes faster than that wakes us once more, which is no harm.
const READS_MAX: usize = 16;
