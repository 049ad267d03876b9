//! qmail-clean(8): removes queue files on qmail-send's request, since qmail-send may not, and old
//! leftovers under pid/ by itself. Requests may come in bursts; each gets one byte, in order.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use os::disk::RealDisk;
use queue::Queue;
use queue::clean::{Request, carry_out, sweep_births};

/// Serves requests on descriptor 0, answers on descriptor 1; returns the exit code.
#[must_use]
pub fn run() -> u8 {
    os::file::umask(UMASK);
    let ready = os::file::chdir(&os::home::home())
        .and_then(|()| os::file::chdir(Path::new("queue")))
        .and_then(|()| shut_in());
    let (Ok(()), Ok(requests), Ok(answers)) = (ready, os::fd::take(0), os::fd::take(1)) else {
        return TEMPORARY;
    };
    match serve(requests, answers) {
        Ok(()) => 0,
        Err(_) => PERMANENT,
    }
}

/// Nothing but the queue can be touched from here on.
fn shut_in() -> io::Result<()> {
    os::sandbox::close_doors()?;
    let _confined = os::sandbox::confine_to(Path::new("."));
    Ok(())
}

/// Until the end of the requests.
///
/// # Errors
/// An answer could not be written. A request that could not be read is the end, too: there is
/// nobody left.
fn serve(mut requests: File, mut answers: File) -> io::Result<()> {
    let mut janitor = Janitor::new();
    let mut partial = Partial::default();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = match requests.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return Ok(()),
        };
        let mut replies = Vec::new();
        for &byte in buffer.iter().take(count) {
            if byte == 0 {
                replies.push(janitor.answer(partial.take()));
            } else {
                partial.push(byte);
            }
        }
        answers.write_all(&replies)?;
    }
}

/// A request of which not all bytes have come.
#[derive(Default)]
struct Partial {
    bytes: Vec<u8>,
    is_too_long: bool,
}

impl Partial {
    fn push(&mut self, byte: u8) {
        if self.bytes.len() < REQUEST_BYTES_MAX {
            self.bytes.push(byte);
        } else {
            self.is_too_long = true;
        }
    }

    fn take(&mut self) -> Option<Request> {
        let partial = std::mem::take(self);
        if partial.is_too_long {
            None
        } else {
            Request::parse(&partial.bytes)
        }
    }
}

/// Carries out requests, and sweeps pid/ now and then.
struct Janitor {
    queue: Queue,
    answered: u32,
}

impl Janitor {
    fn new() -> Self {
        let janitor = Self {
            queue: Queue::here(),
            answered: 0,
        };
        janitor.sweep();
        janitor
    }

    fn answer(&mut self, request: Option<Request>) -> u8 {
        self.answered += 1;
        if self.answered >= ANSWERS_BETWEEN_SWEEPS {
            self.answered = 0;
            self.sweep();
        }
        match request {
            None => b'x',
            Some(request) => match carry_out(&mut RealDisk, &self.queue, request) {
                Ok(()) => b'+',
                Err(_) => b'!',
            },
        }
    }

    fn sweep(&self) {
        // A pid/ that cannot be read is qmail-queue's trouble, and it says so.
        let _unreadable = sweep_births(&mut RealDisk, &self.queue, os::clock::now());
    }
}

const UMASK: u32 = 0o077;
/// Many requests of a burst in one read.
const BUFFER_BYTES: usize = 8 << 10;
/// One more than any well-formed request has.
const REQUEST_BYTES_MAX: usize = 100;
/// As the original; a sweep costs one reading of pid/, which is nearly always empty.
const ANSWERS_BETWEEN_SWEEPS: u32 = 30;
const PERMANENT: u8 = 100;
const TEMPORARY: u8 = 111;
