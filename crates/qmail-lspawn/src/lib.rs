//! qmail-lspawn(8) [root]: schedules local deliveries. `spawner` does the work; this finds out
//! whose address it is, starts qmail-local as that user, and says how to read its result.
//! It never reads a message.

mod user;
mod verdict;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use os::account::{AccountError, Roles};
use os::child::{Identity, Spawn};
use report::Exit;
use spawner::{
    Agent, Delivery, Descriptors, Ended, LaunchError, Output, Running, ServeError, Step,
};
use users::Assignment;

use user::Whose;

/// The program; its result as an exit code. It says nothing: qmail-send notices and does.
#[must_use]
pub fn main() -> ExitCode {
    let exit = match run(&os::home::home()) {
        Ok(()) => Exit::OK,
        Err(Refusal::Usage) => Exit::PERMANENT,
        Err(Refusal::Directory(_) | Refusal::Roles(_) | Refusal::Serve(_)) => Exit::TEMPORARY,
    };
    ExitCode::from(exit.code())
}

/// Serves until qmail-send closes the command channel. The current directory stays the home, in
/// which qmail-local starts.
fn run(home: &Path) -> Result<(), Refusal> {
    let default_delivery = os::env::args().into_iter().next().ok_or(Refusal::Usage)?;
    let messages = home.join("queue/mess");
    os::file::chdir(&messages).map_err(Refusal::Directory)?;
    os::file::chdir(home).map_err(Refusal::Directory)?;
    let roles = Roles::find(home).map_err(Refusal::Roles)?;
    let owner = roles.qmailq.uid;
    let local = Local {
        home: home.to_owned(),
        roles,
        default_delivery,
    };
    spawner::serve(&local, &messages, owner).map_err(Refusal::Serve)
}

/// Why it cannot serve.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("usage: qmail-lspawn defaultdelivery")]
    Usage,
    #[error("unable to switch to the home or queue/mess")]
    Directory(#[source] io::Error),
    #[error("{0}")]
    Roles(AccountError),
    #[error("unable to serve")]
    Serve(#[source] ServeError),
}

/// One exec of qmail-local per delivery, after one of qmail-getpw where `users/cdb` does not know.
struct Local {
    home: PathBuf,
    roles: Roles,
    default_delivery: Vec<u8>,
}

impl Agent for Local {
    fn begin(&self, delivery: &Delivery, message: &File) -> Step {
        if delivery.local.is_empty() {
            return Step::Report(verdict::TRASH.to_vec());
        }
        match user::by_database(&self.home, &delivery.local) {
            Ok(Whose::User(user)) => self.deliver(delivery, message, &user),
            Ok(Whose::Unknown) => self.ask_getpw(delivery),
            Err(trouble) => Step::Report(trouble.report()),
        }
    }

    fn looked_up(&self, delivery: &Delivery, message: &File, ended: &Ended<'_>) -> Step {
        match user::by_answer(ended.status, ended.output) {
            Ok(user) => self.deliver(delivery, message, &user),
            Err(trouble) => Step::Report(trouble.report()),
        }
    }

    fn report(&self, ended: &Ended<'_>) -> Vec<u8> {
        verdict::report(ended.status, ended.output)
    }
}

impl Local {
    fn ask_getpw(&self, delivery: &Delivery) -> Step {
        let whom = &self.roles.qmailp;
        let program = Spawn::new(b"bin/qmail-getpw").args([&delivery.local]);
        let program = self.identified(program, whom.uid, self.roles.nofiles);
        match Running::launch(program, Descriptors::Lookup, Output::answer()) {
            Ok(running) => Step::Lookup(running),
            Err(LaunchError::Start(_)) => Step::Report(verdict::of_code(verdict::NO_GETPW, b"")),
            Err(LaunchError::Pipe(_)) => Step::Report(verdict::of_code(verdict::SYSTEM, b"")),
        }
    }

    fn deliver(&self, delivery: &Delivery, message: &File, user: &Assignment) -> Step {
        if user.uid == 0 {
            return Step::Report(verdict::of_code(verdict::ROOT, b""));
        }
        if self.roles.single && user.uid != self.roles.qmailq.uid {
            return Step::Report(verdict::OTHER_USER.to_vec());
        }
        let program = Spawn::new(b"bin/qmail-local").args([
            b"--",
            &*user.user,
            &user.home,
            &delivery.local,
            &user.dash,
            &user.ext,
            &delivery.host,
            &delivery.sender,
            &self.default_delivery,
        ]);
        let program = self.identified(program, user.uid, user.gid);
        match Running::launch(program, Descriptors::Delivery(message), Output::text()) {
            Ok(running) => Step::Delivery(running),
            Err(LaunchError::Start(error)) => Step::Report(verdict::not_started(&error)),
            Err(error @ LaunchError::Pipe(_)) => Step::Report(error.to_string().into_bytes()),
        }
    }

    /// The child gives up root before its exec, groups and all.
    fn identified<'fd>(&self, program: Spawn<'fd>, uid: u32, gid: u32) -> Spawn<'fd> {
        if self.roles.single {
            return program;
        }
        // The user may stop a process that is his even before it is qmail-local.
        program.unwatched().identity(Identity {
            uid,
            gid,
            groups: vec![gid],
        })
    }
}
