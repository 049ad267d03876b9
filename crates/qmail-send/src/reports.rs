//! The reports of a spawner, cut out of a stream of bytes (qmail-send(8), the pipes).
//!
//! A report is a delivery number, a letter, a text and a NUL. The number is one byte, or two (high
//! byte first) in the wide form; it may be NUL itself. Nobody's word is taken for the length.

use report::Verdict;

/// Which form the two sides agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// One byte of delivery number: every qmail.
    Classic,
    /// Two bytes: between our own programs.
    Wide,
}

impl Form {
    /// The bytes a delivery number takes.
    const fn width(self) -> usize {
        match self {
            Self::Classic => 1,
            Self::Wide => 2,
        }
    }

    /// A delivery number as this form writes it; `None` when it has no room for it.
    pub(crate) fn encode(self, number: u16) -> Option<Vec<u8>> {
        match self {
            Self::Classic => u8::try_from(number).ok().map(|byte| vec![byte]),
            Self::Wide => Some(number.to_be_bytes().to_vec()),
        }
    }
}

/// One report. What begins with no letter we know has no verdict, and counts as a deferral.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Which delivery it says it is about.
    pub number: u16,
    /// How it ended, if the spawner said so.
    pub verdict: Option<Verdict>,
    /// What it says; at most `TEXT_MAX` bytes, without NUL.
    pub text: Vec<u8>,
}

/// Collects bytes into reports.
pub(crate) struct Reports {
    form: Form,
    number: Vec<u8>,
    body: Vec<u8>,
}

impl Reports {
    /// Starts between two reports.
    pub(crate) fn new(form: Form) -> Self {
        Self {
            form,
            number: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Takes what came, returns the reports that it completed.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<Answer> {
        let mut answers = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let missing = self.form.width() - self.number.len();
            if missing > 0 {
                let (number, after) = rest.split_at(missing.min(rest.len()));
                self.number.extend_from_slice(number);
                rest = after;
                continue;
            }
            let Some(end) = rest.iter().position(|&byte| byte == 0) else {
                self.keep(rest);
                break;
            };
            let (text, after) = rest.split_at(end);
            self.keep(text);
            answers.push(self.finish());
            rest = after.get(1..).unwrap_or_default();
        }
        answers
    }

    fn keep(&mut self, text: &[u8]) {
        let room = TEXT_MAX.saturating_sub(self.body.len());
        self.body
            .extend_from_slice(text.get(..room).unwrap_or(text));
    }

    fn finish(&mut self) -> Answer {
        let number = self
            .number
            .iter()
            .fold(0_u16, |sum, &byte| (sum << 8) | u16::from(byte));
        self.number.clear();
        let body = std::mem::take(&mut self.body);
        match body.split_first() {
            Some((&letter, text)) => Answer {
                number,
                verdict: Verdict::from_letter(letter),
                text: text.to_vec(),
            },
            None => Answer {
                number,
                verdict: None,
                text: Vec::new(),
            },
        }
    }
}

/// What is kept of one report, its letter included. The spawners cut theirs shorter, but we do not
/// trust qmail-rspawn, which talks to strangers all day.
const TEXT_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(form: Form, input: &[u8], expected: &[(u16, Option<Verdict>, &[u8])]) {
        let expected: Vec<Answer> = expected
            .iter()
            .map(|&(number, verdict, text)| Answer {
                number,
                verdict,
                text: text.to_vec(),
            })
            .collect();
        assert_eq!(Reports::new(form).feed(input), expected, "in one piece");
        let mut bytewise = Reports::new(form);
        let answers: Vec<Answer> = input
            .iter()
            .flat_map(|byte| bytewise.feed(std::slice::from_ref(byte)))
            .collect();
        assert_eq!(answers, expected, "byte by byte");
    }

    #[test]
    fn a_report_begins_with_its_delivery_number_even_if_that_is_nul() {
        check(
            Form::Classic,
            b"\0Kdid 1+0+0\n\0\x05Dno\0",
            &[
                (0, Some(Verdict::Success), b"did 1+0+0\n"),
                (5, Some(Verdict::Failure), b"no"),
            ],
        );
    }

    #[test]
    fn wide_numbers_take_two_bytes() {
        check(
            Form::Wide,
            b"\0\0K\0\x01\0Zlater\0",
            &[
                (0, Some(Verdict::Success), b""),
                (256, Some(Verdict::Deferral), b"later"),
            ],
        );
    }

    #[test]
    fn an_unknown_letter_and_an_empty_report_have_no_verdict() {
        check(
            Form::Classic,
            b"\x01xyz\0\x02\0",
            &[(1, None, b"yz"), (2, None, b"")],
        );
    }

    #[test]
    fn what_is_cut_off_is_no_report() {
        check(Form::Classic, b"\x01Kdone", &[]);
        check(Form::Wide, b"\x01", &[]);
    }

    #[test]
    fn a_long_report_is_cut() {
        let mut input = b"\x07D".to_vec();
        input.resize(50_000, b'x');
        input.extend_from_slice(b"\0\x08K\0");
        let answers = Reports::new(Form::Classic).feed(&input);
        assert_eq!(answers[0].text.len(), TEXT_MAX - 1);
        assert_eq!(
            (answers[1].number, answers[1].verdict),
            (8, Some(Verdict::Success))
        );
    }

    #[test]
    fn classic_has_no_room_for_a_wide_number() {
        assert_eq!(Form::Classic.encode(255), Some(vec![255]));
        assert_eq!(Form::Classic.encode(256), None);
        assert_eq!(Form::Wide.encode(258), Some(vec![1, 2]));
    }
}
