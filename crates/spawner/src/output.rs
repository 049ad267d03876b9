//! What a child wrote, as far as we keep it; pure.
//!
//! Reports are for people and the log, so they are cut rather than refused, with a note.

/// The output of one child.
#[derive(Debug)]
pub struct Output {
    kept: Vec<u8>,
    rule: Rule,
}

#[derive(Debug)]
enum Rule {
    /// Keep the beginning; one byte beyond the limit tells that there was more.
    Answer,
    /// Cut a long text as the original does.
    Text,
    /// Cut each NUL-terminated segment like a text, and keep the segments that count.
    Segments {
        start: usize,
        complete: usize,
        verdict_seen: bool,
    },
}

impl Output {
    /// The answer of a lookup: at most [`ANSWER_BYTES_MAX`] and one more byte.
    #[must_use]
    pub fn answer() -> Self {
        Self {
            kept: Vec::new(),
            rule: Rule::Answer,
        }
    }

    /// A report for people.
    #[must_use]
    pub fn text() -> Self {
        Self {
            kept: Vec::new(),
            rule: Rule::Text,
        }
    }

    /// A report in segments: the first two have text that is used, and the first that begins with
    /// K, Z or D has the verdict; the others are dropped.
    #[must_use]
    pub fn segments() -> Self {
        let rule = Rule::Segments {
            start: 0,
            complete: 0,
            verdict_seen: false,
        };
        Self {
            kept: Vec::new(),
            rule,
        }
    }

    /// What was kept so far.
    #[must_use]
    pub fn kept(&self) -> &[u8] {
        &self.kept
    }

    /// Takes more output.
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        match &mut self.rule {
            Rule::Answer => {
                let room = (ANSWER_BYTES_MAX + 1).saturating_sub(self.kept.len());
                self.kept.extend(bytes.iter().take(room));
            }
            Rule::Text => {
                for piece in bytes.chunks(PIECE) {
                    self.kept.extend(piece);
                    cut(&mut self.kept, 0);
                }
            }
            Rule::Segments {
                start,
                complete,
                verdict_seen,
            } => {
                for &byte in bytes {
                    push_segmented(&mut self.kept, (start, complete, verdict_seen), byte);
                }
            }
        }
    }
}

fn push_segmented(kept: &mut Vec<u8>, state: (&mut usize, &mut usize, &mut bool), byte: u8) {
    let (start, complete, verdict_seen) = state;
    if *complete >= 2 && *verdict_seen {
        return;
    }
    if byte != 0 {
        kept.push(byte);
        cut(kept, *start);
        return;
    }
    let is_verdict = matches!(kept.get(*start), Some(b'K' | b'Z' | b'D'));
    if *complete >= 2 && !is_verdict {
        kept.truncate(*start);
        return;
    }
    kept.push(0);
    *start = kept.len();
    *complete += 1;
    *verdict_seen |= is_verdict;
}

/// Cuts a text that begins at `start` and has become longer than a report may be.
fn cut(kept: &mut Vec<u8>, start: usize) {
    if kept.len() - start > REPORT_BYTES_MAX {
        kept.truncate(start + REPORT_BYTES_MAX - TOO_LONG.len() - 3);
        kept.extend(TOO_LONG);
    }
}

/// A user, two numbers, a directory and an address of qmail-getpw's; a longer answer is none.
pub const ANSWER_BYTES_MAX: usize = 8 << 10;
/// qmail-send keeps 10,000 bytes of a report; qmail-lspawn has always cut at this.
const REPORT_BYTES_MAX: usize = 3000;
/// The original reads this much at a time and looks at the length after each read; where a text
/// is cut depends on it.
const PIECE: usize = 128;
const TOO_LONG: &[u8] = b"\nError report too long, sorry.\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(mut output: Output, written: &[u8], expected: &[u8]) {
        output.append(written);
        assert_eq!(output.kept(), expected);
    }

    fn cut_text(byte: u8) -> Vec<u8> {
        [vec![byte; 2966], TOO_LONG.to_vec()].concat()
    }

    #[test]
    fn a_text_up_to_the_limit_is_kept() {
        check(Output::text(), &[b'a'; 3000], &[b'a'; 3000]);
    }

    #[test]
    fn a_longer_text_is_cut_with_a_note() {
        check(Output::text(), &[b'a'; 3001], &cut_text(b'a'));
        check(Output::text(), &[b'a'; 100_000], &cut_text(b'a'));
    }

    #[test]
    fn up_to_three_bytes_may_follow_the_note() {
        let expected = [cut_text(b'a'), b"aa".to_vec()].concat();
        check(Output::text(), &[b'a'; 24 * 128 + 2], &expected);
    }

    #[test]
    fn an_answer_stops_one_byte_after_its_limit() {
        check(
            Output::answer(),
            &[b'a'; 20_000],
            &[b'a'; ANSWER_BYTES_MAX + 1],
        );
    }

    #[test]
    fn short_segments_are_kept_until_nothing_more_counts() {
        check(Output::segments(), b"r\0Kok\n\0", b"r\0Kok\n\0");
        check(
            Output::segments(),
            b"r\0h2\0s3\0r\0Kok\n\0more\0",
            b"r\0h2\0Kok\n\0",
        );
        check(Output::segments(), b"Zno\0more\0again\0", b"Zno\0more\0");
    }

    #[test]
    fn a_long_segment_keeps_its_end_and_its_successor() {
        let written = [b"h".to_vec(), vec![b'a'; 9000], b"\0Dgone\0".to_vec()].concat();
        let mut output = Output::segments();
        output.append(&written);
        let first = output.kept().split(|&byte| byte == 0).next().unwrap();
        assert!(
            first.starts_with(b"haaa") && first.len() <= 3000,
            "{}",
            first.len()
        );
        assert!(first.windows(TOO_LONG.len()).any(|part| part == TOO_LONG));
        assert!(output.kept().ends_with(b"\0Dgone\0"));
    }
}
