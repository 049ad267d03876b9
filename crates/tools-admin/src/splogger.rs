//! splogger(8): every line on descriptor 0 becomes a message to syslog, with a stamp of its own in
//! front, because syslogd's knows no fractions of a second.

mod syslog;

use std::io::{self, BufRead, BufReader};
use std::process::ExitCode;

use report::Exit;
use syslog::{Priority, Syslog};

/// splogger; ends when its input does.
#[must_use]
pub fn main() -> ExitCode {
    os::signal::ignore_pipe();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            diag::fatal("splogger", &error);
            ExitCode::from(Exit::TEMPORARY.code())
        }
    }
}

/// Why logging ends before the input does.
#[derive(Debug, thiserror::Error)]
#[error("unable to read input")]
struct Failure(#[from] io::Error);

fn run() -> Result<(), Failure> {
    let mut arguments = os::env::args().into_iter();
    let tag = arguments.next().unwrap_or_else(|| b"splogger".to_vec());
    let facility = arguments.next().and_then(|text| number(&text));
    let socket = os::env::var("SYSLOGSOCKET").unwrap_or_else(|| b"/dev/log".to_vec());
    let mut syslog = Syslog::new(&socket, &tag, facility.unwrap_or(MAIL));
    let mut input = BufReader::new(os::fd::take(0)?);
    let mut line = Line::default();
    loop {
        let bytes = match input.fill_buf() {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        let count = bytes.len();
        if count == 0 {
            // A line whose end never came is still a line.
            line.send(&mut syslog);
            return Ok(());
        }
        for byte in bytes {
            line.add(*byte, &mut syslog);
        }
        input.consume(count);
    }
}

/// The digits some text begins with.
fn number(text: &[u8]) -> Option<u32> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(text.get(..digits)?).ok()?.parse().ok()
}

/// The line that is coming in.
#[derive(Default)]
struct Line {
    /// What has not been sent yet; at most [`PIECE_BYTES_MAX`].
    piece: Vec<u8>,
    /// The stamp and the priority of the piece that went before, if one did.
    begun: Option<(String, Priority)>,
}

impl Line {
    fn add(&mut self, byte: u8, syslog: &mut Syslog) {
        if byte == b'\n' {
            self.send(syslog);
            self.begun = None;
            return;
        }
        if self.piece.len() == PIECE_BYTES_MAX {
            self.send(syslog);
        }
        let is_printable = matches!(byte, 32..=126);
        self.piece.push(if is_printable { byte } else { b'?' });
    }

    fn send(&mut self, syslog: &mut Syslog) {
        if self.piece.is_empty() {
            return;
        }
        let (stamp, priority, joint) = match self.begun.take() {
            Some((stamp, priority)) => (stamp, priority, b'+'),
            None => (now(), priority(&self.piece), b' '),
        };
        let mut message = stamp.clone().into_bytes();
        message.push(joint);
        message.append(&mut self.piece);
        syslog.send(priority, &message);
        self.begun = Some((stamp, priority));
    }
}

fn now() -> String {
    let (seconds, nanoseconds) = os::clock::now_nanos();
    format!("{seconds}.{:06}", nanoseconds / 1000)
}

/// As qmail-log(5) has it: what needs attention begins so.
fn priority(line: &[u8]) -> Priority {
    if line.starts_with(b"alert:") {
        Priority::Alert
    } else if line.starts_with(b"warning:") {
        Priority::Warning
    } else {
        Priority::Info
    }
}

/// The facility of mail programs.
const MAIL: u32 = 2;
/// Syslog daemons cut long messages.
const PIECE_BYTES_MAX: usize = 799;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_facility_is_a_number_in_decimal() {
        assert_eq!(number(b"16"), Some(16));
        assert_eq!(number(b"3x"), Some(3));
        assert_eq!(number(b"mail"), None);
    }

    #[test]
    fn a_line_says_how_bad_it_is() {
        assert_eq!(priority(b"alert: x"), Priority::Alert);
        assert_eq!(priority(b"warning: x"), Priority::Warning);
        assert_eq!(priority(b" warning: x"), Priority::Info);
    }
}
