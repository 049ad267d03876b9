//! Every way in which a delivery can fail, its exit code, and its text: the diagnostics of
//! qmail-local(8). The texts end up in bounces and logs, where people and programs look for them;
//! they are the original's, byte for byte.

use std::io;

use dot_qmail::program::{ProgramError, SHELL};
use mailbox::maildir::MaildirError;
use mailbox::mbox::MboxError;
use report::Exit;

use crate::call::WrongUsage;
use crate::home::HomeError;
use crate::search::SearchError;

/// Why the message is not delivered.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The command line is wrong.
    Usage(WrongUsage),
    /// The home directory is not usable now.
    Home {
        /// The directory.
        home: Vec<u8>,
        /// What is wrong with it.
        error: HomeError,
    },
    /// We have had this message before.
    Looping,
    /// Descriptor 0 is not a file.
    Rewind,
    /// Descriptor 0 cannot be read.
    ReadMessage(io::Error),
    /// There is no .qmail file to follow.
    Search(SearchError),
    /// A blank first line is most likely an accident.
    BlankFirstLine,
    /// A file that may only forward names a mailbox.
    MailboxInForwardOnly,
    /// A file that may only forward names a command.
    ProgramInForwardOnly,
    /// The maildir does not have it.
    Maildir(MaildirError),
    /// The mbox does not have it.
    Mbox {
        /// The file as the .qmail line names it.
        name: Vec<u8>,
        /// What went wrong.
        error: MboxError,
    },
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
    /// What qmail-lspawn is told.
    #[must_use]
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Usage(_)
            | Self::Looping
            | Self::Search(SearchError::NoSuchMailbox)
            | Self::Program(ProgramError::Permanent)
            | Self::Queue {
                permanent: true, ..
            } => Exit::PERMANENT,
            Self::Home { .. }
            | Self::Rewind
            | Self::ReadMessage(_)
            | Self::Search(
                SearchError::Unreadable { .. }
                | SearchError::Writable
                | SearchError::TooLarge { .. }
                | SearchError::CarriageReturn { .. },
            )
            | Self::BlankFirstLine
            | Self::MailboxInForwardOnly
            | Self::ProgramInForwardOnly
            | Self::Maildir(_)
            | Self::Mbox { .. }
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

    /// The lines for standard error, each with its line feed; none when a command has spoken for
    /// itself.
    #[must_use]
    pub(crate) fn text(&self) -> Vec<u8> {
        match self {
            Self::Usage(wrong) => usage(wrong),
            Self::Home { home, error } => of_home(home, error),
            Self::Looping => {
                fixed("This message is looping: it already has my Delivered-To line. (#5.4.6)")
            }
            Self::Rewind => fixed("Unable to rewind message. (#4.3.0)"),
            Self::ReadMessage(error) => caused(b"Unable to read message", error, "#4.3.0"),
            Self::Search(error) => of_search(error),
            Self::BlankFirstLine => fixed("Uh-oh: first line of .qmail file is blank. (#4.2.1)"),
            Self::MailboxInForwardOnly => {
                fixed("Uh-oh: .qmail has file delivery but has x bit set. (#4.7.0)")
            }
            Self::ProgramInForwardOnly => {
                fixed("Uh-oh: .qmail has prog delivery but has x bit set. (#4.7.0)")
            }
            Self::Maildir(error) => of_maildir(error),
            Self::Mbox { name, error } => of_mbox(name, error),
            Self::Program(error) => of_program(error),
            Self::NoQueueProcess(error) => caused(b"Unable to fork", error, "#4.3.0"),
            Self::Queue { text, .. } => [b"Unable to forward message: ", &**text, b".\n"].concat(),
        }
    }
}

fn usage(wrong: &WrongUsage) -> Vec<u8> {
    let mut text = Vec::new();
    if let Some(letter) = wrong.illegal {
        text.extend_from_slice(b"qmail-local: illegal option -- ");
        text.extend_from_slice(&[letter, b'\n']);
    }
    text.extend_from_slice(USAGE);
    text
}

fn of_home(home: &[u8], error: &HomeError) -> Vec<u8> {
    match error {
        HomeError::Unreachable(error) => {
            caused(&[b"Unable to switch to ", home].concat(), error, "#4.3.0")
        }
        HomeError::Unknown(error) => caused(b"Unable to stat home directory", error, "#4.3.0"),
        HomeError::Writable => fixed("Uh-oh: home directory is writable. (#4.7.0)"),
        HomeError::Sticky => {
            fixed("Home directory is sticky: user is editing his .qmail file. (#4.2.1)")
        }
    }
}

fn of_search(error: &SearchError) -> Vec<u8> {
    match error {
        SearchError::Unreadable {
            attempt,
            name,
            source,
        } => caused(
            &[b"Unable to ", attempt.as_bytes(), b" ", name].concat(),
            source,
            "#4.3.0",
        ),
        SearchError::Writable => fixed("Uh-oh: .qmail file is writable. (#4.7.0)"),
        SearchError::TooLarge { name } => {
            [b"Uh-oh: ", &**name, b" is too large. (#4.2.1)\n"].concat()
        }
        SearchError::CarriageReturn { name } => [
            b"Uh-oh: a line of ",
            &**name,
            b" ends in a carriage return. (#4.2.1)\n",
        ]
        .concat(),
        SearchError::NoSuchMailbox => fixed("Sorry, no mailbox here by that name. (#5.1.1)"),
    }
}

fn of_maildir(error: &MaildirError) -> Vec<u8> {
    match error {
        MaildirError::Enter { .. } => fixed("Unable to chdir to maildir. (#4.2.1)"),
        MaildirError::Timeout => fixed("Timeout on maildir delivery. (#4.3.0)"),
        MaildirError::Read(_) => fixed("Unable to read message. (#4.3.0)"),
        MaildirError::Create { .. } | MaildirError::Write { .. } | MaildirError::Link { .. } => {
            fixed("Temporary error on maildir delivery. (#4.3.0)")
        }
    }
}

fn of_mbox(name: &[u8], error: &MboxError) -> Vec<u8> {
    match error {
        MboxError::Open { source, .. } => {
            caused(&[b"Unable to open ", name].concat(), source, "#4.2.1")
        }
        MboxError::Locked => fixed("File has been locked for 30 seconds straight. (#4.3.0)"),
        MboxError::Read(source) => caused(b"Unable to read message", source, "#4.3.0"),
        MboxError::Write { source, .. } => {
            caused(&[b"Unable to write ", name].concat(), source, "#4.3.0")
        }
    }
}

fn of_program(error: &ProgramError) -> Vec<u8> {
    match error {
        ProgramError::NoProcess(error) => caused(b"Unable to fork", error, "#4.3.0"),
        ProgramError::NoShell(error) => {
            caused(&[b"Unable to run ", SHELL].concat(), error, "#4.3.0")
        }
        ProgramError::Crashed => fixed("Aack, child crashed. (#4.3.0)"),
        ProgramError::Permanent | ProgramError::Temporary => Vec::new(),
    }
}

fn fixed(text: &str) -> Vec<u8> {
    [text.as_bytes(), b"\n"].concat()
}

fn caused(what: &[u8], error: &io::Error, code: &str) -> Vec<u8> {
    let why = os::errno::text(error);
    [what, b": ", why.as_bytes(), b". (", code.as_bytes(), b")\n"].concat()
}

const USAGE: &[u8] = b"qmail-local: usage: qmail-local [ -nN ] \
    user homedir local dash ext domain sender aliasempty\n";
