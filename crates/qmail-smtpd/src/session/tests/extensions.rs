//! What the original does not have: parameters, TLS, AUTH, looking for mailboxes, patience with bad clients.

use super::*;

#[test]
fn parameters_are_read_after_ehlo_and_passed_over_before() {
    check(
        &[
            "MAIL FROM:<a@x> FOO=1 SIZE=10",
            "MAIL FROM:<a@x> =",
            "MAIL FROM:a@x what ever",
            "RCPT TO:<r@ok.example> NOTIFY=NEVER",
            "RCPT TO:<r@ok.example> \"",
            "RCPT TO: r@ok.example b@c",
        ],
        &[
            "250 ok",
            "501 malformed parameter (#5.5.4)",
            "250 ok",
            "250 ok",
            "501 malformed parameter (#5.5.4)",
            "250 ok",
        ],
    );
    let extended = replies(
        &policy(),
        &terms(),
        &[
            "EHLO x",
            "MAIL FROM:<a@x> FOO=1",
            "MAIL FROM:<a@x> AUTH=<>",
            "MAIL FROM:<a@x> SIZE=-1",
            "MAIL FROM:<a@x> SIZE=99999999999999999999999",
            "MAIL FROM:a@x SIZE=1",
            "MAIL FROM:<a@x> SIZE=18446744073709551614 BODY=8BITMIME",
            "RCPT TO:<r@ok.example> ORCPT=rfc822;a",
        ],
    );
    let codes: Vec<&str> = extended.iter().map(|line| &line[..9]).collect();
    assert_eq!(
        codes[1..],
        [
            "555 5.5.4",
            "555 5.5.4",
            "501 5.5.4",
            "552 5.3.4",
            "250 2.1.0",
            "250 2.1.0",
            "555 5.5.4"
        ]
    );
}

#[test]
fn a_size_above_the_limit_is_refused_before_the_message_comes() {
    let terms = Terms {
        size_max: 1000,
        ..terms()
    };
    check_with(
        &policy(),
        &terms,
        &["MAIL FROM:<a@x> SIZE=1000", "MAIL FROM:<a@x> SIZE=1001"],
        &[
            "250 ok",
            "552 sorry, that message size exceeds my databytes limit (#5.3.4)",
        ],
    );
}

#[test]
fn a_bad_recipient_is_refused_even_from_a_relay_client() {
    let mut policy = policy();
    policy.relay_suffix = Some(Vec::new());
    check_with(
        &policy,
        &terms(),
        &[
            "MAIL FROM:<a@x>",
            "RCPT TO:<SPAM@ok.example>",
            "RCPT TO:<a@b>",
        ],
        &[
            "250 ok",
            "553 sorry, your envelope recipient is in my badrcptto list (#5.7.1)",
            "250 ok",
        ],
    );
}

#[test]
fn without_rcpthosts_a_stranger_is_told_to_come_later() {
    let mut policy = policy();
    let control = control::Control::new(std::path::Path::new("/nonexistent"));
    policy.rcpthosts = RcptHosts::read(&control).unwrap();
    check_with(
        &policy,
        &terms(),
        &["MAIL FROM:<a@x>", "RCPT TO:<a@b>"],
        &[
            "250 ok",
            "451 sorry, that domain isn't in my list of allowed rcpthosts (#4.7.1)",
        ],
    );
}

#[test]
fn a_local_mailbox_is_looked_for() {
    let (policy, terms) = (
        policy(),
        Terms {
            checks_recipients: true,
            ..terms()
        },
    );
    let mut session = Session::new(&policy, &terms);
    reply(&mut session, &Command::parse(b"MAIL FROM:<>"));
    for (finding, expected) in [
        (
            Finding::Missing,
            "550 sorry, no mailbox here by that name (#5.1.1)",
        ),
        (
            Finding::Unknown,
            "451 unable to check that recipient now (#4.3.0)",
        ),
        (Finding::Exists, "250 ok"),
    ] {
        let Answer::Check(candidate) = session.answer(&Command::parse(b"RCPT TO:<r>")).unwrap()
        else {
            panic!("r is local")
        };
        let answer = session.checked(&candidate, finding);
        assert_eq!(shown(&mut session, answer), expected);
    }
    let remote = Command::parse(b"RCPT TO:<r@ok.example>");
    assert_eq!(reply(&mut session, &remote), "250 ok");
    assert_eq!(
        reply(&mut session, &Command::parse(b"DATA")),
        "DATA  r r@ok.example"
    );
}

