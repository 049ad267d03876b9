//! qmail-qmqpc(8): which server decides, and what becomes of servers that talk nonsense.

use std::io::{Read, Write};
use std::net::{Ipv6Addr, Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::thread::{self, JoinHandle};

use harness::home::Home;

use super::qmail_qmqpd_8::request;
use super::qmail_qmtpd_8::{ns, server};
use crate::smtp_dialogue::Dialogue;

/// A server for one connection: reads a request, says this, closes.
struct Peer {
    line: String,
    thread: JoinHandle<Vec<u8>>,
}

impl Peer {
    fn new(listener: TcpListener, reply: Vec<u8>) -> Self {
        let line = format!("{}\n", listener.local_addr().expect("address"));
        let thread = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut got = Vec::new();
            read_request(&mut stream, &mut got);
            // A client that has heard enough may be gone.
            let _ = stream.write_all(&reply);
            got
        });
        Self { line, thread }
    }

    fn saying(reply: impl Into<Vec<u8>>) -> Self {
        Self::new(
            TcpListener::bind("127.0.0.1:0").expect("bind"),
            reply.into(),
        )
    }

    fn got(self) -> Vec<u8> {
        self.thread.join().expect("the server")
    }
}

/// Reads as many bytes as the request announces.
fn read_request(stream: &mut TcpStream, got: &mut Vec<u8>) {
    let mut byte = [0];
    while got.last() != Some(&b':') {
        stream.read_exact(&mut byte).expect("a length");
        got.push(byte[0]);
    }
    let head = String::from_utf8(got[..got.len() - 1].to_vec()).expect("digits");
    let mut rest = vec![0; head.parse::<usize>().expect("a number") + 1];
    stream.read_exact(&mut rest).expect("the request");
    got.extend(rest);
}

#[track_caller]
fn run(servers: &str, message: &[u8], envelope: &[u8], code: i32) {
    let home = Home::new();
    home.control("qmqpservers", servers);
    let run = home.program("qmail-qmqpc").fd(0, message).fd(1, envelope);
    let done = run.output();
    done.assert_exit(code);
    assert_eq!(done.stderr_text(), "");
}

const ENVELOPE: &[u8] = b"Fs@h\0Tr@h\0Tq@h\0\0";

/// A line of a server that is not there.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    format!("{}\n", listener.local_addr().expect("address"))
}

#[track_caller]
fn check_answer(reply: impl Into<Vec<u8>>, code: i32) {
    let peer = Peer::saying(reply);
    run(&peer.line, b"a\0b\r\n\xff", ENVELOPE, code);
    assert_eq!(peer.got(), request(b"a\0b\r\n\xff", &["s@h", "r@h", "q@h"]));
}

#[test]
fn the_answer_of_the_server_is_the_exit_code() {
    check_answer(ns("Kok 1 qp 2"), 0);
    check_answer(ns("Zlater"), 71);
    check_answer(ns("Dnever"), 31);
}

/// "anything but a single netstring with one of these letters decides nothing"
#[test]
fn an_answer_that_is_none_never_counts_as_success() {
    check_answer("", 74);
    check_answer("K", 74);
    check_answer("5:Kok", 74);
    check_answer("3:Kok;", 74);
    check_answer("2:Kok,", 74);
    check_answer("99999:K", 74);
    check_answer("200000001:K", 74);
    check_answer("03:Kok,", 74);
    check_answer("0:,", 74);
    check_answer("3:Kok,3:Dno,", 74);
    check_answer(ns("Xodd"), 74);
    check_answer(ns("K".repeat(10_001)), 74);
    check_answer("1".repeat(1 << 20), 74);
}

