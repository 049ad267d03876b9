//! The small extensions: RFC 2920 (PIPELINING), RFC 1870 (SIZE), RFC 6152 (8BITMIME), RFC 2034 (statuses), RFC 3848
//! (the word in Received).

use harness::client::Client;
use harness::programs;

use crate::smtp_dialogue::{Dialogue, OPENING, codes};

/// RFC 2920 section 3.2: "responses to commands MUST be sent in the order they are received"; a whole
/// session may come at once.
#[test]
fn a_session_in_one_piece_is_answered_in_order() {
    let dialogue = Dialogue::new();
    let replies = dialogue.send(
        "EHLO me\r\nMAIL FROM:<s@h>\r\nRCPT TO:<a@local.example>\r\nRCPT TO:<b@no.example>\r\nRCPT TO:<c@local.example>\r\n\
         DATA\r\nx\r\n.\r\nMAIL FROM:<t@h>\r\nRSET\r\nNOOP\r\nQUIT\r\n",
        0,
    );
    assert_eq!(
        codes(&replies),
        [
            "220", "250", "250", "250", "553", "250", "354", "250", "250", "250", "250", "221"
        ]
    );
    let envelope = dialogue.recorded(1).remove(0).envelope;
    assert_eq!(envelope, b"Fs@h\0Ta@local.example\0Tc@local.example\0\0");
}

/// Postmasters may insist that a client waits where it must.
#[test]
fn where_told_a_client_out_of_turn_is_sent_away() {
    if !programs::ours() {
        return;
    }
    let dialogue = Dialogue::new();
    dialogue.home.control("strictpipelining", "1\n");
    let wait = "554 wait your turn (#5.5.1)\n";
    // Before the greeting.
    let output = dialogue.server().stdin("EHLO me\r\n").output();
    assert_eq!(output.stdout_text().replace('\r', ""), wait);
    assert_eq!(output.code(), Some(1));
    let talk = || {
        let mut client = Client::spawn(dialogue.server().into_command());
        client.reply();
        client
    };
    // Before the reply to EHLO, and without EHLO at all.
    for pieces in [
        "EHLO me\r\nNOOP\r\n",
        "MAIL FROM:<s@h>\r\nRCPT TO:<r@local.example>\r\n",
    ] {
        let mut client = talk();
        client.send(pieces);
        assert_eq!(client.rest().replace('\r', ""), wait, "{pieces}");
    }
    // What PIPELINING allows stays allowed; DATA must wait.
    let mut client = talk();
    client.expect("EHLO me", "250");
    client.send("MAIL FROM:<s@h>\r\nRCPT TO:<r@local.example>\r\nDATA\r\n");
    assert_eq!(
        codes(&[client.reply(), client.reply(), client.reply()].concat()),
        ["250", "250", "354"]
    );
    client.send("x\r\n.\r\nMAIL FROM:<s@h>\r\nRCPT TO:<r@local.example>\r\nDATA\r\nx\r\n");
    let rest = client.rest();
    assert_eq!(codes(&rest), ["250", "250", "250", "554"], "{rest}");
    assert_eq!(dialogue.recorded(1).len(), 1);
}

/// RFC 1870 section 6.1: the declared size is looked at before the message comes; section 5: what was
/// declared need not be what comes.
#[test]
fn a_size_is_offered_checked_and_counted() {
    if !programs::ours() {
        return;
    }
    let dialogue = Dialogue::new();
    dialogue.home.control("databytes", "1000\n");
    let replies = dialogue.send(
        "EHLO me\r\nMAIL FROM:<s@h> SIZE=1000\r\nMAIL FROM:<s@h> SIZE=1001\r\n\
         MAIL FROM:<s@h> SIZE=99999999999999999999999\r\nMAIL FROM:<s@h> SIZE=-1\r\nMAIL FROM:<s@h> SIZE=+5\r\n\
         MAIL FROM:<s@h> SIZE=0x10\r\nMAIL FROM:<s@h> SIZE\r\nQUIT\r\n",
        0,
    );
    assert!(replies.contains("\r\n250-SIZE 1000\r\n"), "{replies}");
    assert_eq!(
        codes(&replies),
        [
            "220", "250", "250", "552", "552", "501", "501", "501", "501", "221"
        ]
    );
    let lying = [b"MAIL FROM:<s@h> SIZE=1\r\n", &OPENING[17..]].concat();
    for (length, code) in [(998, "250"), (999, "250"), (1000, "552")] {
        // The line end is stored as one byte.
        let line = "x".repeat(length);
        let client = [&lying, format!("{line}\r\n.\r\nQUIT\r\n").as_bytes()].concat();
        let output = dialogue.server().stdin(client).output();
        assert_eq!(codes(&output.stdout_text())[4], code, "{length}");
    }
}

