//! One SMTP command as a server reads it: a bounded line, its verb, its argument (RFC 5321 section 4.1.1).
//!
//! A line ends at LF and one CR before it is dropped. What is longer than a command can be is thrown away as it
//! comes, so a client without an LF costs no memory, and the command is marked as cut.

/// What a client asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verb {
    /// `HELO`
    Helo,
    /// `EHLO`
    Ehlo,
    /// `MAIL`
    Mail,
    /// `RCPT`
    Rcpt,
    /// `DATA`
    Data,
    /// `RSET`
    Rset,
    /// `NOOP`
    Noop,
    /// `VRFY`
    Vrfy,
    /// `HELP`
    Help,
    /// `QUIT`
    Quit,
    /// `STARTTLS`
    StartTls,
    /// `AUTH`
    Auth,
    /// The first word of a web client, which somebody has sent here to speak for him.
    Web,
    /// Anything else, the empty line too.
    Unknown,
}

impl Verb {
    /// The verb spelled so, in upper, lower or mixed case.
    fn parse(word: &[u8]) -> Self {
        VERBS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(word))
            .map_or(Self::Unknown, |(_, verb)| *verb)
    }
}

/// What a client sent up to a LF: a command, or an answer in an exchange that a command began.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Line {
    bytes: Vec<u8>,
    is_cut: bool,
}

impl Line {
    /// Without its line end.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// It was longer than [`LINE_BYTES_MAX`], so this is only its beginning.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// The line as a command.
    pub fn command(&self) -> Command {
        Command {
            is_cut: self.is_cut,
            ..Command::parse(&self.bytes)
        }
    }
}

/// A verb with its argument.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Command {
    verb: Verb,
    argument: Vec<u8>,
    is_cut: bool,
}

impl Command {
    /// Splits a line, without its line end, at the first space.
    pub fn parse(line: &[u8]) -> Self {
        let (word, rest) = match line.iter().position(|b| *b == b' ') {
            Some(space) => line.split_at(space),
            None => (line, [].as_slice()),
        };
        let spaces = rest.iter().take_while(|b| **b == b' ').count();
        Self {
            verb: Verb::parse(word),
            argument: rest.get(spaces..).unwrap_or_default().to_vec(),
            is_cut: false,
        }
    }

    /// What is asked for.
    pub fn verb(&self) -> Verb {
        self.verb
    }

    /// What follows the verb and its spaces.
    pub fn argument(&self) -> &[u8] {
        &self.argument
    }

    /// The line was longer than [`LINE_BYTES_MAX`], so the argument is only its beginning.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// The argument is all there and holds no CR and no NUL, which other programs read as an end.
    pub fn is_sound(&self) -> bool {
        !self.is_cut && !self.argument.iter().any(|b| matches!(b, b'\r' | b'\0'))
    }
}

/// Gathers a line from whatever pieces the network brings.
#[derive(Debug, Default)]
pub struct CommandLine {
    /// length ≤ `LINE_BYTES_MAX`
    kept: Vec<u8>,
    /// Bytes of this line thrown away, ≤ `DISCARD_BYTES_MAX` plus one piece.
    dropped: usize,
}

/// What a piece of input came to.
#[derive(Debug, Eq, PartialEq)]
pub enum Gathered {
    /// The line goes on in the next piece.
    Partial,
    /// Here it is.
    Whole(Line),
    /// More than [`DISCARD_BYTES_MAX`] bytes were thrown away: this is no SMTP client.
    Endless,
}

impl CommandLine {
    /// Takes bytes up to and including the first LF; returns how many it took.
    pub fn feed(&mut self, input: &[u8]) -> (usize, Gathered) {
        let end = input.iter().position(|b| *b == b'\n');
        let piece = input.get(..end.unwrap_or(input.len())).unwrap_or_default();
        self.keep(piece);
        match end {
            Some(_) => (
                piece.len().saturating_add(1),
                Gathered::Whole(self.finish()),
            ),
            None if self.dropped > DISCARD_BYTES_MAX => (piece.len(), Gathered::Endless),
            None => (piece.len(), Gathered::Partial),
        }
    }

    fn keep(&mut self, piece: &[u8]) {
        let room = LINE_BYTES_MAX
            .saturating_sub(self.kept.len())
            .min(piece.len());
        let (fits, rest) = piece.split_at_checked(room).unwrap_or((piece, &[]));
        self.kept.extend_from_slice(fits);
        self.dropped = self.dropped.saturating_add(rest.len());
    }

    fn finish(&mut self) -> Line {
        let is_cut = self.dropped > 0;
        if !is_cut && self.kept.last() == Some(&b'\r') {
            self.kept.pop();
        }
        self.dropped = 0;
        Line {
            bytes: std::mem::take(&mut self.kept),
            is_cut,
        }
    }
}

const VERBS: [(&[u8], Verb); 19] = [
    (b"HELO", Verb::Helo),
    (b"EHLO", Verb::Ehlo),
    (b"MAIL", Verb::Mail),
    (b"RCPT", Verb::Rcpt),
    (b"DATA", Verb::Data),
    (b"RSET", Verb::Rset),
    (b"NOOP", Verb::Noop),
    (b"VRFY", Verb::Vrfy),
    (b"HELP", Verb::Help),
    (b"QUIT", Verb::Quit),
    (b"STARTTLS", Verb::StartTls),
    (b"AUTH", Verb::Auth),
    (b"GET", Verb::Web),
    (b"HEAD", Verb::Web),
    (b"POST", Verb::Web),
    (b"PUT", Verb::Web),
    (b"OPTIONS", Verb::Web),
    (b"CONNECT", Verb::Web),
    (b"PRI", Verb::Web),
];

