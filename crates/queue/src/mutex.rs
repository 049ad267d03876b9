//! lock/sendmutex: one qmail-send per queue.

use std::fs::{File, OpenOptions};
use std::io;

use crate::Queue;

/// Why the lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum MutexError {
    /// The file cannot be opened or locked.
    #[error("unable to open lock/sendmutex")]
    Open(#[source] io::Error),
    /// Another qmail-send has it.
    #[error("qmail-send is already running")]
    Running,
}

/// The lock; held until it is dropped or the process ends.
pub struct SendMutex {
    _file: File,
}

impl SendMutex {
    /// Takes the lock, without waiting.
    ///
    /// # Errors
    /// See [`MutexError`].
    pub fn lock(queue: &Queue) -> Result<Self, MutexError> {
        let file = OpenOptions::new()
            .write(true)
            .open(queue.sendmutex())
            .map_err(MutexError::Open)?;
        match os::lock::try_exclusive(&file).map_err(MutexError::Open)? {
            true => Ok(Self { _file: file }),
            false => Err(MutexError::Running),
        }
    }
}
