//! qmail-qmqpd(8): one message, one answer.

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
