//! preline(1): feeds the message to a program with the `From `, Return-Path and Delivered-To lines
//! of this delivery before it.

use std::process::ExitCode;

use report::Exit;
use thiserror::Error;

use crate::command::{self, FeedError};

/// Exits as the program does.
#[must_use]
pub fn main() -> ExitCode {
    os::signal::ignore_pipe();
    let code = match run(&os::env::args()) {
        Ok(code) => code,
        Err(refusal) => {
            refusal.complain();
            refusal.exit().code()
        }
    };
    ExitCode::from(code)
}

fn run(words: &[Vec<u8>]) -> Result<u8, Refusal> {
    let line = |name| os::env::var(name).ok_or(Refusal::Usage);
    let lines = [line("UFLINE")?, line("RPLINE")?, line("DTLINE")?];
    let (wanted, program) = options(words)?;
    if program.is_empty() {
        return Err(Refusal::Usage);
    }
    let lines: Vec<&[u8]> = lines
        .iter()
        .zip(wanted)
        .filter(|(_, is_wanted)| *is_wanted)
        .map(|(line, _)| line.as_slice())
        .collect();
    Ok(command::feed(program, &lines)?)
}

/// Which of the three lines are wanted, and the words after the options.
type Options<'a> = ([bool; 3], &'a [Vec<u8>]);

fn options(mut words: &[Vec<u8>]) -> Result<Options<'_>, Refusal> {
    let [mut from, mut return_path, mut delivered_to] = [true; 3];
    while let Some((word, after)) = words.split_first() {
        let Some(letters) = word.strip_prefix(b"-").filter(|rest| !rest.is_empty()) else {
            break;
        };
        words = after;
        if letters.starts_with(b"-") {
            break;
        }
        for letter in letters {
            match letter {
                b'f' => from = false,
                b'F' => from = true,
                b'r' => return_path = false,
                b'R' => return_path = true,
                b'd' => delivered_to = false,
                b'D' => delivered_to = true,
                other => return Err(Refusal::Illegal(*other)),
            }
        }
    }
    Ok(([from, return_path, delivered_to], words))
}

/// Why the program's exit code is not ours.
#[derive(Debug, Error)]
enum Refusal {
    #[error("usage")]
    Usage,
    #[error("illegal option")]
    Illegal(u8),
    #[error(transparent)]
    Feed(#[from] FeedError),
}

impl Refusal {
    fn complain(&self) {
        match self {
            Self::Usage => diag::usage(PROGRAM, ARGUMENTS),
            Self::Illegal(letter) => {
                let called = diag::escape::shown(&os::env::program());
                let letter = diag::escape::shown(&[*letter]);
                diag::line(&format!("{called}: illegal option -- {letter}"));
                diag::usage(PROGRAM, ARGUMENTS);
            }
            Self::Feed(error) => diag::fatal(PROGRAM, error),
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Usage | Self::Illegal(_) => Exit::PERMANENT,
            Self::Feed(FeedError::Run { source, .. }) if !os::errno::is_temporary(source) => {
                Exit::PERMANENT
            }
            Self::Feed(_) => Exit::TEMPORARY,
        }
    }
}

const PROGRAM: &str = "preline";
const ARGUMENTS: &str = "cmd [ arg ... ]";

#[cfg(test)]
mod tests {
    use super::{Refusal, options};

    #[track_caller]
    fn check(line: &str, wanted: [bool; 3], rest: &str) {
        let words: Vec<Vec<u8>> = line
            .split(' ')
            .map(|word| word.as_bytes().to_vec())
            .collect();
        let (found, program) = options(&words).unwrap();
        assert_eq!(found, wanted);
        assert_eq!(program.join(&b' '), rest.as_bytes());
    }

    #[test]
    fn letters_drop_and_restore_lines() {
        check("cat -f", [true; 3], "cat -f");
        check("-f cat", [false, true, true], "cat");
        check("-r -d cat x", [true, false, false], "cat x");
        check("-frdFRD cat", [true; 3], "cat");
        check("-Ff cat", [false, true, true], "cat");
    }

    #[test]
    fn options_end_as_they_always_have() {
        check("-f -- -r", [false, true, true], "-r");
        check("-f --odd cat", [false, true, true], "cat");
        check("- cat", [true; 3], "- cat");
    }

    #[test]
    fn an_unknown_letter_is_named() {
        let refusal = options(&[b"-fx".to_vec()]).unwrap_err();
        assert!(matches!(refusal, Refusal::Illegal(b'x')));
    }
}
