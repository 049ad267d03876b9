//! predate(1): feeds a program a Date field in local time, then standard input.

use std::process::ExitCode;

use report::Exit;

use crate::command;

/// Exits as the program does.
#[must_use]
pub fn main() -> ExitCode {
    os::signal::ignore_pipe();
    ExitCode::from(run(&os::env::args()))
}

fn run(program: &[Vec<u8>]) -> u8 {
    if program.is_empty() {
        diag::usage(PROGRAM, "child");
        return Exit::PERMANENT.code();
    }
    let now = os::clock::now();
    let date = datetime::rfc822_at(now, os::clock::ahead_of_utc(now));
    let line = format!("Date: {date}\n");
    match command::feed(program, &[line.as_bytes()]) {
        Ok(code) => code,
        Err(error) => {
            diag::fatal(PROGRAM, &error);
            Exit::TEMPORARY.code()
        }
    }
}

const PROGRAM: &str = "predate";
