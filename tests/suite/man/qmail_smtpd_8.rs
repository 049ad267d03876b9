//! qmail-smtpd(8), paragraph by paragraph.

mod journal;
mod queue;
mod recorded;

use std::io::{Read, Write};
use std::process::Stdio;

use harness::programs;

use crate::smtp_dialogue::{Dialogue, OPENING, codes};

/// One MAIL and these RCPTs; the codes of the replies to the latter.
#[track_caller]
fn rcpt_codes(dialogue: &Dialogue, recipients: &[&str]) -> Vec<String> {
    let rcpts: String = recipients
        .iter()
        .map(|r| format!("RCPT TO:<{r}>\r\n"))
        .collect();
    let replies = dialogue.send(format!("MAIL FROM:<s@h>\r\n{rcpts}QUIT\r\n"), 0);
    let codes = codes(&replies);
    codes[2..codes.len() - 1]
        .iter()
        .map(|code| (*code).to_owned())
        .collect()
}

/// "The client reads 250 only after the message is safely in the queue."
#[test]
fn a_message_answered_with_250_is_in_the_queue() {
    let dialogue = Dialogue::with_real_queue();
    let reply = dialogue.deliver(b"Subject: x\r\n\r\nbody\r\n");
    let words: Vec<&str> = reply.split(' ').collect();
    assert!(
        matches!(words.as_slice(), ["250", "ok", _, "qp", _]),
        "{reply}"
    );
    assert_eq!(dialogue.ended(1), ["0"]);
    assert_eq!(dialogue.in_queue(), 1);
}

/// "When the session breaks before the end of the message, nothing is queued": at every byte.
#[test]
fn a_session_that_breaks_queues_nothing() {
    let dialogue = Dialogue::with_real_queue();
    let message = b"a\r\n..b\r\n.\r\n";
    for length in 0..message.len() {
        let replies = dialogue.send([OPENING, &message[..length]].concat(), 1);
        assert_eq!(
            codes(&replies),
            ["220", "250", "250", "354"],
            "after {length} bytes"
        );
    }
    assert_eq!(dialogue.ended(message.len()), vec!["54"; message.len()]);
    assert_eq!(dialogue.in_queue(), 0);
}

/// "a LF alone ends the session at once with a temporary error"
#[test]
fn a_bare_lf_ends_the_session() {
    let dialogue = Dialogue::with_real_queue();
    let replies = dialogue.send([OPENING, b"a\nb\r\n.\r\nQUIT\r\n"].concat(), 1);
    let last = replies.lines().last().expect("a reply");
    assert!(
        last.starts_with("451 See http") && last.ends_with("smtplf.html."),
        "{last}"
    );
    assert_eq!(dialogue.ended(1), ["54"]);
    assert_eq!(dialogue.in_queue(), 0);
}

#[test]
fn rcpthosts_says_what_is_accepted() {
    let dialogue = Dialogue::new();
    dialogue.home.control(
        "rcpthosts",
        "# ours\nlocal.example\n.sub.example\nMiXed.Example",
    );
    let recipients = [
        "r@local.example",
        "r@LOCAL.example",
        "r@a.b.sub.example",
        "r@mixed.example",
        "r@sub.example",
        "r@x.local.example",
        "r@elsewhere.example",
        "a@local.example@elsewhere.example",
        "a@elsewhere@local.example",
    ];
    let expected = [
        "250", "250", "250", "250", "553", "553", "553", "553", "250",
    ];
    assert_eq!(rcpt_codes(&dialogue, &recipients), expected);
}

/// Differs from the original, which then relays for everybody.
#[test]
fn without_rcpthosts_only_our_own_domains_are_accepted() {
    if !programs::ours() {
        return;
    }
    let dialogue = Dialogue::new();
    dialogue.home.no_control("rcpthosts").control(
        "virtualdomains",
        "virt.example:v\n.sub.example:s\nout.sub.example:\n:everything\nbob@user.example:bob\n",
    );
    let recipients = [
        "r@test.example",
        "r@virt.example",
        "r@a.sub.example",
        "bob@user.example",
        "r@out.sub.example",
        "alice@user.example",
        "r@anywhere.example",
        "postmaster",
    ];
    let expected = ["250", "250", "250", "250", "451", "451", "451", "250"];
    assert_eq!(rcpt_codes(&dialogue, &recipients), expected);
    dialogue.home.control("locals", "other.example\n");
    assert_eq!(
        rcpt_codes(&dialogue, &["r@test.example", "r@other.example"]),
        ["451", "250"]
    );
    let output = dialogue.server().stdin("QUIT\r\n").output();
    assert!(
        output
            .stderr_text()
            .contains("control/rcpthosts is missing"),
        "{}",
        output.stderr_text()
    );
}

