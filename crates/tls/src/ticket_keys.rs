//! The keys that tickets are sealed with: one small file for all processes of a service, rotated by whichever of
//! them finds it too old.
//!
//! The directory belongs to the service's account and to nobody else. `keys` has one line a key: the second it was
//! made, its name, its secret, in hexadecimal, newest first. It is replaced by renaming, under a lock on `lock`,
//! so that a reader always sees a whole file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom, SystemRandom};

use crate::error::TicketError;

/// One key; its secret is never shown.
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct TicketKey {
    /// Second of 1970.
    pub(crate) made: u64,
    /// What tickets call it.
    pub(crate) name: [u8; NAME_BYTES],
    /// 256 bits.
    pub(crate) secret: [u8; SECRET_BYTES],
}

/// The keys to open tickets with, newest first; the first one seals.
///
/// Nothing, when the directory is not there: tickets are off. `now` is in seconds of 1970.
pub(crate) fn current(directory: &Path, now: u64) -> Result<Vec<TicketKey>, TicketError> {
    if !directory.exists() {
        return Ok(Vec::new());
    }
    must_be_private(directory, &fs::metadata(directory), "700", 0o022)?;
    let file = directory.join("keys");
    let keys = read(&file, now)?;
    if is_fresh(&keys, now) {
        return Ok(keys);
    }
    let lock = create(&directory.join("lock"), false)?;
    let is_ours = os::lock::try_exclusive(&lock).map_err(failed(&directory.join("lock")))?;
    if !is_ours {
        // Somebody else is at it; what is there will do.
        return Ok(keys);
    }
    let mut keys = read(&file, now)?;
    if !is_fresh(&keys, now) {
        keys.insert(0, TicketKey::generate(now)?);
        keys.truncate(KEYS_MAX);
        replace(directory, &file, &keys)?;
    }
    Ok(keys)
}

impl TicketKey {
    fn generate(now: u64) -> Result<Self, TicketError> {
        let mut key = Self {
            made: now,
            name: [0; NAME_BYTES],
            secret: [0; SECRET_BYTES],
        };
        let random = SystemRandom::new();
        random
            .fill(&mut key.name)
            .and_then(|()| random.fill(&mut key.secret))
            .map_err(|_| TicketError::NoRandomness)?;
        Ok(key)
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let key = Self {
            made: words.next()?.parse().ok()?,
            name: from_hex(words.next()?)?,
            secret: from_hex(words.next()?)?,
        };
        words.next().is_none().then_some(key)
    }

    fn line(&self) -> String {
        format!(
            "{} {} {}\n",
            self.made,
            to_hex(&self.name),
            to_hex(&self.secret)
        )
    }

    /// Tickets of this key may still be good. A key from the future was made under another clock.
    fn is_alive(&self, now: u64) -> bool {
        self.made <= now.saturating_add(SKEW_S)
            && now < self.made.saturating_add(SEALS_S + TICKET_LIFETIME_S)
    }
}

/// Whether the newest key may seal more tickets.
fn is_fresh(keys: &[TicketKey], now: u64) -> bool {
    keys.first()
        .is_some_and(|key| now < key.made.saturating_add(SEALS_S))
}

/// The keys in the file that may still be of use. A damaged line is no key; no file is no keys.
fn read(path: &Path, now: u64) -> Result<Vec<TicketKey>, TicketError> {
    let file = match os::file::open_read_no_link(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(path)(error)),
    };
    must_be_private(path, &file.metadata(), "600", 0o077)?;
    let mut text = String::new();
    let read = file.take(FILE_BYTES_MAX).read_to_string(&mut text);
    if read.is_err() {
        return Ok(Vec::new());
    }
    let keys = text.lines().filter_map(TicketKey::parse);
    Ok(keys
        .filter(|key| key.is_alive(now))
        .take(KEYS_MAX)
        .collect())
}

fn replace(directory: &Path, file: &Path, keys: &[TicketKey]) -> Result<(), TicketError> {
    let new = directory.join("keys.new");
    let text: String = keys.iter().map(TicketKey::line).collect();
    // Not synced: keys lost in a power cut only make clients shake hands in full.
    create(&new, true)?
        .write_all(text.as_bytes())
        .map_err(failed(&new))?;
    fs::rename(&new, file).map_err(failed(file))
}

fn create(path: &Path, empty: bool) -> Result<File, TicketError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(empty).mode(0o600);
    options.open(path).map_err(failed(path))
}

/// Ours alone: what others could write would open our clients' sessions.
fn must_be_private(
    path: &Path,
    metadata: &io::Result<fs::Metadata>,
    mode: &'static str,
    forbidden: u32,
) -> Result<(), TicketError> {
    let is_private = metadata
        .as_ref()
        .is_ok_and(|found| found.uid() == os::account::euid() && found.mode() & forbidden == 0);
    if is_private {
        return Ok(());
    }
    Err(TicketError::Rights {
        path: path.to_path_buf(),
        mode,
    })
}

fn failed(path: &Path) -> impl Fn(io::Error) -> TicketError + use<> {
    let path: PathBuf = path.to_path_buf();
    move |source| TicketError::File {
        path: path.clone(),
        source,
    }
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let digits: Vec<u8> = (0..text.len() / 2)
        .filter_map(|n| text.get(2 * n..2 * n + 2))
        .filter_map(|pair| u8::from_str_radix(pair, 16).ok())
        .collect();
    (text.len() == 2 * N).then_some(())?;
    digits.try_into().ok()
}

/// How long a ticket is good.
pub(crate) const TICKET_LIFETIME_S: u64 = 3600;
/// How long a key seals new tickets; then the next one does, and it only opens.
const SEALS_S: u64 = 3600;
/// Processes of one host share a clock; it may have been set back a little.
const SKEW_S: u64 = 60;
/// One that seals, one that opens, one made in a hurry.
const KEYS_MAX: usize = 3;
pub(crate) const NAME_BYTES: usize = 16;
pub(crate) const SECRET_BYTES: usize = 32;
/// Three lines are below 400.
const FILE_BYTES_MAX: u64 = 4096;

#[cfg(test)]
mod tests;
