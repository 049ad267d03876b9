//! The file operations whose order makes the queue and the mailboxes crash-safe.
//!
//! They are a trait so that the steps of INTERNALS run over two disks: [`RealDisk`], and the model
//! disk of the crash tests, which forgets what was not synced. What ships is what is checked.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use crate::shared_sync;

/// What stat(2) says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Inode number.
    pub inode: u64,
    /// Bytes.
    pub size: u64,
    /// Owner.
    pub uid: u32,
    /// Permission bits, 0 to 0o7777.
    pub mode: u32,
    /// Modification time, seconds since 1970 (0 when before).
    pub mtime: u64,
    /// Access time, seconds since 1970 (0 when before).
    pub atime: u64,
    /// Change time of the inode, seconds since 1970 (0 when before).
    pub ctime: u64,
    /// A regular file.
    pub is_file: bool,
}

/// A disk. Paths are absolute or relative to the current directory, as the steps give them.
pub trait Disk {
    /// An open file.
    type File;

    /// Creates a file that must not exist, for writing (O_CREAT, O_EXCL).
    ///
    /// # Errors
    /// open(2)'s; EEXIST when it exists.
    fn create(&mut self, path: &Path, mode: u32) -> io::Result<Self::File>;

    /// Opens for appending; says whether the file had to be created, in which case its directory
    /// needs a sync too.
    ///
    /// # Errors
    /// open(2)'s.
    fn open_append(&mut self, path: &Path, mode: u32) -> io::Result<(Self::File, bool)>;

    /// Writes all of it.
    ///
    /// # Errors
    /// write(2)'s; interruptions and short writes are continued.
    fn write(&mut self, file: &mut Self::File, bytes: &[u8]) -> io::Result<()>;

    /// The inode number.
    ///
    /// # Errors
    /// fstat(2)'s.
    fn inode(&mut self, file: &Self::File) -> io::Result<u64>;

    /// Returns when the file's bytes and its inode are on the disk. An error is final: the system
    /// may have dropped the bytes, so syncing once more proves nothing.
    ///
    /// # Errors
    /// fsync(2)'s.
    fn sync(&mut self, file: &mut Self::File) -> io::Result<()>;

    /// Returns when the names in a directory are on the disk.
    ///
    /// # Errors
    /// open(2)'s or fsync(2)'s.
    fn sync_dir(&mut self, dir: &Path) -> io::Result<()>;

