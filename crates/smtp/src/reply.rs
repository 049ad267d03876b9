//! Replies of an SMTP server, read leniently and kept within bounds (RFC 5321, section 4.2; `smtpcode` in qmail-remote).
//!
//! Three bytes are the code; a `-` after them says that another line follows. The code of the **first** line
//! counts, CRs are dropped, a bare LF ends a line. Old servers get all of this wrong in all possible ways, so
//! nothing else is demanded; but three bytes that are no digits are no answer, neither yes nor no.

/// A whole reply.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reply {
    code: Option<u16>,
    text: Vec<u8>,
}

/// What a reply means to a client that has asked for something.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer {
    /// Yes: any code below 400.
    Positive,
    /// Not now: 400 to 499, or no code at all.
    Transient,
    /// Never: 500 and above.
    Permanent,
}

impl Reply {
    /// The code on the first line; None if its first three bytes were not digits.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        self.code
    }

    /// The code by its numeric range, which is all that qmail looks at after HELO.
    #[must_use]
    pub fn answer(&self) -> Answer {
        match self.code {
            Some(0..400) => Answer::Positive,
            Some(400..500) | None => Answer::Transient,
            Some(500..) => Answer::Permanent,
        }
    }

    /// All lines, each with its LF, without CR, at most [`TEXT_MAX`] bytes.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.text
    }
}

/// Collects one reply from bytes that come in chunks of any size.
#[derive(Debug, Default)]
pub struct ReplyParser {
    code: Code,
    text: Vec<u8>,
    /// bytes of the current line so far, counted up to 4: past the code and the byte after it
    column: u8,
    last: bool,
    length: usize,
}

/// What the bytes so far make.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Progress {
    /// More bytes are needed.
    Incomplete,
    /// The reply is complete.
    Complete(Reply),
    /// The server has sent [`REPLY_MAX`] bytes and still not finished: this is no reply.
    Endless,
}

#[derive(Debug, Default)]
struct Code {
    number: u16,
    digits: u8,
    malformed: bool,
}

impl ReplyParser {
    /// At the start of a reply.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes up to the end of the reply. Returns how many were used, and what they make.
    /// After anything but [`Progress::Incomplete`] the parser is at the start of a reply again.
    pub fn take(&mut self, input: &[u8]) -> (usize, Progress) {
        for (used, &byte) in input.iter().enumerate() {
            if self.ends_with(byte) {
                let done = std::mem::take(self);
                let code = (!done.code.malformed).then_some(done.code.number);
                return (
                    used + 1,
                    Progress::Complete(Reply {
                        code,
                        text: done.text,
                    }),
                );
            }
            if self.length >= REPLY_MAX {
                *self = Self::default();
                return (used + 1, Progress::Endless);
            }
        }
        (input.len(), Progress::Incomplete)
    }

    /// Adds one byte; true when it ends the reply.
    fn ends_with(&mut self, byte: u8) -> bool {
        self.length += 1;
        if byte != b'\r' && self.text.len() < TEXT_MAX {
            self.text.push(byte);
        }
        if self.column < 3 {
            self.code.push(byte);
            self.column += 1;
            return false;
        }
        if self.column == 3 {
            self.last = byte != b'-';
            self.column = 4;
        }
        if byte != b'\n' {
            return false;
        }
        self.column = 0;
        self.last
    }
}

impl Code {
    /// Every byte counts, CR and LF too, until there are three.
    fn push(&mut self, byte: u8) {
        if self.digits == 3 {
            return;
        }
        self.digits += 1;
        if byte.is_ascii_digit() {
            self.number = self.number * 10 + u16::from(byte - b'0');
        } else {
            self.malformed = true;
        }
    }
}

/// Bytes of a reply that are kept: what a report may quote of it.
pub const TEXT_MAX: usize = 5000;

