//! Runs another program: to ask it a question about the message (condredirect, bouncesaying,
//! except), or to feed it the message with lines before it (preline, predate, mailsubj). A program
//! is a list of words and is sought in `$PATH`; no text is put together for a shell.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, PipeWriter, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use os::child::{Child, Spawn, Status};
use thiserror::Error;

/// What a program answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It exited 0.
    Yes,
    /// It exited with anything else but 111, or it is no program.
    No,
}

/// Why there is no answer. All of it may pass.
#[derive(Debug, Error)]
pub(crate) enum AskError {
    /// There was no process for it.
    #[error("unable to fork")]
    Fork(#[source] io::Error),
    /// Its end was not seen.
    #[error("wait failed")]
    Wait,
    /// A signal killed it.
    #[error("child crashed")]
    Crashed,
    /// It exited 111, or cannot be executed for now.
    #[error("temporary child error")]
    Temporary,
}

/// Asks a program about the message on descriptor 0.
pub(crate) fn ask(words: &[Vec<u8>]) -> Result<Answer, AskError> {
    let child = match start(words, None) {
        Ok(child) => child,
        Err(error) if is_shortage(&error) => return Err(AskError::Fork(error)),
        Err(error) if os::errno::is_temporary(&error) => return Err(AskError::Temporary),
        Err(_) => return Ok(Answer::No),
    };
    match child.wait() {
        Ok(Status::Exited(0)) => Ok(Answer::Yes),
        Ok(Status::Exited(111)) => Err(AskError::Temporary),
        Ok(Status::Exited(_)) => Ok(Answer::No),
        Ok(Status::Signaled(_)) => Err(AskError::Crashed),
        Err(_) => Err(AskError::Wait),
    }
}

/// Why a program did not have the whole message, or did not say what became of it.
#[derive(Debug, Error)]
pub(crate) enum FeedError {
    /// There was no pipe to be had.
    #[error("unable to create pipe")]
    Pipe(#[source] io::Error),
    /// There was no process for it.
    #[error("unable to fork")]
    Fork(#[source] io::Error),
    /// It cannot be executed.
    #[error("unable to run {program}")]
    Run {
        /// As it was named.
        program: String,
        /// Why not.
        source: io::Error,
    },
    /// The message cannot be read, or not be passed on.
    #[error("unable to copy input")]
    Copy(#[source] io::Error),
    /// Its end was not seen.
    #[error("wait failed")]
    Wait,
    /// A signal killed it.
    #[error("child crashed")]
    Crashed,
}

/// Feeds a program these lines, then all of descriptor 0, and returns its exit code.
///
/// A program that stops reading has heard enough: what counts is how it exits. When the message
/// cannot be read to its end the program is killed before it can take the end of the pipe for the
/// end of the message.
pub(crate) fn feed(words: &[Vec<u8>], lines: &[&[u8]]) -> Result<u8, FeedError> {
    let mut input = input().map_err(FeedError::Copy)?;
    let (reader, mut writer) = os::fd::pipe().map_err(FeedError::Pipe)?;
    let child = start(words, Some(reader.as_fd())).map_err(|error| not_started(words, error))?;
    drop(reader);
    let copied = copy(lines, &mut input, &mut writer);
    if copied.is_err() {
        // It may have ended already; then there is nothing to stop.
        let _ = child.kill();
    }
    drop(writer);
    let ended = child.wait();
    copied.map_err(FeedError::Copy)?;
    match ended {
        Ok(Status::Exited(code)) => u8::try_from(code).map_err(|_| FeedError::Wait),
        Ok(Status::Signaled(_)) => Err(FeedError::Crashed),
        Err(_) => Err(FeedError::Wait),
    }
}

/// Descriptor 0. One that was closed is no empty message.
pub(crate) fn input() -> io::Result<File> {
    if os::fd::stdin_was_closed() {
        return Err(io::Error::from_raw_os_error(EBADF));
    }
    os::fd::take(0)
}

fn copy(lines: &[&[u8]], input: &mut File, output: &mut PipeWriter) -> io::Result<()> {
    let mut buffer = lines.concat();
    let mut piece = vec![0; BUFFER_BYTES];
    loop {
        let count = match input.read(&mut piece) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        buffer.extend_from_slice(piece.get(..count).unwrap_or_default());
        match output.write_all(&buffer) {
            Ok(()) if count > 0 => buffer.clear(),
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// As execvp(3): sought in `$PATH`; a file that the system does not know how to execute is a
/// script for the shell.
fn start(words: &[Vec<u8>], input: Option<BorrowedFd<'_>>) -> io::Result<Child> {
    let Some((program, arguments)) = words.split_first() else {
        return Err(io::ErrorKind::NotFound.into());
    };
    let with_input = |spawn: Spawn<'_>| match input {
        Some(fd) => spawn.fd(0, fd).args(arguments).start(),
        None => spawn.args(arguments).start(),
    };
    match with_input(Spawn::new(program).search_path()) {
        Err(error) if error.raw_os_error() == Some(ENOEXEC) => {
            with_input(Spawn::new(SHELL).args([found(program)]))
        }
        result => result,
    }
}

/// Where in `$PATH` the program is that the system could not execute.
fn found(program: &[u8]) -> Vec<u8> {
    if program.contains(&b'/') {
        return program.to_vec();
    }
    let path = os::env::var("PATH").unwrap_or_default();
    path.split(|byte| *byte == b':')
        .map(|directory| Path::new(OsStr::from_bytes(directory)).join(OsStr::from_bytes(program)))
        .find(|path| {
            std::fs::metadata(path)
                .is_ok_and(|facts| facts.is_file() && facts.permissions().mode() & 0o111 != 0)
        })
        .map_or_else(|| program.to_vec(), |path| path.into_os_string().into_vec())
}

fn not_started(words: &[Vec<u8>], source: io::Error) -> FeedError {
    if is_shortage(&source) {
        return FeedError::Fork(source);
    }
    let program = words.first().map(Vec::as_slice).unwrap_or_default();
    FeedError::Run {
        program: diag::escape::shown(program),
        source,
    }
}

/// Errors of making a process rather than of executing a program.
fn is_shortage(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory
    )
}

const SHELL: &[u8] = b"/bin/sh";
/// "Exec format error"; std has no name for it.
const ENOEXEC: i32 = 8;
/// "Bad file descriptor".
const EBADF: i32 = 9;
/// One read of the message.
const BUFFER_BYTES: usize = 32 << 10;
