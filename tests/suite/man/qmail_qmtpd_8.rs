//! qmail-qmtpd(8): what is taken, what is refused, and what a hostile client can do: nothing.

use std::io::{Read, Write};
use std::process::Stdio;

use harness::run::Run;
use harness::wait;

use crate::smtp_dialogue::{Dialogue, said};

/// A netstring.
pub(crate) fn ns(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    [format!("{}:", bytes.len()).as_bytes(), bytes, b","].concat()
}

/// A server of this family, as tcpserver starts it for the client 192.0.2.7.
pub(crate) fn server<'a>(dialogue: &'a Dialogue, name: &str) -> Run<'a> {
    let path = |name| dialogue.home.path().join(name);
    dialogue
        .home
        .program(name)
        .env("TCPREMOTEIP", "192.0.2.7")
        .env("TCPREMOTEHOST", "client.example")
        .env("TCPLOCALHOST", "mx.test.example")
        .env("QMAILQUEUE", path("bin/queue-double"))
        .env("RECORD", path("record"))
}

/// One QMTP message.
fn message(content: &[u8], sender: &str, recipients: &[&str]) -> Vec<u8> {
    let recipients: Vec<u8> = recipients.iter().flat_map(ns).collect();
    [ns(content), ns(sender), ns(recipients)].concat()
}

#[track_caller]
fn send(dialogue: &Dialogue, client: impl AsRef<[u8]>, code: i32) -> String {
    let run = server(dialogue, "qmail-qmtpd").stdin(client);
    said(run.output().assert_exit(code))
}

/// One message for one recipient that is ours; the answer.
#[track_caller]
fn answer(dialogue: &Dialogue, content: &[u8], sender: &str, recipient: &str) -> String {
    send(dialogue, message(content, sender, &[recipient]), 0)
}

const LOCAL: &str = "r@local.example";

#[test]
fn every_recipient_gets_its_answer_in_order() {
    let dialogue = Dialogue::new();
    let recipients = [
        LOCAL,
        "b@elsewhere",
        "c@LOCAL.example",
        "a\0b@local.example",
    ];
    let text = send(&dialogue, message(b"\nx\n", "s@h", &recipients), 0);
    let refused = "66:Dsorry, that domain isn't in my list of allowed rcpthosts (#5.7.1),";
    let odd = "46:Dsorry, I can't handle that recipient (#5.1.3),";
    let accepted = text.split(':').nth(1).expect("an answer");
    assert!(
        accepted.starts_with("Kok ") && accepted.contains(" qp "),
        "{text}"
    );
    let kok = format!(
        "{}:{}",
        text.split(':').next().expect("a length"),
        &accepted[..accepted.len() - 2]
    );
    assert_eq!(text, format!("{kok}{refused}{kok}{odd}"));
    let recorded = dialogue.recorded(1);
    assert_eq!(
        recorded[0].envelope,
        b"Fs@h\0Tr@local.example\0Tc@LOCAL.example\0\0"
    );
    let stored = String::from_utf8(recorded[0].message.clone()).expect("text");
    assert!(stored.starts_with(
        "Received: from client.example (192.0.2.7)\n  by mx.test.example with QMTP; "
    ));
    assert!(stored.ends_with(" -0000\nx\n"), "{stored}");
}

/// "CR, and every CR LF becomes LF"
#[test]
fn the_first_byte_says_how_lines_end() {
    let dialogue = Dialogue::new();
    let crlf = message(b"\ra\r\n\r\nb\r\n", "s@h", &[LOCAL]);
    let lf = message(b"\na\r\n\nb", "s@h", &[LOCAL]);
    send(&dialogue, [crlf, lf].concat(), 0);
    let recorded = dialogue.recorded(2);
    assert!(recorded[0].message.ends_with(b" -0000\na\n\nb\n"));
    assert!(recorded[1].message.ends_with(b" -0000\na\r\n\nb"));
}

