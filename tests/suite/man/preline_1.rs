//! preline(1): the lines of a delivery before the message, and the exit code of the command.

use harness::programs;
use harness::run::Output;

use super::one_delivery::Alice;

const MESSAGE: &str = "Subject: test\n\nbody";

fn deliver(alice: &Alice, command: &str) -> Output {
    alice.file(".qmail", format!("|{command}\n"));
    alice.delivery().message(MESSAGE).run()
}

/// What the command got with these options; the date is checked and taken away.
fn got(options: &str) -> String {
    let alice = Alice::new();
    deliver(&alice, &format!("preline {options} cat >got")).assert_exit(0);
    let text = String::from_utf8(alice.read("got")).expect("text");
    let Some((first, rest)) = text
        .split_once('\n')
        .filter(|(first, _)| first.starts_with("From "))
    else {
        return text;
    };
    let date = first.strip_prefix("From s@x.example ").expect("sender");
    assert_eq!(date.len(), "Thu Jan 01 00:00:00 1970".len(), "{date}");
    format!("From\n{rest}")
}

const RETURN_PATH: &str = "Return-Path: <s@x.example>\n";
const DELIVERED_TO: &str = "Delivered-To: alice@test.example\n";

#[test]
fn three_lines_go_before_the_message() {
    let all = ["From\n", RETURN_PATH, DELIVERED_TO, MESSAGE].concat();
    assert_eq!(got(""), all);
    assert_eq!(got("-frdFRD"), all);
    assert_eq!(got("--"), all);
}

#[test]
fn each_line_can_be_left_out() {
    assert_eq!(got("-f"), [RETURN_PATH, DELIVERED_TO, MESSAGE].concat());
    assert_eq!(got("-r"), ["From\n", DELIVERED_TO, MESSAGE].concat());
    assert_eq!(got("-d"), ["From\n", RETURN_PATH, MESSAGE].concat());
    assert_eq!(got("-fr -d"), MESSAGE);
}

#[track_caller]
fn check(command: &str, code: i32, stderr: &str) {
    let alice = Alice::new();
    let done = deliver(&alice, command);
    assert_eq!(done.assert_exit(code).stderr_text(), stderr, "{command}");
}

#[test]
fn the_commands_exit_code_is_prelines() {
    check("preline true", 0, "");
    check("preline sh -c 'cat >/dev/null; exit 100'", 100, "");
    check("preline sh -c 'cat >/dev/null; exit 77'", 100, "");
    check("preline sh -c 'cat >/dev/null; exit 1'", 111, "");
    check(
        "preline sh -c 'kill -9 $$'",
        111,
        "preline: fatal: child crashed\n",
    );
    let alice = Alice::new();
    alice.file(".qmail", "|preline sh -c 'exit 99'\n./Mailbox\n");
    alice.delivery().run().assert_exit(0);
    assert!(!alice.path("Mailbox").exists());
}

#[test]
fn a_command_that_cannot_be_run_is_named() {
    let text = "preline: fatal: unable to run ./nowhere: file does not exist\n";
    check("preline ./nowhere", 100, text);
    let text = "preline: fatal: unable to run .: access denied\n";
    check("preline .", 100, text);
}

#[test]
fn a_wrong_call_is_refused() {
    let usage = "preline: usage: preline cmd [ arg ... ]\n";
    check("preline", 100, usage);
    check("preline -f", 100, usage);
    check(
        "preline -x cat",
        100,
        &format!("preline: illegal option -- x\n{usage}"),
    );
    for name in ["UFLINE", "RPLINE", "DTLINE"] {
        check(&format!("unset {name}; preline -frd cat"), 100, usage);
    }
}

#[test]
fn a_command_that_reads_nothing_of_a_long_message_may_still_succeed() {
    if !programs::ours() {
        return;
    }
    let alice = Alice::new();
    alice.file(".qmail", "|preline true\n");
    let message = "line\n".repeat(100_000);
    alice.delivery().message(&message).run().assert_exit(0);
    alice.file(".qmail", "|preline cat >got\n");
    alice.delivery().message(&message).run().assert_exit(0);
    assert!(alice.read("got").ends_with(message.as_bytes()));
}

#[test]
fn a_message_that_cannot_be_read_never_looks_complete() {
    if !programs::ours() {
        return;
    }
    let command = "preline sh -c 'cat >/dev/null; touch taken' </";
    let alice = Alice::new();
    let done = deliver(&alice, command);
    let text = "preline: fatal: unable to copy input: is a directory\n";
    assert_eq!(done.assert_exit(111).stderr_text(), text);
    assert!(!alice.path("taken").exists());
}
