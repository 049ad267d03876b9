//! qmail-local(8): delivers one message as one user, following the user's .qmail file
//! (dot-qmail(5)). Each line is done before the next is looked at; forwards are collected and done
//! last, in one qmail-queue run. It runs with the user's rights only and never touches the queue
//! but through qmail-queue.

mod call;
mod environment;
mod forward;
mod home;
mod refusal;
mod search;

use std::fs::File;
use std::io::{Seek, Write};
use std::process::ExitCode;

use dot_qmail::instruction::{Instruction, instructions};
use dot_qmail::program::Outcome;
use dot_qmail::{loops, program};
use mailbox::maildir::Names;
use mailbox::{maildir, mbox};

use call::{Call, path};
use environment::{Lines, Variables};
use home::HomeError;
use refusal::Refusal;

/// Delivers, or says on standard error why not; the exit code is what qmail-lspawn reports.
#[must_use]
pub fn main() -> ExitCode {
    match run(os::env::args()) {
        Ok(()) => ExitCode::from(report::Exit::OK.code()),
        Err(refusal) => {
            complain(&refusal.text());
            ExitCode::from(refusal.exit().code())
        }
    }
}

/// The steps of qmail-local(8), in order.
fn run(words: Vec<Vec<u8>>) -> Result<(), Refusal> {
    os::file::umask(UMASK);
    let call = Call::parse(words).map_err(Refusal::Usage)?;
    enter_home(&call)?;
    let mut message = os::fd::take(0).map_err(|_| Refusal::Rewind)?;
    let lines = Lines::new(&call, os::clock::now());
    if !call.describe {
        refuse_loops(&mut message, &lines)?;
    }
    let found = search::find(&call).map_err(Refusal::Search)?;
    let new_sender = forward::sender(&call).map_err(Refusal::Search)?;
    let ours = environment::variables(&call, &lines, found.default.as_deref(), &new_sender);
    let is_empty = found.content.is_empty();
    let mut delivery = Delivery {
        environment: environment::overlay(os::env::all(), ours),
        call: &call,
        lines: &lines,
        message,
        names: None,
        forward_only: found.forward_only && !is_empty,
        done: Counts::default(),
    };
    let orders = if is_empty {
        &call.default_delivery
    } else {
        &found.content
    };
    let followed = delivery.follow(orders)?;
    let qp = delivery.forward(orders, followed, &new_sender)?;
    delivery.done.print(qp);
    Ok(())
}

fn enter_home(call: &Call) -> Result<(), Refusal> {
    match home::enter(call).and_then(|()| home::check()) {
        Ok(()) => Ok(()),
        Err(HomeError::Sticky) if call.describe => {
            complain(b"Warning: home directory is sticky.\n");
            Ok(())
        }
        Err(error) => Err(Refusal::Home {
            home: call.home.clone(),
            error,
        }),
    }
}

fn refuse_loops(message: &mut File, lines: &Lines) -> Result<(), Refusal> {
    rewind(message)?;
    match loops::has_line(message, &lines.delivered_to) {
        Ok(false) => Ok(()),
        Ok(true) => Err(Refusal::Looping),
        Err(error) => Err(Refusal::ReadMessage(error)),
    }
}

/// One message, and how far its delivery has come.
struct Delivery<'a> {
    call: &'a Call,
    lines: &'a Lines,
    message: File,
    environment: Variables,
    /// Made for the first maildir.
    names: Option<Names>,
    forward_only: bool,
    done: Counts,
}

