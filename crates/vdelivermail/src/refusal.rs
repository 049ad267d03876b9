//! Every way in which a delivery can fail, its exit code, and its text. Where vpopmail has a text,
//! programs that read bounces look for it: it is vpopmail's.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use dot_qmail::file::FileError;
use dot_qmail::program::ProgramError;
use mailbox::maildir::MaildirError;
use report::Exit;

use crate::call::CallError;
use crate::message::MessageError;
use crate::vpasswd::VpasswdError;

/// Why the message is not delivered.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The current directory has no name.
    DomainDirectory(io::Error),
    /// We were called wrongly, or for an address that cannot be.
    Call(CallError),
    /// There is no whole message.
    Message(MessageError),
    /// We have had this message before.
    Looping,
    /// It is not known who has an account.
    Vpasswd(VpasswdError),
    /// The account takes no mail.
    Locked {
        /// Whose it is.
        address: Vec<u8>,
    },
    /// The account has no directory.
    NoDirectory,
    /// The account's quota cannot be read.
    Quota,
    /// A directory is not usable now.
    Directory {
        /// Which one.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// There is no such account.
    NoSuchUser {
        /// What the domain's owner says then.
        words: Option<Vec<u8>>,
    },
    /// The user's .qmail file cannot be followed.
    DotQmail(FileError),
    /// A blank first line is most likely an accident.
    BlankFirstLine,
    /// An mbox, which has no quota and which no reader of vpopmail's expects.
    Mbox(Vec<u8>),
    /// The maildir is full.
    OverQuota {
        /// What the domain's owner says then.
        words: Option<Vec<u8>>,
    },
    /// The maildir does not have it.
    Maildir(MaildirError),
    /// The command did not take it.
    Program(ProgramError),
    /// There was no process to run qmail-queue in.
    NoQueueProcess(io::Error),
    /// qmail-queue did not take it.
    Queue {
        /// Trying again will not help.
        permanent: bool,
        /// Why, in the words of qmail-queue.
        text: Vec<u8>,
    },
}

impl Refusal {
    /// What qmail-local is told.
    #[must_use]
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Call(CallError::User | CallError::Domain)
            | Self::Looping
            | Self::Locked { .. }
            | Self::NoSuchUser { .. }
            | Self::OverQuota { .. }
            | Self::Program(ProgramError::Permanent)
            | Self::Queue {
                permanent: true, ..
            } => Exit::PERMANENT,
            Self::DomainDirectory(_)
            | Self::Call(CallError::Arguments | CallError::NotSet(_))
            | Self::Message(_)
            | Self::Vpasswd(_)
            | Self::NoDirectory
            | Self::Quota
            | Self::Directory { .. }
            | Self::DotQmail(_)
            | Self::BlankFirstLine
            | Self::Mbox(_)
            | Self::Maildir(_)
            | Self::Program(
                ProgramError::NoProcess(_)
                | ProgramError::NoShell(_)
                | ProgramError::Crashed
                | ProgramError::Temporary,
            )
            | Self::NoQueueProcess(_)
            | Self::Queue {
                permanent: false, ..
            } => Exit::TEMPORARY,
        }
    }

    /// The lines to say, each with its line feed; none when a command has spoken for itself.
    #[must_use]
    pub(crate) fn text(&self) -> Vec<u8> {
        match self {
            Self::DomainDirectory(error) => ours("unable to find the domain's directory", error),
            Self::Call(error @ (CallError::User | CallError::Domain)) => line(error.to_string()),
            Self::Call(error @ (CallError::Arguments | CallError::NotSet(_))) => {
                line(format!("vdelivermail: {error}"))
            }
            Self::Message(error) => line(format!("vdelivermail: {}", diag::chain(error))),
            Self::Looping => line("mail is looping"),
            Self::Vpasswd(error) => line(format!("vdelivermail: {}", diag::chain(error))),
            Self::Locked { address } => {
                let before = b"vdelivermail: account is locked email bounced ";
                [before, &**address, b"\n"].concat()
            }
            Self::NoDirectory => line("vdelivermail: account has no directory"),
            Self::Quota => line("vdelivermail: quota of account is not understood"),
            Self::Directory { path, source } => {
                ours(&format!("unable to use {}", path.display()), source)
            }
            Self::NoSuchUser { words } => words_or(
                words,
                "Sorry, no mailbox here by that name. vpopmail (#5.1.1)",
            ),
            Self::DotQmail(error) => {
                line(format!("vdelivermail: .qmail file: {}", diag::chain(error)))
            }
            Self::BlankFirstLine => line("Uh-oh: first line of .qmail file is blank. (#4.2.1)"),
            Self::Mbox(name) => [b"can't handle mbox delivery for ", &**name, b"\n"].concat(),
            Self::OverQuota { words } => words_or(words, "user is over quota"),
            Self::Maildir(error) => line(format!("vdelivermail: {}", diag::chain(error))),
            Self::Program(error) => of_program(error),
            Self::NoQueueProcess(error) => ours("unable to run qmail-queue", error),
            Self::Queue { text, .. } => [b"Unable to forward message: ", &**text, b".\n"].concat(),
        }
    }
}

fn of_program(error: &ProgramError) -> Vec<u8> {
    match error {
        ProgramError::NoProcess(error) | ProgramError::NoShell(error) => {
            ours("unable to run /bin/sh", error)
        }
        ProgramError::Crashed => line("vdelivermail: command crashed"),
        ProgramError::Permanent | ProgramError::Temporary => Vec::new(),
    }
}

fn words_or(words: &Option<Vec<u8>>, usual: &str) -> Vec<u8> {
    match words {
        Some(words) => words.clone(),
        None => line(usual),
    }
}

fn ours(what: &str, error: &(dyn Error + 'static)) -> Vec<u8> {
    line(format!("vdelivermail: {what}: {}", diag::chain(error)))
}

fn line(text: impl Into<String>) -> Vec<u8> {
    let mut line = text.into().into_bytes();
    line.push(b'\n');
    line
}
