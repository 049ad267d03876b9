//! What hostile and broken clients send to qmail-smtpd: smuggling, endless input, bytes where none belong. Whatever
//! it is, the server ends by itself, and what it queued is what it said it queued.

mod forms;
mod time;

use std::fs;
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Stdio};

use harness::{programs, wait};

use crate::smtp_dialogue::{Dialogue, OPENING, codes};

/// Ends of data as other servers once took them; none is one here.
const SMUGGLING: [&[u8]; 13] = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r.\r\n",
    b"\r.\r",
    b"\r.\n",
    b"\r\n.\n",
    b"\r\n.\r",
    b"\n\r.\r\n",
    b"\r\n.\0\r\n",
    b"\r\n.\r\r\n",
    b"\0\r\n.\0\n",
    b"\r\n. \r\n",
    b"\r\n\0.\r\n",
];

/// Message, false end, a second message that must never come to be.
fn smuggled(end: &[u8]) -> Vec<u8> {
    let second =
        b"MAIL FROM:<forged@h>\r\nRCPT TO:<r@local.example>\r\nDATA\r\nforged\r\n.\r\nQUIT\r\n";
    [OPENING, b"first", end, second].concat()
}

#[test]
fn no_false_end_of_data_lets_a_second_message_in() {
    for end in SMUGGLING {
        let dialogue = Dialogue::new();
        let output = dialogue.server().stdin(smuggled(end)).output();
        let replies = output.stdout_text();
        assert_eq!(
            codes(&replies)[..4],
            ["220", "250", "250", "354"],
            "{end:?}"
        );
        let recorded = dialogue.recorded(1);
        let taken = replies.matches(" qp ").count();
        assert_eq!(recorded.len(), taken, "{end:?} {replies}");
        for message in recorded {
            assert_eq!(message.envelope, b"Fs@h\0Tr@local.example\0\0", "{end:?}");
        }
        let is_bare_lf = replies.contains("smtplf.html");
        assert_eq!(
            output.code(),
            Some(i32::from(is_bare_lf)),
            "{end:?} {replies}"
        );
    }
}

#[test]
fn input_in_single_bytes_is_answered_the_same() {
    for end in SMUGGLING {
        let input = smuggled(end);
        let whole = Dialogue::new().server().stdin(&input).output();
        let dialogue = Dialogue::new();
        let (mut child, mut pipe) = start(&dialogue);
        for byte in &input {
            // The server may have hung up already.
            if pipe.write_all(&[*byte]).is_err() {
                break;
            }
        }
        drop(pipe);
        let replies = rest(&mut child);
        assert_eq!(child.wait().expect("wait").code(), whole.code(), "{end:?}");
        assert_eq!(codes(&replies), codes(&whole.stdout_text()), "{end:?}");
    }
}

#[test]
fn a_command_line_without_end_costs_nothing_and_is_given_up() {
    if !programs::ours() {
        return;
    }
    let dialogue = Dialogue::new();
    let replies = dialogue.send(vec![b'A'; 10 << 20], 1);
    assert_eq!(codes(&replies), ["220", "421"]);
    let (child, mut pipe) = start(&dialogue);
    pipe.write_all(&vec![b'A'; 1 << 20]).expect("write");
    assert!(peak_kib(&child) < PEAK_KIB_MAX, "{} KiB", peak_kib(&child));
    finish(child, pipe);
}

#[test]
fn a_long_command_line_is_answered_and_the_session_goes_on() {
    let dialogue = Dialogue::new();
    let long = "y".repeat(100_000);
    let replies = dialogue.send(
        format!("NOOP {long}\r\n{long}\r\nMAIL FROM:<{long}@h>\r\nMAIL FROM:<s@h>\r\nRCPT TO:<{long}>\r\nQUIT\r\n"),
        0,
    );
    assert_eq!(
        codes(&replies),
        ["220", "250", "502", "555", "250", "555", "221"]
    );
    if programs::ours() {
        let replies = dialogue.send(format!("HELO {long}\r\nEHLO {long}\r\nNOOP\r\nQUIT\r\n"), 0);
        assert_eq!(codes(&replies), ["220", "501", "501", "250", "221"]);
    }
}

/// An address is 899 bytes at most, without quoting.
#[test]
fn the_longest_address_is_accepted_and_the_next_is_not() {
    let dialogue = Dialogue::new();
    let address = |length: usize| format!("{}@local.example", "r".repeat(length - 14));
    let replies = dialogue.send(
        format!(
            "MAIL FROM:<s@h>\r\nRCPT TO:<{}>\r\nRCPT TO:<{}>\r\nQUIT\r\n",
            address(899),
            address(900)
        ),
        0,
    );
    assert_eq!(codes(&replies), ["220", "250", "250", "555", "221"]);
}