/// Longest line kept, without its LF. RFC 5321 section 4.5.3.1.4 asks for 512; extensions such as AUTH need more,
/// and no address that the queue takes (1002 bytes) comes near it even with every byte quoted.
pub const LINE_BYTES_MAX: usize = 4096;

/// Most that is thrown away of one line before the client is given up.
pub const DISCARD_BYTES_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &[u8], verb: Verb, argument: &[u8]) {
        let mut gatherer = CommandLine::default();
        let (used, gathered) = gatherer.feed(line);
        assert_eq!(used, line.len());
        let Gathered::Whole(gathered) = gathered else {
            panic!("{gathered:?}")
        };
        let command = gathered.command();
        assert_eq!((command.verb(), command.argument()), (verb, argument));
        assert!(!command.is_cut());
    }

    fn whole(line: &[u8]) -> Command {
        match CommandLine::default().feed(line).1 {
            Gathered::Whole(line) => line.command(),
            Gathered::Partial | Gathered::Endless => panic!("no line in {line:?}"),
        }
    }

    fn line(bytes: &[u8]) -> Gathered {
        Gathered::Whole(Line {
            bytes: bytes.to_vec(),
            is_cut: false,
        })
    }

    #[test]
    fn the_verb_ends_at_the_first_space_in_any_case() {
        check(b"MAIL FROM:<a@b>\r\n", Verb::Mail, b"FROM:<a@b>");
        check(b"rCpT   TO:<a@b>  x\r\n", Verb::Rcpt, b"TO:<a@b>  x");
        check(b"quit\r\n", Verb::Quit, b"");
        check(b"QUIT \r\n", Verb::Quit, b"");
        check(b"StartTLS\r\n", Verb::StartTls, b"");
        check(b"AUTH PLAIN =\r\n", Verb::Auth, b"PLAIN =");
        check(b"POST / HTTP/1.1\r\n", Verb::Web, b"/ HTTP/1.1");
    }

    #[test]
    fn a_line_may_end_with_a_bare_lf_and_only_one_cr_is_dropped() {
        check(b"NOOP\n", Verb::Noop, b"");
        check(b"NOOP\r\r\n", Verb::Unknown, b"");
        check(b"NOOP x\r\r\n", Verb::Noop, b"x\r");
    }

    #[test]
    fn tabs_prefixes_nul_and_nothing_are_no_verb() {
        for line in [
            &b"NOOP\tx\n"[..],
            b"NOO\n",
            b"NOOPX\n",
            b"NOOP\0\n",
            b"\r\n",
            b"\n",
            b"  NOOP\n",
        ] {
            assert_eq!(whole(line).verb(), Verb::Unknown, "{line:?}");
        }
    }

    #[test]
    fn a_line_may_come_byte_by_byte_and_the_next_one_is_left_alone() {
        let mut gatherer = CommandLine::default();
        for byte in b"EHLO x\r" {
            assert_eq!(gatherer.feed(&[*byte]), (1, Gathered::Partial));
        }
        let (used, gathered) = gatherer.feed(b"\nQUIT\n");
        assert_eq!((used, gathered), (1, line(b"EHLO x")));
        assert_eq!(gatherer.feed(b"QUIT\n").1, line(b"QUIT"));
    }

    #[test]
    fn a_line_at_the_limit_is_whole_and_one_above_it_is_cut() {
        for (length, is_cut) in [(LINE_BYTES_MAX, false), (LINE_BYTES_MAX + 1, true)] {
            let mut line = b"NOOP ".to_vec();
            line.resize(length, b'y');
            line.push(b'\n');
            let command = whole(&line);
            assert_eq!((command.verb(), command.is_cut()), (Verb::Noop, is_cut));
            assert_eq!(command.argument().len(), LINE_BYTES_MAX - 5);
        }
    }

    #[test]
    fn a_line_without_end_costs_no_memory_and_is_given_up() {
        let mut gatherer = CommandLine::default();
        let mut pieces = 0;
        while gatherer.feed(&[b'A'; 4096]).1 == Gathered::Partial {
            assert!(gatherer.kept.capacity() <= 2 * LINE_BYTES_MAX);
            pieces += 1;
        }
        assert_eq!(pieces, (LINE_BYTES_MAX + DISCARD_BYTES_MAX) / 4096);
    }

    #[test]
    fn after_a_cut_line_the_next_is_read_as_usual() {
        let mut gatherer = CommandLine::default();
        assert_eq!(gatherer.feed(&[b'A'; 9000]).1, Gathered::Partial);
        let Gathered::Whole(cut) = gatherer.feed(b"\n").1 else {
            panic!()
        };
        assert!(cut.is_cut());
        assert_eq!(gatherer.feed(b"RSET\r\n").1, line(b"RSET"));
    }

    #[test]
    fn cr_and_nul_make_an_argument_unsound() {
        for (line, is_sound) in [
            (&b"RCPT TO:<a@b>"[..], true),
            (b"RCPT a\rb", false),
            (b"RCPT a\0b", false),
        ] {
            assert_eq!(Command::parse(line).is_sound(), is_sound, "{line:?}");
        }
    }
}
