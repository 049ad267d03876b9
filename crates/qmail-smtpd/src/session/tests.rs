//! The session against a model that fits on a page: every sequence of up to five commands.

use std::net::IpAddr;

use control::{Map, RcptHosts};

use super::*;

fn policy() -> Policy {
    Policy {
        relay_suffix: None,
        rcpthosts: RcptHosts::of_names(&[b"ok.example".to_vec()]),
        bare_is_ours: true,
        bad_senders: Map::of_names(&[b"bad@x".to_vec()]),
        localiphost: Some(b"mx.test".to_vec()),
        own_addresses: || Ok(vec![IpAddr::from([192, 0, 2, 1])]),
    }
}

/// Gives the lines to a new session; returns the replies, `DATA` for each message it would take.
fn replies(policy: &Policy, lines: &[&str]) -> Vec<String> {
    let mut session = Session::new(policy, b"mx.test");
    lines
        .iter()
        .map(|line| reply(&mut session, line.as_bytes()))
        .collect()
}

fn reply(session: &mut Session<'_>, line: &[u8]) -> String {
    match session.answer(&Command::parse(line)).unwrap() {
        Answer::Say(reply) | Answer::Leave(reply) => {
            String::from_utf8(reply.as_bytes().to_vec()).unwrap()
        }
        Answer::Receive(envelope) => shown(&envelope),
    }
}

fn shown(envelope: &Envelope) -> String {
    let mut text = format!(
        "DATA {}",
        String::from_utf8(envelope.sender().to_vec()).unwrap()
    );
    for recipient in envelope.recipients() {
        text.push(' ');
        text.push_str(str::from_utf8(recipient).unwrap());
    }
    text
}

#[track_caller]
fn check(lines: &[&str], expected: &[&str]) {
    assert_eq!(replies(&policy(), lines), expected);
}

/// What the standard and the man page say, with numbers for recipients.
#[derive(Default)]
struct Model {
    has_sender: bool,
    recipients: usize,
}

impl Model {
    fn expect(&mut self, command: &str) -> String {
        let (has_sender, recipients) = (self.has_sender, self.recipients);
        match command {
            "HELO x" | "EHLO x" | "RSET" => *self = Self::default(),
            "MAIL FROM:<s@x>" => {
                *self = Self {
                    has_sender: true,
                    recipients: 0,
                }
            }
            "RCPT TO:<r@ok.example>" if has_sender => self.recipients += 1,
            "DATA" if has_sender && recipients > 0 => *self = Self::default(),
            _ => {}
        }
        match command {
            "HELO x" => "250 mx.test".to_owned(),
            "EHLO x" => "250-mx.test\r\n250-PIPELINING\r\n250 8BITMIME".to_owned(),
            "RSET" => "250 flushed".to_owned(),
            "MAIL FROM:<s@x>" => "250 ok".to_owned(),
            _ if !has_sender => "503 MAIL first (#5.5.1)".to_owned(),
            "RCPT TO:<r@ok.example>" => "250 ok".to_owned(),
            "RCPT TO:<r@no.example>" => {
                "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)".to_owned()
            }
            _ if recipients == 0 => "503 RCPT first (#5.5.1)".to_owned(),
            _ => format!("DATA s@x{}", " r@ok.example".repeat(recipients)),
        }
    }
}

#[test]
fn every_sequence_of_five_commands_is_answered_as_the_model_says() {
    const COMMANDS: [&str; 7] = [
        "HELO x",
        "EHLO x",
        "MAIL FROM:<s@x>",
        "RCPT TO:<r@ok.example>",
        "RCPT TO:<r@no.example>",
        "DATA",
        "RSET",
    ];
    let policy = policy();
    let mut messages = 0;
    for length in 1..=5u32 {
        for number in 0..COMMANDS.len().pow(length) {
            let sequence: Vec<&str> = (0..length)
                .map(|place| COMMANDS[number / COMMANDS.len().pow(place) % COMMANDS.len()])
                .collect();
            let mut model = Model::default();
            let expected: Vec<String> = sequence.iter().map(|c| model.expect(c)).collect();
            let answers = replies(&policy, &sequence);
            assert_eq!(answers, expected, "{sequence:?}");
            messages += answers.iter().filter(|a| a.starts_with("DATA")).count();
        }
    }
    assert!(messages > 100, "the sweep must see messages: {messages}");
}

