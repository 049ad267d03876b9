//! What the question programs share: the name server to ask, and how they end.

use std::fs::File;
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::process::ExitCode;

use dns::{DnsError, Resolver, Server};
use report::Exit;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("usage")]
    Usage,
    /// There is none, and asking again will not help.
    #[error("hard error")]
    Hard,
    /// Nobody knows; asking later may help.
    #[error("soft error")]
    Soft,
    #[error("no IP addresses")]
    NoAddresses,
    #[error("unable to ask the system")]
    System(#[source] io::Error),
    #[error("unable to write output")]
    Output(#[source] io::Error),
}

impl Failure {
    fn exit(&self) -> Exit {
        match self {
            Self::Usage | Self::Hard | Self::NoAddresses => Exit::PERMANENT,
            Self::Soft | Self::System(_) | Self::Output(_) => Exit::TEMPORARY,
        }
    }
}

impl From<DnsError> for Failure {
    fn from(error: DnsError) -> Self {
        match error {
            DnsError::NotFound | DnsError::NullMx => Self::Hard,
            DnsError::Temporary(_) => Self::Soft,
        }
    }
}

/// Prints an answer, or says on descriptor 2 why there is none.
pub(crate) fn give(program: &str, arguments: &str, answer: Result<Vec<u8>, Failure>) -> ExitCode {
    let failure = match answer.and_then(|text| print(&text)) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(failure) => failure,
    };
    match &failure {
        Failure::Usage => diag::usage(program, arguments),
        // These words stand alone, as ever.
        Failure::Hard | Failure::Soft | Failure::NoAddresses => diag::line(&failure.to_string()),
        Failure::System(_) | Failure::Output(_) => diag::fatal(program, &failure),
    }
    ExitCode::from(failure.exit().code())
}

fn print(text: &[u8]) -> Result<(), Failure> {
    let fd = os::fd::stdout().as_fd().try_clone_to_owned();
    let mut stdout = File::from(fd.map_err(Failure::Output)?);
    stdout.write_all(text).map_err(Failure::Output)
}

/// The one argument.
pub(crate) fn argument() -> Result<Vec<u8>, Failure> {
    os::env::args().into_iter().next().ok_or(Failure::Usage)
}

/// Asks the server of `$DNSCACHEIP`, else those of resolv.conf; one that is no address cannot be
/// asked.
pub(crate) fn resolver() -> Result<Resolver, DnsError> {
    let server = match os::env::var("DNSCACHEIP").filter(|value| !value.is_empty()) {
        Some(value) => Server::parse(&value)
            .ok_or_else(|| DnsError::Temporary("DNSCACHEIP is no address".to_owned()))?,
        None => Server::System,
    };
    Ok(Resolver::new(server))
}

/// A host that is an IPv4 address itself, with or without brackets; nobody need be asked.
pub(crate) fn literal(host: &[u8]) -> Option<Ipv4Addr> {
    let inside = host
        .strip_prefix(b"[")
        .and_then(|rest| rest.strip_suffix(b"]"));
    std::str::from_utf8(inside.unwrap_or(host))
        .ok()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_its_own_address() {
        let address = Some(Ipv4Addr::new(192, 0, 2, 1));
        assert_eq!(literal(b"192.0.2.1"), address);
        assert_eq!(literal(b"[192.0.2.1]"), address);
        assert_eq!(literal(b"[192.0.2.1"), None);
        assert_eq!(literal(b"host.example"), None);
    }
}
