//! qmail-tcpserver(8): its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    qmail_tcpserver::main()
}
