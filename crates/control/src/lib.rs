//! Control files, qmail-control(5): one value or one list each, in `control/` under the home.
//! A missing file is a default, never an error; a file that is there but cannot be read is an
//! error, never a default.

pub mod catalog;
mod domains;
mod list;
mod map;
mod routes;
mod value;

pub use domains::RcptHosts;
pub use map::{Map, parents};
pub use routes::Routes;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A control file, or any file in the form of one, that is there but cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// It cannot be opened or read, or is too large to be meant.
    #[error("unable to read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// `control/morercpthosts.cdb` is damaged.
    #[error("unable to read control/morercpthosts.cdb")]
    Cdb(#[from] cdb::CdbError),
}

/// The directory of control files.
#[derive(Clone, Debug)]
pub struct Control {
    directory: PathBuf,
}

impl Control {
    /// The control files of a home; nothing is read yet.
    pub fn new(home: &Path) -> Self {
        Self {
            directory: home.join("control"),
        }
    }

    /// Where a control file is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The first line without trailing blanks. An empty file is an empty line, not a default.
    pub fn line(&self, name: &str) -> Result<Option<Vec<u8>>, ControlError> {
        let content = read(&self.path(name), VALUE_BYTES)?;
        Ok(content.map(|content| value::line(&content).to_vec()))
    }

    /// The first line, else that of `me`.
    pub fn line_or_me(&self, name: &str) -> Result<Option<Vec<u8>>, ControlError> {
        match self.line(name)? {
            Some(line) => Ok(Some(line)),
            None => self.me(),
        }
    }

    /// The first line, else that of `me`, else `literal`.
    pub fn line_or_me_or(&self, name: &str, literal: &str) -> Result<Vec<u8>, ControlError> {
        let line = self.line_or_me(name)?;
        Ok(line.unwrap_or_else(|| literal.as_bytes().to_vec()))
    }

    /// The name of this host, `control/me`.
    pub fn me(&self) -> Result<Option<Vec<u8>>, ControlError> {
        self.line("me")
    }

    /// The number the first line begins with; without a digit the file counts as missing.
    pub fn integer(&self, name: &str) -> Result<Option<u64>, ControlError> {
        Ok(self.line(name)?.and_then(|line| value::integer(&line)))
    }

    /// The number, or its default.
    pub fn integer_or(&self, name: &str, default: u64) -> Result<u64, ControlError> {
        Ok(self.integer(name)?.unwrap_or(default))
    }

    /// The lines, without trailing blanks, empty lines and comments.
    pub fn list(&self, name: &str) -> Result<Option<Vec<Vec<u8>>>, ControlError> {
        list_at(&self.path(name))
    }

    /// The lines as a set to look names up in; the values are empty.
    pub fn set(&self, name: &str) -> Result<Option<Map>, ControlError> {
        Ok(self.list(name)?.map(|lines| Map::of_names(&lines)))
    }

    /// The lines, `key:value` each, as a table; lines without `:` are ignored.
    pub fn map(&self, name: &str) -> Result<Option<Map>, ControlError> {
        Ok(self.list(name)?.map(|lines| Map::of_pairs(&lines)))
    }

    /// `control/locals`, else the line of `me`; without either there is nothing local to name.
    pub fn locals(&self) -> Result<Option<Map>, ControlError> {
        match self.set("locals")? {
            Some(set) => Ok(Some(set)),
            None => Ok(self.me()?.map(|me| Map::of_names(&[me]))),
        }
    }
}

/// The digits a text begins with, as in a control file; none when there is none.
pub fn leading_integer(text: &[u8]) -> Option<u64> {
    value::integer(text)
}

/// The lines of any file in the form of a control list, for example `$QMAILMFTFILE`.
pub fn list_at(path: &Path) -> Result<Option<Vec<Vec<u8>>>, ControlError> {
    Ok(read(path, LIST_BYTES)?.map(|content| list::lines(&content)))
}

fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, ControlError> {
    let failed = |source| ControlError::Read {
        path: path.to_path_buf(),
        source,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut content = Vec::new();
    file.take(limit + 1)
        .read_to_end(&mut content)
        .map_err(failed)?;
    if u64::try_from(content.len()).unwrap_or(u64::MAX) > limit {
        return Err(failed(io::Error::from(io::ErrorKind::FileTooLarge)));
    }
    Ok(Some(content))
}

/// A value is one line; the longest that means anything is a greeting.
const VALUE_BYTES: u64 = 64 * 1024;
/// Two million domains of average length. Longer lists belong in morercpthosts.cdb.
const LIST_BYTES: u64 = 64 * 1024 * 1024;

#[cfg(test)]
mod tests;
