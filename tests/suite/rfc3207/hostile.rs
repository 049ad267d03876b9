//! What is slipped in before the handshake, handshakes that are none, many handshakes.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Stdio;
use std::thread;

use harness::{programs, wait};

use crate::smtp_dialogue::Dialogue;
use crate::smtp_service::{Secure, Service, has, make_small_certificate};

fn connect(service: &Service) -> TcpStream {
    let stream = TcpStream::connect(service.address()).expect("connect");
    stream
        .set_read_timeout(Some(wait::PATIENCE))
        .expect("timeout");
    stream
}

/// Reads one-line replies in clear, byte by byte: what comes after them belongs to TLS.
fn read_line(stream: &mut TcpStream) -> String {
    let mut line = String::new();
    let mut byte = [0];
    while !line.ends_with('\n') && stream.read(&mut byte).is_ok_and(|count| count == 1) {
        line.push(char::from(byte[0]));
    }
    line
}

/// Greets, sends all this in one piece, reads up to the go-ahead.
fn inject(service: &Service, commands: &[u8]) -> TcpStream {
    let mut stream = connect(service);
    assert!(read_line(&mut stream).starts_with("220 "));
    stream.write_all(commands).expect("write");
    loop {
        let line = read_line(&mut stream);
        if line.starts_with("220 ") {
            return stream;
        }
        assert!(!line.is_empty(), "no go-ahead");
    }
}

/// "the server MUST discard any knowledge obtained from the client ... which was not obtained from
/// the TLS negotiation itself", and what it sent in the same segment too.
#[test]
fn what_came_in_clear_before_the_handshake_is_never_carried_out() {
    if !programs::ours() || !has("openssl") {
        return;
    }
    let dialogue = Dialogue::new();
    make_small_certificate(&dialogue.home, "servercert.pem", "mx");
    let service = Service::start(&dialogue, &[]);
    let injected = [
        "MAIL FROM:<inj@e>\r\n".to_owned(),
        "RSET\r\n".to_owned(),
        "EHLO x\r\n".to_owned(),
        "STARTTLS\r\n".to_owned(),
        "MAIL FROM:<inj@e>\r\nRCPT TO:<r@local.example>\r\nDATA\r\nx\r\n.\r\n".to_owned(),
        "NOOP\r\n".repeat(1024 / 6),
        "NOOP\r\n".repeat(4096 / 6),
        "NOOP\r\n".repeat(16384 / 6),
        "MAIL".to_owned(),
        "\r\n".to_owned(),
    ];
    let mut secured = 0;
    for tail in &injected {
        let stream = inject(
            &service,
            format!("EHLO me\r\nSTARTTLS\r\n{tail}").as_bytes(),
        );
        // A server that read only part of it finds the rest where a handshake should be.
        let Ok(mut session) = Secure::establish(stream) else {
            continue;
        };
        secured += 1;
        assert_eq!(session.say("NOOP x"), "250 ok\r\n", "{tail}");
        assert_eq!(
            session.say("RCPT TO:<r@local.example>"),
            "503 MAIL first (#5.5.1)\r\n",
            "{tail}"
        );
        assert!(session.say("EHLO again").starts_with("250-"), "{tail}");
        assert_eq!(session.say("QUIT"), "221 2.0.0 test.example\r\n", "{tail}");
    }
    assert!(secured >= 5, "only {secured} sessions came about");
    assert!(dialogue.recorded(0).is_empty());
    drop(service);
    assert_eq!(
        fs::read_dir(dialogue.home.path().join("record"))
            .expect("record")
            .count(),
        0
    );
}

/// The transaction and the name from before the handshake are forgotten.
#[test]
fn knowledge_from_before_is_forgotten() {
    if !programs::ours() || !has("openssl") {
        return;
    }
    let dialogue = Dialogue::new();
    make_small_certificate(&dialogue.home, "servercert.pem", "mx");
    let service = Service::start(&dialogue, &[]);
    let stream = inject(
        &service,
        b"EHLO before\r\nMAIL FROM:<a@b>\r\nRSET\r\nSTARTTLS\r\n",
    );
    let mut session = Secure::establish(stream).expect("a handshake");
    // No EHLO inside, so no statuses, and Received does not say (HELO before).
    assert_eq!(session.say("MAIL FROM:<s@h>"), "250 ok\r\n");
    session.say("RCPT TO:<r@local.example>");
    session.say("DATA");
    session.say(".");
    session.say("QUIT");
    let message = String::from_utf8(dialogue.recorded(1).remove(0).message).expect("text");
    assert!(!message.contains("before"), "{message}");
    assert!(message.contains(" with SMTP (TLSv1.3 TLS_"), "{message}");
}

