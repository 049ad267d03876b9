//! The output of qmail-remote(8): segments ending in NUL, one `r`, `h` or `s` per recipient and
//! then one `K`, `Z` or `D` for the message; and how qmail-rspawn(8) makes one report of them.

use crate::{Report, Verdict};

/// What became of one recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Letter {
    /// `r`: the server took it.
    Accepted,
    /// `h`: the server will never take it.
    Rejected,
    /// `s`: the server did not take it now.
    Deferred,
}

impl Letter {
    /// The letter that begins the segment.
    pub const fn letter(self) -> u8 {
        match self {
            Self::Accepted => b'r',
            Self::Rejected => b'h',
            Self::Deferred => b's',
        }
    }
}

/// Appends the segment about one recipient.
pub fn recipient(out: &mut Vec<u8>, letter: Letter, text: &[u8]) {
    segment(out, letter.letter(), text);
}

/// Appends the segment about the message; it is the last one.
pub fn message(out: &mut Vec<u8>, verdict: Verdict, text: &[u8]) {
    segment(out, verdict.letter(), text);
}

/// Makes one report of all that a qmail-remote printed for one recipient.
///
/// The letter is that of the first segment about the message (a failure if there is none); the
/// first byte of all overrides it: `s` defers and `h` fails whatever became of the message. The
/// text is that of the first segment, and of the second if it agrees.
pub fn merge(output: &[u8]) -> Report {
    if output.is_empty() {
        return Report::new(Verdict::Deferral, NO_OUTPUT);
    }
    let message = message_verdict(output);
    let verdict = match output.first() {
        Some(b's') => Verdict::Deferral,
        Some(b'h') => Verdict::Failure,
        _ => message,
    };
    let mut text = Vec::new();
    if let Some((first, rest)) = cut(output.get(1..).unwrap_or_default()) {
        text.extend_from_slice(first);
        let second = rest.split(|b| *b == 0).next().unwrap_or_default();
        if rank(message) <= rank(verdict)
            && let Some((letter, more)) = second.split_first()
            && Verdict::from_letter(*letter).is_some()
        {
            text.extend_from_slice(more);
        }
    }
    Report { verdict, text }
}

fn segment(out: &mut Vec<u8>, letter: u8, text: &[u8]) {
    out.push(letter);
    out.extend(text.iter().map(|b| if *b == 0 { b'?' } else { *b }));
    out.push(0);
}

/// A segment that was not finished counts as absent: it may say anything.
fn message_verdict(output: &[u8]) -> Verdict {
    let mut rest = output;
    while let Some((segment, after)) = cut(rest) {
        if let Some(verdict) = segment.first().and_then(|b| Verdict::from_letter(*b)) {
            return verdict;
        }
        rest = after;
    }
    Verdict::Failure
}

fn cut(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let nul = bytes.iter().position(|b| *b == 0)?;
    Some((bytes.get(..nul)?, bytes.get(nul + 1..)?))
}

const fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Failure => 0,
        Verdict::Deferral => 1,
        Verdict::Success => 2,
    }
}

const NO_OUTPUT: &[u8] = b"qmail-remote produced no output.\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(output: &[u8], expected: &[u8]) {
        let shown = merge(output).to_bytes();
        assert_eq!(
            shown.escape_ascii().to_string(),
            expected.escape_ascii().to_string()
        );
    }

    #[test]
    fn an_accepted_recipient_reports_the_message() {
        check(
            b"r\0K1.2.3.4 accepted message.\nRemote host said: 250 ok\n\0",
            b"K1.2.3.4 accepted message.\nRemote host said: 250 ok\n",
        );
    }

    #[test]
    fn a_rejected_recipient_fails_with_both_texts() {
        check(
            b"h1.2.3.4 does not like recipient.\n\0DGiving up on 1.2.3.4.\n\0",
            b"D1.2.3.4 does not like recipient.\nGiving up on 1.2.3.4.\n",
        );
    }

    #[test]
    fn a_deferred_recipient_defers_although_the_message_failed() {
        check(b"sno\n\0DGiving up.\n\0", b"Zno\nGiving up.\n");
    }

    #[test]
    fn a_rejected_recipient_fails_although_the_message_was_accepted() {
        check(b"hno\n\0Kyes\n\0", b"Dno\n");
        check(b"sno\n\0Kyes\n\0", b"Zno\n");
        check(b"hno\n\0Zlater\n\0", b"Dno\n");
    }

    #[test]
    fn a_session_that_never_got_to_recipients_reports_itself() {
        check(
            b"ZConnected to 1.2.3.4 but greeting failed.\n\0",
            b"ZConnected to 1.2.3.4 but greeting failed.\n",
        );
    }

    #[test]
    fn no_output_is_a_deferral() {
        check(b"", b"Zqmail-remote produced no output.\n");
    }

    #[test]
    fn an_unfinished_segment_says_nothing() {
        check(b"Kyes", b"D");
        check(b"r\0Kyes", b"Dyes");
        check(b"\0", b"D");
    }

    #[test]
    fn only_the_first_two_segments_have_a_say_in_the_text() {
        check(b"r\0r\0Kyes\n\0", b"K");
        check(b"r\0Kone\n\0Dtwo\n\0", b"Kone\n");
    }

    #[test]
    fn what_is_written_can_be_merged() {
        let mut out = Vec::new();
        recipient(&mut out, Letter::Accepted, b"");
        message(&mut out, Verdict::Success, b"fine\0text\n");
        assert_eq!(merge(&out), Report::new(Verdict::Success, b"fine?text\n"));
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_printed_makes_a_report_without_nul(
            output in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)
        ) {
            proptest::prop_assert!(!merge(&output).to_bytes().contains(&0));
        }
    }
}
