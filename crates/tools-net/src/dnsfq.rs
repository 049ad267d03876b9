//! dnsfq(1): the full name of a host: that of its first address, found with the search list.

use std::net::IpAddr;
use std::process::ExitCode;

use crate::answer::{Failure, argument, give, literal, resolver};

/// dnsfq; its result as an exit code.
#[must_use]
pub fn main() -> ExitCode {
    give("dnsfq", "host", run())
}

fn run() -> Result<Vec<u8>, Failure> {
    let host = argument()?;
    let mut resolver = resolver()?;
    let first = match literal(&host) {
        Some(address) => Some(address),
        None => resolver.ipv4_searched(&host)?.into_iter().next(),
    };
    let address = first.ok_or(Failure::NoAddresses)?;
    let name = resolver.ptr(IpAddr::V4(address))?;
    Ok([name.as_slice(), b"\n"].concat())
}
