//! RFC 5321 section 4.1.1: the commands, one test for each sentence that qmail-smtpd must keep.

use crate::smtp_dialogue::{Dialogue, OPENING, codes};

/// Sends the lines and checks the code of each reply, greeting first.
#[track_caller]
fn check(lines: &[&str], expected: &[&str]) {
    let dialogue = Dialogue::new();
    let client: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    let replies = dialogue.send(client, 0);
    assert_eq!(codes(&replies), expected, "{replies}");
}

/// 4.1.1.1: EHLO names the extensions, HELO does not; both are answered at any time.
#[test]
fn ehlo_lists_the_extensions() {
    let dialogue = Dialogue::new();
    let replies = dialogue.send("EHLO client.example\r\nHELO client.example\r\nQUIT\r\n", 0);
    assert!(
        replies.starts_with("220 test.example ESMTP\r\n250-test.example\r\n"),
        "{replies}"
    );
    for extension in ["PIPELINING", "8BITMIME", "SIZE 0"] {
        assert!(
            replies.contains(&format!("\r\n250-{extension}\r\n")),
            "{replies}"
        );
    }
    assert!(
        replies.contains("\r\n250 ENHANCEDSTATUSCODES\r\n"),
        "{replies}"
    );
    assert!(
        replies.ends_with("\r\n250 test.example\r\n221 test.example\r\n"),
        "{replies}"
    );
}

/// 4.1.4: "the SMTP server MUST clear all buffers and reset the state exactly as if a RSET command
/// had been issued."
#[test]
fn helo_and_ehlo_reset_the_transaction() {
    for hello in ["HELO x", "EHLO x"] {
        check(
            &[
                "MAIL FROM:<s@h>",
                "RCPT TO:<r@local.example>",
                hello,
                "DATA",
                "QUIT",
            ],
            &["220", "250", "250", "250", "503", "221"],
        );
    }
}

/// 4.1.1.2: MAIL "clears the reverse-path buffer, the forward-path buffer, and the mail data buffer".
#[test]
fn mail_clears_the_recipients() {
    check(
        &[
            "MAIL FROM:<s@h>",
            "RCPT TO:<r@local.example>",
            "MAIL FROM:<t@h>",
            "DATA",
            "QUIT",
        ],
        &["220", "250", "250", "250", "503", "221"],
    );
}

/// 4.1.1.3: "If the RCPT command appears without a previous MAIL command, the server MUST return a
/// 503".
#[test]
fn rcpt_needs_mail() {
    check(
        &["RCPT TO:<r@local.example>", "QUIT"],
        &["220", "503", "221"],
    );
}

/// 3.3: "If there was no MAIL, or no RCPT, command, or all such commands were rejected, the server
/// MAY return a 'command out of sequence' (503)", and no 354.
#[test]
fn data_needs_a_recipient_that_was_accepted() {
    check(
        &[
            "DATA",
            "MAIL FROM:<s@h>",
            "DATA",
            "RCPT TO:<r@elsewhere.example>",
            "DATA",
            "QUIT",
        ],
        &["220", "503", "250", "503", "553", "503", "221"],
    );
}

/// 4.1.1.4: "Receipt of the end of mail data indication requires the server to process the stored
/// mail transaction information": the transaction is over, well or not.
#[test]
fn data_ends_the_transaction() {
    let dialogue = Dialogue::new();
    let replies = dialogue.send([OPENING, b"x\r\n.\r\nDATA\r\nQUIT\r\n"].concat(), 0);
    assert_eq!(
        codes(&replies),
        ["220", "250", "250", "354", "250", "503", "221"]
    );
}

/// 4.1.1.5: RSET: "All stored sender, recipients, and mail data MUST be discarded".
#[test]
fn rset_discards_the_transaction() {
    check(
        &[
            "RSET",
            "MAIL FROM:<s@h>",
            "RCPT TO:<r@local.example>",
            "RSET",
            "DATA",
            "QUIT",
        ],
        &["220", "250", "250", "250", "250", "503", "221"],
    );
}

/// 4.1.1.6, 4.1.1.8, 4.1.1.9: VRFY, HELP and NOOP "have no effect on the reverse-path buffer, the
/// forward-path buffer, or the mail data buffer".
#[test]
fn vrfy_help_and_noop_leave_the_transaction_alone() {
    check(
        &[
            "MAIL FROM:<s@h>",
            "VRFY r",
            "RCPT TO:<r@local.example>",
            "NOOP",
            "HELP MAIL",
            "DATA",
            "x",
            ".",
            "QUIT",
        ],
        &[
            "220", "250", "252", "250", "250", "214", "354", "250", "221",
        ],
    );
}

/// 4.1.1.10: QUIT: "the receiver MUST send a '221 OK' reply and then close": nothing after it counts.
#[test]
fn nothing_is_done_after_quit() {
    check(&["QUIT", "NOOP", "MAIL FROM:<s@h>"], &["220", "221"]);
}

/// 2.4: "Command verbs ... are not case sensitive"; 4.1.1: unknown ones are answered.
#[test]
fn verbs_have_no_case_and_unknown_ones_are_told() {
    check(
        &[
            "hElO x",
            "mail from:<s@h>",
            "NOOPX",
            "EXPN list",
            "",
            "NOOP\tx",
            "quit",
        ],
        &["220", "250", "250", "502", "502", "502", "502", "221"],
    );
}
