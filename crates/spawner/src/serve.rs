//! The loop of a spawner: each turn takes in every command, reads every pipe, buries every child
//! and sends every report that is ready. Nothing in it waits for one delivery.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use os::poll::{PollSet, Slot as Place};
use os::signal::{Signal, Signals};

use crate::Agent;
use crate::check::{Refusal, examine};
use crate::protocol::{Command, Commands, Form, greeting};
use crate::reports::Reports;
use crate::slots::Slots;

/// Why a spawner stops before its work is done; qmail-send notices.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// One of the two channels is not there.
    #[error("unable to use descriptor 0 or 1")]
    Channels(#[source] io::Error),
    /// Signals of dead children cannot be heard.
    #[error("unable to listen for signals")]
    Signals(#[source] io::Error),
    /// The wait itself failed.
    #[error("unable to wait for input")]
    Poll(#[source] io::Error),
    /// Children cannot be waited for.
    #[error("unable to wait for children")]
    Children(#[source] io::Error),
}

/// Serves qmail-send until it closes the command channel and every delivery is reported.
/// Messages are files below `directory`, and must belong to `owner`.
///
/// # Errors
/// A system call without which no delivery can be served.
pub fn serve(agent: &impl Agent, directory: &Path, owner: u32) -> Result<(), ServeError> {
    let mut server = Server::start(agent, directory, owner)?;
    let mut poll = PollSet::new();
    while !server.is_done() {
        poll.clear();
        let places = server.prepare(&mut poll);
        poll.wait(None).map_err(ServeError::Poll)?;
        server.act(&poll, &places)?;
    }
    Ok(())
}

struct Server<'a, A> {
    agent: &'a A,
    directory: &'a Path,
    owner: u32,
    command_channel: File,
    report_channel: File,
    signals: Signals,
    commands: Commands,
    reports: Reports,
    slots: Slots,
    limits: Limits,
    is_at_end: bool,
}

/// How many deliveries may be under way in each form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Limits {
    classic: u16,
    wide: u16,
}

/// Where this turn's descriptors stand in the poll set.
struct Places {
    signals: Place,
    commands: Option<Place>,
    reports: Option<Place>,
}

impl<'a, A: Agent> Server<'a, A> {
    /// Announces the limits: the wide one where a peer that does not know it sees nothing, then
    /// the classic one where every qmail-send looks for it.
    fn start(agent: &'a A, directory: &'a Path, owner: u32) -> Result<Self, ServeError> {
        os::signal::ignore_pipe();
        let signals = Signals::listen(&[Signal::Child]).map_err(ServeError::Signals)?;
        let mut command_channel = os::fd::take(0).map_err(ServeError::Channels)?;
        let mut report_channel = os::fd::take(1).map_err(ServeError::Channels)?;
        let limits = Limits::of_descriptors(os::fd::raise_limit(DESCRIPTORS_WANTED));
        let greeted = os::fd::is_socket(&command_channel)
            && command_channel.write_all(&greeting(limits.wide)).is_ok();
        let [_, classic] = limits.classic.to_be_bytes();
        report_channel
            .write_all(&[classic])
            .map_err(ServeError::Channels)?;
        Ok(Self {
            agent,
            directory,
            owner,
            command_channel,
            report_channel,
            signals,
            commands: Commands::new(greeted),
            reports: Reports::default(),
            slots: Slots::new(if greeted { limits.wide } else { limits.classic }),
            limits,
            is_at_end: false,
        })
    }

    fn is_done(&self) -> bool {
        self.is_at_end && self.reports.is_empty() && self.slots.are_all_free()
    }

    fn prepare(&mut self, poll: &mut PollSet) -> Places {
        let listens = !self.is_at_end && !self.reports.are_too_many();
        let places = Places {
            signals: poll.read(&self.signals),
            commands: listens.then(|| poll.read(&self.command_channel)),
            reports: (!self.reports.is_empty()).then(|| poll.write(&self.report_channel)),
        };
        self.slots.prepare(poll);
        places
    }

    fn act(&mut self, poll: &PollSet, places: &Places) -> Result<(), ServeError> {
        self.slots.read(poll);
        if poll.ready(places.signals) {
            let _only_child = self.signals.take();
            self.bury()?;
        }
        for (number, text) in self.slots.advance(self.agent) {
            self.reports.add(self.commands.form(), number, &text);
        }
        if places.commands.is_some_and(|place| poll.ready(place)) {
            self.read_commands();
        }
        if places.reports.is_some_and(|place| poll.ready(place)) {
            self.reports.write(&self.report_channel);
        }
        Ok(())
    }

    fn bury(&mut self) -> Result<(), ServeError> {
        while let Some((pid, status)) = os::child::reap().map_err(ServeError::Children)? {
            self.slots.died(pid, status);
        }
        Ok(())
    }

    fn read_commands(&mut self) {
        let mut buffer = [0; READ_BYTES];
        let count = match self.command_channel.read(&mut buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return,
            // ECONNRESET: a peer that never read our greeting has gone.
            Err(_) => 0,
        };
        self.is_at_end = count == 0;
        for command in self.commands.feed(buffer.get(..count).unwrap_or_default()) {
            if let Some(text) = self.obey(&command) {
                self.reports
                    .add(self.commands.form(), command.number, &text);
            }
        }
    }

    /// Starts a delivery, or says at once how it ended.
    fn obey(&mut self, command: &Command) -> Option<Vec<u8>> {
        match self.check(command) {
            Ok(checked) => self.slots.begin(command.number, self.agent, checked),
            Err(refusal) => Some(refusal.to_string().into_bytes()),
        }
    }

    fn check(&self, command: &Command) -> Result<(crate::Delivery, File), Refusal> {
        if command.is_too_long {
            return Err(Refusal::Memory);
        }
        if command.number >= self.limits.of(self.commands.form()) {
            return Err(Refusal::NumberTooBig);
        }
        if self.slots.is_busy(command.number) {
            return Err(Refusal::NumberInUse);
        }
        examine(command, self.directory, self.owner)
    }
}

impl Limits {
    /// No more deliveries than descriptors can be had for.
    fn of_descriptors(limit: u64) -> Self {
        let possible = limit.saturating_sub(DESCRIPTORS_OURS) / DESCRIPTORS_PER_DELIVERY;
        let possible = u16::try_from(possible).unwrap_or(u16::MAX).max(1);
        Self {
            classic: CLASSIC_MAX.min(possible),
            wide: WIDE_MAX.min(possible),
        }
    }

    fn of(self, form: Form) -> u16 {
        match form {
            Form::Classic => self.classic,
            Form::Wide => self.wide,
        }
    }
}

/// The original's conf-spawn.
const CLASSIC_MAX: u16 = 120;
/// More than one machine's disks and network have use for.
const WIDE_MAX: u16 = 1000;
/// While its user is looked up a delivery has a pipe and the message; later a pipe.
const DESCRIPTORS_PER_DELIVERY: u64 = 2;
/// Ours, and those that exist for a moment while a child is started.
const DESCRIPTORS_OURS: u64 = 24;
const DESCRIPTORS_WANTED: u64 = 24 + 2 * 1000;
/// A burst of commands in one read.
const READ_BYTES: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(descriptors: u64, classic: u16, wide: u16) {
        assert_eq!(
            Limits::of_descriptors(descriptors),
            Limits { classic, wide }
        );
    }

    #[test]
    fn the_limits_are_what_the_descriptors_allow() {
        check(DESCRIPTORS_WANTED, 120, 1000);
        check(1_048_576, 120, 1000);
        check(1024, 120, 500);
        check(100, 38, 38);
        check(3, 1, 1);
    }
}
