//! RFC 6409 (submission): who may submit, and what is added to a message.

use harness::programs;

use crate::smtp_dialogue::Dialogue;

/// The message that comes of these lines, without its Received field, sent by a client who may submit.
fn submitted(dialogue: &Dialogue, message: &str) -> String {
    let client = format!(
        "EHLO me\r\nMAIL FROM:<s@h>\r\nRCPT TO:<r@elsewhere.example>\r\nDATA\r\n{message}.\r\nQUIT\r\n"
    );
    let server = dialogue
        .server()
        .env("SUBMISSION", "")
        .env("RELAYCLIENT", "");
    server.stdin(client).output().assert_exit(0);
    let recorded = dialogue.recorded(1).remove(0);
    let text = String::from_utf8(recorded.message).expect("text");
    text.splitn(3, '\n').nth(2).expect("a message").to_owned()
}

/// "8.2 ... The MSA MAY add a Date field", "8.3 ... SHOULD add or replace the Message-ID".
#[test]
fn date_and_message_id_are_added_where_they_are_missing() {
    if !programs::ours() {
        return;
    }
    let dialogue = Dialogue::new();
    dialogue.home.control("idhost", "id.example\n");
    let text = submitted(
        &dialogue,
        "From: s@h.example\r\nSubject: x\r\n\r\nDate: body\r\n",
    );
    let lines: Vec<&str> = text.lines().collect();
    let [from, subject, date, id, empty, body] = lines.as_slice() else {
        panic!("{text}")
    };
    assert_eq!((*from, *subject), ("From: s@h.example", "Subject: x"));
    assert!(
        date.starts_with("Date: ") && date.ends_with(" -0000"),
        "{date}"
    );
    assert!(
        id.starts_with("Message-ID: <") && id.ends_with(".qmail@id.example>"),
        "{id}"
    );
    assert_eq!((*empty, *body), ("", "Date: body"));
}

#[test]
fn what_is_there_stays_byte_for_byte() {
    if !programs::ours() {
        return;
    }
    let message =
        "From:   s@h.example\r\nDATE: now\r\nmessage-id: <1@x>\r\nTo: a@b.c ,d@e.f\r\n\r\nbody\r\n";
    let text = submitted(&Dialogue::new(), message);
    assert_eq!(text, message.replace("\r\n", "\n"));
}

#[test]
fn an_address_without_a_host_gets_ours() {
    if !programs::ours() {
        return;
    }
    let dialogue = Dialogue::new();
    dialogue.home.control("defaulthost", "office.example\n");
    let text = submitted(
        &dialogue,
        "From: Joe <joe>\r\nDate: x\r\nMessage-ID: <1@x>\r\n\r\n",
    );
    assert_eq!(
        text,
        "From: Joe <joe@office.example>\nDate: x\nMessage-ID: <1@x>\n\n"
    );
}

/// On the plain service a message is what its sender made it.
#[test]
fn nothing_is_added_where_nobody_submits() {
    let dialogue = Dialogue::new();
    dialogue.deliver(b"From: joe\r\n\r\n");
    let text = String::from_utf8(dialogue.recorded(1).remove(0).message).expect("text");
    assert!(text.ends_with(" -0000\nFrom: joe\n\n"), "{text}");
}

/// "530 5.7.0": a stranger has nothing to submit, not even to our own domains.
#[test]
fn strangers_are_not_served() {
    if !programs::ours() {
        return;
    }
    let dialogue = Dialogue::new();
    let output = dialogue
        .server()
        .env("SUBMISSION", "")
        .stdin("EHLO me\r\nMAIL FROM:<s@h>\r\nRCPT TO:<r@local.example>\r\nQUIT\r\n")
        .output();
    let replies = output.stdout_text();
    assert!(
        replies.contains("\n530 5.7.0 authentication required"),
        "{replies}"
    );
    assert!(replies.contains("\n503 5.5.1 MAIL first"), "{replies}");
    dialogue.home.control("relayclients", "192.0.2.0/24\n");
    let output = dialogue
        .server()
        .env("SUBMISSION", "")
        .stdin("EHLO me\r\nMAIL FROM:<s@h>\r\nQUIT\r\n")
        .output();
    assert!(output.stdout_text().contains("\n250 2.1.0 ok"));
}

/// A size limit counts what the client sent, not what is added.
#[test]
fn what_is_added_does_not_count_against_databytes() {
    if !programs::ours() {
        return;
    }
    let dialogue = Dialogue::new();
    dialogue.home.control("databytes", "20\n");
    let text = submitted(&dialogue, "Subject: 90123456\r\n\r\n");
    assert!(text.starts_with("Subject: 90123456\nDate: "), "{text}");
}