#[test]
fn commands_without_state_are_always_answered() {
    check(
        &[
            "NOOP",
            "noop with text",
            "VRFY root",
            "HELP",
            "EXPN list",
            "STARTTLS",
            "",
            "QUIT",
        ],
        &[
            "250 ok",
            "250 ok",
            "252 send some mail, i'll try my best",
            "214 notqmail home page: https://notqmail.org",
            "502 unimplemented (#5.5.1)",
            "502 unimplemented (#5.5.1)",
            "502 unimplemented (#5.5.1)",
            "221 mx.test",
        ],
    );
}

#[test]
fn a_second_mail_begins_again() {
    check(
        &[
            "MAIL FROM:<a@x>",
            "RCPT TO:<1@ok.example>",
            "MAIL FROM:<b@x>",
            "RCPT TO:<2@ok.example>",
            "DATA",
        ],
        &[
            "250 ok",
            "250 ok",
            "250 ok",
            "250 ok",
            "DATA b@x 2@ok.example",
        ],
    );
}

#[test]
fn a_mail_that_is_refused_changes_nothing() {
    let long = format!("MAIL FROM:<{}>", "x".repeat(900));
    check(
        &["MAIL FROM:<a@x>", "RCPT TO:<1@ok.example>", &long, "DATA"],
        &[
            "250 ok",
            "250 ok",
            "555 syntax error (#5.5.4)",
            "DATA a@x 1@ok.example",
        ],
    );
}

#[test]
fn a_bad_sender_is_told_at_each_recipient() {
    let refused = "553 sorry, your envelope sender is in my badmailfrom list (#5.7.1)";
    check(
        &[
            "MAIL FROM:<bad@x>",
            "RCPT TO:<1@ok.example>",
            "RCPT TO:<1@ok.example>",
            "DATA",
            "RSET",
        ],
        &[
            "250 ok",
            refused,
            refused,
            "503 RCPT first (#5.5.1)",
            "250 flushed",
        ],
    );
}

#[test]
fn cr_or_nul_in_an_address_is_a_syntax_error() {
    check(
        &[
            "MAIL FROM:<a@x>\0",
            "MAIL FROM:<a@x>",
            "RCPT TO:<v@ok.example\0Tw@ok.example>",
            "RCPT TO:<v@ok.example>\rRCPT TO:<w@y>",
            "DATA",
        ],
        &[
            "555 syntax error (#5.5.4)",
            "250 ok",
            "555 syntax error (#5.5.4)",
            "555 syntax error (#5.5.4)",
            "503 RCPT first (#5.5.1)",
        ],
    );
}

#[test]
fn a_domain_literal_of_ours_is_checked_as_localiphost() {
    let mut policy = policy();
    policy.rcpthosts = RcptHosts::of_names(&[b"mx.test".to_vec()]);
    assert_eq!(
        replies(
            &policy,
            &[
                "MAIL FROM:<s@[192.0.2.1]>",
                "RCPT TO:<r@[192.0.2.1]>",
                "DATA"
            ]
        ),
        ["250 ok", "250 ok", "DATA s@mx.test r@mx.test"]
    );
    policy.own_addresses = || Err(std::io::Error::other("none"));
    let mut session = Session::new(&policy, b"mx.test");
    assert!(
        session
            .answer(&Command::parse(b"MAIL FROM:<s@[192.0.2.1]>"))
            .is_err()
    );
}

#[test]
fn recipients_are_limited_in_number_and_bytes() {
    for (length, most) in [(1, RECIPIENTS_MAX), (800, RECIPIENT_BYTES_MAX / 812 + 1)] {
        let policy = policy();
        let mut session = Session::new(&policy, b"mx.test");
        let line = format!("RCPT TO:<{}@ok.example>", "r".repeat(length));
        assert_eq!(reply(&mut session, b"MAIL FROM:<>"), "250 ok");
        for _ in 0..most {
            assert_eq!(reply(&mut session, line.as_bytes()), "250 ok");
        }
        assert_eq!(
            reply(&mut session, line.as_bytes()),
            "452 too many recipients (#4.5.3)"
        );
        let Answer::Receive(envelope) = session.answer(&Command::parse(b"DATA")).unwrap() else {
            panic!("the message with the recipients so far must be taken")
        };
        assert_eq!(envelope.recipients().count(), most);
    }
}

#[test]
fn helo_is_remembered_across_transactions_and_replaced_by_the_next() {
    let policy = policy();
    let mut session = Session::new(&policy, b"mx.test");
    assert_eq!(session.helo(), None);
    for (line, helo) in [
        ("HELO a b", "a b"),
        ("RSET", "a b"),
        ("EHLO c", "c"),
        ("HELO", ""),
    ] {
        reply(&mut session, line.as_bytes());
        assert_eq!(session.helo(), Some(helo.as_bytes()));
    }
}