#[test]
fn recipients_beyond_the_limit_are_told_to_come_later() {
    if !programs::ours() {
        return;
    }
    let dialogue = Dialogue::new();
    let rcpt = "RCPT TO:<r@local.example>\r\n".repeat(20_010);
    let replies = dialogue.send(
        format!("MAIL FROM:<s@h>\r\n{rcpt}DATA\r\nx\r\n.\r\nQUIT\r\n"),
        0,
    );
    assert_eq!(
        replies
            .matches("452 too many recipients (#4.5.3)\r\n")
            .count(),
        10
    );
    let envelope = &dialogue.recorded(1)[0].envelope;
    assert_eq!(
        envelope.iter().filter(|byte| **byte == b'T').count(),
        20_000
    );
}

/// Differs from the original, which takes the NUL for the end of the address and forgets what follows `>`.
#[test]
fn nul_and_cr_in_a_command_never_reach_the_envelope() {
    if !programs::ours() {
        return;
    }
    let dialogue = Dialogue::new();
    let client =
        b"MAIL FROM:<a@a>\0\r\nMAIL FROM:<a@a>\r\nRCPT TO:<v@local.example\0Tw@local.example>\r\n\
        RCPT TO:<v@local.example>\rRCPT TO:<w@local.example>\r\nNOOP\0\r\nDATA\r\nQUIT\r\n";
    let replies = dialogue.send(client, 0);
    assert_eq!(
        codes(&replies),
        ["220", "555", "250", "555", "555", "502", "503", "221"]
    );
}

#[test]
fn addresses_that_mean_something_elsewhere_are_plain_text_here() {
    let dialogue = Dialogue::new();
    let addresses = [
        "${run{/bin/sh -c id}}@local.example",
        "|/bin/sh@local.example",
        "/etc/passwd@local.example",
        ":include:/etc/shadow@local.example",
        "%s%n%x@local.example",
        "x'/**/UNION/**/SELECT@local.example",
        "() { :; }; touch /tmp/p@local.example",
        "..%2f..@local.example",
    ];
    let rcpts: String = addresses
        .iter()
        .map(|a| {
            let local = a.strip_suffix("@local.example").expect("one of ours");
            format!("RCPT TO:<\"{local}\"@local.example>\r\n")
        })
        .collect();
    dialogue.send(
        format!("MAIL FROM:<>\r\n{rcpts}DATA\r\nx\r\n.\r\nQUIT\r\n"),
        0,
    );
    let expected: String = addresses.iter().map(|a| format!("T{a}\0")).collect();
    assert_eq!(
        dialogue.recorded(1)[0].envelope,
        format!("F\0{expected}\0").as_bytes()
    );
}

#[test]
fn nobody_relays_by_a_trick_in_the_address() {
    let dialogue = Dialogue::new();
    for address in [
        "\"u@local.example\"@evil.example",
        "u@local.example@evil.example",
        "@local.example:u@evil.example",
        "u@evil.example.",
        "u@[203.0.113.9]",
        "u@local.example.",
        "u@.local.example",
        "u@",
        "\"u@local.example@evil.example\"",
        "u\\@local.example@evil.example",
    ] {
        let replies = dialogue.send(
            format!("MAIL FROM:<>\r\nRCPT TO:<{address}>\r\nDATA\r\nQUIT\r\n"),
            0,
        );
        assert_eq!(
            codes(&replies),
            ["220", "250", "553", "503", "221"],
            "{address}"
        );
    }
}

#[test]
fn what_the_wrapper_says_about_the_client_stays_on_its_line() {
    let dialogue = Dialogue::new();
    let client = [b"HELO a\rX: y\tb\r\n", OPENING, b".\r\nQUIT\r\n"].concat();
    let server = dialogue
        .server()
        .env("TCPREMOTEHOST", "h\r\nX: y")
        .env("TCPREMOTEINFO", "i\nX: y")
        .env("TCPREMOTEIP", "1.2.3.4)\n")
        .env("TCPLOCALHOST", "l\n\n");
    server.stdin(client).output().assert_exit(0);
    let message = String::from_utf8(dialogue.recorded(1).remove(0).message).expect("text");
    assert_eq!(message.lines().count(), 2, "{message}");
    assert!(
        message.starts_with(
            "Received: from h??X:?y (HELO a?X:?y?b) (i?X:?y@1.2.3.4??)\n  by l?? with SMTP; "
        ),
        "{message}"
    );
}

