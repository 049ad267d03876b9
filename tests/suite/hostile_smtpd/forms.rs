//! One form each of every class of bad input: ends of data, addresses, parameters, orders of commands, clients that
//! speak something else.

use harness::programs;

use crate::smtp_dialogue::{Dialogue, OPENING, codes};

/// What a message with a doubtful end comes to.
#[derive(Clone, Copy, Debug)]
enum Outcome {
    /// A bare LF: the session ends with 451 and nothing is queued.
    Closed,
    /// A bare CR: the message is read to its true end and refused.
    Refused,
    /// Not an end and no offence: one message, with all of it.
    One,
}

#[test]
fn a_doubtful_end_of_data_is_judged_as_documented() {
    if !programs::ours() {
        return;
    }
    for (end, outcome) in [
        (&b"\n.\n"[..], Outcome::Closed),
        (b"\n.\r\n", Outcome::Closed),
        (b"\r.\r\n", Outcome::Refused),
        (b"\r.\r", Outcome::Refused),
        (b"\r.\n", Outcome::Closed),
        (b"\r\n.\n", Outcome::Closed),
        (b"\r\n.\r", Outcome::Refused),
        (b"\n\r.\r\n", Outcome::Closed),
        (b"\r\n.\0\r\n", Outcome::One),
        (b"\r\n.\r\r\n", Outcome::Refused),
        (b"\0\r\n.\0\n", Outcome::Closed),
        (b"\r\n. \r\n", Outcome::One),
        (b"\r\n\0.\r\n", Outcome::One),
        (b"\r\n..\r\n", Outcome::One),
        (b"\r\r\n.\r\r\n", Outcome::Refused),
    ] {
        let second = b"MAIL FROM:<evil@e>\r\nRCPT TO:<w@x>\r\nDATA\r\nsm\r\n.\r\nQUIT\r\n";
        for pieces in [1, 7, 4096] {
            let dialogue = Dialogue::new();
            let input = [OPENING, b"Subject: t\r\n\r\nbody", end, second].concat();
            let output = send_in_pieces(&dialogue, &input, pieces);
            let (replies, code) = output;
            let (last, expected_code) = match outcome {
                Outcome::Closed => ("451 See ", 1),
                Outcome::Refused => ("550 sorry, this message has a CR without LF", 0),
                Outcome::One => ("250 ok ", 0),
            };
            assert!(
                replies.contains(&format!("\r\n{last}")),
                "{end:?} {replies}"
            );
            assert_eq!(code, Some(expected_code), "{end:?}");
            assert_eq!(replies.matches("354 ").count(), 1, "{end:?} {replies}");
            let recorded = dialogue.recorded(1);
            assert_eq!(
                recorded.len(),
                usize::from(matches!(outcome, Outcome::One)),
                "{end:?}"
            );
            for message in recorded {
                assert_eq!(message.envelope, b"Fs@h\0Tr@local.example\0\0", "{end:?}");
                assert!(message.message.ends_with(b"\nsm\n"), "{end:?}");
            }
        }
    }
}

/// The replies and the exit code.
fn send_in_pieces(dialogue: &Dialogue, input: &[u8], size: usize) -> (String, Option<i32>) {
    use std::io::Write;
    let (mut child, mut pipe) = super::start(dialogue);
    for piece in input.chunks(size) {
        // The server may have hung up already.
        if pipe.write_all(piece).is_err() {
            break;
        }
    }
    drop(pipe);
    let replies = super::rest(&mut child);
    (replies, child.wait().expect("wait").code())
}

/// ALLOW_BARELF: for clients that know no better. It mends lines; it makes no ends.
#[test]
fn stray_line_ends_are_mended_for_clients_that_are_listed() {
    if !programs::ours() {
        return;
    }
    for (body, stored) in [
        (&b"a\nb\n.\nc\r\n"[..], "a\nb\n.\nc\n"),
        (b"a\rb\r.\rc\r\n", "a\nb\n.\nc\n"),
        (b"a\r\n.\nb\r\n", "a\n\nb\n"),
        (b"a\n.\r\nb\r\n", "a\n.\nb\n"),
        (b"a\r\n..\nb\r\n", "a\n.\nb\n"),
    ] {
        let dialogue = Dialogue::new();
        let input = [OPENING, body, b".\r\nQUIT\r\n"].concat();
        let server = dialogue.server().env("ALLOW_BARELF", "");
        server.stdin(input).output().assert_exit(0);
        let text = String::from_utf8(dialogue.recorded(1).remove(0).message).expect("text");
        let message = text.splitn(3, '\n').nth(2).expect("a message");
        assert_eq!(message, stored);
    }
}

