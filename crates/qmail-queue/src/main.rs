//! qmail-queue(8): the only way into the queue.

use std::process::ExitCode;

fn main() -> ExitCode {
    match qmail_queue::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(refusal) => ExitCode::from(refusal.exit().code()),
    }
}
