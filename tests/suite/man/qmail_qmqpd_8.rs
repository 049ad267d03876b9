//! qmail-qmqpd(8): one message, one answer.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use harness::wait;
use nix::sys::signal::Signal;

use super::qmail_qmtpd_8::{ns, server};
use crate::smtp_dialogue::{Dialogue, said};

/// One QMQP request.
pub(crate) fn request(content: &[u8], addresses: &[&str]) -> Vec<u8> {
    let addresses: Vec<u8> = addresses.iter().flat_map(ns).collect();
    ns([ns(content), addresses].concat())
}

#[track_caller]
fn send(dialogue: &Dialogue, client: impl AsRef<[u8]>, code: i32) -> String {
    let run = server(dialogue, "qmail-qmqpd").stdin(client);
    said(run.output().assert_exit(code))
}

#[test]
fn a_message_is_stored_as_it_comes() {
    let dialogue = Dialogue::new();
    let text = send(
        &dialogue,
        request(b"a\0b\r\nc", &["s@h", "r@anywhere", "q@far"]),
        0,
    );
    assert!(text.contains(":Kok ") && text.ends_with(','), "{text}");
    let recorded = dialogue.recorded(1);
    assert_eq!(recorded[0].envelope, b"Fs@h\0Tr@anywhere\0Tq@far\0\0");
    let stored = &recorded[0].message;
    assert!(stored.starts_with(b"Received: from client.example (192.0.2.7)\n"));
    assert!(stored.ends_with(b" -0000\na\0b\r\nc"));
}

/// "When the client breaks off before the last comma, nothing is queued": at every byte.
#[test]
fn a_session_that_breaks_queues_nothing() {
    let dialogue = Dialogue::with_real_queue();
    let whole = request(b"Subject: x\n\nbody\n", &["s@h", "r@h", "q@h"]);
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

#[test]
fn a_broken_request_gets_no_answer_and_queues_nothing() {
    let dialogue = Dialogue::with_real_queue();
    for (client, code) in [
        (&b"q"[..], 100),
        (b":", 100),
        (b"015:1:x,3:s@h,3:a@b,,", 100),
        (b"15:1:x,3:s@h,3:a@b;", 100),
        (b"16:1:x,3:s@h,3:a@b,;", 100),
        (b"50:1:x,3:s@h,3:a@b,,", 100),
        (b"16:1:x,3:s@h,9:a@b,,", 100),
        (b"16:1:x,3:s@h,A:a@b,,", 100),
        (b"1:1:x,3:s@h,3:a@b,,", 100),
        (b"0:,", 100),
        (b"200000001:", 111),
        (b"18446744073709551617:", 111),
    ] {
        assert_eq!(
            send(&dialogue, client, code),
            "",
            "{}",
            client.escape_ascii()
        );
        assert_eq!(dialogue.in_queue(), 0, "{}", client.escape_ascii());
    }
}

#[test]
fn an_address_that_cannot_be_one_refuses_the_message() {
    let dialogue = Dialogue::with_real_queue();
    let long = "a".repeat(1000);
    for addresses in [
        ["s@h", "a\0b@c", "c@d"],
        ["s\0@h", "a@b", "c@d"],
        ["s@h", "a@b", "c\n@d"],
        ["s@h", "a\r@b", "c@d"],
        ["s@h", &long, "c@d"],
    ] {
        assert_eq!(
            send(&dialogue, request(b"x\n", &addresses), 0),
            "51:Dsorry, I can't accept addresses like that (#5.1.3),"
        );
    }
    let hops = "Received: x\n".repeat(200);
    let text = send(&dialogue, request(hops.as_bytes(), &["s@h", "r@h"]), 0);
    assert_eq!(text, "48:Dtoo many hops, this message is looping (#5.4.6),");
    assert_eq!(dialogue.in_queue(), 0);
}

/// "the server that starts it must close the connection of everybody else"
#[test]
fn tcprules_close_the_door() {
    let programs = ["/usr/bin/tcpserver", "/usr/bin/tcprules"];
    if let Some(missing) = programs.iter().find(|path| !Path::new(path).exists()) {
        eprintln!("skipped: no {missing} (package ucspi-tcp)");
        return;
    }
    let dialogue = Dialogue::with_real_queue();
    for (rules, is_open) in [
        ("192.0.2.1:allow\n:deny\n", false),
        ("127.0.0.1:allow\n:deny\n", true),
    ] {
        let home = &dialogue.home;
        let rule_file = home.path().join("rules.cdb");
        let made = home
            .foreign("/usr/bin/tcprules")
            .args([rule_file.clone(), home.path().join("rules.tmp")]);
        made.stdin(rules).output().assert_exit(0);
        let listening = home
            .foreign("/usr/bin/tcpserver")
            .args(["-1RHx".as_ref(), rule_file.as_os_str()])
            .args(["127.0.0.1", "0", "qmail-qmqpd"])
            .start();
        let port: u16 = wait::until("the port", || {
            let text = String::from_utf8(listening.stdout()).expect("digits");
            text.strip_suffix('\n')
                .map(|digits| digits.parse().expect("a port"))
        });
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connect");
        // The door may be closed already.
        let _ = stream.write_all(&request(b"x\n", &["s@h", "r@h"]));
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text);
        assert_eq!(text.contains(":Kok "), is_open, "{rules}{text}");
        assert_eq!(dialogue.in_queue(), usize::from(is_open), "{rules}");
        listening.signal(Signal::SIGTERM);
    }
}
