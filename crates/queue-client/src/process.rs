//! A running qmail-queue and the three pipes to it: message (its descriptor 0), envelope (1),
//! error text (6).

use std::fs::File;
use std::io::{self, PipeReader, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use os::child::{Child, Spawn, Status};
use os::poll::PollSet;

use crate::exit::{CRASHED, QueueExit, QueueFailure, READ_ERROR, SURPRISE};

/// The program that queues mail, as configured.
#[derive(Debug, Clone)]
pub struct QueueProgram {
    path: Vec<u8>,
    home: PathBuf,
    env: Option<Vec<(Vec<u8>, Vec<u8>)>>,
}

impl QueueProgram {
    /// `$QMAILQUEUE` if set, else bin/qmail-queue. A relative path starts from the home.
    #[must_use]
    pub fn configured(home: &Path) -> Self {
        let path = os::env::var("QMAILQUEUE").unwrap_or_else(|| DEFAULT_PROGRAM.to_vec());
        Self {
            path,
            home: home.to_owned(),
            env: None,
        }
    }

    /// The environment to give it, instead of ours.
    #[must_use]
    pub fn with_env(mut self, env: Vec<(Vec<u8>, Vec<u8>)>) -> Self {
        self.env = Some(env);
        self
    }

    /// Starts it. A program that cannot be executed shows in [`Injection::finish`], as does a home
    /// that cannot be entered.
    ///
    /// # Errors
    /// No pipe or no process to be had.
    pub fn start(&self) -> io::Result<Injection> {
        let (message, message_writer) = os::fd::pipe()?;
        let (envelope, envelope_writer) = os::fd::pipe()?;
        let (errors, errors_writer) = os::fd::pipe()?;
        let mut spawn = Spawn::new(&self.path)
            .cwd(&self.home)
            .fd(0, message.as_fd())
            .fd(1, envelope.as_fd())
            .fd(6, errors_writer.as_fd());
        if let Some(env) = &self.env {
            spawn = spawn.env(env.clone());
        }
        let child = match spawn.start() {
            Ok(child) => Running::Child(child),
            Err(error) if is_shortage(&error) => return Err(error),
            Err(_) => Running::Stillborn(self.why_stillborn()),
        };
        Ok(Injection {
            message: Some(File::from(OwnedFd::from(message_writer))),
            envelope: Some(File::from(OwnedFd::from(envelope_writer))),
            errors,
            child,
            has_failed: false,
            buffer: Vec::with_capacity(BUFFER_BYTES),
        })
    }

    /// A child that cannot enter the home says 61; one that cannot exec says 120.
    fn why_stillborn(&self) -> QueueExit {
        if self.home.is_dir() {
            QueueExit::Exec
        } else {
            QueueExit::Home
        }
    }
}

/// Errors of making the child rather than of running the program.
fn is_shortage(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory | io::ErrorKind::QuotaExceeded
    ) || error
        .raw_os_error()
        .is_some_and(|number| SHORTAGES.contains(&number))
}

/// A message on its way into the queue. Dropping it without [`Injection::finish`] gives it up:
/// without the last NUL of the envelope nothing is queued.
#[derive(Debug)]
pub struct Injection {
    message: Option<File>,
    envelope: Option<File>,
    errors: PipeReader,
    child: Running,
    has_failed: bool,
    buffer: Vec<u8>,
}

#[derive(Debug)]
enum Running {
    Child(Child),
    Stillborn(QueueExit),
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// qmail-queue's process id, by which logs and replies name the message.
    pub qp: u32,
    /// Accepted, or why not.
    pub result: Result<(), QueueFailure>,
}

/// An injection taken apart, for a caller that polls: nothing in it blocks by itself.
#[derive(Debug)]
pub struct Parts {
    /// Where the message goes; close it before the envelope is due.
    pub message: File,
    /// Where the envelope goes: `F` sender NUL, `T` recipient NUL ..., NUL.
    pub envelope: File,
    /// Where the error text comes from.
    pub errors: PipeReader,
    /// The process; `None` when it could not be executed.
    pub child: Option<Child>,
}

impl Injection {
    /// qmail-queue's process id.
    #[must_use]
    pub fn qp(&self) -> u32 {
        match &self.child {
            Running::Child(child) => child.pid(),
            Running::Stillborn(_) => 0,
        }
    }

    /// Adds to the message. What cannot be written shows in the end; the caller may go on.
    pub fn write(&mut self, bytes: &[u8]) {
        if self.buffer.len() + bytes.len() > BUFFER_BYTES {
            self.flush();
        }
        if bytes.len() > BUFFER_BYTES {
            self.send(bytes, Pipe::Message);
        } else {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Adds all that `message` still has to read. What cannot be read to its end is not queued.
    ///
    /// # Errors
    /// read(2)'s; the caller may go on, to hear the rest in the end.
    pub fn write_all_of(&mut self, message: &mut impl Read) -> io::Result<()> {
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            match message.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(count) => self.write(piece.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.fail();
                    return Err(error);
                }
            }
        }
    }

