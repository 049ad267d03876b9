//! mailsubj(1): a subject, recipients, and standard input, through qmail-inject.

use harness::programs;
use harness::run::Run;

use super::injected::Recorder;

fn mailsubj<'a>(recorder: &'a Recorder, words: &[&str]) -> Run<'a> {
    recorder.home.control("defaultdomain", "def.example\n");
    recorder.program("mailsubj").args(words)
}

fn message(recorder: &Recorder) -> String {
    String::from_utf8(recorder.message().expect("a message")).expect("text")
}

#[test]
fn recipients_are_completed_and_separated() {
    let recorder = Recorder::new();
    let words = ["Hello,  $(you) \"there\"", "a@b", "c@d"];
    mailsubj(&recorder, &words)
        .stdin("line one\n.\nlast")
        .output()
        .assert_exit(0);
    let message = message(&recorder);
    let header = "Subject: Hello,  $(you) \"there\"\nTo: a@b.def.example, c@d.def.example\n";
    assert!(message.contains(header), "{message}");
    assert!(message.ends_with("\n\nline one\n.\nlast\n"), "{message}");
    let envelope = recorder.envelope().expect("an envelope");
    assert!(
        envelope.contains(" ~ Tc@d.def.example ~ Ta@b.def.example ~ "),
        "{envelope}"
    );
}

#[test]
fn an_argument_adds_no_field() {
    if !programs::ours() {
        return;
    }
    let recorder = Recorder::new();
    let words = ["x\r\nBcc: z@z.example\n\nbody", "a@b.example\nc@d.example"];
    let done = mailsubj(&recorder, &words).stdin("rest\n").output();
    done.assert_exit(0);
    let message = message(&recorder);
    let header = "Subject: x  Bcc: z@z.example  body\nTo: a@b.example, c@d.example\n";
    assert!(message.contains(header), "{message}");
    assert!(!message.contains("\nBcc:"), "{message}");
    let envelope = recorder.envelope().expect("an envelope");
    assert!(!envelope.contains("Tz@z.example"), "{envelope}");
}

#[test]
fn what_the_queue_says_is_passed_on() {
    let recorder = Recorder::new();
    let run = mailsubj(&recorder, &["x", "a@b"]).env("QMAILQUEUE", "/nonexistent/qq");
    let done = run.stdin("body\n").output();
    let text = "qmail-inject: fatal: unable to exec qq (#4.3.0)\n";
    assert_eq!(done.assert_exit(111).stderr_text(), text);
}

#[test]
fn a_message_that_cannot_be_read_is_not_sent() {
    if !programs::ours() {
        return;
    }
    let recorder = Recorder::new();
    let shell = recorder.home.foreign("/bin/sh");
    let run = shell.args(["-c", "exec mailsubj x a@b </"]);
    let done = recorder.dress(run).output();
    let text = "mailsubj: fatal: unable to copy input: is a directory\n";
    assert_eq!(done.assert_exit(111).stderr_text(), text);
    assert!(
        recorder
            .envelope()
            .is_none_or(|envelope| envelope == "(aborted)")
    );
}

#[test]
fn a_call_without_words_is_refused() {
    if !programs::ours() {
        return;
    }
    let recorder = Recorder::new();
    let done = mailsubj(&recorder, &[]).output();
    let text = "mailsubj: usage: mailsubj subject recip ...\n";
    assert_eq!(done.assert_exit(100).stderr_text(), text);
}
