//! Every way a session ends other than after its last answer, and the exit code (qmail-qmtpd(8)).

use std::io;

use control::ControlError;
use netstring::NetstringError;
use thiserror::Error;

/// Why a session ended. The client learns nothing of it: what it has no answer for is not queued.
#[derive(Debug, Error)]
pub(crate) enum Ending {
    /// The client has left, or cannot be written to.
    #[error("the client is gone")]
    Gone,
    /// The client does not speak this protocol.
    #[error("the client breaks the protocol")]
    BadFormat,
    /// The client announces more than we take.
    #[error("the client sends too much")]
    TooMuch,
    /// Descriptors 0 and 1 cannot be used.
    #[error("no connection")]
    NoConnection(#[source] io::Error),
    /// The control files cannot be read.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// No qmail-queue can be started.
    #[error("unable to start qmail-queue")]
    NoQueue(#[source] io::Error),
}

impl From<NetstringError> for Ending {
    fn from(error: NetstringError) -> Self {
        match error {
            NetstringError::TooLong => Self::TooMuch,
            NetstringError::NotALength | NetstringError::NoComma => Self::BadFormat,
        }
    }
}

impl Ending {
    /// What to exit with.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Gone => 0,
            Self::BadFormat => PERMANENT,
            Self::TooMuch | Self::NoConnection(_) | Self::Control(_) | Self::NoQueue(_) => {
                TEMPORARY
            }
        }
    }
}

const PERMANENT: u8 = 100;
/// Also the exit code of a session that took too long.
pub(crate) const TEMPORARY: u8 = 111;
