//! Every way a session ends but by QUIT: the last reply, if any, and the exit code (qmail-smtpd(8)).

use std::io;
use std::process::ExitCode;

use thiserror::Error;
use tls::HandshakeError;

use crate::config::ConfigError;
use crate::data::DataError;
use crate::policy::PolicyError;
use crate::replies::{self, Reply};
use crate::wire::WireError;

/// Why a session ended early.
#[derive(Debug, Error)]
pub(crate) enum Hangup {
    /// Descriptors 0 and 1 cannot be used.
    #[error(transparent)]
    NoConnection(io::Error),
    /// The control files cannot be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Something our rules need cannot be read.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The connection is gone or of no use.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// DATA did not come to its end.
    #[error(transparent)]
    Data(#[from] DataError),
    /// No secure connection came about.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// The client was sent away, and knows why.
    #[error("the client is of no use")]
    SentAway,
    /// The client begins with a handshake, and there is no certificate.
    #[error("TLS cannot be had")]
    NoCertificate,
}

impl Hangup {
    /// What the client is told.
    pub(crate) fn farewell(&self) -> Option<Reply> {
        match self {
            Self::NoConnection(_) | Self::Handshake(_) | Self::SentAway | Self::NoCertificate => {
                None
            }
            Self::Config(_) | Self::Policy(PolicyError::Control(_)) => Some(replies::NO_CONTROLS),
            Self::Policy(PolicyError::Interfaces(_)) => Some(replies::NO_INTERFACES),
            Self::Wire(error) | Self::Data(DataError::Wire(error)) => match error {
                WireError::Timeout => Some(replies::TIMEOUT),
                WireError::TooLong => Some(replies::TOO_LONG),
                WireError::Endless => Some(replies::ENDLESS_LINE),
                WireError::Lost => None,
            },
            Self::Data(DataError::BareLf) => Some(replies::BARE_LF),
        }
    }

    /// Whether a reader of the log learns something: clients go away all the time.
    pub(crate) fn is_news(&self) -> bool {
        !matches!(
            self,
            Self::SentAway | Self::Wire(WireError::Lost) | Self::NoConnection(_)
        )
    }

    /// 1, whatever it was: tcpserver logs it and nobody acts on it.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::NoConnection(_)
            | Self::Config(_)
            | Self::Policy(_)
            | Self::Wire(_)
            | Self::Data(_)
            | Self::Handshake(_)
            | Self::SentAway
            | Self::NoCertificate => ExitCode::from(1),
        }
    }
}