    /// Gives a file a second name.
    ///
    /// # Errors
    /// link(2)'s; EEXIST when the name is taken.
    fn link(&mut self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a name.
    ///
    /// # Errors
    /// unlink(2)'s; ENOENT when there is none.
    fn unlink(&mut self, path: &Path) -> io::Result<()>;

    /// What stat(2) says; `None` when there is no such file.
    ///
    /// # Errors
    /// stat(2)'s, other than ENOENT.
    fn stat(&mut self, path: &Path) -> io::Result<Option<Stat>>;

    /// The whole content, at most `bytes_max` bytes.
    ///
    /// # Errors
    /// open(2)'s and read(2)'s; EFBIG when it is larger.
    fn read(&mut self, path: &Path, bytes_max: u64) -> io::Result<Vec<u8>>;

    /// Overwrites one byte in place. Not synced.
    ///
    /// # Errors
    /// open(2)'s and pwrite(2)'s.
    fn mark(&mut self, path: &Path, offset: u64, byte: u8) -> io::Result<()>;

    /// Sets access and modification time.
    ///
    /// # Errors
    /// utimensat(2)'s.
    fn set_times(&mut self, path: &Path, seconds: u64) -> io::Result<()>;

    /// The names in a directory, in no order.
    ///
    /// # Errors
    /// opendir(3)'s and readdir(3)'s.
    fn list(&mut self, dir: &Path) -> io::Result<Vec<OsString>>;

    /// Returns when all of these files, and then the names in all of these directories, are on the
    /// disk, and says which are; a disk that can does them in one go. Each error is final.
    fn sync_together(&mut self, files: &mut [&mut Self::File], dirs: &[PathBuf]) -> Together {
        Together {
            files: files.iter_mut().map(|file| self.sync(file)).collect(),
            dirs: dirs.iter().map(|dir| self.sync_dir(dir)).collect(),
        }
    }

    /// Shows that a process is at work on a file, until it closes it or ends (flock(2)). A disk
    /// that knows no claims does nothing.
    ///
    /// # Errors
    /// flock(2)'s.
    fn claim(&mut self, _file: &mut Self::File) -> io::Result<()> {
        Ok(())
    }

    /// Whether somebody has claimed a file and is still there.
    ///
    /// # Errors
    /// open(2)'s and flock(2)'s.
    fn is_claimed(&mut self, _path: &Path) -> io::Result<bool> {
        Ok(false)
    }

    /// Cuts a file back to a size, after a write that was not whole. A disk whose writes are whole
    /// or none does nothing.
    ///
    /// # Errors
    /// ftruncate(2)'s.
    fn truncate(&mut self, _file: &mut Self::File, _size: u64) -> io::Result<()> {
        Ok(())
    }

    /// Whether there is such a file.
    ///
    /// # Errors
    /// stat(2)'s, other than ENOENT.
    fn exists(&mut self, path: &Path) -> io::Result<bool> {
        Ok(self.stat(path)?.is_some())
    }

    /// Removes a name if it is there.
    ///
    /// # Errors
    /// unlink(2)'s, other than ENOENT.
    fn unlink_if_there(&mut self, path: &Path) -> io::Result<()> {
        match self.unlink(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }
}

/// How the syncs of a batch went, in the order in which they were asked for.
#[derive(Debug)]
pub struct Together {
    /// The files'.
    pub files: Vec<io::Result<()>>,
    /// The directories'.
    pub dirs: Vec<io::Result<()>>,
}

/// The system's own disk.
#[derive(Debug, Default, Clone, Copy)]
pub struct RealDisk;

impl Disk for RealDisk {
    type File = File;

    fn create(&mut self, path: &Path, mode: u32) -> io::Result<File> {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(path)
    }

    fn open_append(&mut self, path: &Path, mode: u32) -> io::Result<(File, bool)> {
        // A fifo or a device in this place must not hold us up.
        let mut options = OpenOptions::new();
        options
            .append(true)
            .mode(mode)
            .custom_flags(libc::O_NONBLOCK);
        match options.open(path) {
            Ok(file) => Ok((file, false)),
            // Not O_EXCL: a symbolic link may name a file that is still to be made, and a file
            // that somebody made meanwhile may just as well have its name synced twice.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Ok((options.create(true).open(path)?, true))
            }
            Err(error) => Err(error),
        }
    }

    fn write(&mut self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    fn inode(&mut self, file: &File) -> io::Result<u64> {
        Ok(file.metadata()?.ino())
    }

    fn sync(&mut self, file: &mut File) -> io::Result<()> {
        uninterrupted(|| Ok(nix::unistd::fsync(&*file)?))
    }

    fn sync_dir(&mut self, dir: &Path) -> io::Result<()> {
        let dir = File::open(dir)?;
        uninterrupted(|| Ok(nix::unistd::fsync(&dir)?))
    }

    fn sync_together(&mut self, files: &mut [&mut File], dirs: &[PathBuf]) -> Together {
        if shared_sync::is_worth_it(files.len() + dirs.len()) {
            return shared_sync::sync(files, dirs);
        }
        Together {
            files: files.iter_mut().map(|file| self.sync(file)).collect(),
            dirs: dirs.iter().map(|dir| self.sync_dir(dir)).collect(),
        }
    }

    fn claim(&mut self, file: &mut File) -> io::Result<()> {
        crate::lock::try_exclusive(file).map(|_| ())
    }

    fn is_claimed(&mut self, path: &Path) -> io::Result<bool> {
        let file = crate::file::open_read_no_link(path)?;
        Ok(!crate::lock::try_exclusive(&file)?)
    }

    fn link(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::hard_link(from, to)
    }

    fn unlink(&mut self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn stat(&mut self, path: &Path) -> io::Result<Option<Stat>> {
        match std::fs::symlink_metadata(path) {
            Ok(metadata) => Ok(Some(Stat {
                inode: metadata.ino(),
                size: metadata.size(),
                uid: metadata.uid(),
                mode: metadata.mode() & 0o7777,
                mtime: u64::try_from(metadata.mtime()).unwrap_or(0),
                atime: u64::try_from(metadata.atime()).unwrap_or(0),
                ctime: u64::try_from(metadata.ctime()).unwrap_or(0),
                is_file: metadata.is_file(),
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn read(&mut self, path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        crate::file::open_read(path)?
            .take(bytes_max.saturating_add(1))
            .read_to_end(&mut content)?;
        if u64::try_from(content.len()).is_ok_and(|len| len <= bytes_max) {
            Ok(content)
        } else {
            Err(io::Error::from_raw_os_error(libc::EFBIG))
        }
    }

    fn truncate(&mut self, file: &mut File, size: u64) -> io::Result<()> {
        file.set_len(size)
    }

    fn mark(&mut self, path: &Path, offset: u64, byte: u8) -> io::Result<()> {
        open_in_place(path)?.write_all_at(&[byte], offset)
    }

    fn set_times(&mut self, path: &Path, seconds: u64) -> io::Result<()> {
        let time = UNIX_EPOCH + Duration::from_secs(seconds);
        let times = std::fs::FileTimes::new()
            .set_accessed(time)
            .set_modified(time);
        open_in_place(path)?.set_times(times)
    }

    fn list(&mut self, dir: &Path) -> io::Result<Vec<OsString>> {
        std::fs::read_dir(dir)?
            .map(|entry| Ok(entry?.file_name()))
            .collect()
    }
}

/// Opens for writing without waiting for the reader of a fifo that somebody put there.
fn open_in_place(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)
}

/// Repeats a call that a signal interrupted.
fn uninterrupted(mut call: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