/// A host that takes nothing for itself must not take addresses that will not be its own.
#[test]
fn a_recipient_without_domain_is_accepted_when_envnoathost_is_ours() {
    if !programs::ours() {
        return;
    }
    let dialogue = Dialogue::new();
    assert_eq!(rcpt_codes(&dialogue, &["postmaster"]), ["250"]);
    dialogue.home.control("envnoathost", "elsewhere.example\n");
    assert_eq!(rcpt_codes(&dialogue, &["postmaster"]), ["553"]);
    dialogue
        .home
        .control("virtualdomains", "elsewhere.example:e\n");
    assert_eq!(rcpt_codes(&dialogue, &["postmaster"]), ["250"]);
}

#[test]
fn relayclient_accepts_everybody_and_is_appended() {
    let dialogue = Dialogue::new();
    let client = b"MAIL FROM:<s@h>\r\nRCPT TO:<r@anywhere.example>\r\nRCPT TO:<plain>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n";
    for suffix in ["", "@gateway.example"] {
        dialogue
            .server()
            .env("RELAYCLIENT", suffix)
            .stdin(client)
            .output()
            .assert_exit(0);
    }
    let envelopes: Vec<Vec<u8>> = dialogue
        .recorded(2)
        .into_iter()
        .map(|r| r.envelope)
        .collect();
    assert_eq!(envelopes[0], b"Fs@h\0Tr@anywhere.example\0Tplain\0\0");
    assert_eq!(
        envelopes[1],
        b"Fs@h\0Tr@anywhere.example@gateway.example\0Tplain@gateway.example\0\0"
    );
}

/// The original has no such file.
#[test]
fn relayclients_lists_networks_that_may_send_to_everybody() {
    if !programs::ours() {
        return;
    }
    let dialogue = Dialogue::new();
    dialogue
        .home
        .control("relayclients", "192.0.2.0/29\n2001:db8::/32\nno network\n");
    let client = "MAIL FROM:<s@h>\r\nRCPT TO:<r@anywhere.example>\r\nQUIT\r\n";
    for (ip, code) in [
        ("192.0.2.7", "250"),
        ("192.0.2.8", "553"),
        ("::ffff:192.0.2.1", "250"),
        ("2001:db8::99", "250"),
        ("2001:db9::1", "553"),
        ("unknown", "553"),
    ] {
        let output = dialogue
            .server()
            .env("TCPREMOTEIP", ip)
            .stdin(client)
            .output();
        assert_eq!(codes(&output.stdout_text())[2], code, "{ip}");
        assert!(
            output.stderr_text().contains("no network"),
            "{}",
            output.stderr_text()
        );
    }
}

#[test]
fn badmailfrom_refuses_at_each_recipient() {
    let dialogue = Dialogue::new();
    dialogue
        .home
        .control("badmailfrom", "bad@h.example\n@evil.example\n");
    for (sender, code) in [
        ("bad@h.example", "553"),
        ("BAD@H.EXAMPLE", "553"),
        ("x@evil.example", "553"),
        ("x@sub.evil.example", "250"),
        ("good@h.example", "250"),
        ("", "250"),
    ] {
        let client = format!("MAIL FROM:<{sender}>\r\nRCPT TO:<r@local.example>\r\nQUIT\r\n");
        assert_eq!(
            codes(&dialogue.send(client, 0)),
            ["220", "250", code, "221"],
            "{sender}"
        );
    }
}

#[test]
fn our_address_in_brackets_is_localiphost() {
    let dialogue = Dialogue::new();
    dialogue.home.control("localiphost", "local.example\n");
    assert_eq!(
        rcpt_codes(
            &dialogue,
            &["r@[127.0.0.1]", "r@[0.0.0.0]", "r@[203.0.113.9]"]
        ),
        ["250", "250", "553"]
    );
}

#[test]
fn databytes_is_exact_and_the_environment_overrides_it() {
    let dialogue = Dialogue::new();
    dialogue.home.control("databytes", "1000\n");
    let message = |bytes: usize| [vec![b'x'; bytes - 1], b"\r\n".to_vec()].concat();
    let too_big = "552 sorry, that message size exceeds my databytes limit (#5.3.4)";
    for (bytes, is_taken) in [(999, true), (1000, true), (1001, false), (100_000, false)] {
        let reply = dialogue.deliver(&message(bytes));
        assert_eq!(reply.starts_with("250 ok "), is_taken, "{bytes}: {reply}");
        assert_eq!(reply == too_big, !is_taken, "{bytes}: {reply}");
    }
    let client = [OPENING, &message(1001), b".\r\nQUIT\r\n"].concat();
    for (databytes, code) in [
        ("0", "250"),
        ("1001", "250"),
        ("1000k", "552"),
        ("none", "250"),
    ] {
        let output = dialogue
            .server()
            .env("DATABYTES", databytes)
            .stdin(&client)
            .output();
        assert_eq!(codes(&output.stdout_text())[4], code, "{databytes}");
    }
    // The order in which the recorders of refused messages end is nobody's concern.
    assert_eq!(dialogue.recorded(8).len(), 5);
}

