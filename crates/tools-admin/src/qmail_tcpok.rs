//! qmail-tcpok(8): forgets the hosts that timed out lately, so that they are tried at once.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use report::Exit;
use tcpto::{Tcpto, TcptoError};

/// qmail-tcpok; its result as an exit code.
#[must_use]
pub fn main() -> ExitCode {
    match run(&os::home::home()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            diag::fatal("qmail-tcpok", &failure);
            ExitCode::from(Exit::TEMPORARY.code())
        }
    }
}

/// Why the table stays as it was.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("unable to chdir to {}", path.display())]
    Directory { path: PathBuf, source: io::Error },
    #[error("unable to {attempt} {}", path.display())]
    Table {
        attempt: &'static str,
        path: PathBuf,
        source: io::Error,
    },
}

fn run(home: &Path) -> Result<(), Failure> {
    for path in [home.to_owned(), home.join("queue/lock")] {
        os::file::chdir(&path).map_err(|source| Failure::Directory { path, source })?;
    }
    Tcpto::new(home).forget().map_err(|error| {
        let (attempt, source) = match error {
            TcptoError::Open(source) => ("write", source),
            TcptoError::Lock(source) => ("lock", source),
            TcptoError::Read(source) | TcptoError::Clear(source) => ("clear", source),
        };
        Failure::Table {
            attempt,
            path: home.join("queue/lock/tcpto"),
            source,
        }
    })
}