/// Bytes that one reply may have. No real one comes near; a server that never stops must not hold us for ever.
pub const REPLY_MAX: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn parse(input: &[u8]) -> (Reply, &[u8]) {
        let mut parser = ReplyParser::new();
        let (used, progress) = parser.take(input);
        let Progress::Complete(reply) = progress else {
            panic!("{input:?}: {progress:?}");
        };
        let mut parser = ReplyParser::new();
        for (at, byte) in input.iter().take(used).enumerate() {
            let expected = (at + 1 == used).then(|| reply.clone());
            let expected = expected.map_or(Progress::Incomplete, Progress::Complete);
            assert_eq!(
                parser.take(&[*byte]),
                (1, expected),
                "byte {at} of {input:?}"
            );
        }
        (reply, &input[used..])
    }

    #[track_caller]
    fn check(input: &[u8], code: Option<u16>, text: &[u8]) {
        let (reply, rest) = parse(input);
        assert_eq!(
            (reply.code(), reply.text(), rest),
            (code, text, &b""[..]),
            "{input:?}"
        );
    }

    #[test]
    fn one_line() {
        check(b"250 ok\r\n", Some(250), b"250 ok\n");
        check(b"250 ok\n", Some(250), b"250 ok\n");
        check(b"250\r\n", Some(250), b"250\n");
        check(b"250\n", Some(250), b"250\n");
    }

    #[test]
    fn many_lines_with_the_code_of_the_first() {
        check(b"550-a\r\n550 b\r\n", Some(550), b"550-a\n550 b\n");
        check(
            b"550-a\r\n250-b\r\n250 c\r\n",
            Some(550),
            b"550-a\n250-b\n250 c\n",
        );
        check(b"250-a\r\nxyz\r\n", Some(250), b"250-a\nxyz\n");
    }

    #[test]
    fn what_follows_the_reply_is_left_alone() {
        assert_eq!(parse(b"250 ok\r\n354 go\r\n").1, b"354 go\r\n");
    }

    #[test]
    fn a_line_end_counts_as_a_byte_of_the_code() {
        check(b"\r\n220 late\r\n", None, b"\n220 late\n");
    }

    #[test]
    fn no_digits_are_no_answer() {
        check(b"OK. Fine.\r\n", None, b"OK. Fine.\n");
        check(b"2 0 x\r\n", None, b"2 0 x\n");
        check(b"-50 x\r\n", None, b"-50 x\n");
        for input in [&b"OK. Fine.\r\n"[..], b"2 0 x\r\n"] {
            assert_eq!(parse(input).0.answer(), Answer::Transient);
        }
    }

    #[test]
    fn a_banner_of_another_protocol_is_an_unfinished_reply() {
        let mut parser = ReplyParser::new();
        assert_eq!(parser.take(b"SSH-2.0-junk\r\n"), (14, Progress::Incomplete));
    }

    #[test]
    fn answers_go_by_range() {
        for (code, expected) in [
            ("000", Answer::Positive),
            ("250", Answer::Positive),
            ("399", Answer::Positive),
            ("400", Answer::Transient),
            ("499", Answer::Transient),
            ("500", Answer::Permanent),
            ("999", Answer::Permanent),
        ] {
            let reply = parse(format!("{code} x\r\n").as_bytes()).0;
            assert_eq!(reply.answer(), expected, "{code}");
        }
    }

    #[test]
    fn text_is_cut_and_the_reply_still_understood() {
        let input = [b"550 ".to_vec(), b"x".repeat(6000), b"\r\n".to_vec()].concat();
        let (reply, rest) = parse(&input);
        assert_eq!((reply.code(), rest), (Some(550), &b""[..]));
        assert_eq!(reply.text(), [b"550 ".to_vec(), b"x".repeat(4996)].concat());
    }

    #[test]
    fn a_reply_without_end_is_given_up() {
        let mut parser = ReplyParser::new();
        let line = b"250-again and again\r\n";
        let mut used = 0;
        loop {
            let (count, progress) = parser.take(line);
            used += count;
            match progress {
                Progress::Incomplete => assert!(used < REPLY_MAX),
                Progress::Endless => break assert_eq!(used, REPLY_MAX),
                Progress::Complete(reply) => panic!("{reply:?}"),
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_in_any_chunks_give_the_same_replies(
            bytes in proptest::collection::vec(
                proptest::sample::select(b"0259- x\r\n\0".to_vec()), 0..200),
            chunk in 1_usize..9,
        ) {
            let replies = |chunks: &mut dyn Iterator<Item = &[u8]>| {
                let mut parser = ReplyParser::new();
                let mut found = Vec::new();
                for mut chunk in chunks {
                    while !chunk.is_empty() {
                        let (used, progress) = parser.take(chunk);
                        found.extend((progress != Progress::Incomplete).then_some(progress));
                        chunk = &chunk[used..];
                    }
                }
                found
            };
            let whole = replies(&mut std::iter::once(&bytes[..]));
            proptest::prop_assert_eq!(&whole, &replies(&mut bytes.chunks(chunk)));
            for reply in whole {
                let Progress::Complete(reply) = reply else { panic!("{reply:?}") };
                proptest::prop_assert!(reply.text().len() <= TEXT_MAX);
                proptest::prop_assert!(!reply.text().contains(&b'\r'));
            }
        }
    }
}