/// "When the client breaks off [...] nothing is queued": at every byte.
#[test]
fn a_session_that_breaks_queues_nothing() {
    let dialogue = Dialogue::with_real_queue();
    let whole = message(
        b"\nSubject: x\n\nbody\n",
        "s@h",
        &[LOCAL, "q@local.example"],
    );
    for length in 0..whole.len() {
        assert_eq!(
            send(&dialogue, &whole[..length], 0),
            "",
            "after {length} bytes"
        );
        assert_eq!(dialogue.in_queue(), 0, "after {length} bytes");
    }
    assert!(send(&dialogue, whole, 0).contains(":Kok "));
    assert_eq!(dialogue.in_queue(), 1);
}

/// "The client broke the protocol": 100, or 111 for too much; never an answer.
#[test]
fn lengths_that_are_none_end_the_session() {
    let dialogue = Dialogue::with_real_queue();
    let begun = [ns("\nx\n"), ns("s@h")].concat();
    let with = |rest: &[u8]| [begun.as_slice(), rest].concat();
    let mut cases: Vec<(Vec<u8>, i32)> = vec![
        (b"99999999999:x".to_vec(), 111),
        (b"4294967297:x".to_vec(), 111),
        (b"18446744073709551617:x".to_vec(), 111),
        (b"200000001:".to_vec(), 111),
        (b"0:,".to_vec(), 100),
        (b"03:\nx\n,".to_vec(), 100),
        (b"-3:\nx\n,".to_vec(), 100),
        (b"3 :\nx\n,".to_vec(), 100),
        (b"3:\nx\n;".to_vec(), 100),
        (b"3:xy\n,".to_vec(), 100),
        (with(b"200000001:"), 111),
        (with(b"5:3:a@b;,"), 100),
        (with(b"5:9:a@b,,"), 100),
        (with(b"6:3:a@b,;"), 100),
        (with(b"2:18446744073709551617"), 100),
    ];
    for inner in ["A:", "/:", ":", "1 :", "+3:", "03:"] {
        let list = ns([inner.as_bytes(), b"abc,ABCDEFGHIJKLMNOPQRST,"].concat());
        cases.push((with(&list), 100));
    }
    for (client, code) in cases {
        assert_eq!(
            send(&dialogue, &client, code),
            "",
            "{}",
            client.escape_ascii()
        );
        assert_eq!(dialogue.in_queue(), 0, "{}", client.escape_ascii());
    }
}

#[test]
fn a_message_before_a_broken_one_is_answered_and_queued_once() {
    let dialogue = Dialogue::with_real_queue();
    let client = [message(b"\nx\n", "s@h", &[LOCAL]), b"3:\nx\n;".to_vec()].concat();
    let text = send(&dialogue, client, 100);
    assert_eq!(text.matches(":Kok ").count(), 1, "{text}");
    assert_eq!(dialogue.in_queue(), 1);
}

/// "Refused with D are [...]"
#[test]
fn what_must_not_go_further_is_refused() {
    let dialogue = Dialogue::with_real_queue();
    dialogue.home.control("databytes", "5000\n");
    let hops = "Received: x\n".repeat(100);
    let looping = format!("\n{hops}\nbody\n");
    let near = format!("\n{}\nReceived: x\n", "Received: x\n".repeat(99));
    let big = format!("\n{}", "x".repeat(5001));
    let long = format!("{}@local.example", "a".repeat(986));
    for (content, sender, recipient, expected) in [
        (
            looping.as_str(),
            "s@h",
            LOCAL,
            "Dtoo many hops, this message is looping (#5.4.6)",
        ),
        ("\ra\rb\r\n", "s@h", LOCAL, "D"),
        ("\ra\r.\r\n", "s@h", LOCAL, "D"),
        ("\ra\r", "s@h", LOCAL, "D"),
        (
            &big,
            "s@h",
            LOCAL,
            "Dsorry, that message size exceeds my databytes limit (#5.3.4)",
        ),
        ("\nx\n", "s\n@h", LOCAL, "Dunacceptable sender (#5.1.7)"),
        ("\nx\n", "s\r\n@h", LOCAL, "Dunacceptable sender (#5.1.7)"),
        ("\nx\n", "s\0@h", LOCAL, "Dunacceptable sender (#5.1.7)"),
        ("\nx\n", &long, LOCAL, "Dunacceptable sender (#5.1.7)"),
        (
            "\nx\n",
            "s@h",
            &long,
            "Dsorry, I can't handle that recipient (#5.1.3)",
        ),
        (
            "\nx\n",
            "s@h",
            "a\n@local.example",
            "Dsorry, I can't handle that recipient (#5.1.3)",
        ),
    ] {
        let text = answer(&dialogue, content.as_bytes(), sender, recipient);
        assert!(text.contains(&format!(":{expected}")), "{text}");
        assert_eq!(dialogue.in_queue(), 0, "{text}");
    }
    assert!(answer(&dialogue, near.as_bytes(), "s@h", LOCAL).contains(":Kok "));
    assert_eq!(dialogue.in_queue(), 1);
}

