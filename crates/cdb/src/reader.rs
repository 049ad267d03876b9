//! Looks a key up. Nothing in the file is trusted: every position is checked against its length,
//! and a file that ends early is an error, never an absent key.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::{CdbError, hash};

/// An open database.
#[derive(Debug)]
pub struct Reader {
    file: File,
    length: u64,
    path: PathBuf,
}

impl Reader {
    /// Opens a database; see [`Reader::open_if_exists`] where it may be missing.
    pub fn open(path: &Path) -> Result<Self, CdbError> {
        let open_error = |source| CdbError::Open {
            path: path.to_path_buf(),
            source,
        };
        let file = File::open(path).map_err(open_error)?;
        let length = file.metadata().map_err(open_error)?.len();
        Ok(Self {
            file,
            length,
            path: path.to_path_buf(),
        })
    }

    /// Opens a database, or tells that there is none.
    pub fn open_if_exists(path: &Path) -> Result<Option<Self>, CdbError> {
        match Self::open(path) {
            Ok(reader) => Ok(Some(reader)),
            Err(CdbError::Open { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The data of the first record with this key.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, CdbError> {
        let h = hash(key);
        let (table, slots) = self.pair(u64::from(h & 255) * PAIR_BYTES)?;
        if slots == 0 {
            return Ok(None);
        }
        if u64::from(table) + u64::from(slots) * PAIR_BYTES > self.length {
            return Err(self.malformed("a hash table lies beyond its end"));
        }
        let first = (h >> 8) % slots;
        for probe in 0..slots {
            let slot = (u64::from(first) + u64::from(probe)) % u64::from(slots);
            let (stored, record) = self.pair(u64::from(table) + slot * PAIR_BYTES)?;
            if record == 0 {
                return Ok(None);
            }
            if stored == h
                && let Some(data) = self.record(u64::from(record), key)?
            {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    /// Whether there is a record with this key.
    pub fn contains(&self, key: &[u8]) -> Result<bool, CdbError> {
        self.get(key).map(|data| data.is_some())
    }

    fn record(&self, at: u64, key: &[u8]) -> Result<Option<Vec<u8>>, CdbError> {
        let (key_bytes, data_bytes) = self.pair(at)?;
        if usize::try_from(key_bytes).ok() != Some(key.len()) {
            return Ok(None);
        }
        let mut stored = vec![0; key.len()];
        self.read(&mut stored, at + PAIR_BYTES)?;
        if stored != key {
            return Ok(None);
        }
        if data_bytes > DATA_MAX {
            return Err(self.malformed("a record is too large"));
        }
        let mut data = vec![0; usize::try_from(data_bytes).unwrap_or(0)];
        self.read(&mut data, at + PAIR_BYTES + u64::from(key_bytes))?;
        Ok(Some(data))
    }

    fn pair(&self, at: u64) -> Result<(u32, u32), CdbError> {
        let mut first = [0; 4];
        let mut second = [0; 4];
        let mut both = [0; 8];
        self.read(&mut both, at)?;
        let (left, right) = both.split_at(4);
        first.copy_from_slice(left);
        second.copy_from_slice(right);
        Ok((u32::from_le_bytes(first), u32::from_le_bytes(second)))
    }

    fn read(&self, buffer: &mut [u8], at: u64) -> Result<(), CdbError> {
        self.file
            .read_exact_at(buffer, at)
            .map_err(|source| CdbError::Read {
                path: self.path.clone(),
                source,
            })
    }

    fn malformed(&self, reason: &'static str) -> CdbError {
        CdbError::Malformed {
            path: self.path.clone(),
            reason,
        }
    }
}

const PAIR_BYTES: u64 = 8;
/// Far above any line of users/assign or users/append, and nothing a reader would miss.
const DATA_MAX: u32 = 1 << 20;
