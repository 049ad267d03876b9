//! qmail-rcptcheck(8): is there a mailbox for `$RECIPIENT`? It looks where qmail-lspawn and qmail-local would, with
//! no rights of its own: what it may not see counts as there, what fails counts as "ask again".

mod owner;
mod route;
mod search;

use std::path::Path;
use std::process::ExitCode;

use control::{Control, ControlError};
use os::env;
use report::Exit;
use thiserror::Error;
use users::UsersError;

use route::Routes;
use search::Sight;

/// 0 there is, or nobody can see that there is not; 100 there is not; 111 it cannot be found out now.
#[must_use]
pub fn main() -> ExitCode {
    let exit = match run(&os::home::home()) {
        Ok(Sight::Present | Sight::Hidden) => Exit::OK,
        Ok(Sight::Absent) => Exit::PERMANENT,
        Err(trouble) => {
            diag::warning("qmail-rcptcheck", &trouble);
            Exit::TEMPORARY
        }
    };
    ExitCode::from(exit.code())
}

/// Where the address leads, whose it is, which file answers for it.
fn run(home: &Path) -> Result<Sight, Trouble> {
    let recipient = env::var("RECIPIENT").ok_or(Trouble::NoRecipient)?;
    let routes = Routes::read(&Control::new(home))?;
    let Some(local) = routes.local_part(&recipient) else {
        return Ok(Sight::Present);
    };
    let owner = owner::find(home, &local)?;
    search::look(&owner)
}

/// Why it cannot be found out.
#[derive(Debug, Error)]
enum Trouble {
    #[error("RECIPIENT is not set")]
    NoRecipient,
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error(transparent)]
    Users(#[from] UsersError),
    #[error("unable to run qmail-getpw")]
    Start(#[source] std::io::Error),
    #[error("qmail-getpw has no answer")]
    NoAnswer,
    #[error("unable to look at a .qmail file")]
    Look(#[source] std::io::Error),
}
