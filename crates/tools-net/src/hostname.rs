//! hostname(1): the name of this machine as the kernel has it.

use std::process::ExitCode;

use crate::answer::{Failure, give};

/// hostname; its result as an exit code.
#[must_use]
pub fn main() -> ExitCode {
    let name = os::host::name().map_err(Failure::System);
    give(
        "hostname",
        "",
        name.map(|name| [name.as_slice(), b"\n"].concat()),
    )
}
