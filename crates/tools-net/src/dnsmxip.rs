//! dnsmxip(1): where mail for a domain goes when nothing says otherwise: the addresses of its
//! exchangers, in the order in which qmail-remote tries them, each with its preference.

use std::net::IpAddr;
use std::process::ExitCode;

use dns::{DnsError, Mx, Resolver};

use crate::answer::{Failure, argument, give, literal, resolver};

/// dnsmxip; its result as an exit code.
#[must_use]
pub fn main() -> ExitCode {
    give("dnsmxip", "domain", run())
}

fn run() -> Result<Vec<u8>, Failure> {
    let domain = argument()?;
    if let Some(address) = literal(&domain) {
        return Ok(format!("{address} 0\n").into_bytes());
    }
    let mut resolver = resolver()?;
    let found = match resolver.mx(&domain) {
        Ok(exchangers) => of_exchangers(&mut resolver, exchangers)?,
        // RFC 5321, section 5.1: a domain without exchangers is its own.
        Err(DnsError::NotFound) => with_preference(0, resolver.addresses(&domain)?),
        Err(error) => return Err(error.into()),
    };
    let lines = found
        .iter()
        .map(|(ip, preference)| format!("{ip} {preference}\n"));
    Ok(lines.collect::<String>().into_bytes())
}

type Found = Vec<(IpAddr, u16)>;

/// One exchanger without address does not matter while another has one.
fn of_exchangers(resolver: &mut Resolver, exchangers: Vec<Mx>) -> Result<Found, DnsError> {
    let mut found = Vec::new();
    let mut failure = DnsError::NotFound;
    for mx in exchangers {
        match resolver.addresses(&mx.exchange) {
            Ok(addresses) => found.extend(with_preference(mx.preference, addresses)),
            Err(error @ DnsError::Temporary(_)) => failure = error,
            Err(DnsError::NotFound | DnsError::NullMx) => {}
        }
    }
    if found.is_empty() {
        Err(failure)
    } else {
        Ok(found)
    }
}

fn with_preference(preference: u16, addresses: Vec<IpAddr>) -> Found {
    addresses.into_iter().map(|ip| (ip, preference)).collect()
}
