//! The bytes on the two pipes to qmail-send: commands in, reports out; pure.
//!
//! Classic: `<delnum><split>/<id>\0<sender>\0<recipient>\0` and `<delnum><letter><text>\0` with a
//! delivery number of one byte. Wide, between our own programs when they have agreed on it: the
//! same with two bytes, the high one first.

/// How the two sides talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// One byte of delivery number.
    Classic,
    /// Two bytes.
    Wide,
}

/// One order to deliver, unchecked.
#[derive(Debug, PartialEq, Eq, Default)]
pub(crate) struct Command {
    pub(crate) number: u16,
    pub(crate) id: Vec<u8>,
    pub(crate) sender: Vec<u8>,
    pub(crate) recipient: Vec<u8>,
    /// It was longer than we are ready to keep; the rest is missing.
    pub(crate) is_too_long: bool,
}

/// Cuts a stream of bytes into commands.
pub(crate) struct Commands {
    /// `None` until the first bytes tell.
    form: Option<Form>,
    /// The first bytes, while they may still become [`HELLO`].
    held: Vec<u8>,
    current: Command,
    number_bytes: usize,
    fields: usize,
    done: Vec<Command>,
}

impl Commands {
    /// `greeted`: we have offered the wide form, so the peer may take it up.
    pub(crate) fn new(greeted: bool) -> Self {
        Self {
            form: if greeted { None } else { Some(Form::Classic) },
            held: Vec::new(),
            current: Command::default(),
            number_bytes: 0,
            fields: 0,
            done: Vec::new(),
        }
    }

    /// The form in use; classic while it is open.
    pub(crate) fn form(&self) -> Form {
        self.form.unwrap_or(Form::Classic)
    }

    /// Takes what came and gives back the commands it completes.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<Command> {
        for &byte in bytes {
            match self.form {
                Some(form) => self.push(form, byte),
                None => self.decide(byte),
            }
        }
        std::mem::take(&mut self.done)
    }

    fn decide(&mut self, byte: u8) {
        self.held.push(byte);
        if self.held == HELLO {
            self.form = Some(Form::Wide);
        } else if !HELLO.starts_with(&self.held) {
            self.form = Some(Form::Classic);
            for byte in std::mem::take(&mut self.held) {
                self.push(Form::Classic, byte);
            }
        }
    }

    fn push(&mut self, form: Form, byte: u8) {
        let width = match form {
            Form::Classic => 1,
            Form::Wide => 2,
        };
        if self.number_bytes < width {
            self.current.number = (self.current.number << 8) | u16::from(byte);
            self.number_bytes += 1;
        } else if byte == 0 {
            self.fields += 1;
            if self.fields == 3 {
                self.done.push(std::mem::take(&mut self.current));
                self.number_bytes = 0;
                self.fields = 0;
            }
        } else {
            self.keep(byte);
        }
    }

    fn keep(&mut self, byte: u8) {
        let command = &mut self.current;
        if command.id.len() + command.sender.len() + command.recipient.len() >= COMMAND_BYTES_MAX {
            command.is_too_long = true;
            return;
        }
        match self.fields {
            0 => command.id.push(byte),
            1 => command.sender.push(byte),
            _ => command.recipient.push(byte),
        }
    }
}

/// Writes one report down as it goes over the pipe. A text ends before its first NUL.
pub(crate) fn encode_report(form: Form, number: u16, text: &[u8], into: &mut Vec<u8>) {
    let [high, low] = number.to_be_bytes();
    match form {
        Form::Classic => into.push(low),
        Form::Wide => into.extend([high, low]),
    }
    into.extend(text.iter().take_while(|&&byte| byte != 0));
    into.push(0);
}

/// What we say on the command channel when it can carry an answer: the wide form is to be had.
pub(crate) fn greeting(limit: u16) -> Vec<u8> {
    format!("qmail-spawn/1 {limit}\n").into_bytes()
}