#[test]
fn bytes_after_a_refused_data_are_commands_and_no_mail() {
    let dialogue = Dialogue::new();
    let client = "MAIL FROM:<s@h>\r\nRCPT TO:<r@elsewhere.example>\r\nDATA\r\nSubject: x\r\n\r\nhello\r\n.\r\nQUIT\r\n";
    let replies = dialogue.send(client, 0);
    assert_eq!(
        codes(&replies),
        [
            "220", "250", "553", "503", "502", "502", "502", "502", "221"
        ]
    );
}

#[test]
fn a_large_message_streams_through() {
    if !programs::ours() {
        return;
    }
    let dialogue = Dialogue::with_queue("#!/bin/sh\ncat >/dev/null\ncat <&1 >/dev/null\n");
    let (mut child, mut pipe) = start(&dialogue);
    pipe.write_all(OPENING).expect("write");
    let header = b"x: y\r\n".repeat(100_000);
    let line = [vec![b'z'; 1 << 20], b"\r\n".to_vec()].concat();
    for _ in 0..10 {
        pipe.write_all(&header).expect("write");
        pipe.write_all(&line).expect("write");
    }
    let peak = peak_kib(&child);
    assert!(peak < PEAK_KIB_MAX, "{peak} KiB");
    pipe.write_all(b".\r\nQUIT\r\n").expect("write");
    drop(pipe);
    assert_eq!(
        codes(&rest(&mut child)),
        ["220", "250", "250", "354", "250", "221"]
    );
    assert_eq!(child.wait().expect("wait").code(), Some(0));
}

/// Sessions put together at random from pieces that matter; the same every time.
#[test]
fn random_sessions_end_and_queue_what_they_say() {
    let dialogue = Dialogue::new();
    let mut random = Random(0x5eed);
    let mut started = 0;
    let mut taken = 0;
    for session in 0..250 {
        let input = random.session();
        let output = dialogue.server().stdin(&input).output();
        let replies = output.stdout_text();
        assert!(
            matches!(output.code(), Some(0 | 1)),
            "{session}: {output:?} {input:?}"
        );
        assert!(
            !replies.is_empty() && replies.ends_with("\r\n"),
            "{session}: {replies}"
        );
        started += replies.matches("354 go ahead\r\n").count();
        taken += replies.matches(" qp ").count();
        assert_eq!(
            dialogue.recorded(started).len(),
            taken,
            "{session}: {replies} {input:?}"
        );
    }
    assert!(taken > 10, "the sessions must reach the queue: {taken}");
}

/// A linear congruential generator: the point is to be repeatable.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % limit
    }

    fn session(&mut self) -> Vec<u8> {
        const PIECES: [&[u8]; 16] = [
            OPENING,
            OPENING,
            b"body\r\n",
            b".\r\n",
            b"\r\n.\r\n",
            b"\r\n",
            b"\r",
            b"\n",
            b".",
            b"\0",
            b"RSET\r\n",
            b"QUIT\r\n",
            b"RCPT TO:<x@local.example>\r\n",
            b"DATA\r\n",
            b"MAIL FROM:<",
            b"\xff<@:\"\\>",
        ];
        (0..=self.below(12))
            .flat_map(|_| PIECES[self.below(PIECES.len())].to_vec())
            .collect()
    }
}

/// The server with pipes instead of files, so that it can be watched while it runs.
fn start(dialogue: &Dialogue) -> (Child, ChildStdin) {
    let mut command = dialogue.server().into_command();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("qmail-smtpd");
    let pipe = child.stdin.take().expect("a pipe");
    (child, pipe)
}

fn rest(child: &mut Child) -> String {
    let mut replies = String::new();
    child
        .stdout
        .take()
        .expect("a pipe")
        .read_to_string(&mut replies)
        .expect("replies");
    replies
}

fn finish(mut child: Child, pipe: ChildStdin) {
    drop(pipe);
    rest(&mut child);
    child.wait().expect("wait");
}

/// The most memory the process has ever had in RAM; read once it has taken its input.
fn peak_kib(child: &Child) -> u64 {
    peak_of(child.id())
}

fn peak_of(pid: u32) -> u64 {
    let status = wait::until("the memory of qmail-smtpd", || {
        let path = format!("/proc/{pid}/status");
        fs::read_to_string(path)
            .ok()
            .filter(|text| text.contains("VmHWM:"))
    });
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .expect("VmHWM");
    line.split_whitespace()
        .nth(1)
        .expect("a number")
        .parse()
        .expect("KiB")
}

/// Far less than any input above, with room for the C library.
const PEAK_KIB_MAX: u64 = 8192;