#[test]
fn a_hundred_hops_are_a_loop() {
    let dialogue = Dialogue::new();
    let header = |count: usize| {
        let hops = ["Received: x\r\n", "DELIVERED-to: y\r\n"];
        (0..count).map(|n| hops[n % 2]).collect::<String>()
    };
    let looping = "554 too many hops, this message is looping (#5.4.6)";
    assert!(
        dialogue
            .deliver(header(99).as_bytes())
            .starts_with("250 ok ")
    );
    assert_eq!(dialogue.deliver(header(100).as_bytes()), looping);
    let in_body = format!("Subject: x\r\n\r\n{}", header(200));
    assert!(dialogue.deliver(in_body.as_bytes()).starts_with("250 ok "));
    assert_eq!(dialogue.recorded(3).len(), 2);
}

#[test]
fn the_received_field_names_both_ends() {
    for (host, info, helo, expected) in [
        (
            "client.example",
            None,
            "",
            "from client.example (192.0.2.7)",
        ),
        (
            "client.example",
            Some("in fo"),
            "HELO Client.Example\r\n",
            "from client.example (in?fo@192.0.2.7)",
        ),
        (
            "h[o]st_x",
            None,
            "HELO a(b)\r\n",
            "from h[o]st?x (HELO a?b?) (192.0.2.7)",
        ),
    ] {
        let dialogue = Dialogue::new();
        let mut server = dialogue.server().env("TCPREMOTEHOST", host);
        if let Some(info) = info {
            server = server.env("TCPREMOTEINFO", info);
        }
        server
            .stdin([helo.as_bytes(), OPENING, b".\r\nQUIT\r\n"].concat())
            .output()
            .assert_exit(0);
        let recorded = dialogue.recorded(1).remove(0);
        let message = String::from_utf8(recorded.message).expect("text");
        let (first, second) = message.split_once('\n').expect("two lines");
        assert_eq!(first, format!("Received: {expected}"));
        assert!(
            second.starts_with("  by mx.test.example with SMTP; "),
            "{second}"
        );
        assert!(second.ends_with(" -0000\n"), "{second}");
    }
}

#[test]
fn without_a_name_or_with_an_unreadable_file_there_is_no_session() {
    let no_controls = "421 unable to read controls (#4.3.0)\r\n";
    let dialogue = Dialogue::new();
    dialogue
        .home
        .no_control("rcpthosts")
        .mkdir("control/rcpthosts");
    assert_eq!(dialogue.send("QUIT\r\n", 1), no_controls);
    let dialogue = Dialogue::new();
    dialogue.home.no_control("me");
    assert_eq!(dialogue.send("QUIT\r\n", 1), no_controls);
    dialogue
        .home
        .control("smtpgreeting", "g.example and more\n");
    assert_eq!(
        dialogue.send("QUIT\r\n", 0),
        "220 g.example and more ESMTP\r\n221 g.example and more\r\n"
    );
}

#[test]
fn a_client_that_leaves_without_quit_is_exit_1() {
    let dialogue = Dialogue::new();
    assert_eq!(codes(&dialogue.send("", 1)), ["220"]);
    assert_eq!(codes(&dialogue.send("NOOP\r\nNOO", 1)), ["220", "250"]);
}

#[test]
fn a_silent_client_is_timed_out() {
    let dialogue = Dialogue::new();
    dialogue.home.control("timeoutsmtpd", "1\n");
    for opening in [&b"NOOP\r\n"[..], OPENING] {
        let mut child = dialogue
            .server()
            .into_command()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("qmail-smtpd");
        let mut input = child.stdin.take().expect("a pipe");
        input.write_all(opening).expect("write");
        let mut replies = String::new();
        child
            .stdout
            .take()
            .expect("a pipe")
            .read_to_string(&mut replies)
            .expect("replies");
        assert!(
            replies.ends_with("\r\n451 timeout (#4.4.2)\r\n"),
            "{replies}"
        );
        assert_eq!(child.wait().expect("wait").code(), Some(1));
        drop(input);
    }
    assert_eq!(dialogue.recorded(1), []);
}

/// A client that waits for each reply gets each reply.
#[test]
fn every_reply_is_sent_before_the_client_is_waited_for() {
    let dialogue = Dialogue::new();
    let mut child = dialogue
        .server()
        .into_command()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("qmail-smtpd");
    let mut input = child.stdin.take().expect("a pipe");
    let mut output = child.stdout.take().expect("a pipe");
    let mut reply = || {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let mut byte = [0];
            output.read_exact(&mut byte).expect("a reply");
            line.push(byte[0]);
        }
        String::from_utf8(line).expect("text")
    };
    assert!(reply().starts_with("220 "));
    for (line, code) in [
        ("MAIL FROM:<s@h>\r\n", "250 "),
        ("RCPT TO:<r@local.example>\r\n", "250 "),
        ("DATA\r\n", "354 "),
        ("x\r\n.\r\n", "250 "),
        ("RSET\r\n", "250 "),
        ("QUIT\r\n", "221 "),
    ] {
        input.write_all(line.as_bytes()).expect("write");
        let reply = reply();
        assert!(reply.starts_with(code), "{line}{reply}");
    }
    assert_eq!(child.wait().expect("wait").code(), Some(0));
}
