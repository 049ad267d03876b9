//! Command lines of single letters, read as qmail's programs always have: letters may be bundled,
//! a value follows its letter at once or in the next argument, and the first argument that does
//! not begin with `-`, or begins with `--`, ends them.

/// The options of a command line, one at a time.
#[derive(Debug)]
pub(crate) struct Letters<'a> {
    arguments: &'a [Vec<u8>],
    /// What is left of a bundle.
    bundle: &'a [u8],
}

/// What came next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// A letter without value.
    Letter(u8),
    /// A letter and its value.
    Value(u8, &'a [u8]),
    /// A letter nobody knows.
    Illegal(u8),
    /// A letter whose value is missing.
    Valueless(u8),
}

impl<'a> Letters<'a> {
    pub(crate) const fn new(arguments: &'a [Vec<u8>]) -> Self {
        Self {
            arguments,
            bundle: &[],
        }
    }

    /// The next option; `plain` lists the letters without value, `valued` those with one.
    pub(crate) fn next(&mut self, plain: &[u8], valued: &[u8]) -> Option<Found<'a>> {
        if self.bundle.is_empty() {
            self.bundle = self.start_bundle()?;
        }
        let (letter, rest) = self.bundle.split_first()?;
        self.bundle = rest;
        if valued.contains(letter) {
            return Some(self.value(*letter));
        }
        if plain.contains(letter) {
            return Some(Found::Letter(*letter));
        }
        Some(Found::Illegal(*letter))
    }

    /// Forgets the rest of the current argument.
    pub(crate) fn skip_word(&mut self) {
        self.bundle = &[];
    }

    /// The arguments after the options.
    pub(crate) const fn rest(&self) -> &'a [Vec<u8>] {
        self.arguments
    }

    fn start_bundle(&mut self) -> Option<&'a [u8]> {
        let (argument, after) = self.arguments.split_first()?;
        let letters = argument.strip_prefix(b"-")?;
        match letters.first() {
            None => None,
            Some(b'-') => {
                self.arguments = after;
                None
            }
            Some(_) => {
                self.arguments = after;
                Some(letters)
            }
        }
    }

    fn value(&mut self, letter: u8) -> Found<'a> {
        let attached = std::mem::take(&mut self.bundle);
        if !attached.is_empty() {
            return Found::Value(letter, attached);
        }
        match self.arguments.split_first() {
            Some((value, after)) => {
                self.arguments = after;
                Found::Value(letter, value)
            }
            None => Found::Valueless(letter),
        }
    }
}

/// The complaint about a letter, in the words of every program that reads letters this way.
pub(crate) fn complaint(found: &Found<'_>) -> Option<String> {
    let (what, letter) = match found {
        Found::Letter(_) | Found::Value(..) => return None,
        Found::Illegal(letter) => ("illegal option", letter),
        Found::Valueless(letter) => ("option requires an argument", letter),
    };
    let program = diag::escape::shown(&os::env::program());
    Some(format!(
        "{program}: {what} -- {}",
        diag::escape::shown(&[*letter])
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: &[Found<'_>], rest: &[&str]) {
        let arguments: Vec<_> = line
            .split(' ')
            .map(|word| word.as_bytes().to_vec())
            .collect();
        let mut letters = Letters::new(&arguments);
        let mut found = Vec::new();
        while let Some(next) = letters.next(b"ab", b"f") {
            found.push(next);
        }
        assert_eq!(found, expected);
        let rest: Vec<_> = rest.iter().map(|word| word.as_bytes().to_vec()).collect();
        assert_eq!(letters.rest(), rest);
    }

    #[test]
    fn letters_may_be_bundled_with_a_value_at_the_end() {
        let expected = [
            Found::Letter(b'a'),
            Found::Letter(b'b'),
            Found::Value(b'f', b"x"),
        ];
        check("-abfx y", &expected, &["y"]);
        check("-ab -f x y", &expected, &["y"]);
    }

    #[test]
    fn anything_else_ends_the_options() {
        check("-a x -b", &[Found::Letter(b'a')], &["x", "-b"]);
        check("-a -- -b", &[Found::Letter(b'a')], &["-b"]);
        check("-a --help -b", &[Found::Letter(b'a')], &["-b"]);
        check("-a - -b", &[Found::Letter(b'a')], &["-", "-b"]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        check("-az", &[Found::Letter(b'a'), Found::Illegal(b'z')], &[]);
        check("-f", &[Found::Valueless(b'f')], &[]);
    }
}
