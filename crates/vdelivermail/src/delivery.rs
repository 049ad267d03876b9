//! Delivery as one user's directory asks for it, vdelivermail(8): the lines of its .qmail file, or
//! else its Maildir. Forwards are collected and done last, in one qmail-queue run, so that what
//! fails before them and is tried again does not send them twice.

use std::path::{Path, PathBuf};

use dot_qmail::instruction::{Instruction, instructions};
use dot_qmail::program::Outcome;
use dot_qmail::{file, program};
use mailbox::maildir::{self, Names};
use mailbox::maildirsize;
use mailbox::quota::{Quota, Usage};
use os::disk::{Disk, RealDisk};
use queue_client::QueueProgram;
use report::Exit;

use crate::call::Call;
use crate::message::Message;
use crate::notice;
use crate::refusal::Refusal;

/// One message for one address.
pub(crate) struct Delivery<'a> {
    call: &'a Call,
    domain_directory: &'a Path,
    message: Message,
    names: Names,
    /// The account's maildir and what it may hold.
    own: Option<(PathBuf, Option<Quota>)>,
}

impl<'a> Delivery<'a> {
    /// Nothing has been done yet.
    pub(crate) fn new(call: &'a Call, domain_directory: &'a Path, message: Message) -> Self {
        let host = os::host::name().unwrap_or_default();
        Self {
            call,
            domain_directory,
            message,
            names: Names::new(&host, os::account::pid()),
            own: None,
        }
    }

    /// This maildir is the account's, with this quota.
    pub(crate) fn with_quota(mut self, maildir: &Path, quota: Option<Quota>) -> Self {
        self.own = Some((maildir.to_owned(), quota));
        self
    }

    /// Follows `home/.qmail`; without one, or an empty one, delivers to `maildir`.
    pub(crate) fn follow(&mut self, home: &Path, maildir: &Path) -> Result<Exit, Refusal> {
        let orders = file::read(&home.join(".qmail")).map_err(Refusal::DotQmail)?;
        let Some(orders) = orders.filter(|orders| !orders.content.is_empty()) else {
            self.fill(maildir)?;
            return Ok(Exit::OK);
        };
        // Commands and relative names start from here.
        os::file::chdir(home).map_err(|source| Refusal::Directory {
            path: home.to_owned(),
            source,
        })?;
        let mut addresses = Vec::new();
        let mut exit = Exit::OK;
        for (number, instruction) in instructions(&orders.content).enumerate() {
            if instruction == Instruction::Blank && number == 0 {
                return Err(Refusal::BlankFirstLine);
            }
            addresses.extend(instruction.address());
            if self.obey(instruction, home)? == Outcome::Stop {
                exit = Exit::STOP;
                break;
            }
        }
        self.forward(&addresses)?;
        Ok(exit)
    }

    fn obey(&mut self, instruction: Instruction<'_>, home: &Path) -> Result<Outcome, Refusal> {
        match instruction {
            Instruction::Program(command) => return self.run(command),
            Instruction::Maildir(name) => self.fill(&home.join(path(name)))?,
            Instruction::Mbox(name) => return Err(Refusal::Mbox(name.to_vec())),
            // Forwards wait; `+list` and the like say nothing here.
            Instruction::Forward(_)
            | Instruction::Blank
            | Instruction::Comment
            | Instruction::ForwardOnly => {}
        }
        Ok(Outcome::GoOn)
    }

    /// Queues the message for these addresses.
    pub(crate) fn forward(&mut self, addresses: &[impl AsRef<[u8]>]) -> Result<(), Refusal> {
        if addresses.is_empty() {
            return Ok(());
        }
        let program = QueueProgram::configured(&os::home::home());
        let mut injection = program.start().map_err(Refusal::NoQueueProcess)?;
        injection.write(&self.call.delivered_to());
        let message = self.message.rewound().map_err(Refusal::Message)?;
        let read = injection.write_all_of(message);
        injection.sender(&self.call.sender);
        for address in addresses {
            injection.recipient(address.as_ref());
        }
        match injection.finish().result {
            Ok(()) => Ok(()),
            Err(failure) => Err(Refusal::Queue {
                // What we could not read nobody can blame the message for.
                permanent: failure.is_permanent && read.is_ok(),
                text: failure.text,
            }),
        }
    }