/// Each line alone after EHLO and, for RCPT, a MAIL that is good.
#[track_caller]
fn check_line(line: &str, expected: &[&str]) {
    let dialogue = Dialogue::new();
    let mail = if line.starts_with("RCPT") {
        "MAIL FROM:<a@a>\r\n"
    } else {
        ""
    };
    for hello in ["EHLO x\r\n", ""] {
        let replies = dialogue.send(
            format!("{hello}{mail}{line}\r\nNOOP\r\nDATA\r\nQUIT\r\n"),
            0,
        );
        let codes = codes(&replies);
        let [.., code, noop, data, quit] = codes.as_slice() else {
            panic!("{replies}")
        };
        assert!(expected.contains(code), "{line:?} {replies}");
        assert_eq!(
            (*noop, *data, *quit),
            ("250", "503", "221"),
            "{line:?} {replies}"
        );
    }
}

#[test]
fn what_is_no_address_or_no_parameter_is_a_syntax_error() {
    if !programs::ours() {
        return;
    }
    const SYNTAX: &[&str] = &["501", "555"];
    for line in [
        "RCPT TO:<v@x\0Tother@y>",
        "MAIL FROM:<a@a>\0",
        "RCPT TO:<v@x>\rRCPT TO:<other@y>",
        "MAIL FROM:<a@a> =",
        "MAIL FROM:<a@a> ==",
        "MAIL FROM:<a@a> =x",
        "RCPT TO:<v@local.example> \"",
        "RCPT TO:<v@local.example> \0",
        "MAIL FROM:<\"",
        "MAIL FROM:<\"a@a>",
        "MAIL FROM:<a@a",
        "RCPT TO:<v@local.example SIZE=1",
        "RCPT TO:<\"v@local.example>",
        "RCPT TO:<v@local.example\\",
        "RCPT TO:<v@local.example>trailing",
        "MAIL FROM:<() { :; }; touch /tmp/p>",
        "MAIL FROM:<a@a> SIZE=-1",
        "MAIL FROM:<a@a> SIZE=+5",
        "MAIL FROM:<a@a> SIZE=0x10",
        "MAIL FROM:<a@a> SIZE=",
        "MAIL FROM:<a@a> SIZE=1 SIZE=2",
    ] {
        check_line(line, SYNTAX);
    }
    check_line("MAIL FROM:<a@a> SIZE=99999999999999999999999", &["552"]);
}

/// Offered or not, what is not ours is not decoded, and what is odd does not take time.
#[test]
fn odd_addresses_are_plain_text_and_answered_at_once() {
    if !programs::ours() {
        return;
    }
    let dialogue = Dialogue::new();
    let senders = [
        ".!@x",
        "a.!b@x",
        "\\\"'/**/UNION/**/SELECT@a",
        "%s%n%x@a",
        "x'--@a",
        "a@b@c@d",
        "@",
        "@@",
        "a@",
        "\u{e4}@\u{fc}",
    ];
    let started = std::time::Instant::now();
    for sender in senders {
        let replies = dialogue.send(
            format!(
                "EHLO x\r\nMAIL FROM:<{sender}>\r\nRCPT TO:<..%2f..@local.example>\r\nQUIT\r\n"
            ),
            0,
        );
        assert_eq!(
            codes(&replies),
            ["220", "250", "250", "250", "221"],
            "{sender}"
        );
    }
    assert!(started.elapsed().as_secs() < 5);
}

