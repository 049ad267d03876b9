//! Every sequence of up to seven commands against a model that fits on a page.

use super::tests::{policy, reply, terms};
use super::*;

const COMMANDS: [&str; 9] = [
    "HELO x",
    "EHLO x",
    "MAIL FROM:<s@x>",
    "MAIL FROM:<s@x> SIZE=1001",
    "RCPT TO:<r@ok.example>",
    "RCPT TO:<r@no.example>",
    "DATA",
    "RSET",
    "STARTTLS",
];

/// What the standards and the man page say, with a number for the recipients.
#[derive(Clone, Copy, Default)]
struct Model {
    is_extended: bool,
    is_secret: bool,
    has_sender: bool,
    recipients: usize,
}

impl Model {
    fn after(self, command: &str) -> Self {
        let fresh = Self {
            has_sender: false,
            recipients: 0,
            ..self
        };
        match command {
            "HELO x" => Self {
                is_extended: false,
                ..fresh
            },
            "EHLO x" => Self {
                is_extended: true,
                ..fresh
            },
            "RSET" => fresh,
            "MAIL FROM:<s@x>" => Self {
                has_sender: true,
                ..fresh
            },
            "RCPT TO:<r@ok.example>" if self.has_sender => Self {
                recipients: self.recipients + 1,
                ..self
            },
            "DATA" if self.recipients > 0 => fresh,
            "STARTTLS" if !self.is_secret && !self.has_sender => Self {
                is_secret: true,
                ..Self::default()
            },
            _ => self,
        }
    }

    /// Code, status, and text or what is done.
    fn expected(self, command: &str) -> (&'static str, &'static str, String) {
        let text = |code, status, text: &str| (code, status, text.to_owned());
        match command {
            "HELO x" => text("250", "", "mx.test"),
            "EHLO x" if self.is_secret => text("250", "", SECRET_OFFER),
            "EHLO x" => text("250", "", CLEAR_OFFER),
            "RSET" => text("250", "2.0.0", "flushed"),
            "MAIL FROM:<s@x>" => text("250", "2.1.0", "ok"),
            "MAIL FROM:<s@x> SIZE=1001" => text(
                "552",
                "5.3.4",
                "sorry, that message size exceeds my databytes limit (#5.3.4)",
            ),
            "STARTTLS" if self.is_secret => text("503", "5.5.1", "TLS already started (#5.5.1)"),
            "STARTTLS" if self.has_sender => text("503", "5.5.1", "no STARTTLS now (#5.5.1)"),
            "STARTTLS" => text("220", "2.0.0", "ready to start TLS"),
            _ if !self.has_sender => text("503", "5.5.1", "MAIL first (#5.5.1)"),
            "RCPT TO:<r@ok.example>" => text("250", "2.1.5", "ok"),
            "RCPT TO:<r@no.example>" => text(
                "553",
                "5.7.1",
                "sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
            ),
            _ if self.recipients == 0 => text("503", "5.5.1", "RCPT first (#5.5.1)"),
            _ => (
                "DATA",
                "",
                format!("s@x{}", " r@ok.example".repeat(self.recipients)),
            ),
        }
    }

    /// As the client sees it.
    fn reply(self, command: &str) -> String {
        let (code, status, text) = self.expected(command);
        if self.after(command).is_extended && !status.is_empty() && command != "STARTTLS"
            || self.is_extended && command == "STARTTLS"
        {
            format!("{code} {status} {text}")
        } else if let Some((before, last)) = text.rsplit_once("\r\n") {
            let before = before.replace("\r\n", "\r\n250-");
            format!("{code}-{before}\r\n{code} {last}")
        } else {
            format!("{code} {text}")
        }
    }
}

const CLEAR_OFFER: &str =
    "mx.test\r\nPIPELINING\r\n8BITMIME\r\nSIZE 1000\r\nENHANCEDSTATUSCODES\r\nSTARTTLS";
const SECRET_OFFER: &str = "mx.test\r\nPIPELINING\r\n8BITMIME\r\nSIZE 1000\r\nENHANCEDSTATUSCODES";

struct Sweep {
    commands: Vec<(&'static str, Command)>,
    sequence: Vec<&'static str>,
    length_max: usize,
    sessions: u64,
    messages: u64,
}

impl Sweep {
    fn grow(&mut self, session: &Session<'_>, model: Model) {
        if self.sequence.len() == self.length_max {
            self.sessions += 1;
            return;
        }
        for at in 0..self.commands.len() {
            let (name, command) = &self.commands[at];
            let mut next = session.clone();
            let said = reply(&mut next, command);
            let expected = model.reply(name);
            self.sequence.push(name);
            assert_eq!(said, expected, "{:?}", self.sequence);
            self.messages += u64::from(said.starts_with("DATA"));
            let after = model.after(name);
            self.grow(&next, after);
            self.sequence.pop();
        }
    }
}

#[test]
fn every_sequence_of_seven_commands_is_answered_as_the_model_says() {
    let policy = policy();
    let mut terms = terms();
    terms.tls = TlsTerms::Ready;
    terms.size_max = 1000;
    let mut sweep = Sweep {
        commands: COMMANDS
            .iter()
            .map(|line| (*line, Command::parse(line.as_bytes())))
            .collect(),
        sequence: Vec::new(),
        length_max: 7,
        sessions: 0,
        messages: 0,
    };
    sweep.grow(&Session::new(&policy, &terms), Model::default());
    assert_eq!(sweep.sessions, 9_u64.pow(7));
    assert!(sweep.messages > 10_000, "{}", sweep.messages);
}
