//! qmail-inject(8): headers completed, envelopes worked out, messages queued.

use std::fs;

use harness::home::Home;

use super::injected::{Recorded, Recorder};

#[test]
fn messages_become_those_of_the_original() {
    Recorded::parse(include_str!("../data/inject/recorded")).check(70, &[], "qmail-inject", "nq");
}

#[track_caller]
fn refused(args: &[&str], message: &str, code: i32, complaint: &str) {
    let recorder = Recorder::new();
    let output = recorder
        .program("qmail-inject")
        .args(args)
        .stdin(message)
        .output();
    output.assert_exit(code);
    assert_eq!(
        output.stderr_text(),
        format!("qmail-inject: fatal: {complaint}\n")
    );
    assert_eq!(recorder.message(), None, "nothing may be queued");
}

#[track_caller]
fn queued(args: &[&str], message: &str, expected: &str, envelope: &str) {
    let recorder = Recorder::new();
    let output = recorder
        .program("qmail-inject")
        .args(args)
        .stdin(message)
        .output();
    output.assert_exit(0);
    assert_eq!(output.stderr_text(), "");
    let message = String::from_utf8(recorder.message().expect("queued")).expect("text");
    let end = message
        .split_once("From: hoclient@test.example\n")
        .expect("generated fields")
        .1;
    assert_eq!(end, expected);
    assert_eq!(recorder.envelope().as_deref(), Some(envelope));
}

#[test]
fn recipients_that_would_be_lost_stop_the_message() {
    let bad = "unable to parse this line:\nTo: a, foo: b, c";
    refused(&[], "To: a, foo: b, c\n\n", 100, bad);
    refused(&["-H", "x"], "To: a, foo: b, c\n\n", 100, bad);
    refused(
        &[],
        "To: a@h (\n\n",
        100,
        "unable to parse this line:\nTo: a@h (",
    );
    refused(
        &[],
        "To: x, a@b>\n\n",
        100,
        "unable to parse this line:\nTo: x, a@b>",
    );
}

#[test]
fn a_bad_list_does_not_matter_where_the_arguments_count() {
    queued(
        &["x@y.example"],
        "To: a, foo: b, c\n\n",
        "To: a, foo: b, c\n\n",
        "Fhoclient@test.example ~ Tx@y.example ~  ~ ",
    );
}

#[test]
fn a_message_may_end_anywhere() {
    let envelope = "Fhoclient@test.example ~ Ta@b.c ~  ~ ";
    queued(&[], "To: a@b.c", "To: a@b.c\n", envelope);
    queued(&[], "To: a@b.c\n\n", "To: a@b.c\n\n", envelope);
    queued(
        &[],
        "To: a@b.c\n\nx\n.\ny",
        "To: a@b.c\n\nx\n.\ny\n",
        envelope,
    );
    queued(
        &[],
        "To: a@b.c\nnot a field",
        "To: a@b.c\n\nnot a field\n",
        envelope,
    );
}

#[test]
fn a_large_body_passes_unchanged() {
    let body: String = (0..100_000).map(|n| format!("line {n}\r\n")).collect();
    queued(
        &["-a", "a@b.c"],
        &format!("To: x\n\n{body}"),
        &format!("To: x@test.example\n\n{body}"),
        "Fhoclient@test.example ~ Ta@b.c ~  ~ ",
    );
}

#[test]
fn a_header_without_end_is_refused() {
    let field = format!("X-Long: {}\n", "x".repeat(5 << 20));
    refused(&["a"], &field, 100, "header too long");
    let fields = "X: y\n".repeat(1 << 20);
    refused(&["a"], &fields, 100, "header too long");
}

#[test]
fn a_body_may_begin_with_a_line_of_any_length() {
    let line = "x".repeat(9 << 20);
    queued(
        &["a@b.c"],
        &line,
        &format!("Cc: recipient list not shown: ;\n\n{line}\n"),
        "Fhoclient@test.example ~ Ta@b.c ~  ~ ",
    );
}

#[test]
fn an_address_with_a_zero_byte_is_nobodys() {
    refused(
        &[],
        "To: a\0Tb@c\n\n",
        100,
        "unable to parse address: a?Tb@c.test.example",
    );
}

#[test]
fn a_closed_standard_input_is_no_empty_message() {
    let recorder = Recorder::new();
    let output = recorder
        .program("qmail-inject")
        .args(["a"])
        .close(0)
        .output();
    output.assert_exit(111);
    assert_eq!(output.stderr_text(), "qmail-inject: fatal: read error\n");
    assert_eq!(recorder.message(), None);
}

#[test]
fn the_queues_answer_decides_about_trying_again() {
    for (exit, code, complaint) in [
        (
            "31",
            100,
            "mail server permanently rejected message (#5.3.0)",
        ),
        ("53", 111, "qq write error or disk full (#4.3.0)"),
    ] {
        let recorder = Recorder::new();
        let run = recorder
            .program("qmail-inject")
            .env("HOQ_EXIT", exit)
            .args(["a"]);
        let output = run.stdin("\n").output();
        output.assert_exit(code);
        assert_eq!(
            output.stderr_text(),
            format!("qmail-inject: fatal: {complaint}\n")
        );
    }
}

#[test]
fn wrong_calls_name_the_option() {
    let recorder = Recorder::new();
    let unknown = recorder.program("qmail-inject").args(["-z"]).output();
    unknown.assert_exit(100);
    assert_eq!(unknown.stderr_text(), "qmail-inject: illegal option -- z\n");
    let missing = recorder.program("qmail-inject").args(["-f"]).output();
    missing.assert_exit(100);
    assert_eq!(
        missing.stderr_text(),
        "qmail-inject: option requires an argument -- f\n"
    );
}

#[test]
fn a_missing_home_is_temporary() {
    let recorder = Recorder::new();
    let run = recorder
        .program("qmail-inject")
        .env("QMAILHOME", "/nonexistent")
        .args(["a"]);
    let output = run.output();
    output.assert_exit(111);
    assert_eq!(output.stderr_text(), "qmail-inject: fatal: internal bug\n");
}

#[test]
fn the_list_file_is_found_from_the_callers_directory() {
    let recorder = Recorder::new();
    let current = recorder.home.mkdir("current");
    recorder.home.write("current/lists", b"l@h.example\n");
    let run = recorder
        .program("qmail-inject")
        .env("QMAILMFTFILE", "lists")
        .cwd(current);
    run.stdin("To: l@h.example\n\n").output().assert_exit(0);
    let message = String::from_utf8(recorder.message().expect("queued")).expect("text");
    assert!(
        message.contains("Mail-Followup-To: l@h.example\n"),
        "{message}"
    );
}

#[test]
fn the_real_qmail_queue_takes_the_message() {
    let home = Home::new();
    let run = home
        .program("qmail-inject")
        .env("USER", "u")
        .args(["a@b.example", "c@d.example"]);
    run.stdin("Subject: x\n\nbody\n").output().assert_exit(0);
    let todo: Vec<_> = fs::read_dir(home.queue("todo"))
        .expect("todo")
        .flatten()
        .collect();
    assert_eq!(todo.len(), 1);
    let envelope = fs::read(todo[0].path()).expect("envelope");
    assert!(envelope.ends_with(b"Fu@test.example\0Ta@b.example\0Tc@d.example\0"));
}