/// How qmail-send takes the offer up. 255 is never a delivery number of the classic form, whose
/// limit byte is at most that.
const HELLO: &[u8] = b"\xffqmail-send/1\n";
/// Bytes of one command. Addresses have at most 1003 bytes when they come in; rewriting and VERP
/// may multiply that a few times. An argument of a program may have 128 KiB on Linux.
const COMMAND_BYTES_MAX: usize = 32 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn command(number: u16, id: &str, sender: &str, recipient: &str) -> Command {
        Command {
            number,
            id: id.into(),
            sender: sender.into(),
            recipient: recipient.into(),
            is_too_long: false,
        }
    }

    /// Whatever the chunks, the commands are the same.
    #[track_caller]
    fn check(greeted: bool, bytes: &[u8], form: Form, expected: &[Command]) {
        for chunk in 1..=bytes.len() {
            let mut commands = Commands::new(greeted);
            let mut got = Vec::new();
            for piece in bytes.chunks(chunk) {
                got.extend(commands.feed(piece));
            }
            assert_eq!(got, expected, "in chunks of {chunk}");
            assert_eq!(commands.form(), form);
        }
    }

    #[test]
    fn a_classic_command_has_one_byte_of_number() {
        let first = b"\x006/10168628\0sender@test.example\0u1@test.example\0";
        let second = b"\x01\x0012/35\0\0";
        let expected = [
            command(0, "6/10168628", "sender@test.example", "u1@test.example"),
            command(1, "", "12/35", ""),
        ];
        check(false, first, Form::Classic, &expected[..1]);
        check(
            false,
            &[&first[..], second].concat(),
            Form::Classic,
            &expected,
        );
    }

    #[test]
    fn an_unfinished_command_is_no_command() {
        check(false, b"\x026/1\0s\0r", Form::Classic, &[]);
        check(true, b"\xffqmail-send", Form::Classic, &[]);
    }

    #[test]
    fn the_answer_to_our_greeting_makes_the_form_wide() {
        let bytes = b"\xffqmail-send/1\n\x01\x026/1\0s@a\0r@b\0\x00\x0012/35\0\0x@y\0";
        let expected = [
            command(258, "6/1", "s@a", "r@b"),
            command(0, "12/35", "", "x@y"),
        ];
        check(true, bytes, Form::Wide, &expected);
    }

    #[test]
    fn a_peer_that_did_not_take_the_offer_stays_classic() {
        check(
            true,
            b"\x006/1\0s\0r@b\0",
            Form::Classic,
            &[command(0, "6/1", "s", "r@b")],
        );
        check(
            true,
            b"\xffqm\0s\0r@b\0",
            Form::Classic,
            &[command(255, "qm", "s", "r@b")],
        );
    }

    #[test]
    fn without_a_greeting_nothing_is_wide() {
        let bytes = b"\xffqmail-send/1\n\0s\0r\0";
        check(
            false,
            bytes,
            Form::Classic,
            &[command(255, "qmail-send/1\n", "s", "r")],
        );
    }

    #[test]
    fn a_command_without_end_takes_no_more_memory() {
        let mut commands = Commands::new(false);
        assert!(commands.feed(b"\x05").is_empty());
        for _ in 0..100 {
            assert!(commands.feed(&[b'7'; 10_000]).is_empty());
        }
        let got = commands.feed(b"\0s\0r@b\0\x066/1\0s\0r@b\0");
        assert!(got[0].is_too_long);
        assert_eq!(got[0].number, 5);
        assert_eq!(got[0].id.len(), COMMAND_BYTES_MAX);
        assert_eq!(got[1], command(6, "6/1", "s", "r@b"));
    }

    #[test]
    fn a_report_is_number_text_and_nul() {
        let mut bytes = Vec::new();
        encode_report(Form::Classic, 0xc8, b"Kdid 1+0+0\n", &mut bytes);
        encode_report(Form::Wide, 0x0102, b"Zno\0never sent", &mut bytes);
        assert_eq!(bytes, b"\xc8Kdid 1+0+0\n\0\x01\x02Zno\0");
    }

    fn encode(wide: bool, command: &Command) -> Vec<u8> {
        let [high, low] = command.number.to_be_bytes();
        let number = if wide { vec![high, low] } else { vec![low] };
        let fields = [&command.id, &command.sender, &command.recipient];
        let fields = fields
            .iter()
            .flat_map(|field| field.iter().copied().chain([0]));
        number.into_iter().chain(fields).collect()
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read_back_in_any_chunks(
            orders in proptest::collection::vec(
                (0..1000_u16, "[0-9/]{0,20}", "[^\0]{0,40}", "[^\0]{0,40}"), 0..20),
            wide in proptest::bool::ANY,
            chunk in 1..100_usize,
        ) {
            let expected: Vec<_> = orders.iter()
                .map(|(n, id, s, r)| command(if wide { *n } else { n % 120 }, id, s, r))
                .collect();
            let mut bytes = if wide { HELLO.to_vec() } else { Vec::new() };
            bytes.extend(expected.iter().flat_map(|command| encode(wide, command)));
            let mut commands = Commands::new(wide);
            let got: Vec<_> = bytes.chunks(chunk).flat_map(|part| commands.feed(part)).collect();
            proptest::prop_assert_eq!(got, expected);
        }
    }
}
