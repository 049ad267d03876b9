//! bouncesaying(1): refuses the message for good with a text for its sender, always or when a
//! program says yes.

use std::process::ExitCode;

use report::Exit;

use crate::command::{self, Answer};
use crate::requeue::say;

/// Exits 100 after printing the text, or 0 when the program says no.
#[must_use]
pub fn main() -> ExitCode {
    ExitCode::from(run(&os::env::args()).code())
}

fn run(words: &[Vec<u8>]) -> Exit {
    let Some((text, program)) = words.split_first() else {
        diag::usage(PROGRAM, "error [ program [ arg ... ] ]");
        return Exit::PERMANENT;
    };
    let answer = if program.is_empty() {
        Ok(Answer::Yes)
    } else {
        command::ask(program)
    };
    match answer {
        Ok(Answer::Yes) => {
            say(&[text]);
            Exit::PERMANENT
        }
        Ok(Answer::No) => Exit::OK,
        Err(error) => {
            diag::fatal(PROGRAM, &error);
            Exit::TEMPORARY
        }
    }
}

const PROGRAM: &str = "bouncesaying";
