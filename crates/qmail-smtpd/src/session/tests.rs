//! What each command does, one rule at a time.

mod extensions;

use std::net::IpAddr;

use control::{Map, RcptHosts, Routes};

use super::*;
use crate::terms::AuthTerms;

fn lines(lines: &[&str]) -> Vec<Vec<u8>> {
    lines.iter().map(|line| line.as_bytes().to_vec()).collect()
}

pub(super) fn policy() -> Policy {
    Policy {
        relay_suffix: None,
        rcpthosts: RcptHosts::of_names(&lines(&["ok.example", "mx.test"])),
        routes: Routes {
            envnoathost: b"mx.test".to_vec(),
            locals: Map::of_names(&lines(&["mx.test"])),
            virtualdomains: Map::default(),
            percenthack: Map::default(),
        },
        bad_senders: Map::of_names(&lines(&["bad@x"])),
        bad_recipients: Map::of_names(&lines(&["spam@ok.example"])),
        senders: None,
        localiphost: Some(b"mx.test".to_vec()),
        own_addresses: || Ok(vec![IpAddr::from([192, 0, 2, 1])]),
    }
}

pub(super) fn terms() -> Terms {
    Terms {
        greeting: b"mx.test".to_vec(),
        tls: TlsTerms::Off,
        forces_tls: false,
        auth: None,
        needs_standing: false,
        checks_recipients: false,
        size_max: 0,
        recipients_max: 20_000,
        errors_max: 100,
    }
}

fn auth() -> Option<AuthTerms> {
    let mechanisms = vec![Mechanism::Login, Mechanism::Plain];
    Some(AuthTerms::new(mechanisms, false))
}

/// Gives the lines to a new session; returns what comes of each.
fn replies(policy: &Policy, terms: &Terms, lines: &[&str]) -> Vec<String> {
    let mut session = Session::new(policy, terms);
    lines
        .iter()
        .map(|line| reply(&mut session, &Command::parse(line.as_bytes())))
        .collect()
}

/// The reply as the client sees it, `DATA` for a message that would be taken, `CHECK` and `LOGIN` for questions.
/// A handshake succeeds.
pub(super) fn reply(session: &mut Session<'_>, command: &Command) -> String {
    let answer = session.answer(command).unwrap();
    shown(session, answer)
}

fn shown(session: &mut Session<'_>, answer: Answer) -> String {
    let text = |session: &Session<'_>, reply: &Reply| {
        String::from_utf8(reply.bytes(session.style())).unwrap()
    };
    match answer {
        Answer::Say(reply) | Answer::Leave(reply) => text(session, &reply),
        Answer::Drop(reply) => format!("{} (dropped)", text(session, &reply)),
        Answer::Receive(envelope) => message(&envelope),
        Answer::Check(candidate) => {
            format!("CHECK {}", str::from_utf8(candidate.address()).unwrap())
        }
        Answer::Secure(reply) => {
            let said = text(session, &reply);
            session.secured();
            said
        }
        Answer::Login(mechanism, initial) => format!(
            "LOGIN {} {:?}",
            mechanism.name(),
            initial.map(|initial| String::from_utf8(initial).unwrap())
        ),
    }
}

fn message(envelope: &Envelope) -> String {
    let mut text = format!("DATA {}", str::from_utf8(envelope.sender()).unwrap());
    for recipient in envelope.recipients() {
        text.push(' ');
        text.push_str(str::from_utf8(recipient).unwrap());
    }
    text
}

#[track_caller]
fn check(lines: &[&str], expected: &[&str]) {
    check_with(&policy(), &terms(), lines, expected);
}

#[track_caller]
fn check_with(policy: &Policy, terms: &Terms, lines: &[&str], expected: &[&str]) {
    assert_eq!(replies(policy, terms, lines), expected);
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
    check_with(
        &policy,
        &terms(),
        &[
            "MAIL FROM:<s@[192.0.2.1]>",
            "RCPT TO:<r@[192.0.2.1]>",
            "DATA",
        ],
        &["250 ok", "250 ok", "DATA s@mx.test r@mx.test"],
    );
    policy.own_addresses = || Err(std::io::Error::other("none"));
    let terms = terms();
    let mut session = Session::new(&policy, &terms);
    assert!(
        session
            .answer(&Command::parse(b"MAIL FROM:<s@[192.0.2.1]>"))
            .is_err()
    );
}

#[test]
fn recipients_are_limited_in_number_and_bytes() {
    let policy = policy();
    for (length, allowed, most) in [
        (1, 20_000, 20_000),
        (1, 3, 3),
        (800, 20_000, envelope::RECIPIENT_BYTES_MAX / 812 + 1),
    ] {
        let terms = Terms {
            recipients_max: allowed,
            ..terms()
        };
        let mut session = Session::new(&policy, &terms);
        let line = format!("RCPT TO:<{}@ok.example>", "r".repeat(length));
        let rcpt = Command::parse(line.as_bytes());
        assert_eq!(
            reply(&mut session, &Command::parse(b"MAIL FROM:<>")),
            "250 ok"
        );
        for _ in 0..most {
            assert_eq!(reply(&mut session, &rcpt), "250 ok");
        }
        // That is no error of the client's, however often.
        for _ in 0..200 {
            assert_eq!(
                reply(&mut session, &rcpt),
                "452 too many recipients (#4.5.3)"
            );
        }
        let Answer::Receive(envelope) = session.answer(&Command::parse(b"DATA")).unwrap() else {
            panic!("the message with the recipients so far must be taken")
        };
        assert_eq!(envelope.recipients().count(), most);
    }
}

#[test]
fn the_name_is_remembered_across_transactions_and_replaced_by_the_next() {
    let (policy, terms) = (policy(), terms());
    let mut session = Session::new(&policy, &terms);
    assert_eq!(*session.hello(), Hello::None);
    for (line, hello) in [
        ("HELO a b", Hello::Plain(b"a b".to_vec())),
        ("RSET", Hello::Plain(b"a b".to_vec())),
        ("EHLO c", Hello::Extended(b"c".to_vec())),
        ("HELO", Hello::Plain(Vec::new())),
    ] {
        reply(&mut session, &Command::parse(line.as_bytes()));
        assert_eq!(*session.hello(), hello);
    }
}
