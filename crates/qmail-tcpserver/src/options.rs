//! The command line: tcpserver's options, each letter as there. An option that would restrict who
//! may connect and is not known here is refused rather than passed over.

use std::fs;

/// What the command line said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    /// `-1`: print the port that we listen on.
    pub(crate) print_port: bool,
    pub(crate) loudness: Loudness,
    /// `-D`: send small packets at once.
    pub(crate) no_delay: bool,
    /// `-c`: sessions at a time, at least 1.
    pub(crate) limit: usize,
    pub(crate) uid: Option<u32>,
    pub(crate) gid: Option<u32>,
    /// `-B`: written to each connection before the program starts.
    pub(crate) banner: Vec<u8>,
    /// `-l`: our own name.
    pub(crate) local_name: Option<Vec<u8>>,
    pub(crate) host: String,
    pub(crate) port: String,
    pub(crate) program: Vec<u8>,
    pub(crate) args: Vec<Vec<u8>>,
}

/// How much is said on fd 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loudness {
    /// `-q`: nothing at all.
    Quiet,
    /// `-Q`, the default: errors.
    Errors,
    /// `-v`: errors and a line for each event.
    Verbose,
}

/// A call that makes no sense.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Call {
    #[error("unknown option -{0}")]
    Unknown(char),
    #[error("option -{0} needs a value")]
    NoValue(char),
    #[error("option -{0} needs a number")]
    NoNumber(char),
    #[error("option -{0} is not supported")]
    Unsupported(char),
    #[error("option -U needs the variables UID and GID")]
    NoVariables,
    #[error("host, port and program are needed")]
    TooShort,
}

impl Options {
    /// Reads the arguments; `UID` and `GID` from the environment when `-U` asks for them.
    pub(crate) fn parse(args: Vec<Vec<u8>>) -> Result<Self, Call> {
        let mut options = Self {
            print_port: false,
            loudness: Loudness::Errors,
            no_delay: false,
            limit: LIMIT,
            uid: None,
            gid: None,
            banner: Vec::new(),
            local_name: None,
            host: String::new(),
            port: String::new(),
            program: Vec::new(),
            args: Vec::new(),
        };
        let mut words = args.into_iter().peekable();
        while let Some(word) = words.next_if(|word| word.len() > 1 && word.starts_with(b"-")) {
            if word == b"--" {
                break;
            }
            options.letters(word.get(1..).unwrap_or_default(), &mut words)?;
        }
        let mut text = || Some(String::from_utf8(words.next()?).unwrap_or_default());
        options.host = text().ok_or(Call::TooShort)?;
        options.port = text().ok_or(Call::TooShort)?;
        options.program = words.next().ok_or(Call::TooShort)?;
        options.args = words.collect();
        Ok(options)
    }

    /// One word of options: letters without values, the last perhaps with one, in the same word or
    /// the next.
    fn letters(
        &mut self,
        word: &[u8],
        words: &mut impl Iterator<Item = Vec<u8>>,
    ) -> Result<(), Call> {
        let mut rest = word.iter();
        while let Some(&letter) = rest.next() {
            let letter = char::from(letter);
            if !WITH_VALUE.contains(letter) {
                self.plain(letter)?;
                continue;
            }
            let value = match rest.as_slice() {
                [] => words.next().ok_or(Call::NoValue(letter))?,
                glued => glued.to_vec(),
            };
            return self.valued(letter, value);
        }
        Ok(())
    }