#[test]
fn where_tls_is_forced_nothing_else_goes_before_it() {
    let terms = Terms {
        tls: TlsTerms::Ready,
        forces_tls: true,
        auth: auth(),
        ..terms()
    };
    let first = "530 must issue a STARTTLS command first (#5.7.0)";
    check_with(
        &policy(),
        &terms,
        &[
            "NOOP",
            "HELO x",
            "MAIL FROM:<a@x>",
            "RCPT TO:<r>",
            "DATA",
            "RSET",
            "VRFY x",
            "HELP",
            "AUTH PLAIN",
            "XYZ",
            "STARTTLS",
            "HELO x",
            "MAIL FROM:<a@x>",
        ],
        &[
            "250 ok",
            first,
            first,
            first,
            first,
            first,
            first,
            first,
            first,
            first,
            "220 ready to start TLS",
            "250 mx.test",
            "250 ok",
        ],
    );
    assert!(replies(&policy(), &terms, &["EHLO x"])[0].ends_with("250 STARTTLS"));
    check_with(&policy(), &terms, &["QUIT"], &["221 mx.test"]);
}

#[test]
fn starttls_is_alone_on_its_line_and_between_transactions() {
    let terms = Terms {
        tls: TlsTerms::Ready,
        ..terms()
    };
    check_with(
        &policy(),
        &terms,
        &[
            "STARTTLS now",
            "MAIL FROM:<a@x>",
            "STARTTLS",
            "RSET",
            "EHLO x",
            "STARTTLS",
            "STARTTLS",
            "DATA",
        ],
        &[
            "501 STARTTLS takes nothing else (#5.5.4)",
            "250 ok",
            "503 no STARTTLS now (#5.5.1)",
            "250 flushed",
            "250-mx.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE 0\r\n250-ENHANCEDSTATUSCODES\r\n250 STARTTLS",
            "220 2.0.0 ready to start TLS",
            "503 TLS already started (#5.5.1)",
            "503 MAIL first (#5.5.1)",
        ],
    );
    let broken = Terms {
        tls: TlsTerms::Broken,
        ..self::terms()
    };
    check_with(
        &policy(),
        &broken,
        &["STARTTLS"],
        &["454 TLS not available now (#4.7.0)"],
    );
    assert!(!replies(&policy(), &broken, &["EHLO x"])[0].contains("STARTTLS"));
}

#[test]
fn auth_waits_for_tls_and_comes_once_and_between_transactions() {
    let terms = Terms {
        tls: TlsTerms::Ready,
        auth: auth(),
        ..terms()
    };
    let policy = policy();
    let mut session = Session::new(&policy, &terms);
    let mut say = |line: &str| reply(&mut session, &Command::parse(line.as_bytes()));
    assert!(!say("EHLO x").contains("AUTH"));
    assert!(say("AUTH PLAIN").starts_with("538 5.7.11 "));
    say("STARTTLS");
    assert!(say("EHLO x").ends_with("\r\n250 AUTH LOGIN PLAIN"));
    assert!(
        say("AUTH CRAM-MD5").starts_with("504 5.5.4 "),
        "not among ours"
    );
    assert!(say("AUTH GSSAPI").starts_with("504 5.5.4 "));
    assert!(say("AUTH").starts_with("501 5.5.2 "));
    assert!(say("AUTH PLAIN a b").starts_with("501 5.5.2 "));
    assert_eq!(say("auth login"), "LOGIN LOGIN None");
    assert_eq!(say("AUTH plain  eA=="), "LOGIN PLAIN Some(\"eA==\")");
    assert_eq!(say("MAIL FROM:<a@x>"), "250 2.1.0 ok");
    assert!(say("AUTH PLAIN").starts_with("503 5.5.1 "));
    assert!(say("RCPT TO:<a@elsewhere>").starts_with("553 5.7.1 "));
    say("RSET");
    assert_eq!(session.protocol(), "ESMTPS");
    let answer = session.logged_in(b"tim".to_vec());
    assert_eq!(
        shown(&mut session, answer),
        "235 2.7.0 ok, go ahead (#2.7.0)"
    );
    let mut say = |line: &str| reply(&mut session, &Command::parse(line.as_bytes()));
    assert!(say("AUTH PLAIN").starts_with("503 5.5.1 "));
    say("MAIL FROM:<a@x> AUTH=<>");
    assert_eq!(say("RCPT TO:<a@elsewhere>"), "250 2.1.5 ok");
    assert_eq!(session.protocol(), "ESMTPSA");
}

