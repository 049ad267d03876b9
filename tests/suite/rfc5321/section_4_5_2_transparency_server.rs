//! RFC 5321 section 4.5.2, the receiving side: what qmail-smtpd takes from the lines after DATA.

use crate::smtp_dialogue::{Dialogue, OPENING, codes};

/// Sends the lines and returns what qmail-queue got after the Received field of two lines.
#[track_caller]
fn stored(data: &[u8]) -> Vec<u8> {
    let dialogue = Dialogue::new();
    let reply = dialogue.deliver(data);
    assert!(reply.starts_with("250 ok "), "{reply}");
    let recorded = dialogue.recorded(1).remove(0);
    assert_eq!(recorded.envelope, b"Fs@h\0Tr@local.example\0\0");
    let mut lines = recorded.message.splitn(3, |byte| *byte == b'\n');
    assert!(
        lines
            .next()
            .is_some_and(|line| line.starts_with(b"Received: from "))
    );
    assert!(lines.next().is_some_and(|line| line.starts_with(b"  by ")));
    lines.next().expect("the message").to_vec()
}

/// "If the line is composed of a single period, it is treated as the end of mail indicator."
#[test]
fn a_single_period_ends_the_mail() {
    assert_eq!(stored(b""), b"");
    assert_eq!(stored(b"a\r\n"), b"a\n");
}

/// "If the first character is a period and there are other characters on the line, the first
/// character is deleted."
#[test]
fn a_first_period_is_deleted() {
    assert_eq!(
        stored(b"..\r\n..one\r\n.two\r\na.\r\n...\r\n"),
        b".\n.one\ntwo\na.\n..\n"
    );
}

/// "The mail data may contain any of the 128 ASCII characters"; with 8BITMIME, any other byte.
#[test]
fn every_byte_but_the_line_ends_is_kept() {
    let bytes: Vec<u8> = (0..=255)
        .filter(|byte| !matches!(byte, b'\r' | b'\n'))
        .collect();
    let sent = [b"x", bytes.as_slice(), b"\r\n"].concat();
    let kept = [b"x", bytes.as_slice(), b"\n"].concat();
    assert_eq!(stored(&sent), kept);
}

/// Section 4.5.3.1.6 asks for 1000 bytes; there is no limit here.
#[test]
fn a_line_has_any_length() {
    let line = "y".repeat(1_000_000);
    assert_eq!(
        stored(format!("{line}\r\n").as_bytes()),
        format!("{line}\n").as_bytes()
    );
}

/// A line end may fall on the edge of every buffer between the client and the queue.
#[test]
fn no_buffer_edge_changes_a_line() {
    let lines: String = (0..400)
        .map(|n| format!("..{}\r\n", "z".repeat(n)))
        .collect();
    let kept: String = (0..400).map(|n| format!(".{}\n", "z".repeat(n))).collect();
    assert_eq!(stored(lines.as_bytes()), kept.as_bytes());
}

/// "the character sequence <CR><LF>.<CR><LF> ... and only that": what follows it are commands.
#[test]
fn commands_after_the_mail_are_answered() {
    let dialogue = Dialogue::new();
    let client = [
        OPENING,
        b"one\r\n.\r\n",
        OPENING,
        b"two\r\n.\r\nRSET\r\nQUIT\r\n",
    ]
    .concat();
    let replies = dialogue.send(client, 0);
    assert_eq!(
        codes(&replies),
        [
            "220", "250", "250", "354", "250", "250", "250", "354", "250", "250", "221"
        ]
    );
    assert_eq!(dialogue.recorded(2).len(), 2);
}
