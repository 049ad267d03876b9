//! except(1): turns the answer of a program round: refuses the message for good when the program
//! says yes, lets the .qmail file go on when it says no.

use std::process::ExitCode;

use report::Exit;

use crate::command::{self, Answer};

/// Exits 100 when the program exits 0, and 0 when it fails for good.
#[must_use]
pub fn main() -> ExitCode {
    ExitCode::from(run(&os::env::args()).code())
}

fn run(program: &[Vec<u8>]) -> Exit {
    if program.is_empty() {
        diag::usage(PROGRAM, "program [ arg ... ]");
        return Exit::PERMANENT;
    }
    match command::ask(program) {
        Ok(Answer::Yes) => Exit::PERMANENT,
        Ok(Answer::No) => Exit::OK,
        Err(error) => {
            diag::fatal(PROGRAM, &error);
            Exit::TEMPORARY
        }
    }
}

const PROGRAM: &str = "except";
