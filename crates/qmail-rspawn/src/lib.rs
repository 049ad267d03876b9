//! qmail-rspawn(8): schedules remote deliveries. Runs as qmailr; `spawner` does the work, this
//! says what to run for a delivery and how to read its result.

mod verdict;

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use os::account::{AccountError, Roles};
use os::child::Spawn;
use report::{Exit, Verdict};
use spawner::{
    Agent, Delivery, Descriptors, Ended, LaunchError, Output, Running, ServeError, Step,
};
use tcpto::Tcpto;

/// The program; its result as an exit code. It says nothing: qmail-send notices and does.
#[must_use]
pub fn main() -> ExitCode {
    let exit = match run(&os::home::home()) {
        Ok(()) => Exit::OK,
        Err(Refusal::Directory(_) | Refusal::Roles(_) | Refusal::Serve(_)) => Exit::TEMPORARY,
    };
    ExitCode::from(exit.code())
}

/// Serves until qmail-send closes the command channel.
fn run(home: &Path) -> Result<(), Refusal> {
    let messages = home.join("queue/mess");
    os::file::chdir(&messages).map_err(Refusal::Directory)?;
    let roles = Roles::find(home).map_err(Refusal::Roles)?;
    let _without_table_no_host_is_skipped = Tcpto::new(home).clear();
    spawner::serve(&Remote::from_environment(), &messages, roles.qmailq.uid).map_err(Refusal::Serve)
}

/// Why it cannot serve.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("unable to switch to queue/mess")]
    Directory(#[source] io::Error),
    #[error("{0}")]
    Roles(AccountError),
    #[error("unable to serve")]
    Serve(#[source] ServeError),
}

/// One exec of qmail-remote per delivery.
struct Remote {
    program: Vec<u8>,
}

impl Remote {
    /// Sites put another program in `$QMAILREMOTE`, or a wrapper earlier in `$PATH`.
    fn from_environment() -> Self {
        let chosen = os::env::var("QMAILREMOTE").filter(|program| !program.is_empty());
        Self {
            program: chosen.unwrap_or_else(|| PROGRAM.to_vec()),
        }
    }
}

impl Agent for Remote {
    fn begin(&self, delivery: &Delivery, message: &File) -> Step {
        let recipient = [&*delivery.local, b"@", &*delivery.host].concat();
        let arguments = [&*delivery.host, &*delivery.sender, &*recipient];
        let program = Spawn::new(&self.program).search_path().args(arguments);
        match Running::launch(program, Descriptors::Delivery(message), Output::segments()) {
            Ok(running) => Step::Delivery(running),
            Err(LaunchError::Start(error)) => Step::Report(verdict::not_started(&error)),
            Err(error @ LaunchError::Pipe(_)) => Step::Report(error.to_string().into_bytes()),
        }
    }

    /// Remote deliveries look nobody up.
    fn looked_up(&self, _: &Delivery, _: &File, _: &Ended<'_>) -> Step {
        Step::Report(vec![Verdict::Deferral.letter()])
    }

    fn report(&self, ended: &Ended<'_>) -> Vec<u8> {
        verdict::report(ended.status, ended.output)
    }
}

const PROGRAM: &[u8] = b"qmail-remote";