    fn plain(&mut self, letter: char) -> Result<(), Call> {
        match letter {
            '1' => self.print_port = true,
            'q' => self.loudness = Loudness::Quiet,
            'Q' => self.loudness = Loudness::Errors,
            'v' => self.loudness = Loudness::Verbose,
            'D' => self.no_delay = true,
            'd' => self.no_delay = false,
            'U' => {
                let number = |name| os::env::var(name).as_deref().and_then(number);
                self.uid = number("UID");
                self.gid = number("GID");
                if self.uid.is_none() || self.gid.is_none() {
                    return Err(Call::NoVariables);
                }
            }
            // Nothing is looked up, so there is nothing to be paranoid about; IP options are
            // nothing that anybody sends today.
            'H' | 'R' | 'P' | 'p' | 'o' | 'O' => {}
            'h' | 'r' | 'X' | '4' | '6' => return Err(Call::Unsupported(letter)),
            unknown => return Err(Call::Unknown(unknown)),
        }
        Ok(())
    }

    fn valued(&mut self, letter: char, value: Vec<u8>) -> Result<(), Call> {
        let number = || number(&value).ok_or(Call::NoNumber(letter));
        match letter {
            'c' => self.limit = usize::try_from(number()?).unwrap_or(usize::MAX).max(1),
            'u' => self.uid = Some(number()?),
            'g' => self.gid = Some(number()?),
            'B' => self.banner = value,
            'l' => self.local_name = Some(value),
            // How long to wait for an answer from ident, which we do not ask; the length of the
            // kernel's queue, which the standard library chooses.
            't' | 'b' => {
                number()?;
            }
            refused => return Err(Call::Unsupported(refused)),
        }
        Ok(())
    }
}

fn number(digits: &[u8]) -> Option<u32> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// A port by number, or by its name in /etc/services.
pub(crate) fn port(name: &str) -> Option<u16> {
    if let Ok(number) = name.parse() {
        return Some(number);
    }
    let services = fs::read_to_string("/etc/services").ok()?;
    services.lines().find_map(|line| service(line, name))
}

/// The port in one line of /etc/services, if it is about this TCP service.
fn service(line: &str, name: &str) -> Option<u16> {
    let mut words = line.split('#').next()?.split_whitespace();
    let first = words.next()?;
    let number = words.next()?.strip_suffix("/tcp")?;
    let named = first == name || words.any(|alias| alias == name);
    named.then(|| number.parse().ok())?
}

/// Letters that a value follows.
const WITH_VALUE: &str = "cugBlxtbiIn";
/// tcpserver's default of `-c`.
const LIMIT: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Options, Call> {
        Options::parse(words.iter().map(|word| word.as_bytes().to_vec()).collect())
    }

    #[test]
    fn options_end_at_the_host() {
        let options = parse(&["-vRHl", "mx", "-c20", "0", "smtp", "prog", "-v"]).expect("parses");
        assert_eq!(options.loudness, Loudness::Verbose);
        assert_eq!(options.local_name.as_deref(), Some(b"mx".as_slice()));
        assert_eq!((options.limit, options.host.as_str()), (20, "0"));
        assert_eq!(options.args, [b"-v"]);
    }

    #[test]
    fn a_value_may_be_glued_or_follow() {
        assert_eq!(
            parse(&["-u7", "-g", "8", "0", "25", "p"])
                .expect("parses")
                .uid,
            Some(7)
        );
        assert_eq!(
            parse(&["-c", "x", "0", "25", "p"]),
            Err(Call::NoNumber('c'))
        );
        assert_eq!(parse(&["-c"]), Err(Call::NoValue('c')));
    }

    #[test]
    fn a_restriction_we_cannot_keep_is_refused() {
        assert_eq!(
            parse(&["-x", "rules.cdb", "0", "25", "p"]),
            Err(Call::Unsupported('x'))
        );
        assert_eq!(parse(&["-z", "0", "25", "p"]), Err(Call::Unknown('z')));
        assert_eq!(parse(&["0", "25"]), Err(Call::TooShort));
    }

    #[test]
    fn a_service_has_a_name_and_aliases() {
        assert_eq!(service("smtp\t25/tcp\tmail # x", "mail"), Some(25));
        assert_eq!(service("smtp 25/udp", "smtp"), None);
        assert_eq!(service("# smtp 25/tcp", "smtp"), None);
        assert_eq!(port("2525"), Some(2525));
    }
}