/// RFC 6152: "BODY=8BITMIME", and every byte arrives.
#[test]
fn eight_bit_bytes_are_kept() {
    if !programs::ours() {
        return;
    }
    let dialogue = Dialogue::new();
    let body: Vec<u8> = (1..=255).filter(|byte| !b"\r\n".contains(byte)).collect();
    let client = [
        b"EHLO me\r\nMAIL FROM:<s@h> BODY=8BITMIME\r\nRCPT TO:<r@local.example>\r\nDATA\r\n",
        body.as_slice(),
        b"\r\n.\r\nMAIL FROM:<s@h> BODY=BINARYMIME\r\nQUIT\r\n",
    ]
    .concat();
    let replies = dialogue.send(client, 0);
    assert_eq!(codes(&replies).last(), Some(&"221"));
    assert!(replies.contains("\r\n501 5.5.4 "), "{replies}");
    let message = dialogue.recorded(1).remove(0).message;
    assert!(message.ends_with(&[&body, b"\n".as_slice()].concat()));
}

/// RFC 2034 section 4: "all 2xx, 4xx, and 5xx response codes" but those to EHLO, HELO and the greeting.
#[test]
fn after_ehlo_replies_have_a_status_of_their_class() {
    if !programs::ours() {
        return;
    }
    let dialogue = Dialogue::new();
    let replies = dialogue.send(
        "EHLO me\r\nNOOP\r\nVRFY x\r\nHELP\r\nXYZ\r\nRCPT TO:<x@local.example>\r\nDATA\r\nMAIL FROM:<s\r\n\
         MAIL FROM:<s@h>\r\nRCPT TO:<x@no.example>\r\nRCPT TO:<x@local.example> X=1\r\nRCPT TO:<x@local.example>\r\n\
         DATA\r\nx\r\n.\r\nRSET\r\nSTARTTLS\r\nAUTH PLAIN\r\nQUIT\r\n",
        0,
    );
    let mut with_status = 0;
    for line in replies.lines().skip(6) {
        if line.starts_with("354 ") {
            continue;
        }
        let (code, rest) = line.split_at(4);
        let status = rest.split(' ').next().expect("a word");
        let parts: Vec<&str> = status.split('.').collect();
        assert_eq!(parts.len(), 3, "{line}");
        assert_eq!(parts[0], &code[..1], "{line}");
        assert!(
            parts.iter().all(|part| part.parse::<u16>().is_ok()),
            "{line}"
        );
        with_status += 1;
    }
    assert_eq!(with_status, 16, "{replies}");
    let plain = dialogue.send("HELO me\r\nMAIL FROM:<s@h>\r\nQUIT\r\n", 0);
    assert!(
        plain.ends_with("\r\n250 ok\r\n221 test.example\r\n"),
        "{plain}"
    );
}

/// RFC 3848, the words without TLS; those with are told in rfc3207 and rfc4954.
#[test]
fn received_says_how_the_message_came() {
    if !programs::ours() {
        return;
    }
    for (hello, word) in [
        ("", "SMTP"),
        ("HELO me\r\n", "SMTP"),
        ("EHLO me\r\n", "ESMTP"),
    ] {
        let dialogue = Dialogue::new();
        let client = [hello.as_bytes(), OPENING, b".\r\nQUIT\r\n"].concat();
        dialogue.send(client, 0);
        let message = String::from_utf8(dialogue.recorded(1).remove(0).message).expect("text");
        assert!(message.contains(&format!(" with {word}; ")), "{message}");
    }
}
