//! `tcp-env [-rR] [-t seconds] program [argument ...]`. Letters that mean nothing are passed over.

/// What the caller wants.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// How long to wait for the client's ident server; `None`: do not ask it.
    pub(crate) ident_limit_s: Option<u64>,
    /// The server to become.
    pub(crate) program: Vec<u8>,
    /// Its arguments.
    pub(crate) arguments: Vec<Vec<u8>>,
}

impl Options {
    /// `None` when no program is named.
    pub(crate) fn parse(words: &[Vec<u8>]) -> Option<Self> {
        let mut words = words.iter();
        let mut ident = Ident {
            asks: true,
            limit_s: IDENT_LIMIT_S,
        };
        let program = loop {
            let word = words.next()?;
            if word == b"--" {
                break words.next()?;
            }
            match word.strip_prefix(b"-") {
                Some(letters) if !letters.is_empty() => ident.learn(letters, &mut words)?,
                Some(_) | None => break word,
            }
        };
        Some(Self {
            ident_limit_s: ident.asks.then_some(ident.limit_s),
            program: program.clone(),
            arguments: words.cloned().collect(),
        })
    }
}

struct Ident {
    asks: bool,
    limit_s: u64,
}

impl Ident {
    /// Reads the letters of one word, and the word after it when `t` is the last of them.
    fn learn<'a>(
        &mut self,
        letters: &[u8],
        words: &mut impl Iterator<Item = &'a Vec<u8>>,
    ) -> Option<()> {
        for (index, letter) in letters.iter().enumerate() {
            match letter {
                b'r' => self.asks = true,
                b'R' => self.asks = false,
                b't' => {
                    let rest = letters.get(index + 1..).filter(|rest| !rest.is_empty());
                    let text = rest.or_else(|| words.next().map(Vec::as_slice))?;
                    self.limit_s = seconds(text);
                    return Some(());
                }
                _ => {}
            }
        }
        Some(())
    }
}

/// The digits some text begins with; without any no time at all.
fn seconds(text: &[u8]) -> u64 {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
    let value = digits.fold(0_u64, |sum, digit| {
        sum.saturating_mul(10)
            .saturating_add(u64::from(digit - b'0'))
    });
    value.min(IDENT_LIMIT_MAX_S)
}

/// What qmail always waited.
const IDENT_LIMIT_S: u64 = 30;
/// A day; no client waits longer.
const IDENT_LIMIT_MAX_S: u64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Option<(Option<u64>, &str)>) {
        let words: Vec<_> = line
            .split(' ')
            .map(|word| word.as_bytes().to_vec())
            .collect();
        let found = Options::parse(&words).map(|options| {
            let rest = [vec![options.program], options.arguments].concat();
            (options.ident_limit_s, rest.join(&b' '))
        });
        let expected = expected.map(|(limit, rest)| (limit, rest.as_bytes().to_vec()));
        assert_eq!(found, expected, "{line}");
    }

    #[test]
    fn options_end_where_the_program_begins() {
        check("prog", Some((Some(30), "prog")));
        check("-R prog -r x", Some((None, "prog -r x")));
        check("-Rr prog", Some((Some(30), "prog")));
        check("-t5 prog", Some((Some(5), "prog")));
        check("-Rt 5 prog", Some((None, "prog")));
        check("-rt 7s prog", Some((Some(7), "prog")));
        check("-t x prog", Some((Some(0), "prog")));
        check("-- -prog", Some((Some(30), "-prog")));
        check("- x", Some((Some(30), "- x")));
        check("-x prog", Some((Some(30), "prog")));
    }

    #[test]
    fn without_a_program_there_is_nothing_to_do() {
        check("-R", None);
        check("-t", None);
        check("-t 5", None);
        check("--", None);
    }
}
