//! Every way in which qmail-queue can fail, and the exit code that says so (qmail-queue(8)).

use std::io;

use os::account::AccountError;
use queue::envelope::EnvelopeError;
use queue::message::EnqueueError;
use queue_client::QueueExit;

/// Why the message was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The home directory cannot be entered.
    #[error("unable to switch to home directory")]
    Home(#[source] io::Error),
    /// The queue directory cannot be entered.
    #[error("unable to switch to queue directory")]
    QueueDirectory(#[source] io::Error),
    /// An account is missing.
    #[error(transparent)]
    Account(AccountError),
    /// The message or the envelope ended early or could not be read.
    #[error("unable to read")]
    Read(#[source] io::Error),
    /// The envelope is malformed.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// A file could not be made, written or synced.
    #[error(transparent)]
    Enqueue(#[from] EnqueueError),
    /// The process could not prepare itself.
    #[error("internal bug")]
    Bug(#[source] io::Error),
}

impl Refusal {
    /// The exit code.
    #[must_use]
    pub fn exit(&self) -> QueueExit {
        match self {
            Self::Home(_) => QueueExit::Home,
            Self::QueueDirectory(_) => QueueExit::QueueDirectory,
            Self::Account(_) => QueueExit::Account,
            Self::Read(_) => QueueExit::Read,
            Self::Envelope(EnvelopeError::Format) => QueueExit::EnvelopeFormat,
            Self::Envelope(EnvelopeError::AddressTooLong) => QueueExit::AddressTooLong,
            Self::Enqueue(EnqueueError::Birth(_)) => QueueExit::Birth,
            Self::Enqueue(EnqueueError::LinkMess(_)) => QueueExit::LinkMess,
            Self::Enqueue(EnqueueError::WriteMess(_) | EnqueueError::WriteIntd(_)) => {
                QueueExit::Write
            }
            Self::Enqueue(EnqueueError::CreateIntd(_)) => QueueExit::CreateIntd,
            Self::Enqueue(EnqueueError::LinkTodo(_)) => QueueExit::LinkTodo,
            Self::Bug(_) => QueueExit::Bug,
        }
    }
}