    fn run(&mut self, command: &[u8]) -> Result<Outcome, Refusal> {
        let message = self.message.rewound().map_err(Refusal::Message)?;
        program::run(command, message, os::env::all()).map_err(Refusal::Program)
    }

    fn fill(&mut self, maildir: &Path) -> Result<(), Refusal> {
        let lines = [&*self.call.return_path, &*self.call.delivered_to()].concat();
        let length = u64::try_from(lines.len()).unwrap_or(u64::MAX);
        let more = Usage {
            bytes: self.message.bytes.saturating_add(length),
            messages: 1,
        };
        if let Some(quota) = self.quota_of(maildir) {
            self.keep_within(quota, maildir, more)?;
        }
        self.names.tell_size(more.bytes);
        let message = self.message.rewound().map_err(Refusal::Message)?;
        maildir::deliver(&mut RealDisk, maildir, &mut self.names, &[&lines], message)
            .map_err(Refusal::Maildir)?;
        maildirsize::add(maildir, more);
        Ok(())
    }

    /// The account's own maildir has the account's quota, any other the one it says itself.
    fn quota_of(&self, maildir: &Path) -> Option<Quota> {
        match &self.own {
            Some((own, quota)) if own == maildir || is_same(own, maildir) => *quota,
            Some(_) | None => maildirsize::quota(maildir),
        }
    }

    fn keep_within(&mut self, quota: Quota, maildir: &Path, more: Usage) -> Result<(), Refusal> {
        let usage = maildirsize::with(maildir, quota, more, &mut self.names).map_err(|source| {
            Refusal::Directory {
                path: maildir.to_owned(),
                source,
            }
        })?;
        if quota.percent(usage) >= WARN_PERCENT {
            self.warn(maildir);
        }
        if quota.admits(usage) {
            Ok(())
        } else {
            Err(Refusal::OverQuota {
                words: notice::read(self.domain_directory, notice::OVER_QUOTA),
            })
        }
    }

    /// Puts the domain's warning into the maildir, once a day. It is a courtesy: whatever goes wrong
    /// with it, the message itself is what matters.
    fn warn(&mut self, maildir: &Path) {
        let Some(text) = notice::read(self.domain_directory, notice::QUOTA_WARNING) else {
            return;
        };
        let now = os::clock::now();
        let stamp = maildir.join(WARNED);
        let warned = RealDisk
            .stat(&stamp)
            .ok()
            .flatten()
            .map(|facts| facts.mtime);
        if warned.is_some_and(|warned| now < warned.saturating_add(DAY_S)) {
            return;
        }
        if RealDisk.open_append(&stamp, STAMP_MODE).is_err()
            || RealDisk.set_times(&stamp, now).is_err()
        {
            return;
        }
        let date = format!("Date: {}\n", datetime::rfc822(now));
        let lines = [&*self.call.delivered_to(), date.as_bytes()].concat();
        let bytes = u64::try_from(lines.len().saturating_add(text.len())).unwrap_or(u64::MAX);
        self.names.tell_size(bytes);
        let delivered = maildir::deliver(
            &mut RealDisk,
            maildir,
            &mut self.names,
            &[&lines],
            &mut &*text,
        );
        if delivered.is_ok() {
            maildirsize::add(maildir, Usage { bytes, messages: 1 });
        }
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    let real = |path| std::fs::canonicalize(path);
    matches!((real(one), real(other)), (Ok(one), Ok(other)) if one == other)
}

fn path(name: &[u8]) -> &Path {
    use std::os::unix::ffi::OsStrExt;
    Path::new(std::ffi::OsStr::from_bytes(name))
}

/// vpopmail warns from here on.
const WARN_PERCENT: u64 = 90;
/// The file in the maildir whose time is that of the last warning.
const WARNED: &str = "quotawarn";
const STAMP_MODE: u32 = 0o644;
const DAY_S: u64 = 24 * 60 * 60;
