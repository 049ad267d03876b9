//! Constant databases: `users/cdb` and `control/morercpthosts.cdb`, byte for byte the classic
//! format, so that any other reader or writer can take our place.

mod hash;
mod reader;
mod writer;

pub use hash::hash;
pub use reader::Reader;
pub use writer::Writer;

use std::io;
use std::path::PathBuf;

/// Why a database could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CdbError {
    /// The file could not be opened; `source` says whether it exists.
    #[error("unable to open {}", path.display())]
    Open {
        /// The database.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Reading failed, or the file ended in the middle of something.
    #[error("unable to read {}", path.display())]
    Read {
        /// The database.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file says something impossible about itself.
    #[error("{} is not a constant database: {reason}", path.display())]
    Malformed {
        /// The database.
        path: PathBuf,
        /// What does not fit.
        reason: &'static str,
    },
    /// Writing failed.
    #[error("unable to write the database")]
    Write(#[from] io::Error),
    /// Positions are 32 bits wide.
    #[error("database larger than 4 gigabytes")]
    TooLarge,
}

/// The 256 pairs of table position and slot count at the start.
const HEADER_BYTES: u32 = 2048;