    /// The message is not to be queued after all.
    pub fn fail(&mut self) {
        self.has_failed = true;
    }

    /// Ends the message and begins the envelope.
    pub fn sender(&mut self, sender: &[u8]) {
        self.flush();
        self.message = None;
        self.address(b'F', sender);
    }

    /// Adds a recipient; after [`Injection::sender`].
    pub fn recipient(&mut self, recipient: &[u8]) {
        self.address(b'T', recipient);
    }

    /// An address cannot hold a NUL: the records would become others.
    fn address(&mut self, letter: u8, address: &[u8]) {
        if address.contains(&0) {
            self.fail();
            return;
        }
        if self.buffer.len() + address.len() + 2 > BUFFER_BYTES {
            self.flush_envelope();
        }
        self.buffer.push(letter);
        self.buffer.extend_from_slice(address);
        self.buffer.push(0);
    }

    /// Ends the envelope, waits, and says what became of the message.
    #[must_use]
    pub fn finish(mut self) -> Outcome {
        let qp = self.qp();
        if self.message.take().is_some() {
            // No envelope was begun: what is buffered is message, and nothing may be queued.
            self.has_failed = true;
        }
        self.buffer.push(0);
        self.flush_envelope();
        self.envelope = None;
        let result = match self.child {
            Running::Stillborn(exit) => verdict(Ok(Status::Exited(exit.code().into())), &[], false),
            Running::Child(child) => {
                let said = listen(&mut self.errors, &child);
                verdict(child.wait(), &said, self.has_failed)
            }
        };
        Outcome { qp, result }
    }

    /// For a caller that polls.
    ///
    /// # Errors
    /// Never after a start without writes; `BrokenPipe` when the message was already ended.
    pub fn into_parts(self) -> io::Result<Parts> {
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        Ok(Parts {
            message: self.message.ok_or_else(gone)?,
            envelope: self.envelope.ok_or_else(gone)?,
            errors: self.errors,
            child: match self.child {
                Running::Child(child) => Some(child),
                Running::Stillborn(_) => None,
            },
        })
    }

    fn flush(&mut self) {
        let bytes = std::mem::take(&mut self.buffer);
        self.send(&bytes, Pipe::Message);
        self.buffer = bytes;
        self.buffer.clear();
    }

    fn flush_envelope(&mut self) {
        let bytes = std::mem::take(&mut self.buffer);
        self.send(&bytes, Pipe::Envelope);
        self.buffer = bytes;
        self.buffer.clear();
    }

    fn send(&mut self, bytes: &[u8], pipe: Pipe) {
        let file = match pipe {
            Pipe::Message => &mut self.message,
            Pipe::Envelope => &mut self.envelope,
        };
        let Some(file) = file else { return };
        if !self.has_failed && file.write_all(bytes).is_err() {
            self.has_failed = true;
        }
    }
}

enum Pipe {
    Message,
    Envelope,
}

/// What a status, the words on descriptor 6 and the caller's own failure mean together.
///
/// # Errors
/// Why the message is not in the queue.
pub fn judge(status: Status, said: &[u8], has_failed: bool) -> Result<(), QueueFailure> {
    match status {
        Status::Signaled(_) => Err(QueueFailure::temporary(CRASHED)),
        Status::Exited(0) if has_failed => Err(QueueFailure::temporary(READ_ERROR)),
        Status::Exited(code) => match QueueFailure::from_code(code, said) {
            Some(failure) => Err(failure),
            None => Ok(()),
        },
    }
}

fn verdict(status: io::Result<Status>, said: &[u8], has_failed: bool) -> Result<(), QueueFailure> {
    match status {
        Ok(status) => judge(status, said, has_failed),
        Err(_) => Err(QueueFailure::temporary(SURPRISE)),
    }
}

/// Reads descriptor 6 until its end, or until the child has ended: a grandchild may hold it open.
fn listen(errors: &mut PipeReader, child: &Child) -> Vec<u8> {
    let mut said = Vec::new();
    let ended = child.ended_fd().ok();
    let mut set = PollSet::new();
    loop {
        set.clear();
        let words = set.read(errors);
        let end = ended.as_ref().map(|fd| set.read(fd));
        if set.wait(None).is_err() {
            return said;
        }
        let mut piece = [0; SAID_BYTES_MAX];
        if set.ready(words) {
            match errors.read(&mut piece) {
                Ok(0) | Err(_) => return said,
                Ok(count) => keep(&mut said, piece.get(..count).unwrap_or_default()),
            }
        } else if end.is_some_and(|slot| set.ready(slot)) {
            return said;
        }
    }
}

fn keep(said: &mut Vec<u8>, piece: &[u8]) {
    let room = SAID_BYTES_MAX.saturating_sub(said.len());
    said.extend_from_slice(piece.get(..room).unwrap_or(piece));
}

