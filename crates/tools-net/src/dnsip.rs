//! dnsip(1): the IPv4 addresses of a host, a line each.

use std::process::ExitCode;

use crate::answer::{Failure, argument, give, literal, resolver};

/// dnsip; its result as an exit code.
#[must_use]
pub fn main() -> ExitCode {
    give("dnsip", "host", run())
}

fn run() -> Result<Vec<u8>, Failure> {
    let host = argument()?;
    let addresses = match literal(&host) {
        Some(address) => vec![address],
        None => resolver()?.ipv4(&host)?,
    };
    let lines: String = addresses.iter().map(|ip| format!("{ip}\n")).collect();
    Ok(lines.into_bytes())
}
