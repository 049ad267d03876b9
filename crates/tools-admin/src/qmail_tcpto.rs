//! qmail-tcpto(8): the hosts whose connections timed out lately. Complaints go to descriptor 1,
//! as they always did.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use report::Exit;
use tcpto::{Tcpto, TcptoError};

use crate::stdout::{self, Stdout};

/// qmail-tcpto; its result as an exit code.
#[must_use]
pub fn main() -> ExitCode {
    let Ok(mut out) = stdout::open() else {
        return ExitCode::from(Exit::TEMPORARY.code());
    };
    match run(&os::home::home(), &mut out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let line = writeln!(out, "fatal: {}", diag::chain(&failure));
            // Nobody is left to be told that telling failed.
            let _untold = line.and_then(|()| out.flush());
            ExitCode::from(Exit::TEMPORARY.code())
        }
    }
}

/// Why the table is not shown.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("unable to chdir")]
    Directory(#[source] io::Error),
    #[error(transparent)]
    Table(#[from] TcptoError),
    #[error("unable to write output")]
    Output(#[from] io::Error),
}

fn run(home: &Path, out: &mut Stdout) -> Result<(), Failure> {
    os::file::chdir(&home.join("queue/lock")).map_err(Failure::Directory)?;
    let timeouts = Tcpto::new(home).timeouts()?;
    let now = os::clock::now();
    for timeout in timeouts {
        let ago = now.saturating_sub(timeout.last);
        writeln!(
            out,
            "{} timed out {ago} seconds ago; # recent timeouts: {}",
            timeout.ip, timeout.count
        )?;
    }
    Ok(out.flush()?)
}
