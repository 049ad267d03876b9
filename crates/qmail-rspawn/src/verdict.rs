//! From the end of a qmail-remote to the report that qmail-send gets; pure.

use std::io;

use os::child::Status;
use report::{Exit, Verdict, remote};

/// The report of a qmail-remote that ended.
pub(crate) fn report(status: Status, output: &[u8]) -> Vec<u8> {
    match status {
        Status::Signaled(_) => CRASHED.to_vec(),
        Status::Exited(0) => merged(output),
        Status::Exited(code) if code == i32::from(Exit::TEMPORARY.code()) => NOT_RUN_NOW.to_vec(),
        Status::Exited(_) => NOT_RUN_EVER.to_vec(),
    }
}

/// The report of one that could not be started.
pub(crate) fn not_started(error: &io::Error) -> Vec<u8> {
    if os::errno::is_temporary(error) {
        NOT_RUN_NOW.to_vec()
    } else {
        NOT_RUN_EVER.to_vec()
    }
}

fn merged(output: &[u8]) -> Vec<u8> {
    let mut merged = remote::merge(output);
    if !says_what_became_of_it(output) && merged.verdict == Verdict::Failure {
        // Cut off or garbled: nobody refused anything, so it is tried again.
        merged.verdict = Verdict::Deferral;
    }
    let mut bytes = merged.to_bytes();
    if bytes.len() > REPORT_BYTES_MAX {
        bytes.truncate(REPORT_BYTES_MAX - TOO_LONG.len());
        bytes.extend(TOO_LONG);
    }
    bytes
}

/// Whether there is a complete segment about the message, or one that refuses the recipient.
fn says_what_became_of_it(output: &[u8]) -> bool {
    let complete = output.iter().rposition(|&byte| byte == 0);
    let complete = output
        .get(..complete.unwrap_or_default())
        .unwrap_or_default();
    let mut segments = complete.split(|&byte| byte == 0);
    let first_refuses = complete.first() == Some(&b'h');
    first_refuses || segments.any(|segment| matches!(segment.first(), Some(b'K' | b'Z' | b'D')))
}

const CRASHED: &[u8] = b"Zqmail-remote crashed.\n";
const NOT_RUN_NOW: &[u8] = b"ZUnable to run qmail-remote.\n";
const NOT_RUN_EVER: &[u8] = b"DUnable to run qmail-remote.\n";
/// As qmail-lspawn's reports; each of two segments was cut to it before.
const REPORT_BYTES_MAX: usize = 3000;
const TOO_LONG: &[u8] = b"\nError report too long, sorry.\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: Status, output: &[u8], expected: &[u8]) {
        let shown = report(status, output).escape_ascii().to_string();
        assert_eq!(shown, expected.escape_ascii().to_string());
    }

    #[test]
    fn a_crash_and_exit_111_are_tried_again() {
        check(Status::Signaled(6), b"Kyes\0", b"Zqmail-remote crashed.\n");
        check(
            Status::Exited(111),
            b"Kyes\0",
            b"ZUnable to run qmail-remote.\n",
        );
    }

    #[test]
    fn any_other_exit_code_is_a_failure() {
        for code in [1, 99, 100, 112, 255] {
            check(
                Status::Exited(code),
                b"Kyes\0",
                b"DUnable to run qmail-remote.\n",
            );
        }
    }

    #[test]
    fn silence_is_tried_again() {
        check(
            Status::Exited(0),
            b"",
            b"Zqmail-remote produced no output.\n",
        );
    }

    #[test]
    fn a_report_is_merged() {
        check(Status::Exited(0), b"r\0Kyes\n\0", b"Kyes\n");
        check(Status::Exited(0), b"hno\n\0Dgave up\n\0", b"Dno\ngave up\n");
        check(Status::Exited(0), b"hno\n\0", b"Dno\n");
        check(Status::Exited(0), b"sno\n\0Dgave up\n\0", b"Zno\ngave up\n");
    }

    #[test]
    fn a_report_that_is_cut_off_is_tried_again() {
        check(Status::Exited(0), b"Kye", b"Z");
        check(Status::Exited(0), b"r\0Dno", b"Zno");
        check(Status::Exited(0), b"r\0", b"Z");
        check(Status::Exited(0), b"hno", b"Z");
        check(Status::Exited(0), b"what is this\0", b"Zhat is this");
    }

    #[test]
    fn a_report_is_no_longer_than_three_thousand_bytes() {
        let text = [
            b"h".to_vec(),
            vec![b'a'; 2900],
            b"\0D".to_vec(),
            vec![b'b'; 2900],
            vec![0],
        ];
        let bytes = report(Status::Exited(0), &text.concat());
        assert_eq!(bytes.len(), REPORT_BYTES_MAX);
        assert!(bytes.starts_with(b"Daaa") && bytes.ends_with(TOO_LONG));
    }
}
