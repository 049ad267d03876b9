//! qbiff(1): tells the terminals on which the user is logged in, and wants to know (biff(1)), that
//! mail has come. Nothing that a stranger wrote reaches a terminal but printable ASCII.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::process::ExitCode;

use header::field::{self, Fields, Line};
use report::Exit;

use crate::command;

/// Always exits 0: a notice is not worth a delivery.
#[must_use]
pub fn main() -> ExitCode {
    os::signal::ignore_pipe();
    // What cannot be told is not told.
    let _untold = run();
    ExitCode::from(Exit::OK.code())
}

fn run() -> Option<()> {
    let user = os::env::var("USER")?;
    let sender = os::env::var("SENDER")?;
    let local = os::env::var("LOCAL")?;
    let begin = beginning(command::input().ok()?)?;
    let text = notice(&local, &sender, &begin);
    for line in os::terminals::of_user(&user).ok()? {
        let _untold = os::terminals::tell_owner(&line, &text);
    }
    Some(())
}

/// The subject and the first bytes of the body, as they are.
fn beginning(message: File) -> Option<Vec<u8>> {
    let mut input = BufReader::new(message.take(BYTES_MAX));
    let mut fields = Fields::new();
    let mut body = Vec::new();
    loop {
        let mut line = Vec::new();
        input.read_until(b'\n', &mut line).ok()?;
        if line.is_empty() {
            break;
        }
        if let Line::Body(first) = fields.add(&line) {
            body = first;
            break;
        }
    }
    input
        .take(u64::try_from(TEXT_BYTES).unwrap_or(0))
        .read_to_end(&mut body)
        .ok()?;
    let fields = fields.into_fields();
    let subjects = fields.iter().filter(|field| is_subject(field));
    let mut text: Vec<u8> = subjects.flat_map(|field| value(field)).copied().collect();
    text.extend(body);
    Some(text)
}

fn is_subject(field: &[u8]) -> bool {
    field::name(field).is_some_and(|name| name.eq_ignore_ascii_case(b"Subject"))
}

/// What a field says, without blanks before it.
fn value(field: &[u8]) -> &[u8] {
    let after = field
        .splitn(2, |byte| *byte == b':')
        .nth(1)
        .unwrap_or_default();
    after.trim_ascii_start()
}

fn notice(local: &[u8], sender: &[u8], begin: &[u8]) -> Vec<u8> {
    let first = [b"*** TO <", local, b"> FROM <", sender, b">"].concat();
    let mut text = b"    ".to_vec();
    text.extend(begin.iter().take(TEXT_BYTES.saturating_sub(text.len())));
    [
        b"\r\n\x07".as_slice(),
        &printable(&first, b'_'),
        b"\r\n",
        &printable(&text, b'/'),
        b"\r\n",
    ]
    .concat()
}

fn printable(text: &[u8], instead: u8) -> Vec<u8> {
    let shown = |byte: &u8| match byte {
        32..=126 => *byte,
        _ => instead,
    };
    text.iter().map(shown).collect()
}

/// The second line on the terminal, its indentation included.
const TEXT_BYTES: usize = 78;
/// A subject further down is not shown.
const BYTES_MAX: u64 = 256 << 10;

#[cfg(test)]
mod tests {
    use super::{notice, value};

    #[test]
    fn a_terminal_sees_two_lines_of_printable_ascii() {
        let text = notice(b"u\x1b[2J", b"s@x\n", b"Hi\n\nbody\x07\xff");
        assert_eq!(
            text,
            b"\r\n\x07*** TO <u_[2J> FROM <s@x_>\r\n    Hi//body//\r\n"
        );
    }

    #[test]
    fn the_second_line_has_78_bytes_at_most() {
        let text = notice(b"u", b"s", &[b'x'; 500]);
        let line = text.split(|byte| *byte == b'\n').nth(2).unwrap();
        assert_eq!(line.len(), 78 + 1);
    }

    #[test]
    fn blanks_before_a_subject_are_not_shown() {
        assert_eq!(value(b"Subject:\t \n Hi: you\n"), b"Hi: you\n");
        assert_eq!(value(b"Subject:\n"), b"");
    }
}
