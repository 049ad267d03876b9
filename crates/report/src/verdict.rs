//! The three ways a delivery can end; words of qmail-log(5), letters of the spawn protocol.

/// How a delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// `K`: the recipient is done.
    Success,
    /// `Z`: try again later.
    Deferral,
    /// `D`: give up and tell the sender.
    Failure,
}

impl Verdict {
    /// The letter that begins a report.
    pub const fn letter(self) -> u8 {
        match self {
            Self::Success => b'K',
            Self::Deferral => b'Z',
            Self::Failure => b'D',
        }
    }

    /// The verdict a report begins with, if it is one.
    pub const fn from_letter(letter: u8) -> Option<Self> {
        match letter {
            b'K' => Some(Self::Success),
            b'Z' => Some(Self::Deferral),
            b'D' => Some(Self::Failure),
            _ => None,
        }
    }

    /// The word in a `delivery` line of the log.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Deferral => "deferral",
            Self::Failure => "failure",
        }
    }
}

/// A verdict and the text that explains it; the text has no NUL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How it ended.
    pub verdict: Verdict,
    /// Why, in lines for a person.
    pub text: Vec<u8>,
}

impl Report {
    /// A report with a text of ours.
    pub fn new(verdict: Verdict, text: &[u8]) -> Self {
        Self {
            verdict,
            text: text.iter().copied().filter(|b| *b != 0).collect(),
        }
    }

    /// The letter and the text, without the NUL that ends a report on a pipe.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.text.len() + 1);
        out.push(self.verdict.letter());
        out.extend_from_slice(&self.text);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_names_its_verdict_and_back() {
        for verdict in [Verdict::Success, Verdict::Deferral, Verdict::Failure] {
            assert_eq!(Verdict::from_letter(verdict.letter()), Some(verdict));
        }
        assert_eq!(Verdict::from_letter(b'h'), None);
    }

    #[test]
    fn a_report_never_contains_the_byte_that_ends_it() {
        assert_eq!(
            Report::new(Verdict::Deferral, b"a\0b\n").to_bytes(),
            b"Zab\n"
        );
    }
}
