//! qmail-queue(8): takes one message into the queue, INTERNALS section 3 in order.
//!
//! It is setuid, so it trusts nothing it inherits: no variable but `$QMAILHOME` of a caller without
//! other rights, no signal mask, no limit, no descriptor but 0 and 1. It never looks into the message and
//! prints nothing, except that an account is missing.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use os::account::Roles;
use os::disk::RealDisk;
use queue::envelope::{EnvelopeReader, origin};
use queue::message::{Enveloped, Message};
use queue::{Queue, trigger};

pub mod clean;
mod received;
mod refusal;

pub use refusal::Refusal;

/// Takes the message from descriptor 0 and the envelope from descriptor 1. When it returns, the
/// message is accepted: it survives any crash from here on.
///
/// # Errors
/// See [`Refusal`]; nothing has been accepted then.
pub fn run() -> Result<(), Refusal> {
    os::signal::harden().map_err(Refusal::Bug)?;
    os::deadline::crash_exits(queue_client::QueueExit::Bug.code()).map_err(Refusal::Bug)?;
    os::sandbox::lift_limits();
    os::file::umask(UMASK);
    let now = os::clock::now();
    let home = os::home::home();
    os::file::chdir(&home).map_err(Refusal::Home)?;
    os::file::chdir(Path::new("queue")).map_err(Refusal::QueueDirectory)?;
    let roles = roles(&home)?;
    let received = received::line(&roles, os::account::pid(), os::account::uid(), now);
    os::deadline::exit_after(DEATH_S, queue_client::QueueExit::TimedOut.code())
        .map_err(Refusal::Bug)?;
    shut_in().map_err(Refusal::Bug)?;
    let content = os::fd::take(0).map_err(Refusal::Read)?;
    let records = os::fd::take(1).map_err(Refusal::Read)?;

    let queue = Queue::here();
    let mut message = Message::create(RealDisk, &queue, os::account::pid(), now)?;
    copy(content, received.into_bytes(), &mut message)?;
    let mut enveloped = message.envelope()?;
    let origin = origin(os::account::uid(), os::account::pid());
    take_envelope(records, origin, &mut enveloped)?;
    enveloped.commit()?;
    trigger::pull(&queue);
    Ok(())
}

fn roles(home: &Path) -> Result<Roles, Refusal> {
    Roles::find(home).map_err(|error| {
        diag::line(&format!("fatal: {}", diag::chain(&error)));
        Refusal::Account(error)
    })
}

/// From here on the process can touch nothing but the queue. A kernel without Landlock leaves the
/// account's own permissions as the limit.
fn shut_in() -> io::Result<()> {
    os::sandbox::close_doors()?;
    let _confined = os::sandbox::confine_to(Path::new("."));
    Ok(())
}

/// The content: our Received line, then everything on descriptor 0.
fn copy(
    mut from: File,
    mut buffer: Vec<u8>,
    message: &mut Message<RealDisk>,
) -> Result<(), Refusal> {
    if os::fd::stdin_was_closed() {
        return Err(Refusal::Read(io::Error::from_raw_os_error(EBADF)));
    }
    loop {
        let room = BUFFER_BYTES.saturating_sub(buffer.len());
        let count = append(&mut from, room, &mut buffer).map_err(Refusal::Read)?;
        if count == 0 || buffer.len() >= BUFFER_BYTES {
            message.write(&buffer)?;
            buffer.clear();
        }
        if count == 0 {
            return Ok(());
        }
    }
}

/// The envelope: who called, then everything on descriptor 1 up to its last NUL.
fn take_envelope(
    mut from: File,
    mut buffer: Vec<u8>,
    enveloped: &mut Enveloped<RealDisk>,
) -> Result<(), Refusal> {
    let mut reader = EnvelopeReader::new();
    while !reader.is_done() {
        let start = buffer.len();
        let room = BUFFER_BYTES.saturating_sub(start);
        if append(&mut from, room, &mut buffer).map_err(Refusal::Read)? == 0 {
            return Err(Refusal::Read(io::ErrorKind::UnexpectedEof.into()));
        }
        let kept = reader.take(buffer.get(start..).unwrap_or_default())?;
        buffer.truncate(start + kept);
        if reader.is_done() || buffer.len() >= BUFFER_BYTES {
            enveloped.write(&buffer)?;
            buffer.clear();
        }
    }
    Ok(())
}

/// One read of at most `room` bytes onto the end of the buffer; 0 at the end of the input.
fn append(from: &mut File, room: usize, buffer: &mut Vec<u8>) -> io::Result<usize> {
    let start = buffer.len();
    buffer.resize(start + room, 0);
    let result = loop {
        match from.read(buffer.get_mut(start..).unwrap_or_default()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => break result,
        }
    };
    buffer.truncate(start + *result.as_ref().unwrap_or(&0));
    result
}

/// Files are readable by the group and by others, who cannot enter the directories.
const UMASK: u32 = 0o033;
/// 24 hours. Must stay below OSSIFIED (36 hours), after which qmail-send and qmail-clean take
/// unfinished files for those of a dead process.
const DEATH_S: u32 = 86_400;
/// A pipe holds as much; one write for most messages.
const BUFFER_BYTES: usize = 64 << 10;
/// What reading a closed descriptor says.
const EBADF: i32 = 9;
