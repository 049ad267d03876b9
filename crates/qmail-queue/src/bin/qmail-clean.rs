//! qmail-clean(8): removes queue files on qmail-send's request.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(qmail_queue::clean::run())
}
