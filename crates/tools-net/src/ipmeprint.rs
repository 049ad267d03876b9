//! ipmeprint(1): the IPv4 addresses at which this machine is reached: the one that always is,
//! then those of all interfaces that are up.

use std::process::ExitCode;

use crate::answer::{Failure, give};

/// ipmeprint; its result as an exit code.
#[must_use]
pub fn main() -> ExitCode {
    give("ipmeprint", "", run())
}

fn run() -> Result<Vec<u8>, Failure> {
    let addresses = os::interfaces::own_addresses().map_err(Failure::System)?;
    let lines: String = addresses
        .iter()
        .filter(|ip| ip.is_ipv4())
        .map(|ip| format!("{ip}\n"))
        .collect();
    Ok(lines.into_bytes())
}
