//! What the client reads for everything that qmail-queue, or the program in its place, may do.

use crate::smtp_dialogue::{Dialogue, OPENING};

#[test]
fn every_exit_code_of_qmail_queue_has_its_reply() {
    let dialogue =
        Dialogue::with_queue("#!/bin/sh\ncat >/dev/null; cat <&1 >/dev/null; exit $CODE\n");
    let read_error = "451 qq read error (#4.3.0)";
    for (code, expected) in [
        ("0", "250 ok "),
        ("11", "554 envelope address too long for qq (#5.1.3)"),
        ("12", "554 qq permanent problem (#5.3.0)"),
        (
            "31",
            "554 mail server permanently rejected message (#5.3.0)",
        ),
        ("40", "554 qq permanent problem (#5.3.0)"),
        ("41", "451 qq temporary problem (#4.3.0)"),
        ("51", "451 qq out of memory (#4.3.0)"),
        ("52", "451 qq timeout (#4.3.0)"),
        ("53", "451 qq write error or disk full (#4.3.0)"),
        ("54", read_error),
        ("55", "451 qq unable to read configuration (#4.3.0)"),
        ("56", "451 qq trouble making network connection (#4.3.0)"),
        ("61", "451 qq trouble in home directory (#4.3.0)"),
        ("62", "451 qq trouble creating files in queue (#4.3.0)"),
        ("66", "451 qq trouble creating files in queue (#4.3.0)"),
        (
            "71",
            "451 mail server temporarily rejected message (#4.3.0)",
        ),
        ("72", "451 connection to mail server timed out (#4.4.1)"),
        ("73", "451 connection to mail server rejected (#4.4.1)"),
        ("74", "451 communication with mail server failed (#4.4.2)"),
        ("81", "451 qq internal bug (#4.3.0)"),
        ("82", "451 qq temporary problem (#4.3.0)"),
        ("91", "451 qq internal bug (#4.3.0)"),
        ("99", "451 qq temporary problem (#4.3.0)"),
        ("111", "451 qq temporary problem (#4.3.0)"),
        ("115", "554 envelope address too long for qq (#5.1.3)"),
        ("120", "451 unable to exec qq (#4.3.0)"),
        ("255", "451 qq temporary problem (#4.3.0)"),
    ] {
        let client = [OPENING, b"x\r\n.\r\nQUIT\r\n"].concat();
        let output = dialogue.server().env("CODE", code).stdin(client).output();
        let reply = output.assert_exit(0).stdout_text();
        assert!(
            reply
                .lines()
                .nth(4)
                .is_some_and(|line| line.starts_with(expected)),
            "{code}: {reply}"
        );
    }
}

#[test]
fn a_queue_program_may_give_its_own_text_on_descriptor_6() {
    for (text, expected) in [
        ("Dno spam (#5.7.1)", "554 no spam (#5.7.1)"),
        ("Zlater (#4.7.1)", "451 later (#4.7.1)"),
        ("D", "451 qq temporary problem (#4.3.0)"),
        ("", "451 qq temporary problem (#4.3.0)"),
    ] {
        let script = format!(
            "#!/bin/sh\ncat >/dev/null; cat <&1 >/dev/null\nprintf '%s' '{text}' >&6\nexit 82\n"
        );
        assert_eq!(Dialogue::with_queue(&script).deliver(b"x\r\n"), expected);
    }
}

#[test]
fn a_queue_program_that_crashes_or_is_missing_is_a_temporary_failure() {
    let crashing = Dialogue::with_queue("#!/bin/sh\nkill -9 $$\n");
    assert_eq!(crashing.deliver(b"x\r\n"), "451 qq crashed (#4.3.0)");
    let client = [OPENING, b"x\r\n.\r\nNOOP\r\nQUIT\r\n"].concat();
    let output = crashing
        .server()
        .env("QMAILQUEUE", "/nonexistent")
        .stdin(client)
        .output();
    let replies = output.assert_exit(0).stdout_text();
    assert_eq!(
        replies.lines().nth(4),
        Some("451 unable to exec qq (#4.3.0)")
    );
    assert_eq!(replies.lines().nth(5), Some("250 ok"));
}
