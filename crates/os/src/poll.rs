//! poll(2): the set of descriptors that an event loop waits for.
//!
//! Each part of a daemon adds its descriptors (`prepare`), one wait follows, and each part asks
//! for its slots (`act`), as qmail-send does.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

/// Where in a set a descriptor stands; valid until the set is cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot(usize);

/// Descriptors to wait for.
#[derive(Default)]
pub struct PollSet {
    entries: Vec<libc::pollfd>,
}

impl PollSet {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets all descriptors; the memory is kept for the next turn.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// Waits for something to read, or an end of file, or an error.
    pub fn read(&mut self, fd: &impl AsFd) -> Slot {
        self.add(fd, libc::POLLIN)
    }

    /// Waits for room to write, or an error.
    pub fn write(&mut self, fd: &impl AsFd) -> Slot {
        self.add(fd, libc::POLLOUT)
    }

    fn add(&mut self, fd: &impl AsFd, events: libc::c_short) -> Slot {
        self.entries.push(libc::pollfd {
            fd: fd.as_fd().as_raw_fd(),
            events,
            revents: 0,
        });
        Slot(self.entries.len() - 1)
    }

    /// Waits until something is ready or the time is over (`None`: no limit). An interruption by a
    /// signal counts as "nothing ready".
    ///
    /// # Errors
    /// poll(2)'s, other than EINTR.
    pub fn wait(&mut self, limit: Option<Duration>) -> io::Result<()> {
        let millis = match limit {
            // Rounded up, so that a wait never ends just before the time it waits for.
            Some(limit) => i32::try_from(limit.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX),
            None => -1,
        };
        let count = libc::nfds_t::try_from(self.entries.len())
            .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        // SAFETY: the pointer and the count describe one live vector of pollfd; a descriptor that
        // was closed meanwhile is reported as POLLNVAL.
        let result = unsafe { libc::poll(self.entries.as_mut_ptr(), count, millis) };
        if result >= 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        for entry in &mut self.entries {
            entry.revents = 0;
        }
        if error.kind() == io::ErrorKind::Interrupted {
            Ok(())
        } else {
            Err(error)
        }
    }

    /// Whether any descriptor is ready.
    #[must_use]
    pub fn any_ready(&self) -> bool {
        self.entries.iter().any(|entry| entry.revents != 0)
    }

    /// Whether the descriptor in this slot can be read or written now (or has failed, which the
    /// read or the write will tell).
    #[must_use]
    pub fn ready(&self, slot: Slot) -> bool {
        self.entries
            .get(slot.0)
            .is_some_and(|entry| entry.revents != 0)
    }
}
