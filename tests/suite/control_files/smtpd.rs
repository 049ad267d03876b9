//! The files of qmail-smtpd that the original has, too: read anew by each connection.

use std::process::Stdio;

use harness::programs;

use super::waiting::limit_s;
use super::{Is, NO_NUMBERS, put};
use crate::smtp_dialogue::{Dialogue, codes};

pub(super) const FILES: &[&str] = &[
    "me",
    "badmailfrom",
    "databytes",
    "localiphost",
    "morercpthosts.cdb",
    "rcpthosts",
    "smtpgreeting",
    "timeoutsmtpd",
];

/// The first line of a session.
#[track_caller]
fn greeting(dialogue: &Dialogue) -> String {
    let replies = dialogue.send("QUIT\r\n", 0);
    replies.lines().next().expect("a greeting").to_owned()
}

/// The codes of the replies to MAIL and RCPT.
#[track_caller]
fn answers(dialogue: &Dialogue, sender: &str, recipient: &str) -> String {
    let session = format!("MAIL FROM:<{sender}>\r\nRCPT TO:<{recipient}>\r\nQUIT\r\n");
    let replies = dialogue.send(session, 0);
    codes(&replies)[1..3].join(" ")
}

#[test]
fn a_file_that_cannot_be_read_defers_every_client() {
    for name in FILES {
        let dialogue = Dialogue::new();
        put(&dialogue.home, name, Is::Unreadable);
        let session = "MAIL FROM:<s@x.example>\r\nRCPT TO:<r@other.example>\r\nQUIT\r\n";
        let text = dialogue.server().stdin(session).output().stdout_text();
        // The database is not looked at before somebody asks for what is in it.
        let first = text
            .lines()
            .find(|line| !line.starts_with('2'))
            .expect("a refusal");
        assert!(first.starts_with('4'), "{name}: {text}");
        let is_at_once = text.starts_with("421 ");
        assert!(is_at_once || *name == "morercpthosts.cdb", "{name}: {text}");
    }
}

#[test]
fn smtpgreeting_is_the_whole_greeting() {
    let dialogue = Dialogue::new();
    let shown = |is| {
        put(&dialogue.home, "smtpgreeting", is);
        greeting(&dialogue)
    };
    assert!(shown(Is::Missing).starts_with("220 test.example"));
    assert!(shown(Is::Text("g.example no spam \t\nx\n")).starts_with("220 g.example no spam"));
    assert!(shown(Is::Text("")).starts_with("220 "));
    dialogue.home.no_control("me");
    assert!(shown(Is::Text("g.example\n")).starts_with("220 g.example"));
    put(&dialogue.home, "smtpgreeting", Is::Missing);
    let text = dialogue.server().stdin("QUIT\r\n").output().stdout_text();
    assert!(text.starts_with("421 "), "{text}");
}

#[test]
fn badmailfrom_refuses_senders() {
    let dialogue = Dialogue::new();
    let answers = |is, sender: &str| {
        put(&dialogue.home, "badmailfrom", is);
        answers(&dialogue, sender, "r@local.example").ends_with("250")
    };
    let list = Is::Text("# bad\nBad@x.example \n@y.example\n\n z.example");
    for (is, sender, is_accepted) in [
        (Is::Missing, "bad@x.example", true),
        (Is::Text(""), "", true),
        (list, "bad@X.example", false),
        (list, "good@x.example", true),
        (list, "any@y.example", false),
        (list, "any@sub.y.example", true),
        (list, "", true),
    ] {
        assert_eq!(answers(is, sender), is_accepted, "{sender}");
    }
}

#[test]
fn rcpthosts_lists_what_is_taken_and_an_empty_one_takes_nothing() {
    let dialogue = Dialogue::new();
    let taken = |is, recipient: &str| {
        put(&dialogue.home, "rcpthosts", is);
        answers(&dialogue, "s@x.example", recipient).ends_with("250")
    };
    let list = Is::Text("# ours\nA.example \n.b.example\n");
    assert!(taken(list, "r@a.EXAMPLE") && taken(list, "r@x.b.example"));
    assert!(!taken(list, "r@x.a.example") && !taken(list, "r@b.example"));
    assert!(!taken(Is::Text(""), "r@test.example"));
    assert!(!taken(Is::Text("#\n\n"), "r@test.example"));
    if programs::ours() {
        // The original then takes everything.
        assert!(!taken(Is::Missing, "r@a.example") && taken(Is::Missing, "r@test.example"));
    }
}

