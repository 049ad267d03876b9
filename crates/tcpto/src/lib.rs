//! `queue/lock/tcpto`: the hosts whose connections timed out lately, shared by all qmail-remotes.
//!
//! The file is 64 records of 16 bytes and is only ever a hint: a table that is missing, short or
//! unreadable is no table. qmail-rspawn clears it when it starts; qmail-tcpto shows it.

mod table;

use std::fs::{File, OpenOptions};
use std::io;
use std::net::Ipv4Addr;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

pub use table::History;
use table::Table;

/// The file that holds the table of one queue.
#[derive(Debug, Clone)]
pub struct Tcpto {
    path: PathBuf,
}

impl Tcpto {
    /// The table of the queue below `home`.
    #[must_use]
    pub fn new(home: &Path) -> Self {
        Self {
            path: home.join("queue/lock/tcpto"),
        }
    }

    /// Forgets every host, without lock and without changing the length of a longer file.
    pub fn clear(&self) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(&self.path)?;
        file.write_all_at(&[0; Table::SIZE], 0)
    }

    /// What is known of `ip`; `pid` spreads the moment at which waiting qmail-remotes try again.
    #[must_use]
    pub fn history(&self, ip: Ipv4Addr, now: u64, pid: u32) -> History {
        match self.read_locked() {
            Ok((_, table)) => table.history(ip, now, pid),
            Err(_) => History::Unknown,
        }
    }

    /// Notes that a connection to `ip` timed out at `now`.
    pub fn timed_out(&self, ip: Ipv4Addr, now: u64) {
        let noted = self.update(|table| table.timed_out(ip, now));
        drop(noted); // the table is a hint: without it the next delivery waits as this one did
    }

    /// Notes that `ip` answered, be it with a refusal. Needed only if its history was not
    /// [`History::Unknown`].
    pub fn answered(&self, ip: Ipv4Addr) {
        let noted = self.update(|table| table.answered(ip));
        drop(noted); // as above
    }

    /// Lets `change` alter one record under the lock and writes back that record alone.
    fn update(&self, change: impl FnOnce(&mut Table) -> Option<usize>) -> io::Result<()> {
        let (file, mut table) = self.read_locked()?;
        let Some(record) = change(&mut table) else {
            return Ok(());
        };
        match table.bytes_of(record) {
            Some((bytes, offset)) => file.write_all_at(bytes, offset),
            None => Ok(()),
        }
    }

    /// Opens the file, waits for its lock and reads it; the lock goes with the file.
    fn read_locked(&self) -> io::Result<(File, Table)> {
        let file = OpenOptions::new().read(true).write(true).open(&self.path)?;
        os::lock::exclusive(&file)?;
        let mut bytes = Vec::with_capacity(Table::SIZE);
        let mut chunk = [0; Table::SIZE];
        while bytes.len() < Table::SIZE {
            let offset = u64::try_from(bytes.len()).map_err(io::Error::other)?;
            let got = file.read_at(&mut chunk, offset)?;
            let Some(read) = chunk.get(..got).filter(|read| !read.is_empty()) else {
                break;
            };
            bytes.extend_from_slice(read);
        }
        Ok((file, Table::parse(&bytes)))
    }
}
