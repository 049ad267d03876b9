//! The first control files, which config(8) and config-fast(8) write: each whole or not at all,
//! mode 0644 whatever the umask.

use std::fs::{OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use os::disk::{Disk, RealDisk};

use crate::stdout::Stdout;

/// A control file that could not be written, or read to be added to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetupError {
    #[error("unable to write control/{name}")]
    Write {
        name: &'static str,
        source: io::Error,
    },
    #[error("unable to write output")]
    Output(#[from] io::Error),
}

/// The directory of control files.
pub(crate) struct Setup {
    directory: PathBuf,
}

impl Setup {
    pub(crate) fn new(home: &Path) -> Self {
        Self {
            directory: home.join("control"),
        }
    }

    /// A host's name, or what is cut from it, in each of the files that hold one; says so.
    pub(crate) fn put_names(&self, host: &[u8], out: &mut Stdout) -> Result<(), SetupError> {
        for (file, name) in [
            ("me", host),
            ("defaultdomain", default_domain(host)),
            ("plusdomain", plus_domain(host)),
        ] {
            let shown = diag::escape::shown(name);
            writeln!(out, "Putting {shown} into control/{file}...")?;
            self.put(file, &[name, b"\n"].concat())?;
        }
        Ok(())
    }

    /// Makes a file of this content in the place of any other.
    pub(crate) fn put(&self, name: &'static str, content: &[u8]) -> Result<(), SetupError> {
        self.replace(name, content)
            .map_err(|source| SetupError::Write { name, source })
    }

    /// Adds a line at the end of a file, which is made when it is missing.
    pub(crate) fn append(&self, name: &'static str, line: &[u8]) -> Result<(), SetupError> {
        let failed = |source| SetupError::Write { name, source };
        let mut content = match OpenOptions::new()
            .read(true)
            .open(self.directory.join(name))
        {
            Ok(file) => {
                let mut content = Vec::new();
                let read = file.take(BYTES_MAX + 1).read_to_end(&mut content);
                if u64::try_from(read.map_err(failed)?).map_or(true, |count| count > BYTES_MAX) {
                    return Err(failed(io::ErrorKind::FileTooLarge.into()));
                }
                content
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(failed(error)),
        };
        if content.last().is_some_and(|byte| *byte != b'\n') {
            content.push(b'\n');
        }
        content.extend_from_slice(line);
        content.push(b'\n');
        self.put(name, &content)
    }

    fn replace(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let new = self.directory.join(format!("{name}.new"));
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o644)
            .open(&new)?;
        file.write_all(content)?;
        file.set_permissions(Permissions::from_mode(0o644))?;
        file.sync_all()?;
        std::fs::rename(&new, self.directory.join(name))?;
        RealDisk.sync_dir(&self.directory)
    }
}

/// The name without its first label when two more follow, for control/defaultdomain.
fn default_domain(name: &[u8]) -> &[u8] {
    let mut labels = name.splitn(3, |byte| *byte == b'.');
    let (first, _second, rest) = (labels.next(), labels.next(), labels.next());
    match (first, rest) {
        (Some(first), Some(_)) => name.get(first.len() + 1..).unwrap_or(name),
        (_, None) | (None, _) => name,
    }
}

/// The last two labels, for control/plusdomain.
fn plus_domain(name: &[u8]) -> &[u8] {
    let mut labels = name.rsplitn(3, |byte| *byte == b'.');
    let (_last, _second, rest) = (labels.next(), labels.next(), labels.next());
    rest.map_or(name, |rest| name.get(rest.len() + 1..).unwrap_or(name))
}

/// More than any list that is written by hand.
const BYTES_MAX: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, default: &str, plus: &str) {
        assert_eq!(default_domain(name.as_bytes()), default.as_bytes());
        assert_eq!(plus_domain(name.as_bytes()), plus.as_bytes());
    }

    #[test]
    fn domains_are_cut_from_a_name_that_is_long_enough() {
        check("mx.a.example", "a.example", "a.example");
        check("mx.b.a.example", "b.a.example", "a.example");
        check("a.example", "a.example", "a.example");
        check("host", "host", "host");
        check("", "", "");
    }
}
