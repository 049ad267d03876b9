//! Why a query gave nothing: none, temporary, or a domain that says it takes no mail.

use thiserror::Error;

/// How a query failed. What is not known for sure is [`DnsError::Temporary`].
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum DnsError {
    /// No such name, or it has no record of the type.
    #[error("no such record")]
    NotFound,
    /// The domain's only exchanger is the root: it takes no mail (RFC 7505).
    #[error("the domain takes no mail")]
    NullMx,
    /// No answer, a broken one, or one that says to try again.
    #[error("temporary failure: {0}")]
    Temporary(String),
}