impl Delivery<'_> {
    /// Follows the instructions up to the last one or to the one that says stop; returns how many.
    fn follow(&mut self, orders: &[u8]) -> Result<usize, Refusal> {
        let mut followed: usize = 0;
        for instruction in instructions(orders) {
            if instruction == Instruction::Blank && followed == 0 {
                return Err(Refusal::BlankFirstLine);
            }
            followed = followed.saturating_add(1);
            if self.obey(instruction)? == Outcome::Stop {
                break;
            }
        }
        Ok(followed)
    }

    fn obey(&mut self, instruction: Instruction<'_>) -> Result<Outcome, Refusal> {
        match instruction {
            Instruction::Blank | Instruction::Comment => {}
            Instruction::ForwardOnly => self.forward_only = true,
            Instruction::Maildir(_) | Instruction::Mbox(_) if self.forward_only => {
                return Err(Refusal::MailboxInForwardOnly);
            }
            Instruction::Program(_) if self.forward_only => {
                return Err(Refusal::ProgramInForwardOnly);
            }
            Instruction::Maildir(name) => {
                count(&mut self.done.files);
                self.say_or("maildir", name, Self::fill_maildir)?;
            }
            Instruction::Mbox(name) => {
                count(&mut self.done.files);
                self.say_or("mbox", name, Self::extend_mbox)?;
            }
            Instruction::Program(command) => {
                count(&mut self.done.programs);
                return self.say_or("program", command, Self::through_program);
            }
            Instruction::Forward(address) => {
                count(&mut self.done.forwards);
                self.say_or("forward", address, |_, _| Ok(Outcome::GoOn))?;
            }
        }
        Ok(Outcome::GoOn)
    }

    fn say_or(
        &mut self,
        what: &str,
        name: &[u8],
        act: impl FnOnce(&mut Self, &[u8]) -> Result<Outcome, Refusal>,
    ) -> Result<Outcome, Refusal> {
        if !self.call.describe {
            return act(self, name);
        }
        print(&[what.as_bytes(), b" ", name, b"\n"].concat());
        Ok(Outcome::GoOn)
    }

    fn fill_maildir(&mut self, name: &[u8]) -> Result<Outcome, Refusal> {
        rewind(&mut self.message)?;
        let names = self.names.get_or_insert_with(|| {
            Names::new(&os::host::name().unwrap_or_default(), os::account::pid())
        });
        let before = [&*self.lines.return_path, &*self.lines.delivered_to];
        maildir::deliver(
            &mut os::disk::RealDisk,
            path(name),
            names,
            &before,
            &mut self.message,
        )
        .map_err(Refusal::Maildir)?;
        Ok(Outcome::GoOn)
    }

    fn extend_mbox(&mut self, name: &[u8]) -> Result<Outcome, Refusal> {
        rewind(&mut self.message)?;
        let lines = self.lines;
        let before = [&*lines.from, &*lines.return_path, &*lines.delivered_to];
        mbox::deliver(path(name), &before, &mut self.message).map_err(|error| Refusal::Mbox {
            name: name.to_vec(),
            error,
        })?;
        Ok(Outcome::GoOn)
    }

    fn through_program(&mut self, command: &[u8]) -> Result<Outcome, Refusal> {
        rewind(&mut self.message)?;
        program::run(command, &self.message, self.environment.clone()).map_err(Refusal::Program)
    }

    /// Forwards to the addresses among the first `followed` instructions; returns the queue's
    /// process number.
    fn forward(
        &mut self,
        orders: &[u8],
        followed: usize,
        new_sender: &[u8],
    ) -> Result<Option<u32>, Refusal> {
        if self.call.describe || self.done.forwards == 0 {
            return Ok(None);
        }
        rewind(&mut self.message)?;
        let recipients = instructions(orders)
            .take(followed)
            .filter_map(Instruction::address);
        let letter = forward::Letter {
            line: &self.lines.delivered_to,
            sender: new_sender,
            environment: std::mem::take(&mut self.environment),
        };
        forward::queue(letter, &mut self.message, recipients).map(Some)
    }
}

/// What has been done so far.
#[derive(Debug, Default)]
struct Counts {
    files: u64,
    forwards: u64,
    programs: u64,
}

impl Counts {
    fn print(&self, qp: Option<u32>) {
        let Self {
            files,
            forwards,
            programs,
        } = self;
        let mut text = format!("did {files}+{forwards}+{programs}\n");
        if let Some(qp) = qp {
            text.push_str(&format!("qp {qp}\n"));
        }
        print(text.as_bytes());
    }
}

fn count(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}

fn rewind(message: &mut File) -> Result<(), Refusal> {
    message.rewind().map_err(|_| Refusal::Rewind)
}

// What we say is for the log; that nobody may be reading it does not undo a delivery.
fn print(text: &[u8]) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text).and_then(|()| out.flush());
}

fn complain(text: &[u8]) {
    let _ = std::io::stderr().lock().write_all(text);
}

/// Mail is private.
const UMASK: u32 = 0o077;