/// "the rules are those of qmail-smtpd(8), a missing file and recipients without a domain included"
#[test]
fn a_host_without_rcpthosts_is_no_relay() {
    let dialogue = Dialogue::with_real_queue();
    dialogue.home.no_control("rcpthosts");
    dialogue
        .home
        .control("locals", "ours.example\n")
        .control("me", "ours.example\n");
    assert!(answer(&dialogue, b"\nx\n", "s@h", "r@elsewhere").contains(":Dsorry, that domain"));
    assert!(answer(&dialogue, b"\nx\n", "s@h", "r@ours.example").contains(":Kok "));
    assert!(answer(&dialogue, b"\nx\n", "s@h", "bare").contains(":Kok "));
    dialogue.home.control("envnoathost", "elsewhere\n");
    assert!(answer(&dialogue, b"\nx\n", "s@h", "bare").contains(":Dsorry, that domain"));
    assert_eq!(dialogue.in_queue(), 2);
}

#[test]
fn a_percent_sign_opens_no_relay() {
    let dialogue = Dialogue::with_real_queue();
    dialogue.home.control("percenthack", "local.example\n");
    let refused = answer(&dialogue, b"\nx\n", "s@h", "a%far.example@local.example");
    assert!(refused.contains(":Dsorry, that domain"), "{refused}");
    let taken = answer(&dialogue, b"\nx\n", "s@h", "a%local.example@local.example");
    assert!(taken.contains(":Kok "), "{taken}");
    assert_eq!(dialogue.in_queue(), 1);
}

#[test]
fn a_relay_client_may_send_everywhere_with_a_suffix() {
    let dialogue = Dialogue::new();
    let run = server(&dialogue, "qmail-qmtpd").env("RELAYCLIENT", "@gw");
    let text = said(
        run.stdin(message(b"\nx\n", "s@h", &["a@far"]))
            .output()
            .assert_exit(0),
    );
    assert!(text.contains(":Kok "), "{text}");
    assert_eq!(dialogue.recorded(1)[0].envelope, b"Fs@h\0Ta@far@gw\0\0");
}

/// "A message is passed on as it comes in."
#[test]
fn memory_does_not_grow_with_the_message_or_its_recipients() {
    let dialogue = Dialogue::with_queue("#!/bin/sh\ncat >/dev/null\ncat <&1 >/dev/null\n");
    let mut child = server(&dialogue, "qmail-qmtpd")
        .into_command()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("qmail-qmtpd");
    let mut pipe = child.stdin.take().expect("a pipe");
    let chunk = vec![b'x'; 1 << 20];
    pipe.write_all(format!("{}:\n", 64 * chunk.len() + 1).as_bytes())
        .expect("write");
    for _ in 0..64 {
        pipe.write_all(&chunk).expect("write");
    }
    let recipients: Vec<u8> = ns(LOCAL).repeat(100_000);
    let rest = [b",3:s@h,", ns(&recipients).split_last().expect("a comma").1].concat();
    pipe.write_all(&rest).expect("write");
    let status = wait::until("the memory of qmail-qmtpd", || {
        std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()
    });
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .expect("VmHWM");
    let kib: u64 = peak
        .split_whitespace()
        .next()
        .expect("a number")
        .parse()
        .expect("KiB");
    assert!(kib < 16 * 1024, "{kib} KiB");
    pipe.write_all(b",").expect("write");
    drop(pipe);
    let mut text = String::new();
    child
        .stdout
        .take()
        .expect("a pipe")
        .read_to_string(&mut text)
        .expect("answers");
    assert_eq!(text.matches(":Kok ").count(), 100_000);
    assert_eq!(child.wait().expect("wait").code(), Some(0));
}
