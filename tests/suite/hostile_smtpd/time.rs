//! Clients that take their time, and what a session costs in memory.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use harness::{programs, wait};

use crate::smtp_dialogue::Dialogue;
use crate::smtp_service::{Secure, Service, has, make_small_certificate};

/// A connection on which nothing is waited for longer than a moment.
fn impatient(service: &Service) -> TcpStream {
    let stream = TcpStream::connect(service.address()).expect("connect");
    let moment = Duration::from_millis(200);
    stream.set_read_timeout(Some(moment)).expect("timeout");
    stream
}

/// Sends a byte, waits a moment for an answer, and so on until the server has closed; what it said.
fn drip(stream: &mut TcpStream, bytes: impl Iterator<Item = u8>) -> String {
    let mut said = Vec::new();
    let mut buffer = [0; 1000];
    let end = Instant::now() + wait::PATIENCE;
    for byte in bytes {
        assert!(Instant::now() < end, "the server has more patience than we");
        let is_gone = stream.write_all(&[byte]).is_err();
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => said.extend_from_slice(&buffer[..count]),
            Err(_) if is_gone => break,
            Err(_) => {}
        }
    }
    String::from_utf8(said).expect("text")
}

#[test]
fn a_command_must_be_whole_in_time() {
    if !programs::ours() {
        return;
    }
    let dialogue = Dialogue::new();
    dialogue.home.control("timeoutcommand", "1\n");
    let service = Service::start(&dialogue, &[]);
    let started = Instant::now();
    let said = drip(&mut impatient(&service), std::iter::repeat(b'x'));
    assert_eq!(said, "220 test.example ESMTP\r\n451 timeout (#4.4.2)\r\n");
    assert!(
        started.elapsed() < Duration::from_secs(4),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn a_session_must_end_in_time_even_inside_a_message() {
    if !programs::ours() {
        return;
    }
    let dialogue = Dialogue::new();
    dialogue.home.control("timeoutsession", "2\n");
    let service = Service::start(&dialogue, &[("SMTPDLOG", "")]);
    // Commands that are all in time.
    let started = Instant::now();
    let said = drip(
        &mut impatient(&service),
        b"NOOP\r\n".iter().copied().cycle(),
    );
    assert!(
        said.ends_with("421 session too long (#4.4.2)\r\n"),
        "{said}"
    );
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
    // A message without end, as fast as it goes.
    let mut stream = TcpStream::connect(service.address()).expect("connect");
    let mut reader = stream.try_clone().expect("dup");
    stream
        .write_all(b"MAIL FROM:<s@h>\r\nRCPT TO:<r@local.example>\r\nDATA\r\n")
        .expect("write");
    while stream.write_all(&b"x\r\n".repeat(1000)).is_ok() {
        assert!(started.elapsed() < wait::PATIENCE);
    }
    let mut said = String::new();
    // The connection may have been reset under what we sent.
    let _ = reader.read_to_string(&mut said);
    assert!(!said.contains(" qp "), "{said}");
    service.wait_for_log(" hangup client=127.0.0.1 host=unknown reason=the_session_is_too_long");
    assert!(dialogue.recorded(1).is_empty());
}

#[test]
fn a_handshake_must_be_over_in_time() {
    if !programs::ours() || !has("openssl") {
        return;
    }
    let dialogue = Dialogue::new();
    make_small_certificate(&dialogue.home, "servercert.pem", "mx");
    dialogue.home.control("timeoutcommand", "1\n");
    let service = Service::start(&dialogue, &[("SMTPS", ""), ("SMTPDLOG", "")]);
    let started = Instant::now();
    // A record of 16 KiB that comes byte by byte.
    let hello = [22, 3, 1, 63, 255].into_iter().chain(std::iter::repeat(1));
    assert_eq!(drip(&mut impatient(&service), hello), "");
    assert!(
        started.elapsed() < Duration::from_secs(4),
        "{:?}",
        started.elapsed()
    );
    service.wait_for_log(" hangup client=127.0.0.1 ");
}

/// "RSS flat": twenty megabytes through TLS.
#[test]
fn a_large_message_through_tls_costs_no_memory() {
    if !programs::ours() || !has("openssl") {
        return;
    }
    let dialogue = Dialogue::with_queue("#!/bin/sh\ncat >/dev/null\ncat <&1 >/dev/null\n");
    make_small_certificate(&dialogue.home, "servercert.pem", "mx");
    let service = Service::start(&dialogue, &[("SMTPS", "")]);
    let stream = TcpStream::connect(service.address()).expect("connect");
    stream
        .set_read_timeout(Some(wait::PATIENCE))
        .expect("timeout");
    let mut session = Secure::establish(stream).expect("a handshake");
    session.reply();
    for line in [
        "EHLO me",
        "MAIL FROM:<s@h>",
        "RCPT TO:<r@local.example>",
        "DATA",
    ] {
        session.say(line);
    }
    let piece = [vec![b'x'; 998], b"\r\n".to_vec()].concat().repeat(100);
    for _ in 0..200 {
        session.0.write_all(&piece).expect("write");
    }
    let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", service.pid()));
    let child: u32 = children
        .expect("children")
        .trim()
        .parse()
        .expect("one session");
    let peak = super::peak_of(child);
    assert!(peak < 16 * 1024, "{peak} KiB");
    assert!(session.say(".").starts_with("250 2.0.0 ok"));
    // A bounded session goes on and ends well.
    assert!(session.say("QUIT").starts_with("221"));
    session
        .0
        .transport()
        .shutdown(Shutdown::Both)
        .unwrap_or_default();
}
