//! Writes a database: records in the order given, then the tables, then the header in front.
//! Syncing and renaming is up to the caller, who knows what readers there are.

use std::io::{Seek, SeekFrom, Write};

use crate::{CdbError, HEADER_BYTES, hash};

/// A database being written to an empty file.
#[derive(Debug)]
pub struct Writer<W: Write + Seek> {
    file: W,
    position: u32,
    pending: Vec<u8>,
    /// Hash and position of every record, in order.
    records: Vec<(u32, u32)>,
}

impl<W: Write + Seek> Writer<W> {
    /// Starts a database at the beginning of an empty file.
    pub fn new(mut file: W) -> Result<Self, CdbError> {
        file.seek(SeekFrom::Start(u64::from(HEADER_BYTES)))?;
        Ok(Self {
            file,
            position: HEADER_BYTES,
            pending: Vec::new(),
            records: Vec::new(),
        })
    }

    /// Adds a record. Readers find the first of several with the same key.
    pub fn add(&mut self, key: &[u8], data: &[u8]) -> Result<(), CdbError> {
        let key_bytes = u32::try_from(key.len()).map_err(|_| CdbError::TooLarge)?;
        let data_bytes = u32::try_from(data.len()).map_err(|_| CdbError::TooLarge)?;
        let start = self.position;
        let length = 8_u32
            .checked_add(key_bytes)
            .and_then(|n| n.checked_add(data_bytes))
            .ok_or(CdbError::TooLarge)?;
        self.position = start.checked_add(length).ok_or(CdbError::TooLarge)?;
        self.records.push((hash(key), start));
        self.pending.extend_from_slice(&key_bytes.to_le_bytes());
        self.pending.extend_from_slice(&data_bytes.to_le_bytes());
        self.pending.extend_from_slice(key);
        self.pending.extend_from_slice(data);
        if self.pending.len() >= PENDING_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes tables and header; gives the file back, not yet synced.
    pub fn finish(mut self) -> Result<W, CdbError> {
        let mut tables = vec![Vec::new(); 256];
        for (h, position) in std::mem::take(&mut self.records) {
            if let Some(table) = usize::try_from(h & 255)
                .ok()
                .and_then(|i| tables.get_mut(i))
            {
                table.push((h, position));
            }
        }
        let mut header = Vec::new();
        for table in &tables {
            header.extend_from_slice(&self.position.to_le_bytes());
            let slots = fill(table);
            let count = u32::try_from(slots.len()).map_err(|_| CdbError::TooLarge)?;
            header.extend_from_slice(&count.to_le_bytes());
            self.position = count
                .checked_mul(8)
                .and_then(|n| self.position.checked_add(n))
                .ok_or(CdbError::TooLarge)?;
            for (h, position) in slots {
                self.pending.extend_from_slice(&h.to_le_bytes());
                self.pending.extend_from_slice(&position.to_le_bytes());
            }
        }
        self.flush()?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&header)?;
        self.file.flush()?;
        Ok(self.file)
    }

    fn flush(&mut self) -> Result<(), CdbError> {
        self.file.write_all(&self.pending)?;
        self.pending.clear();
        Ok(())
    }
}

/// Twice as many slots as records, each record in the first free one from where it belongs.
fn fill(table: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let count = table.len() * 2;
    let mut slots = vec![(0, 0); count];
    for (h, position) in table {
        let start = usize::try_from(h >> 8).unwrap_or(0) % count;
        let (before, from) = slots.split_at_mut(start);
        let free = from.iter_mut().chain(before).find(|slot| slot.1 == 0);
        if let Some(slot) = free {
            *slot = (*h, *position);
        }
    }
    slots
}

const PENDING_BYTES: usize = 64 * 1024;

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