#[test]
fn a_user_sends_only_from_addresses_that_are_his() {
    let mut policy = policy();
    policy.senders = Some(Map::of_names(&lines(&[
        "tim:tim@x",
        "tim:@y",
        "tim:@.z",
        "ann:",
        "a:b:c@x",
    ])));
    let terms = Terms {
        auth: auth(),
        ..terms()
    };
    for (user, sender, is_allowed) in [
        ("tim", "tim@x", true),
        ("tim", "TIM@X", true),
        ("tim", "any@y", true),
        ("tim", "any@b.z", true),
        ("tim", "any@z", false),
        ("tim", "ann@x", false),
        ("tim", "", false),
        ("ann", "", true),
        ("ann", "tim@x", false),
        ("a:b", "c@x", false),
        ("nobody", "tim@x", false),
    ] {
        let mut session = Session::new(&policy, &terms);
        session.logged_in(user.as_bytes().to_vec());
        let line = format!("MAIL FROM:<{sender}>");
        let said = reply(&mut session, &Command::parse(line.as_bytes()));
        assert_eq!(said == "250 ok", is_allowed, "{user} {sender} {said}");
    }
    check_with(&policy, &terms, &["MAIL FROM:<tim@x>"], &["250 ok"]);
}

#[test]
fn where_messages_are_submitted_strangers_are_not_served() {
    let terms = Terms {
        needs_standing: true,
        ..terms()
    };
    let mut policy = policy();
    let first = "530 authentication required (#5.7.0)";
    check_with(
        &policy,
        &terms,
        &["MAIL FROM:<a@x>", "RCPT TO:<r>"],
        &[first, "503 MAIL first (#5.5.1)"],
    );
    policy.relay_suffix = Some(Vec::new());
    check_with(&policy, &terms, &["MAIL FROM:<a@x>"], &["250 ok"]);
}

#[test]
fn wrong_passwords_cost_time_and_then_the_session() {
    let (policy, terms) = (
        policy(),
        Terms {
            auth: auth(),
            ..terms()
        },
    );
    let mut session = Session::new(&policy, &terms);
    let wrong = "535 authentication failed (#5.7.8)";
    for (penalty, expected) in [(1, wrong), (2, wrong)] {
        let answer = session.login_failed(replies::LOGIN_WRONG);
        assert_eq!(shown(&mut session, answer), expected);
        assert_eq!(session.penalty_s(), penalty);
    }
    let answer = session.login_failed(replies::LOGIN_TROUBLE);
    assert_eq!(
        shown(&mut session, answer),
        "454 unable to check your password now (#4.7.0)"
    );
    let answer = session.login_failed(replies::LOGIN_WRONG);
    assert_eq!(shown(&mut session, answer), format!("{wrong} (dropped)"));
}

#[test]
fn a_client_that_only_makes_errors_is_sent_away() {
    let terms = Terms {
        errors_max: 3,
        ..terms()
    };
    let unknown = "502 unimplemented (#5.5.1)";
    check_with(
        &policy(),
        &terms,
        &["X", "X", "NOOP", "X", "NOOP", "X"],
        &[
            unknown,
            unknown,
            "250 ok",
            unknown,
            "250 ok",
            "421 too many errors (#4.7.0) (dropped)",
        ],
    );
}

#[test]
fn a_web_client_is_sent_away_at_its_first_word() {
    check(
        &["POST / HTTP/1.1", "GET / HTTP/1.0"],
        &["421 I speak SMTP (#4.7.0) (dropped)"; 2],
    );
}

#[test]
fn how_mail_comes_in_has_its_word() {
    let (policy, terms) = (policy(), terms());
    for (lines, user, word) in [
        (&[][..], None, "SMTP"),
        (&["HELO x"], None, "SMTP"),
        (&["EHLO x"], None, "ESMTP"),
        (&["EHLO x"], Some("tim"), "ESMTPA"),
        (&["EHLO x", "HELO x"], None, "SMTP"),
    ] {
        let mut session = Session::new(&policy, &terms);
        for line in lines {
            reply(&mut session, &Command::parse(line.as_bytes()));
        }
        if let Some(user) = user {
            session.logged_in(user.into());
        }
        assert_eq!(session.protocol(), word, "{lines:?} {user:?}");
        session.secured();
        if lines == ["EHLO x"] {
            reply(&mut session, &Command::parse(b"EHLO x"));
            let secret = if user.is_some() { "ESMTPSA" } else { "ESMTPS" };
            assert_eq!(session.protocol(), secret);
        }
    }
}