#[test]
fn the_next_server_is_asked_when_one_decides_nothing() {
    let broken = Peer::saying("99999:K");
    let good = Peer::saying(ns("Kok"));
    let list = format!(
        "# ours\nno address\n{}{}{}",
        nobody(),
        broken.line,
        good.line
    );
    run(&list, b"x\n", ENVELOPE, 0);
    assert_eq!(broken.got(), good.got());
    let deciding = Peer::saying(ns("Zlater"));
    let unasked = Peer::saying(ns("Kok"));
    run(
        &format!("{}{}", deciding.line, unasked.line),
        b"x\n",
        ENVELOPE,
        71,
    );
    let address = unasked.line.trim().to_owned();
    // Nobody has connected so far: the server is still there to be let go.
    let mut stream = TcpStream::connect(address).expect("connect");
    stream.write_all(b"0:,").expect("write");
    assert_eq!(unasked.got(), b"0:,");
    deciding.got();
}

#[test]
fn without_a_server_the_last_trouble_is_told() {
    run(&nobody(), b"x\n", ENVELOPE, 73);
    let broken = Peer::saying("");
    run(
        &format!("{}{}", broken.line, nobody()),
        b"x\n",
        ENVELOPE,
        74,
    );
    broken.got();
    run("# none\nmx.example\n 127.0.0.1\n", b"x\n", ENVELOPE, 55);
    let home = Home::new();
    home.no_control("qmqpservers");
    let done = home
        .program("qmail-qmqpc")
        .fd(0, "x\n")
        .fd(1, ENVELOPE)
        .output();
    done.assert_exit(55);
    home.mkdir("control/qmqpservers");
    let done = home
        .program("qmail-qmqpc")
        .fd(0, "x\n")
        .fd(1, ENVELOPE)
        .output();
    done.assert_exit(55);
    let lost = home
        .program("qmail-qmqpc")
        .env("QMAILHOME", "/nonexistent/qmail");
    lost.fd(0, "x\n")
        .fd(1, ENVELOPE)
        .cwd("/")
        .output()
        .assert_exit(61);
}

#[test]
fn a_malformed_envelope_reaches_no_server() {
    for envelope in [
        &b""[..],
        b"\0",
        b"Fs@h",
        b"Fs@h\0",
        b"Fs@h\0Tr@h\0",
        b"Xs@h\0Tr@h\0\0",
        b"Fs@h\0Xr@h\0\0",
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        listener.set_nonblocking(true).expect("nonblocking");
        let line = format!("{}\n", listener.local_addr().expect("address"));
        run(&line, b"x\n", envelope, 91);
        assert!(listener.accept().is_err(), "{}", envelope.escape_ascii());
    }
}

#[test]
fn a_server_may_have_an_ipv6_address() {
    let Ok(listener) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else {
        eprintln!("skipped: no IPv6 here");
        return;
    };
    let peer = Peer::new(listener, ns("Kok"));
    run(&peer.line, b"x\n", ENVELOPE, 0);
    assert_eq!(peer.got(), request(b"x\n", &["s@h", "r@h", "q@h"]));
}

/// In the place of qmail-queue: qmail-inject, qmail-qmqpc, qmail-qmqpd, qmail-queue.
#[test]
fn a_message_injected_here_is_queued_there() {
    let there = Dialogue::with_real_queue();
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let home = Home::new();
    home.control(
        "qmqpservers",
        &format!("{}\n", listener.local_addr().expect("address")),
    );
    let inject = home
        .program("qmail-inject")
        .env("QMAILQUEUE", home.bin("qmail-qmqpc"))
        .args(["-fs@h", "r@far.example"])
        .stdin("Subject: x\n\nbody\n")
        .start();
    let (stream, _) = listener.accept().expect("a connection");
    let end = stream.try_clone().expect("clone");
    let mut child = server(&there, "qmail-qmqpd")
        .into_command()
        .stdin(OwnedFd::from(stream.try_clone().expect("clone")))
        .stdout(OwnedFd::from(stream))
        .spawn()
        .expect("qmail-qmqpd");
    assert_eq!(child.wait().expect("wait").code(), Some(0));
    // Some client may want to see the end.
    let _ = end.shutdown(Shutdown::Both);
    inject.finish().assert_exit(0);
    assert_eq!(there.in_queue(), 1);
}
