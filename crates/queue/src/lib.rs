//! The queue on disk (INTERNALS, queue states): linked by qmail-queue, qmail-clean, qmail-send and
//! the queue tools only; everybody else goes through qmail-queue.
//!
//! Each transition is a function over an `os::disk::Disk` that names what is on the disk before it
//! returns. The crash model in `tests/` runs these same functions.

pub mod bounce;
pub mod channel;
pub mod clean;
pub mod eliminate;
pub mod envelope;
pub mod info;
pub mod layout;
pub mod message;
pub mod mutex;
pub mod preprocess;
pub mod scan;
pub mod trigger;
pub mod trouble;

pub use channel::Channel;
pub use layout::{MessageId, Queue};