#[test]
fn the_database_counts_beside_rcpthosts_alone() {
    let dialogue = Dialogue::new();
    let home = &dialogue.home;
    let taken = || answers(&dialogue, "s@x.example", "r@m.example").ends_with("250");
    assert!(!taken());
    home.control("morercpthosts", "m.example\n");
    assert!(!taken(), "the list itself is nothing to qmail-smtpd");
    home.program("qmail-newmrh").output().assert_exit(0);
    assert!(taken());
    put(home, "rcpthosts", Is::Text(""));
    assert!(taken());
    if programs::ours() {
        put(home, "rcpthosts", Is::Missing);
        assert!(!taken());
    }
    put(home, "rcpthosts", Is::Text("local.example\n"));
    home.control("morercpthosts.cdb", "this is no database\n");
    let session = "MAIL FROM:<s@x>\r\nRCPT TO:<r@local.example>\r\nRCPT TO:<r@m.example>\r\n";
    let text = dialogue.server().stdin(session).output().stdout_text();
    // Whoever is not in rcpthosts is refused for the moment, not for good.
    assert!(text.lines().all(|line| !line.starts_with('5')), "{text}");
    assert!(text.lines().any(|line| line.starts_with('4')), "{text}");
}

#[test]
fn databytes_limits_a_message() {
    let dialogue = Dialogue::new();
    let accepted = |is, environment: Option<&str>| {
        put(&dialogue.home, "databytes", is);
        let body = "x".repeat(60);
        let session = format!(
            "MAIL FROM:<s@x>\r\nRCPT TO:<r@local.example>\r\nDATA\r\n{body}\r\n.\r\nQUIT\r\n"
        );
        let mut server = dialogue.server().stdin(session);
        if let Some(value) = environment {
            server = server.env("DATABYTES", value);
        }
        let text = server.output().stdout_text();
        let codes = codes(&text);
        match codes[codes.len() - 2] {
            "250" => true,
            "552" => false,
            other => panic!("{other}: {text}"),
        }
    };
    for is in [
        Is::Missing,
        Is::Text(""),
        Is::Text("x\n"),
        Is::Text("0\n"),
        Is::Text("100b\n"),
    ] {
        assert!(accepted(is, None));
    }
    assert!(!accepted(Is::Text("50\nsecond"), None));
    assert!(!accepted(Is::Text("50k\n"), None), "a suffix means nothing");
    assert!(
        accepted(Is::Text("50\n"), Some("1000")),
        "the client's rules go first"
    );
    assert!(!accepted(Is::Missing, Some("50")));
}

#[test]
fn localiphost_stands_for_our_own_address() {
    let dialogue = Dialogue::new();
    let home = &dialogue.home;
    home.control("rcpthosts", "test.example\nip.example\n[127.0.0.1]\n");
    let session = "MAIL FROM:<s@x>\r\nRCPT TO:<r@[127.0.0.1]>\r\nDATA\r\n\r\n.\r\nQUIT\r\n";
    let recipient = |is, count| {
        put(home, "localiphost", is);
        dialogue.send(session, 0);
        let recorded = dialogue.recorded(count);
        recorded
            .last()
            .expect("a message")
            .envelope
            .escape_ascii()
            .to_string()
    };
    assert_eq!(
        recipient(Is::Missing, 1),
        r"Fs@x\x00Tr@test.example\x00\x00"
    );
    assert_eq!(
        recipient(Is::Text("ip.example \n"), 2),
        r"Fs@x\x00Tr@ip.example\x00\x00"
    );
    home.no_control("me").control("smtpgreeting", "g.example\n");
    assert_eq!(recipient(Is::Missing, 3), r"Fs@x\x00Tr@[127.0.0.1]\x00\x00");
}

#[test]
fn timeoutsmtpd_is_how_long_a_client_may_be_silent() {
    let dialogue = Dialogue::new();
    let limit = |is| {
        put(&dialogue.home, "timeoutsmtpd", is);
        let mut child = dialogue
            .server()
            .into_command()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("starts");
        let limit = limit_s(child.id(), 0);
        drop(child.stdin.take());
        child.wait().expect("ends");
        limit
    };
    let Some(first) = limit(Is::Missing) else {
        return;
    };
    for is in NO_NUMBERS {
        let found = limit(is).expect("known");
        assert!(
            found.abs_diff(first) <= 5,
            "{found} is not the default of {first}"
        );
    }
    for (text, expected) in [("30\n", 30), ("40s\n", 40), ("0\n", 1)] {
        let found = limit(Is::Text(text)).expect("known");
        assert!(
            (expected - 1..=expected).contains(&found),
            "{text}: {found}"
        );
    }
}
