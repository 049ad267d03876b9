//! One sync for a batch of files and directories: syncfs(2), which costs one journal commit and one
//! flush of the disk where fsync(2) on each costs one flush for each.
//!
//! It takes the whole file system along. So it is used for large batches only, and not while much
//! that is none of ours waits to be written; nor on a kernel before 5.8, where syncfs did not report
//! errors of writing.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::disk::Together;

/// Whether a batch of so many syncs is better done by one.
pub(crate) fn is_worth_it(syncs: usize) -> bool {
    syncs >= SYNCS_MIN && reports_errors() && unwritten().is_some_and(|kib| kib <= UNWRITTEN_MAX)
}

/// Syncs the file systems that these are on, each once.
pub(crate) fn sync(files: &[&mut File], dirs: &[PathBuf]) -> Together {
    let mut devices = HashMap::new();
    let files = files
        .iter()
        .map(|file| result(&mut devices, file))
        .collect();
    let dirs = dirs
        .iter()
        .map(|dir| result(&mut devices, &File::open(dir)?))
        .collect();
    Together { files, dirs }
}

/// Syncs the device of a file if that has not been done yet. An error counts for all that is on it.
fn result(devices: &mut HashMap<u64, io::Result<()>>, file: &File) -> io::Result<()> {
    let device = file.metadata()?.dev();
    let outcome = devices
        .entry(device)
        .or_insert_with(|| Ok(nix::unistd::syncfs(file)?));
    match outcome {
        Ok(()) => Ok(()),
        Err(error) => Err(match error.raw_os_error() {
            Some(number) => io::Error::from_raw_os_error(number),
            None => error.kind().into(),
        }),
    }
}

fn reports_errors() -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    is_since_5_8(&release)
}

fn is_since_5_8(release: &str) -> bool {
    let mut numbers = release
        .split(|other: char| !other.is_ascii_digit())
        .map(|digits| digits.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    version >= (5, 8)
}

/// KiB that the system has yet to write, whoever wrote them.
fn unwritten() -> Option<u64> {
    let meminfo = std::fs::read_to_string("/proc/meminfo").ok()?;
    dirty(&meminfo)
}

fn dirty(meminfo: &str) -> Option<u64> {
    let value = |name: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_ascii_whitespace().next()?.parse::<u64>().ok()
    };
    value("Dirty:")?.checked_add(value("Writeback:")?)
}

/// Fewer are done one by one: reading what decides costs something, too.
const SYNCS_MIN: usize = 16;
/// KiB that a slow disk writes in a fraction of a second.
const UNWRITTEN_MAX: u64 = 32 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_reported_since_5_8() {
        for release in ["5.8.0", "5.10.0-28-amd64\n", "6.1.0", "10.0"] {
            assert!(is_since_5_8(release), "{release}");
        }
        for release in ["", "4.18.0-553.el8_10.x86_64", "5.7.19", "3.10.0", "x"] {
            assert!(!is_since_5_8(release), "{release}");
        }
    }

    #[test]
    fn what_waits_to_be_written_is_dirty_or_on_its_way() {
        let meminfo = "MemTotal: 1 kB\nDirty:   120 kB\nWriteback:     4 kB\nWritebackTmp: 9 kB\n";
        assert_eq!(dirty(meminfo), Some(124));
        assert_eq!(dirty("MemTotal: 1 kB\n"), None);
    }

    #[test]
    fn a_batch_is_synced_and_a_missing_directory_is_told() {
        let dir = std::env::temp_dir();
        let path = dir.join(format!("shared-sync.{}", crate::account::pid()));
        let mut file = File::create(&path).unwrap();
        let together = sync(&[&mut file], &[dir, PathBuf::from("/nonexistent")]);
        std::fs::remove_file(&path).unwrap();
        assert!(together.files[0].is_ok() && together.dirs[0].is_ok());
        assert_eq!(
            together.dirs[1].as_ref().unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
    }
}