const DEFAULT_PROGRAM: &[u8] = b"bin/qmail-queue";
/// One read of a message; larger than the buffer, so that it is not copied again.
const PIECE_BYTES: usize = 32 << 10;
/// One write for a message of ordinary size; a quarter of a pipe's room.
const BUFFER_BYTES: usize = 16 << 10;
/// What is kept of an error text (qmail-queue(8)).
const SAID_BYTES_MAX: usize = 255;
/// EAGAIN and ENOMEM have kinds; these two are "no more files" for the process and the system.
const SHORTAGES: [i32; 2] = [24, 23];

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a shell script as `$QMAILQUEUE`.
    fn run(script: &str, act: impl FnOnce(&mut Injection)) -> Outcome {
        use std::os::unix::fs::PermissionsExt;
        let dir =
            std::env::temp_dir().join(format!("queue-client.{}.{:p}", os::account::pid(), &script));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join("qq");
        let mut file = File::create(&path).unwrap();
        file.write_all(format!("#!/bin/sh\n{script}\n").as_bytes())
            .unwrap();
        file.set_permissions(std::fs::Permissions::from_mode(0o755))
            .unwrap();
        drop(file);
        let program = QueueProgram {
            path: path.as_os_str().as_encoded_bytes().to_vec(),
            home: dir.clone(),
            env: None,
        };
        let mut injection = program.start().unwrap();
        act(&mut injection);
        let outcome = injection.finish();
        std::fs::remove_dir_all(&dir).unwrap();
        outcome
    }

    fn text(outcome: Outcome) -> String {
        outcome.result.err().map_or(String::new(), |failure| {
            String::from_utf8(failure.report()).unwrap()
        })
    }

    #[test]
    fn message_and_envelope_arrive_in_order() {
        let script = "exec 3<&1; m=$(cat); e=$(cat <&3 | tr '\\000' '|'); [ \"$m\" = body ] && [ \"$e\" = 'Fs@x|Ta@y||' ]";
        let outcome = run(script, |injection| {
            injection.write(b"bo");
            injection.write(b"dy");
            injection.sender(b"s@x");
            injection.recipient(b"a@y");
        });
        assert_eq!(outcome.result, Ok(()));
    }

    #[test]
    fn a_failed_message_is_never_completed() {
        let script =
            "exec 3<&1; cat >/dev/null; e=$(cat <&3 | tr '\\000' '|'); [ \"$e\" = '' ] || exit 1";
        let outcome = run(script, |injection| {
            injection.fail();
            injection.sender(b"s@x");
            injection.recipient(b"a@y");
        });
        assert_eq!(text(outcome), "Zqq read error (#4.3.0)");
    }

    #[test]
    fn a_nul_in_an_address_fails_the_message() {
        let outcome = run("cat >/dev/null; cat <&1 >/dev/null", |injection| {
            injection.sender(b"s@x");
            injection.recipient(b"a@y\0Tb@z");
        });
        assert_eq!(text(outcome), "Zqq read error (#4.3.0)");
    }

    #[test]
    fn a_program_that_reads_nothing_is_believed_by_its_code() {
        let outcome = run("exit 31", |injection| {
            for _ in 0..100 {
                injection.write(&[b'x'; 10_000]);
            }
            injection.sender(b"s@x");
        });
        assert_eq!(
            text(outcome),
            "Dmail server permanently rejected message (#5.3.0)"
        );
    }

    #[test]
    fn a_grandchild_that_keeps_descriptor_6_does_not_hold_us_up() {
        let outcome = run(
            "cat >/dev/null; cat <&1 >/dev/null; sleep 5 >/dev/null 2>&1 & echo Dno >&6; exit 82",
            |injection| {
                injection.sender(b"s@x");
            },
        );
        assert_eq!(text(outcome), "Dno\n");
    }

    #[test]
    fn a_crash_is_temporary() {
        let outcome = run("kill -9 $$", |injection| injection.sender(b"s@x"));
        assert_eq!(text(outcome), "Zqq crashed (#4.3.0)");
    }

    #[test]
    fn a_missing_program_shows_at_the_end() {
        let home = std::env::temp_dir();
        let program = QueueProgram {
            path: b"/nonexistent/qq".to_vec(),
            home,
            env: None,
        };
        let mut injection = program.start().unwrap();
        injection.write(b"body");
        injection.sender(b"s@x");
        assert_eq!(text(injection.finish()), "Zunable to exec qq (#4.3.0)");
        let nowhere = PathBuf::from("/nonexistent");
        let program = QueueProgram {
            path: b"bin/qmail-queue".to_vec(),
            home: nowhere,
            env: None,
        };
        let injection = program.start().unwrap();
        assert_eq!(
            text(injection.finish()),
            "Zqq trouble in home directory (#4.3.0)"
        );
    }
}
