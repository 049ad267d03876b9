//! mailsubj(1): sends standard input as a message with this subject to these recipients, through
//! qmail-inject, which reads the recipients from the To field.

use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;

use report::Exit;

use crate::command;

/// Exits as qmail-inject does.
#[must_use]
pub fn main() -> ExitCode {
    os::signal::ignore_pipe();
    ExitCode::from(run(&os::env::args()))
}

fn run(words: &[Vec<u8>]) -> u8 {
    let Some((subject, recipients)) = words.split_first() else {
        diag::usage(PROGRAM, "subject recip ...");
        return Exit::PERMANENT.code();
    };
    let inject = os::home::home().join("bin/qmail-inject");
    let program = [inject.into_os_string().into_vec()];
    match command::feed(&program, &[&header(subject, recipients)]) {
        Ok(code) => code,
        Err(error) => {
            diag::fatal(PROGRAM, &error);
            Exit::TEMPORARY.code()
        }
    }
}

/// Two fields and the empty line.
fn header(subject: &[u8], recipients: &[Vec<u8>]) -> Vec<u8> {
    let to = recipients.join(&b' ');
    [
        b"Subject: ",
        one_line(subject).as_slice(),
        b"\nTo: ",
        &one_line(&to),
        b"\n\n",
    ]
    .concat()
}

/// An argument cannot add a field, or end the header.
fn one_line(text: &[u8]) -> Vec<u8> {
    let blank = |byte: &u8| match byte {
        b'\n' | b'\r' => b' ',
        other => *other,
    };
    text.iter().map(blank).collect()
}

const PROGRAM: &str = "mailsubj";

#[cfg(test)]
mod tests {
    use super::header;

    #[test]
    fn arguments_stay_in_their_fields() {
        let recipients = [b"a@b\nBcc: c@d".to_vec(), b"e".to_vec()];
        assert_eq!(
            header(b"x\r\n\ny", &recipients),
            b"Subject: x   y\nTo: a@b Bcc: c@d e\n\n"
        );
    }

    #[test]
    fn no_recipients_are_an_empty_field() {
        assert_eq!(header(b"", &[]), b"Subject: \nTo: \n\n");
    }
}
