//! `qmail-pw2u [-/ohHuUC] [-cchar]`; a later option overrides an earlier one.

use std::fmt;

/// What is asked of homes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Homes {
    /// `-o`: without a home of its own a user gets no mail.
    Owned,
    /// `-h`: the same, and a home that is missing is the end.
    Required,
    /// `-H`: nothing.
    Unchecked,
}

/// What the caller asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) homes: Homes,
    /// `-U`: names with capitals get no mail.
    pub(super) skips_uppercase: bool,
    /// What stands between a name and its extension; `-C`: nothing does.
    pub(super) extension: Option<u8>,
    /// The dash in front of extensions: `-/` puts their files into a directory.
    pub(super) dash: &'static [u8],
}

/// What is wrong with a call.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Complaint {
    /// No such letter.
    Illegal(u8),
    /// A letter that wants an argument.
    Valueless(u8),
}

impl fmt::Display for Complaint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (words, letter) = match self {
            Self::Illegal(letter) => ("illegal option", letter),
            Self::Valueless(letter) => ("option requires an argument", letter),
        };
        write!(out, "{words} -- {}", diag::escape::shown(&[*letter]))
    }
}

impl Options {
    pub(super) fn parse(words: &[Vec<u8>]) -> Result<Self, Complaint> {
        let mut options = Self {
            homes: Homes::Owned,
            skips_uppercase: true,
            extension: Some(b'-'),
            dash: b"-",
        };
        let mut words = words.iter();
        while let Some(letters) = words.next().and_then(|word| word.strip_prefix(b"-")) {
            if letters.is_empty() || letters == b"-" {
                break;
            }
            options.learn(letters, &mut words)?;
        }
        Ok(options)
    }

    /// Reads the letters of one word, and the word after it when `c` is the last of them.
    fn learn<'a>(
        &mut self,
        letters: &[u8],
        words: &mut impl Iterator<Item = &'a Vec<u8>>,
    ) -> Result<(), Complaint> {
        for (index, letter) in letters.iter().enumerate() {
            match letter {
                b'/' => self.dash = b"-/",
                b'o' => self.homes = Homes::Owned,
                b'h' => self.homes = Homes::Required,
                b'H' => self.homes = Homes::Unchecked,
                b'u' => self.skips_uppercase = false,
                b'U' => self.skips_uppercase = true,
                b'C' => self.extension = None,
                b'c' => {
                    let rest = letters.get(index + 1..).filter(|rest| !rest.is_empty());
                    let value = rest.or_else(|| words.next().map(Vec::as_slice));
                    self.extension = value.ok_or(Complaint::Valueless(b'c'))?.first().copied();
                    return Ok(());
                }
                other => return Err(Complaint::Illegal(*other)),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, Complaint> {
        let words = line.split_whitespace().map(|word| word.as_bytes().to_vec());
        Options::parse(&words.collect::<Vec<_>>())
    }

    #[test]
    fn letters_may_stand_together_and_the_last_counts() {
        let options = parse("-hHu/ -c+").unwrap();
        assert_eq!(options.homes, Homes::Unchecked);
        assert!(!options.skips_uppercase);
        assert_eq!(
            (options.dash, options.extension),
            (b"-/".as_slice(), Some(b'+'))
        );
        assert_eq!(parse("-C -c .").unwrap().extension, Some(b'.'));
        assert_eq!(parse("-uU -ho").unwrap(), parse("").unwrap());
    }

    #[test]
    fn what_is_no_option_ends_them() {
        assert_eq!(parse("-- -x").unwrap(), parse("").unwrap());
        assert_eq!(parse("- -x").unwrap(), parse("").unwrap());
        assert_eq!(parse("x -x").unwrap(), parse("").unwrap());
    }

    #[test]
    fn other_letters_are_refused() {
        let shown = |line| parse(line).unwrap_err().to_string();
        assert_eq!(shown("-x"), "illegal option -- x");
        assert_eq!(shown("-uc"), "option requires an argument -- c");
    }
}
