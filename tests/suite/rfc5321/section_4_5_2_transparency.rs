//! RFC 5321, section 4.5.2: what is in the message never looks like the end of the message.

use harness::home::Home;
use harness::peer::{Script, Server, Session};

/// What qmail-remote sends for this message file.
fn sent_by_qmail_remote(message: impl AsRef<[u8]>) -> Session {
    let server = Server::start(Script::new());
    let home = Home::new();
    home.control("smtproutes", &format!(":{}\n", server.relay()));
    let run = home
        .program("qmail-remote")
        .args(["h.example", "s@x.example", "r@h.example"]);
    let output = run.stdin(message).output();
    assert!(
        output.stdout_text().starts_with("r\0K"),
        "{}",
        output.stdout_text()
    );
    server.wait_for_sessions(1).remove(0)
}

/// The session holds this message, one end of data, then QUIT; and no line end that any server could take
/// for another one than CR LF.
#[track_caller]
fn check_sent(message: impl AsRef<[u8]>, expected: impl AsRef<[u8]>) {
    let session = sent_by_qmail_remote(message);
    assert_eq!(session.messages.len(), 1);
    assert!(
        session.messages[0] == expected.as_ref(),
        "{:?}",
        session.messages[0].escape_ascii().to_string()
    );
    assert_eq!(session.commands().last().unwrap(), "QUIT");
    assert_eq!(session.commands().len(), 5);
    let wire = session.received;
    let crs = wire.iter().filter(|byte| **byte == b'\r').count();
    let lfs = wire.iter().filter(|byte| **byte == b'\n').count();
    let pairs = wire.windows(2).filter(|pair| pair == b"\r\n").count();
    assert_eq!((crs, lfs), (pairs, pairs));
    let ends = wire
        .windows(5)
        .filter(|window| window == b"\r\n.\r\n")
        .count();
    assert_eq!(ends, 1, "one end of data");
}

/// "Before sending a line of mail text, the SMTP client checks the first character of the line. If it is a
/// period, one additional period is inserted at the beginning of the line."
#[test]
fn the_client_doubles_leading_dots() {
    check_sent("", "");
    check_sent(".\n..\n.a\na.\n\n", ".\r\n..\r\n.a\r\na.\r\n\r\n");
}

/// A bare CR may be a line end to the server, so a dot after it is doubled too.
#[test]
fn the_client_lets_no_message_end_early() {
    check_sent(
        "a\r.\nMAIL FROM:<evil@x>\n",
        "a\r\n.\r\nMAIL FROM:<evil@x>\r\n",
    );
    check_sent("a\r.\rDATA\r", "a\r\n.\r\nDATA\r\n");
    check_sent("a\r\n.\r\nQUIT\r\n", "a\r\n.\r\nQUIT\r\n");
    check_sent("a\n.\r\r\n.\n", "a\r\n.\r\n\r\n.\r\n");
}

/// "All octets in the mail data are transparent", except that line ends become CR LF.
#[test]
fn the_client_sends_every_other_byte_as_it_is() {
    let bytes: Vec<u8> = (0..=255).filter(|byte| !b"\r\n".contains(byte)).collect();
    check_sent([&bytes[..], b"\n"].concat(), [&bytes[..], b"\r\n"].concat());
}

/// Long messages go out in pieces; a line, a CR LF or a dot cut in two by that is still one.
#[test]
fn the_client_keeps_long_messages_whole() {
    for piece in [
        &b".\n"[..],
        b".\r\n",
        b"\r.\r",
        b"..\n.",
        b"0123456789.\r\n.",
    ] {
        let mut message = piece.repeat(100_000 / piece.len());
        message.extend_from_slice(b"\n");
        let mut lines = String::from_utf8(message.clone())
            .unwrap()
            .replace("\r\n", "\n");
        lines = lines.replace('\r', "\n").replace('\n', "\r\n");
        check_sent(message, lines);
    }
}

/// A line of any length is sent, though servers need not take more than 1000 bytes.
#[test]
fn the_client_sends_long_lines_as_one() {
    let line = "y".repeat(100_000);
    check_sent(format!("{line}\n"), format!("{line}\r\n"));
}
