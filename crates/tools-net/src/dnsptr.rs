//! dnsptr(1): the name of an address, whether or not the name has that address.

use std::net::IpAddr;
use std::process::ExitCode;

use crate::answer::{Failure, argument, give, resolver};

/// dnsptr; its result as an exit code.
#[must_use]
pub fn main() -> ExitCode {
    give("dnsptr", "address", run())
}

fn run() -> Result<Vec<u8>, Failure> {
    let argument = argument()?;
    let text = std::str::from_utf8(&argument).map_err(|_| Failure::Usage)?;
    let address: IpAddr = text.parse().map_err(|_| Failure::Usage)?;
    let name = resolver()?.ptr(address)?;
    Ok([name.as_slice(), b"\n"].concat())
}
