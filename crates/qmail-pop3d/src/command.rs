//! A command line: a keyword and what follows it (RFC 1939 section 3). No I/O here.

use crate::secret::Secret;

/// One line, without its line end.
pub(crate) struct Command {
    line: Secret,
}

impl Command {
    /// A line without its LF; one CR at its end goes, too.
    pub(crate) fn new(line: Secret) -> Self {
        Self { line }
    }

    fn text(&self) -> &[u8] {
        let line = self.line.as_bytes();
        line.strip_suffix(b"\r").unwrap_or(line)
    }

    /// The keyword in lower case.
    pub(crate) fn verb(&self) -> Vec<u8> {
        let verb = self.text().split(|b| *b == b' ').next();
        verb.unwrap_or_default().to_ascii_lowercase()
    }

    /// What follows the one space after the keyword.
    pub(crate) fn argument(&self) -> &[u8] {
        let text = self.text();
        let space = text.iter().position(|b| *b == b' ');
        space
            .and_then(|space| text.get(space + 1..))
            .unwrap_or_default()
    }

    /// The same without further spaces before it.
    pub(crate) fn words(&self) -> &[u8] {
        let argument = self.argument();
        let start = argument.iter().position(|b| *b != b' ');
        start
            .and_then(|start| argument.get(start..))
            .unwrap_or_default()
    }
}

/// The numbers an argument consists of: one, or one and another. Anything else is nothing.
/// A number too large for any purpose stays the largest.
pub(crate) fn numbers(argument: &[u8]) -> Option<(u64, Option<u64>)> {
    let end = argument.iter().position(|b| *b == b' ');
    let (first, rest) = argument.split_at_checked(end.unwrap_or(argument.len()))?;
    let start = rest.iter().position(|b| *b != b' ');
    let second = match start.and_then(|start| rest.get(start..)) {
        Some(text) => Some(number(text.trim_ascii_end())?),
        None => None,
    };
    Some((number(first)?, second))
}

fn number(digits: &[u8]) -> Option<u64> {
    let mut value: Option<u64> = None;
    for byte in digits {
        if !byte.is_ascii_digit() {
            return None;
        }
        let sum = value.unwrap_or(0).saturating_mul(10);
        value = Some(sum.saturating_add(u64::from(byte - b'0')));
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, verb: &str, argument: &str, words: &str) {
        let command = Command::new(Secret::concat(&[line.as_bytes()]));
        assert_eq!(command.verb(), verb.as_bytes());
        assert_eq!(command.argument(), argument.as_bytes());
        assert_eq!(command.words(), words.as_bytes());
    }

    #[test]
    fn a_line_is_a_keyword_and_an_argument() {
        check("RETR 1\r", "retr", "1", "1");
        check("pass  sec ret ", "pass", " sec ret ", "sec ret ");
        check("QUIT\r\r", "quit\r", "", "");
        check("", "", "", "");
        check("user ", "user", "", "");
    }

    #[test]
    fn a_number_is_digits_and_never_wraps() {
        assert_eq!(numbers(b"1"), Some((1, None)));
        assert_eq!(numbers(b"01"), Some((1, None)));
        assert_eq!(numbers(b"1 20"), Some((1, Some(20))));
        assert_eq!(numbers(b"1  20 "), Some((1, Some(20))));
        assert_eq!(numbers(b"1 "), Some((1, None)));
        assert_eq!(numbers(b"4294967297"), Some((4_294_967_297, None)));
        assert_eq!(numbers(b"18446744073709551617"), Some((u64::MAX, None)));
        for argument in [
            &b""[..],
            b" ",
            b"-1",
            b"+1",
            b"1x",
            b"x",
            b" 1",
            b"1 x",
            b"1 2 3",
        ] {
            assert_eq!(numbers(argument), None, "{argument:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_line_is_a_keyword_and_an_argument(
            line in proptest::collection::vec(proptest::num::u8::ANY, 0..40)
        ) {
            let command = Command::new(Secret::concat(&[&line]));
            let text = line.strip_suffix(b"\r").unwrap_or(&line);
            let mut whole = text.get(..command.verb().len()).unwrap().to_vec();
            proptest::prop_assert_eq!(whole.to_ascii_lowercase(), command.verb());
            if text.contains(&b' ') {
                whole.push(b' ');
            }
            whole.extend_from_slice(command.argument());
            proptest::prop_assert_eq!(whole, text);
            proptest::prop_assert!(command.argument().ends_with(command.words()));
        }

        #[test]
        fn only_digits_are_numbers(
            argument in proptest::collection::vec(proptest::sample::select(b"0159 x-\t".to_vec()), 0..9)
        ) {
            let mut words = argument.split(|b| *b == b' ');
            let is_digits = |word: &[u8]| !word.is_empty() && word.iter().all(u8::is_ascii_digit);
            if let Some((_, second)) = numbers(&argument) {
                proptest::prop_assert!(is_digits(words.next().unwrap()));
                let rest: Vec<_> = words.filter(|word| !word.is_empty()).collect();
                proptest::prop_assert_eq!(rest.len(), usize::from(second.is_some()));
            }
        }

        #[test]
        fn numbers_written_out_are_read_back(
            first in proptest::num::u64::ANY, second in proptest::option::of(proptest::num::u64::ANY)
        ) {
            let text = match second {
                Some(second) => format!("{first} {second}"),
                None => first.to_string(),
            };
            proptest::prop_assert_eq!(numbers(text.as_bytes()), Some((first, second)));
        }
    }
}
