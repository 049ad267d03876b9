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

use table::Table;
pub use table::{History, Timeout};

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

    /// The hosts that timed out lately, in the order of the table (qmail-tcpto(8)).
    pub fn timeouts(&self) -> Result<Vec<Timeout>, TcptoError> {
        let file = self.open().map_err(TcptoError::Open)?;
        os::lock::exclusive(&file).map_err(TcptoError::Lock)?;
        let table = read(&file).map_err(TcptoError::Read)?;
        Ok(table.timeouts())
    }

    /// Forgets every host under the lock, so that no qmail-remote puts one back that it has read
    /// before (qmail-tcpok(8)).
    pub fn forget(&self) -> Result<(), TcptoError> {
        let file = OpenOptions::new().write(true).open(&self.path);
        let file = file.map_err(TcptoError::Open)?;
        os::lock::exclusive(&file).map_err(TcptoError::Lock)?;
        file.write_all_at(&[0; Table::SIZE], 0)
            .map_err(TcptoError::Clear)
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
        let file = self.open()?;
        os::lock::exclusive(&file)?;
        let table = read(&file)?;
        Ok((file, table))
    }

    fn open(&self) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).open(&self.path)
    }
}

/// Why the table could not be shown or cleared. Deliveries go on without it.
#[derive(Debug, thiserror::Error)]
pub enum TcptoError {
    /// It is not there, or not ours to open.
    #[error("unable to open tcpto")]
    Open(#[source] io::Error),
    /// The lock failed.
    #[error("unable to lock tcpto")]
    Lock(#[source] io::Error),
    /// Reading failed.
    #[error("unable to read tcpto")]
    Read(#[source] io::Error),
    /// Writing failed.
    #[error("unable to clear tcpto")]
    Clear(#[source] io::Error),
}

fn read(file: &File) -> io::Result<Table> {
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
    Ok(Table::parse(&bytes))
}