#[test]
fn a_client_that_cannot_shake_hands_is_let_go() {
    if !programs::ours() || !has("openssl") {
        return;
    }
    let dialogue = Dialogue::new();
    make_small_certificate(&dialogue.home, "servercert.pem", "mx");
    let service = Service::start(&dialogue, &[("SMTPDLOG", "")]);
    let hello = [22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3];
    let nonsense: [&[u8]; 7] = [
        b"MAIL FROM:<a@b>\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        &[0; 1000],
        &[0xff; 1000],
        &hello,
        // A warning alert, then more of them; a fatal one.
        &[21, 3, 3, 0, 2, 1, 0].repeat(1000),
        &[21, 3, 3, 0, 2, 2, 40],
    ];
    for bytes in nonsense {
        let mut stream = inject(&service, b"STARTTLS\r\n");
        stream.write_all(bytes).expect("write");
        stream.shutdown(Shutdown::Write).expect("shutdown");
        // It may say why in an alert; it must end.
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        assert!(!rest.windows(3).any(|window| window == b"250"), "{bytes:?}");
    }
    let output = service.stop();
    let log = output.stderr_text();
    assert_eq!(
        log.matches(" hangup client=127.0.0.1 ").count(),
        nonsense.len(),
        "{log}"
    );
}

/// openssl's R asks for it, and is refused.
#[test]
fn a_session_is_not_negotiated_again() {
    if !programs::ours() || !has("openssl") {
        return;
    }
    let dialogue = Dialogue::new();
    make_small_certificate(&dialogue.home, "servercert.pem", "mx");
    let service = Service::start(&dialogue, &[("SMTPS", "")]);
    let mut command = service.openssl(&["-tls1_2"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("openssl");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(b"R\n").expect("write");
    let output = child.wait_with_output().expect("openssl");
    drop(input);
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(complaint.contains("no renegotiation"), "{complaint}");
}

/// Each connection is a process, so what could leak is in the listener, in tickets/ or a child left behind.
#[test]
fn a_thousand_handshakes_leave_nothing_behind() {
    const HANDSHAKES: usize = 1000;
    const CLIENTS: usize = 4;
    if !programs::ours() || !has("openssl") {
        return;
    }
    let dialogue = Dialogue::new();
    make_small_certificate(&dialogue.home, "servercert.pem", "mx.test.example");
    let service = Service::start(&dialogue, &[("SMTPS", "")]);
    let session = || {
        let mut session = Secure::establish(connect(&service)).expect("a handshake");
        assert_eq!(session.reply(), "220 test.example ESMTP\r\n");
        assert_eq!(session.say("QUIT"), "221 test.example\r\n");
        assert_eq!(session.reply(), "", "a proper end");
    };
    session();
    let before = Listener::look(service.pid());
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| (0..HANDSHAKES / CLIENTS).for_each(|_| session()));
        }
    });
    let after = wait::until("the last sessions", || {
        let now = Listener::look(service.pid());
        (now.children == 0).then_some(now)
    });
    assert_eq!(after.descriptors, before.descriptors);
    assert!(
        after.resident_kib < before.resident_kib + 1024,
        "{after:?} {before:?}"
    );
    let names = fs::read_dir(dialogue.home.path().join("tickets"))
        .expect("tickets")
        .count();
    assert_eq!(names, 2, "keys and their lock");
    assert_eq!(service.stop().stderr_text(), "");
}

/// What the kernel knows about a process.
#[derive(Debug)]
struct Listener {
    descriptors: usize,
    children: usize,
    resident_kib: u64,
}

impl Listener {
    fn look(pid: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("status");
        let resident = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .expect("VmRSS");
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        Self {
            descriptors: fs::read_dir(format!("/proc/{pid}/fd")).expect("fd").count(),
            children: children.expect("children").split_whitespace().count(),
            resident_kib: resident
                .split_whitespace()
                .next()
                .and_then(|digits| digits.parse().ok())
                .expect("KiB"),
        }
    }
}
