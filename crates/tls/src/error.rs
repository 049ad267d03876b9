//! What can be wrong with certificates, keys, tickets and handshakes, in words that say how to mend it.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// A certificate or its key cannot be used.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// The file is there, but not for us.
    #[error(
        "unable to read {0}; give it to the account of this program: chown ACCOUNT {0}; chmod 600 {0}",
        path.display()
    )]
    NotForUs {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It cannot be read, or is no file, or too large to be meant.
    #[error("unable to read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No `BEGIN CERTIFICATE`.
    #[error("{} holds no certificate", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// No `BEGIN PRIVATE KEY` or one of its older names; an encrypted key is none.
    #[error("{} holds no private key without a passphrase", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// Everybody on this host knows the key.
    #[error("the key in {0} can be read by every user: chmod o= {0}", path.display())]
    OpenToAll {
        /// The file.
        path: PathBuf,
    },
    /// Its group is neither ours nor that of the directory.
    #[error("the key in {0} can be read by a group that has no business with it: chmod g= {0}", path.display())]
    OpenToGroup {
        /// The file.
        path: PathBuf,
    },
    /// Not a kind of key that can sign here: RSA below 2048 bits, an unknown curve.
    #[error("the key in {} is of no use: {reason}", path.display())]
    BadKey {
        /// The file.
        path: PathBuf,
        /// What rustls said.
        reason: rustls::Error,
    },
    /// The two files were not made for each other.
    #[error("the key in {} does not belong to the certificate in {}", key.display(), certificate.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The certificate is damaged or of a version nobody uses.
    #[error("the certificate in {} is of no use: {reason}", path.display())]
    BadCertificate {
        /// The file.
        path: PathBuf,
        /// What rustls said.
        reason: rustls::Error,
    },
}

/// Tickets cannot be made; sessions are not resumed, nothing else changes.
#[derive(Debug, Error)]
pub enum TicketError {
    /// Somebody else could put keys there.
    #[error("{0} must belong to the account of this program and to nobody else: chown ACCOUNT {0}; chmod {mode} {0}", path.display())]
    Rights {
        /// The directory or file.
        path: PathBuf,
        /// The mode it should have.
        mode: &'static str,
    },
    /// A file operation failed.
    #[error("unable to use {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system has no randomness to give.
    #[error("unable to get random bytes")]
    NoRandomness,
}

/// No secure connection came about; the transport is of no more use.
#[derive(Debug, Error)]
pub enum HandshakeError {
    /// The connection ended, or the time was over.
    #[error("the connection is lost")]
    Transport(#[from] io::Error),
    /// The peer speaks something else, an older version, or does not believe us.
    #[error("the peer cannot be agreed with")]
    Peer(#[source] rustls::Error),
    /// The peer's certificate is not what was demanded.
    #[error("the peer cannot be trusted")]
    Untrusted(#[source] rustls::Error),
    /// Our own side cannot be set up.
    #[error("unable to set up")]
    Setup(#[source] rustls::Error),
}

/// A client cannot be set up as told.
#[derive(Debug, Error)]
pub enum TrustError {
    /// The file of authorities.
    #[error("unable to read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It vouches for nobody.
    #[error("{} holds no certificate", path.display())]
    NoAuthority {
        /// The file.
        path: PathBuf,
    },
    /// A server must be verified, and nothing says by whom.
    #[error("unable to verify anybody without a file of authorities")]
    NothingToTrust,
    /// Our own certificate.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// rustls refuses the set-up.
    #[error("unable to set up")]
    Setup(#[source] rustls::Error),
}
