//! Every way a session ends but by QUIT: the last reply, if any, and the exit code (qmail-smtpd(8)).

use std::io;
use std::process::ExitCode;

use thiserror::Error;

use crate::config::ConfigError;
use crate::data::DataError;
use crate::policy::PolicyError;
use crate::replies::{self, Reply};
use crate::wire::WireError;

/// Why a session ended early.
#[derive(Debug, Error)]
#[error(transparent)]
pub(crate) enum Hangup {
    /// Descriptors 0 and 1 cannot be used.
    NoConnection(io::Error),
    /// The control files cannot be read.
    Config(#[from] ConfigError),
    /// Something our rules need cannot be read.
    Policy(#[from] PolicyError),
    /// The connection is gone or of no use.
    Wire(#[from] WireError),
    /// DATA did not come to its end.
    Data(#[from] DataError),
}

impl Hangup {
    /// What the client is told.
    pub(crate) fn farewell(&self) -> Option<Reply> {
        match self {
            Self::NoConnection(_) => None,
            Self::Config(_) | Self::Policy(PolicyError::Control(_)) => Some(replies::NO_CONTROLS),
            Self::Policy(PolicyError::Interfaces(_)) => Some(replies::NO_INTERFACES),
            Self::Wire(error) | Self::Data(DataError::Wire(error)) => match error {
                WireError::Timeout => Some(replies::TIMEOUT),
                WireError::Endless => Some(replies::ENDLESS_LINE),
                WireError::Lost => None,
            },
            Self::Data(DataError::BareLf) => Some(replies::BARE_LF),
        }
    }

    /// 1, whatever it was: tcpserver logs it and nobody acts on it.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::NoConnection(_)
            | Self::Config(_)
            | Self::Policy(_)
            | Self::Wire(_)
            | Self::Data(_) => ExitCode::from(1),
        }
    }
}
