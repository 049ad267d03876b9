//! condredirect(1): the answers of a program and what becomes of the message.

use harness::run::Output;

use super::one_delivery::Alice;

/// What qmail-local makes of a .qmail file with this command and a mailbox after it.
fn deliver(alice: &Alice, command: &str) -> Output {
    alice.file(".qmail", format!("|{command}\n./Mailbox\n"));
    alice.delivery().run()
}

#[track_caller]
fn check_refused(alice: &Alice, command: &str, code: i32, text: &str) {
    let done = deliver(alice, command);
    assert_eq!(
        done.assert_exit(code).stderr_text(),
        format!("condredirect: {text}\n")
    );
    assert!(alice.queued().is_empty());
    assert!(!alice.path("Mailbox").exists());
}

#[test]
fn a_yes_redirects_the_whole_message_and_ends_the_delivery() {
    let alice = Alice::new();
    let done = deliver(
        &alice,
        "condredirect new@h sh -c 'read line; test \"$line\" = \"Subject: test\"'",
    );
    assert_eq!(done.assert_exit(0).stdout_text(), "did 0+0+1\n");
    assert!(done.stderr_text().starts_with("condredirect: qp "));
    let message = b"Delivered-To: alice@test.example\nSubject: test\n\nbody\n".to_vec();
    let envelope = b"Fs@x.example\0Tnew@h\0\0".to_vec();
    assert_eq!(alice.queued(), [(message, envelope)]);
    assert!(!alice.path("Mailbox").exists());
}

#[test]
fn the_sender_stays_the_same_though_forwarded_mail_would_have_another() {
    let alice = Alice::new();
    alice.file(".qmail-owner", "&o@h\n");
    deliver(&alice, "condredirect new@h true").assert_exit(0);
    let [(_, envelope)] = alice.queued().try_into().expect("one message");
    assert_eq!(envelope, b"Fs@x.example\0Tnew@h\0\0");
}

#[test]
fn any_no_leaves_the_message_to_the_rest_of_the_file() {
    for program in [
        "false",
        "sh -c 'exit 100'",
        "sh -c 'exit 99'",
        "./nowhere",
        "nowhere",
    ] {
        let alice = Alice::new();
        let done = deliver(&alice, &format!("condredirect new@h {program}"));
        assert_eq!(done.assert_exit(0).stdout_text(), "did 1+0+1\n");
        assert_eq!(done.stderr_text(), "");
        assert!(alice.queued().is_empty());
        assert!(alice.read("Mailbox").ends_with(b"\n\nbody\n\n"));
    }
}

#[test]
fn doubt_defers() {
    let alice = Alice::new();
    let asks = |script: &str| format!("condredirect new@h sh -c '{script}'");
    let temporary = "fatal: temporary child error";
    check_refused(&alice, &asks("exit 111"), 111, temporary);
    check_refused(&alice, &asks("kill -9 $$"), 111, "fatal: child crashed");
    let pipe = "cat | condredirect new@h true";
    check_refused(
        &alice,
        pipe,
        111,
        "fatal: unable to rewind: unseekable descriptor",
    );
}

#[test]
fn a_wrong_call_is_refused() {
    let alice = Alice::new();
    let usage = "usage: condredirect newaddress program [ arg ... ]";
    check_refused(&alice, "condredirect", 100, usage);
    check_refused(&alice, "condredirect new@h", 100, usage);
    let unset = |name| format!("unset {name}; exec condredirect new@h true");
    check_refused(&alice, &unset("SENDER"), 100, "fatal: SENDER not set");
    check_refused(&alice, &unset("DTLINE"), 100, "fatal: DTLINE not set");
}

#[test]
fn a_queue_that_refuses_decides_whether_to_try_again() {
    let alice = Alice::new();
    alice.file(".qmail", "|condredirect new@h true\n./Mailbox\n");
    let with_exit = |code| alice.delivery().prepare().env("QUEUE_EXITS", code).output();
    let text = "condredirect: fatal: mail server permanently rejected message (#5.3.0)\n";
    assert_eq!(with_exit("31").assert_exit(100).stderr_text(), text);
    let text = "condredirect: fatal: qq trouble creating files in queue (#4.3.0)\n";
    assert_eq!(with_exit("63").assert_exit(111).stderr_text(), text);
    assert!(!alice.path("Mailbox").exists());
}

#[test]
fn no_word_of_the_command_is_given_to_a_shell() {
    let alice = Alice::new();
    deliver(&alice, "condredirect 'a;b $(c)\"' test -n '$HOME `id`'").assert_exit(0);
    let [(_, envelope)] = alice.queued().try_into().expect("one message");
    assert_eq!(envelope, b"Fs@x.example\0Ta;b $(c)\"\0\0");
}
