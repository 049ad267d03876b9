//! config-fast(8): the first control files of a host whose name is given; nobody is asked.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use report::Exit;

use crate::setup::{Setup, SetupError};
use crate::stdout;

/// config-fast; its result as an exit code.
#[must_use]
pub fn main() -> ExitCode {
    let exit = match run(&os::home::home()) {
        Ok(()) => Exit::OK,
        Err(failure) => {
            failure.complain();
            failure.exit()
        }
    };
    ExitCode::from(exit.code())
}

/// Why some files were not written.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("usage")]
    Usage,
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error("unable to write output")]
    Output(#[from] io::Error),
}

impl Failure {
    fn complain(&self) {
        match self {
            Self::Usage => diag::usage(PROGRAM, "name"),
            Self::Setup(_) | Self::Output(_) => diag::fatal(PROGRAM, self),
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Usage => Exit::PERMANENT,
            Self::Setup(_) | Self::Output(_) => Exit::TEMPORARY,
        }
    }
}

fn run(home: &Path) -> Result<(), Failure> {
    let mut arguments = os::env::args().into_iter();
    let is_name = |name: &Vec<u8>| !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    let name = arguments.next().filter(is_name).ok_or(Failure::Usage)?;
    let setup = Setup::new(home);
    let mut out = stdout::open()?;
    let shown = diag::escape::shown(&name);
    writeln!(out, "Your fully qualified host name is {shown}.")?;
    setup.put_names(&name, &mut out)?;
    for list in ["locals", "rcpthosts"] {
        writeln!(out, "Putting {shown} into control/{list}...")?;
        setup.append(list, &name)?;
    }
    writeln!(
        out,
        "Now qmail will refuse to accept SMTP messages except to {shown}."
    )?;
    writeln!(
        out,
        "Make sure to change rcpthosts if you add hosts to locals or virtualdomains!"
    )?;
    Ok(out.flush()?)
}

const PROGRAM: &str = "config-fast";
