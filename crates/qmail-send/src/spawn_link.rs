//! The pipes to one spawner: commands out, reports in (qmail-send(8), the pipes).
//!
//! The classic form is what every qmail speaks. A spawner of ours greets us on the socket that our
//! commands go to; then both sides use two bytes for a delivery number and the limit it names.

use std::fs::File;
use std::io::{self, Read, Write};

use os::poll::{PollSet, Slot};
use queue::MessageId;

use crate::reports::{Answer, Form, Reports};

/// One spawner.
pub(crate) struct SpawnLink {
    commands: File,
    reports: File,
    form: Form,
    parser: Reports,
    unsent: Vec<u8>,
    is_alive: bool,
    write_slot: Option<Slot>,
    read_slot: Option<Slot>,
}

/// A spawner that says nothing cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("hath the daemon spawn no fire?")]
pub(crate) struct NoFire;

impl SpawnLink {
    /// Waits for the spawner's first word, and returns how many deliveries it takes at once.
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) fn open(commands: File, mut reports: File) -> Result<(Self, u16), NoFire> {
        let mut limit = [0];
        reports.read_exact(&mut limit).map_err(|_| NoFire)?;
        let [limit] = limit;
        let mut link = Self {
            commands,
            reports,
            form: Form::Classic,
            parser: Reports::new(Form::Classic),
            unsent: Vec::new(),
            is_alive: true,
            write_slot: None,
            read_slot: None,
        };
        let limit = match link.greeting() {
            Some(wide_limit) => {
                link.form = Form::Wide;
                link.parser = Reports::new(Form::Wide);
                link.unsent.extend_from_slice(OUR_GREETING);
                wide_limit
            }
            None => u16::from(limit),
        };
        os::fd::set_nonblocking(&link.commands).map_err(|_| NoFire)?;
        link.flush();
        Ok((link, limit))
    }

    /// What a spawner of ours has said before its first byte.
    fn greeting(&self) -> Option<u16> {
        if !os::fd::is_socket(&self.commands) {
            return None;
        }
        let mut buffer = [0; GREETING_MAX];
        let count = os::fd::receive_now(&self.commands, &mut buffer).ok()??;
        let line = buffer.get(..count)?.strip_suffix(b"\n")?;
        let digits = line.strip_prefix(THEIR_GREETING)?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    /// Whether the spawner still runs.
    pub(crate) fn is_alive(&self) -> bool {
        self.is_alive
    }

    /// Whether it takes another command now.
    pub(crate) fn has_room(&self) -> bool {
        self.is_alive && self.unsent.len() < UNSENT_MAX
    }

    /// Hands over a delivery.
    pub(crate) fn command(&mut self, number: u16, id: MessageId, sender: &[u8], recipient: &[u8]) {
        let Some(number) = self.form.encode(number) else {
            return;
        };
        let name = id.spawn_name();
        for part in [
            &number,
            name.as_bytes(),
            b"\0".as_slice(),
            sender,
            b"\0",
            recipient,
            b"\0",
        ] {
            self.unsent.extend_from_slice(part);
        }
    }

    /// Sends what can be sent without waiting.
    pub(crate) fn flush(&mut self) {
        while self.is_alive && !self.unsent.is_empty() {
            match self.commands.write(&self.unsent) {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.is_alive = false,
            }
        }
    }

    /// What to wait for.
    pub(crate) fn prepare(&mut self, set: &mut PollSet) {
        self.read_slot = self.is_alive.then(|| set.read(&self.reports));
        let is_waiting = self.is_alive && !self.unsent.is_empty();
        self.write_slot = is_waiting.then(|| set.write(&self.commands));
    }

    /// Sends and receives; returns the reports that came.
    pub(crate) fn act(&mut self, set: &PollSet) -> Vec<Answer> {
        if self.write_slot.take().is_some_and(|slot| set.ready(slot)) {
            self.flush();
        }
        if !self.read_slot.take().is_some_and(|slot| set.ready(slot)) {
            return Vec::new();
        }
        let mut buffer = [0; READ_BYTES];
        match self.reports.read(&mut buffer) {
            Ok(0) => self.is_alive = false,
            Ok(count) => return self.parser.feed(buffer.get(..count).unwrap_or_default()),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock
                ) => {}
            Err(_) => self.is_alive = false,
        }
        Vec::new()
    }
}

/// How a spawner of ours begins, before its limit.
const THEIR_GREETING: &[u8] = b"qmail-spawn/1 ";
/// How we answer: a first byte that no classic command begins with, since no classic spawner takes
/// 256 deliveries at once.
const OUR_GREETING: &[u8] = b"\xffqmail-send/1\n";
/// The greeting with a number of five digits, and some room.
const GREETING_MAX: usize = 64;
/// Commands that wait for the spawner; a few dozen, so that the log does not run ahead of it.
const UNSENT_MAX: usize = 16 << 10;
/// Reports taken in at once.
const READ_BYTES: usize = 32 << 10;