#[test]
fn commands_in_the_wrong_order_begin_nothing() {
    for lines in [
        &["DATA"][..],
        &["MAIL FROM:<a@a>", "RCPT TO:<v@no.example>", "DATA"],
        &[
            "MAIL FROM:<a@a>",
            "RCPT TO:<v@local.example>",
            "EHLO x",
            "DATA",
        ],
        &[
            "MAIL FROM:<a@a>",
            "RCPT TO:<v@local.example>",
            "HELO x",
            "DATA",
        ],
        &[
            "MAIL FROM:<a@a>",
            "RCPT TO:<v@local.example>",
            "RSET",
            "DATA",
        ],
        &["RCPT TO:<v@local.example>", "DATA"],
        &[
            "BDAT 10",
            "BDAT 0 LAST",
            "BDAT 99999999999999999999",
            "DATA",
        ],
        &[
            "MAIL FROM:<a@a>",
            "RCPT TO:<v@local.example>",
            "MAIL FROM:<b@b>",
            "DATA",
        ],
    ] {
        let dialogue = Dialogue::new();
        let client: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        let replies = dialogue.send(format!("{client}NOOP\r\nQUIT\r\n"), 0);
        let codes = codes(&replies);
        let [.., data, noop, quit] = codes.as_slice() else {
            panic!("{replies}")
        };
        assert_eq!(
            (*data, *noop, *quit),
            ("503", "250", "221"),
            "{lines:?} {replies}"
        );
        assert_eq!(
            replies.matches("502 ").count(),
            lines.iter().filter(|l| l.starts_with("BDAT")).count()
        );
    }
}

/// A web page can make a browser send a form to port 25.
#[test]
fn a_web_client_is_sent_away_at_its_first_word() {
    if !programs::ours() {
        return;
    }
    for word in [
        "POST / HTTP/1.1",
        "GET / HTTP/1.1",
        "CONNECT mx:25 HTTP/1.1",
        "PRI * HTTP/2.0",
    ] {
        let dialogue = Dialogue::new();
        let client = [
            word.as_bytes(),
            b"\r\nHost: x\r\n\r\nEHLO x\r\n",
            OPENING,
            b".\r\nQUIT\r\n",
        ]
        .concat();
        let replies = dialogue.send(client, 1);
        assert_eq!(codes(&replies), ["220", "421"], "{word}");
    }
}

/// databytes counts what is stored: a line end is one byte, what we add is none.
#[test]
fn the_size_limit_is_exact() {
    let dialogue = Dialogue::new();
    dialogue.home.control("databytes", "1000\n");
    for (stored, code) in [(999, "250"), (1000, "250"), (1001, "552")] {
        let lines = ["x".repeat(400), "y".repeat(400), "z".repeat(stored - 803)].join("\r\n");
        let replies = dialogue.send(
            [OPENING, lines.as_bytes(), b"\r\n.\r\nQUIT\r\n"].concat(),
            0,
        );
        assert_eq!(codes(&replies)[4], code, "{stored}");
    }
}

#[test]
fn loops_are_seen_in_the_header_and_only_there() {
    for (header, body, code) in [
        (100, 0, "554"),
        (99, 0, "250"),
        (0, 200, "250"),
        (99, 200, "250"),
    ] {
        let dialogue = Dialogue::new();
        let hops = |count| "Received: x\r\n".repeat(count);
        let message = format!("{}Subject: t\r\n\r\n{}", hops(header), hops(body));
        let reply = dialogue.deliver(message.as_bytes());
        assert!(reply.starts_with(code), "{header} {body} {reply}");
    }
}

/// A bounce to five hundred: taken, as a mailing list's owner may need it.
#[test]
fn the_null_sender_may_have_many_recipients() {
    let dialogue = Dialogue::new();
    let rcpts = "RCPT TO:<r@local.example>\r\n".repeat(500);
    let replies = dialogue.send(format!("MAIL FROM:<>\r\n{rcpts}DATA\r\n.\r\nQUIT\r\n"), 0);
    assert_eq!(replies.matches("250 ok").count(), 502);
    let envelope = dialogue.recorded(1).remove(0).envelope;
    assert_eq!(envelope.iter().filter(|byte| **byte == b'T').count(), 500);
}

#[test]
fn a_postmaster_can_allow_less() {
    if !programs::ours() {
        return;
    }
    let dialogue = Dialogue::new();
    dialogue
        .home
        .control("maxrecipients", "3\n")
        .control("maxerrors", "5\n");
    let rcpts = "RCPT TO:<r@local.example>\r\n".repeat(5);
    let replies = dialogue.send(format!("MAIL FROM:<>\r\n{rcpts}DATA\r\n.\r\nQUIT\r\n"), 0);
    assert_eq!(
        codes(&replies),
        [
            "220", "250", "250", "250", "250", "452", "452", "354", "250", "221"
        ]
    );
    let replies = dialogue.send("X\r\n".repeat(20), 1);
    assert_eq!(
        codes(&replies),
        ["220", "502", "502", "502", "502", "502", "421"]
    );
}
