//! Delivery to a command: qmail-command(8). The command is the user's own text from the .qmail file
//! and goes to the shell as it is; what strangers wrote (addresses, the message) reaches it through
//! environment and descriptor 0 only.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;

use os::child::{Spawn, Status};

/// What a command that succeeded wants next.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Exit code 0: go on.
    GoOn,
    /// Exit code 99: this was all, skip the lines that follow.
    Stop,
}

/// Why a command did not deliver.
#[derive(Debug)]
pub enum ProgramError {
    /// There was no process for it.
    NoProcess(io::Error),
    /// The shell could not be run.
    NoShell(io::Error),
    /// A signal killed it.
    Crashed,
    /// It says that trying again will not help; it has said why itself.
    Permanent,
    /// It says to try again later.
    Temporary,
}

/// Runs `command` on the message, from where `message` stands, and waits for its end.
///
/// # Errors
/// When it did not deliver.
pub fn run(
    command: &[u8],
    message: &File,
    environment: Vec<(Vec<u8>, Vec<u8>)>,
) -> Result<Outcome, ProgramError> {
    let child = Spawn::new(SHELL)
        .args([b"-c", command])
        .env(environment)
        .fd(0, message.as_fd())
        .close_from(FIRST_PRIVATE)
        .start()
        .map_err(not_started)?;
    match child.wait() {
        Ok(Status::Exited(code)) => meaning(code),
        Ok(Status::Signaled(_)) | Err(_) => Err(ProgramError::Crashed),
    }
}

fn not_started(error: io::Error) -> ProgramError {
    if matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory
    ) {
        ProgramError::NoProcess(error)
    } else {
        ProgramError::NoShell(error)
    }
}

fn meaning(code: i32) -> Result<Outcome, ProgramError> {
    match code {
        0 => Ok(Outcome::GoOn),
        99 => Ok(Outcome::Stop),
        // 100 and 112 are qmail's; the others are those of sysexits.h that cannot pass by
        // themselves.
        64 | 65 | 70 | 76 | 77 | 78 | 100 | 112 => Err(ProgramError::Permanent),
        _ => Err(ProgramError::Temporary),
    }
}

/// The shell that .qmail lines are written for.
pub const SHELL: &[u8] = b"/bin/sh";

/// Descriptors from here on are between us and whoever started us.
const FIRST_PRIVATE: u32 = 3;

#[cfg(test)]
mod tests {
    use super::{Outcome, ProgramError, meaning};

    #[test]
    fn exit_codes_mean_what_qmail_command_says() {
        for code in 0..=255 {
            match meaning(code) {
                Ok(Outcome::GoOn) => assert_eq!(code, 0),
                Ok(Outcome::Stop) => assert_eq!(code, 99),
                Err(ProgramError::Permanent) => {
                    assert!([64, 65, 70, 76, 77, 78, 100, 112].contains(&code), "{code}");
                }
                Err(ProgramError::Temporary) => {
                    assert!(
                        ![64, 65, 70, 76, 77, 78, 100, 112].contains(&code),
                        "{code}"
                    );
                }
                Err(other) => panic!("{code}: {other:?}"),
            }
        }
    }
}
