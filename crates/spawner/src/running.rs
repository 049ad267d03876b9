//! A child at work: its pid, the pipe it writes to, and what has come over it.

use std::fs::File;
use std::io::{self, PipeReader, Read};
use std::os::fd::AsFd;
use std::path::Path;

use os::child::{Spawn, Status};

use crate::{Ended, Output};

/// A child and what it writes. It has ended when it is dead *and* its output is at its end: a
/// grandchild that holds the pipe open delays the report.
#[derive(Debug)]
pub struct Running {
    pid: u32,
    pipe: Option<PipeReader>,
    output: Output,
    status: Option<Status>,
}

/// Which descriptors a child gets besides its output on 1.
#[derive(Debug, Clone, Copy)]
pub enum Descriptors<'a> {
    /// The message on 0; its errors come together with the output.
    Delivery(&'a File),
    /// Nothing on 0; its errors go where ours go.
    Lookup,
}

/// Why a child was not started.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The text is the report.
    #[error("Zqmail-spawn unable to create pipe. (#4.3.0)\n")]
    Pipe(#[source] io::Error),
    /// No process, or one that could not become the program.
    #[error("unable to start a program")]
    Start(#[source] io::Error),
}

impl Running {
    /// Starts `program` with a pipe for its output, of which as much is kept as `output` says.
    ///
    /// # Errors
    /// No pipe, or no such child.
    pub fn launch(
        program: Spawn<'_>,
        descriptors: Descriptors<'_>,
        output: Output,
    ) -> Result<Self, LaunchError> {
        let (pipe, write) = os::fd::pipe().map_err(LaunchError::Pipe)?;
        let null;
        let program = match descriptors {
            Descriptors::Delivery(message) => program.fd(0, message.as_fd()).fd(2, write.as_fd()),
            Descriptors::Lookup => {
                null = os::file::open_read(Path::new("/dev/null")).map_err(LaunchError::Pipe)?;
                program.fd(0, null.as_fd())
            }
        };
        // Whatever else the parent left open here is none of a user's business.
        let child = program.fd(1, write.as_fd()).close_from(3).start();
        let child = child.map_err(LaunchError::Start)?;
        Ok(Self {
            pid: child.pid(),
            pipe: Some(pipe),
            output,
            status: None,
        })
    }

    /// The pipe to wait for, while it is open.
    pub(crate) fn pipe(&self) -> Option<&PipeReader> {
        self.pipe.as_ref()
    }

    /// Reads what is there; to be called when the pipe is ready.
    pub(crate) fn read(&mut self) {
        let Some(pipe) = &mut self.pipe else { return };
        let mut buffer = [0; READ_BYTES];
        match pipe.read(&mut buffer) {
            Ok(0) => self.pipe = None,
            Ok(count) => self.output.append(buffer.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Nothing more will come; the exit code decides what the delivery was.
            Err(_) => self.pipe = None,
        }
    }

    /// Notes the death of process `pid`, if that is this child.
    pub(crate) fn died(&mut self, pid: u32, status: Status) -> bool {
        let is_mine = self.status.is_none() && self.pid == pid;
        if is_mine {
            self.status = Some(status);
        }
        is_mine
    }

    /// The result, once there is one.
    pub(crate) fn ended(&self) -> Option<Ended<'_>> {
        if self.pipe.is_some() {
            return None;
        }
        self.status.map(|status| Ended {
            status,
            output: self.output.kept(),
        })
    }
}

/// What a pipe gives at once in one read, as a rule.
const READ_BYTES: usize = 4096;
