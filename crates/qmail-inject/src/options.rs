//! The command line: `qmail-inject [-nNaAhH] [-fsender] [recipient ...]`.

use crate::letters::{Found, Letters, complaint};
use crate::refusal::Refusal;

/// Where recipients come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// From the arguments, whatever the header says.
    Arguments,
    /// From the header, whatever the arguments say.
    Header,
    /// From both.
    Both,
}

/// What the caller asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Where recipients come from.
    pub(crate) source: Source,
    /// `-f`
    pub(crate) sender: Option<Vec<u8>>,
    /// `-n`
    pub(crate) is_printing: bool,
    /// Recipients, as typed.
    pub(crate) recipients: Vec<Vec<u8>>,
}

impl Options {
    /// Reads the arguments; a later option overrides an earlier one.
    pub(crate) fn parse(arguments: &[Vec<u8>]) -> Result<Self, Refusal> {
        let mut letters = Letters::new(arguments);
        let mut source = None;
        let mut sender = None;
        let mut is_printing = false;
        while let Some(found) = letters.next(b"aAhHnN", b"f") {
            match found {
                Found::Letter(b'a') => source = Some(Source::Arguments),
                Found::Letter(b'h') => source = Some(Source::Header),
                Found::Letter(b'H') => source = Some(Source::Both),
                Found::Letter(b'A') => source = None,
                Found::Letter(letter) => is_printing = letter == b'n',
                Found::Value(_, value) => sender = Some(value.to_vec()),
                Found::Illegal(_) | Found::Valueless(_) => {
                    return Err(Refusal::Usage(complaint(&found).unwrap_or_default()));
                }
            }
        }
        let recipients = letters.rest().to_vec();
        let by_default = if recipients.is_empty() {
            Source::Header
        } else {
            Source::Arguments
        };
        Ok(Self {
            source: source.unwrap_or(by_default),
            sender,
            is_printing,
            recipients,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, source: Source, sender: Option<&str>, is_printing: bool) {
        let words: Vec<_> = line
            .split_whitespace()
            .map(|w| w.as_bytes().to_vec())
            .collect();
        let options = Options::parse(&words).unwrap();
        assert_eq!(options.source, source);
        assert_eq!(options.sender.as_deref(), sender.map(str::as_bytes));
        assert_eq!(options.is_printing, is_printing);
    }

    #[test]
    fn arguments_win_over_the_header_unless_told_otherwise() {
        check("", Source::Header, None, false);
        check("a", Source::Arguments, None, false);
        check("-A a", Source::Arguments, None, false);
        check("-h a", Source::Header, None, false);
        check("-a", Source::Arguments, None, false);
        check("-aHfs a", Source::Both, Some("s"), false);
        check("-aA", Source::Header, None, false);
    }

    #[test]
    fn the_last_of_contradictory_options_counts() {
        check("-n", Source::Header, None, true);
        check("-nN", Source::Header, None, false);
        check("-fa -f b", Source::Header, Some("b"), false);
    }

    #[test]
    fn a_wrong_call_is_refused() {
        assert!(matches!(
            Options::parse(&[b"-z".to_vec()]),
            Err(Refusal::Usage(_))
        ));
        assert!(matches!(
            Options::parse(&[b"-f".to_vec()]),
            Err(Refusal::Usage(_))
        ));
    }
}
