//! A .qmail file as it lies on the disk: dot-qmail(5), "safety". It is judged by what was opened,
//! not by its name.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use thiserror::Error;

/// A .qmail file that may be followed.
#[derive(Debug)]
pub struct Orders {
    /// All bytes of the file.
    pub content: Vec<u8>,
    /// The owner's execute bit is set: the file may only forward.
    pub forward_only: bool,
}

/// Why a file that is or may be there cannot be followed.
#[derive(Debug, Error)]
pub enum FileError {
    /// It may be there, but could not be opened now.
    #[error("unable to open")]
    Open(#[source] io::Error),
    /// It could not be read.
    #[error("unable to read")]
    Read(#[source] io::Error),
    /// Anybody could have written it.
    #[error("writable by others")]
    Writable,
    /// It is larger than a list of instructions has any reason to be.
    #[error("too large")]
    TooLarge,
    /// A line ends CR LF: the CR would be part of a file's name or of an address.
    #[error("a line ends in a carriage return")]
    CarriageReturn,
}

/// Reads a .qmail file; `None` when there is no such regular file.
///
/// # Errors
/// When following another file instead could mean delivering to the wrong place.
pub fn read(path: &Path) -> Result<Option<Orders>, FileError> {
    let opened = os::file::open_read(path).and_then(|file| {
        let facts = file.metadata()?;
        Ok((file, facts))
    });
    let (file, mode) = match opened {
        Ok((file, facts)) if facts.is_file() => (file, facts.mode()),
        Ok(_) => return Ok(None),
        Err(error) if is_doubtful(&error) => return Err(FileError::Open(error)),
        Err(_) => return Ok(None),
    };
    if mode & OTHERS_MAY_WRITE != 0 {
        return Err(FileError::Writable);
    }
    let content = content(file)?;
    if has_carriage_return(&content) {
        return Err(FileError::CarriageReturn);
    }
    Ok(Some(Orders {
        content,
        forward_only: mode & OWNER_EXECUTES != 0,
    }))
}

// The file may well be there; taking the next best one would deliver to the wrong place.
fn is_doubtful(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied || os::errno::is_temporary(error)
}

fn content(file: File) -> Result<Vec<u8>, FileError> {
    let mut content = Vec::new();
    file.take(BYTES_MAX.saturating_add(1))
        .read_to_end(&mut content)
        .map_err(FileError::Read)?;
    if u64::try_from(content.len()).is_ok_and(|length| length <= BYTES_MAX) {
        Ok(content)
    } else {
        Err(FileError::TooLarge)
    }
}

// Somebody's editor ended the lines so. Comments do no harm, except one that was meant as `+list`.
fn has_carriage_return(content: &[u8]) -> bool {
    content
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.starts_with(b"#"))
        .any(|line| {
            let end = line.iter().rev();
            let mut blanks = end.take_while(|byte| byte.is_ascii_whitespace());
            blanks.any(|byte| *byte == b'\r')
        })
}

/// `conf-patrn` of the original: mode bits that make a .qmail file or home untrustworthy.
pub const OTHERS_MAY_WRITE: u32 = 0o002;
const OWNER_EXECUTES: u32 = 0o100;
/// A .qmail file is held in memory while it is followed; this is room for some 200 000 addresses.
const BYTES_MAX: u64 = 8 << 20;
