//! Attacks on qmail-inject and sendmail through arguments, environment and header: no option is more
//! than it says, and no text becomes a header line or a recipient.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::man::injected::Recorder;

/// The lines of the header that was queued.
#[track_caller]
fn header(recorder: &Recorder, what: &str) -> Vec<String> {
    let message = recorder.message();
    let message = message.unwrap_or_else(|| panic!("{what}: nothing was queued"));
    let text = String::from_utf8_lossy(&message).into_owned();
    let (header, _) = text.split_once("\n\n").unwrap_or((&text, ""));
    header.lines().map(str::to_owned).collect()
}

/// Either the message was refused for good, or it has one recipient and no line of the attacker's.
#[track_caller]
fn check_harmless(recorder: &Recorder, code: Option<i32>, what: &str) {
    if code == Some(100) {
        assert_eq!(recorder.message(), None, "{what}");
        return;
    }
    assert_eq!(code, Some(0), "{what}");
    let lines = header(recorder, what);
    assert!(
        !lines.iter().any(|line| line.starts_with("Evil:")),
        "{what}: {lines:?}"
    );
    assert!(
        !lines.iter().any(|line| line.starts_with("Bcc:")),
        "{what}: {lines:?}"
    );
    let envelope = recorder.envelope().unwrap_or_default();
    assert_eq!(envelope.matches(" T").count(), 1, "{what}: {envelope}");
    assert_eq!(envelope.matches(" ~ F").count(), 0, "{what}: {envelope}");
}

#[test]
fn no_option_of_sendmail_reads_or_writes_a_file() {
    let recorder = Recorder::new();
    let target = recorder.home.path().join("target");
    let target = target.to_str().expect("text");
    let refused = [
        format!("-X{target}"),
        format!("-OQueueDirectory={target}"),
        format!("-C{target}"),
        format!("-D{target}"),
        "-be".to_owned(),
        "-bd".to_owned(),
        "-bi".to_owned(),
        "-q".to_owned(),
        "-q30m".to_owned(),
    ];
    for option in refused {
        let run = recorder.program("sendmail").args([&option, "a@b.c"]);
        run.stdin("Subject: x\n\n").output().assert_exit(100);
        assert_eq!(recorder.message(), None, "{option}");
        assert!(fs::metadata(target).is_err(), "{option}");
    }
    let run = recorder.program("sendmail");
    let run = run.args([&format!("-oQ{target}"), "a@b.c"]);
    run.stdin("Subject: x\n\n").output().assert_exit(0);
    assert!(recorder.message().is_some());
    assert!(fs::metadata(target).is_err());
}

#[test]
fn a_sender_is_text_whatever_it_looks_like() {
    let recorder = Recorder::new();
    let target = recorder.home.path().join("target");
    let path = target.display();
    let senders = [
        format!("a@b -X{path}"),
        format!("-X{path}"),
        format!("\" -OQueueDirectory={path} \""),
        "a@b\nEvil: x".to_owned(),
        "a@b\nBcc: e@e.example".to_owned(),
        "a@b> SIZE=1".to_owned(),
        "-bd".to_owned(),
        "--".to_owned(),
    ];
    for sender in senders {
        for args in [
            ["-f", &sender, "a@b.c"],
            ["-i", &format!("-f{sender}"), "a@b.c"],
        ] {
            let run = recorder.program("sendmail").args(args);
            let done = run.stdin("Subject: x\n\n").output();
            check_harmless(&recorder, done.code(), &sender);
            assert!(!target.exists(), "{sender}");
        }
    }
}

#[test]
fn names_and_hosts_with_line_ends_add_no_line() {
    let evil = [
        "x\nEvil: y",
        "x\r\nEvil: y",
        "\nBcc: e@e.example\nEvil: y",
        "x>, <e@e.example",
        "x\"\nEvil: y\"",
    ];
    let variables = [
        "QMAILNAME",
        "MAILNAME",
        "NAME",
        "QMAILUSER",
        "MAILUSER",
        "USER",
        "LOGNAME",
        "QMAILHOST",
        "MAILHOST",
        "QMAILSUSER",
        "QMAILSHOST",
        "QMAILIDHOST",
        "QMAILDEFAULTHOST",
        "QMAILDEFAULTDOMAIN",
        "QMAILPLUSDOMAIN",
        "QMAILINJECT",
    ];
    let recorder = Recorder::new();
    for variable in variables {
        for value in evil {
            let run = recorder.program("qmail-inject").env(variable, value);
            let done = run.args(["a@b.c"]).stdin("Subject: x\n\nbody\n").output();
            check_harmless(&recorder, done.code(), &format!("{variable}={value:?}"));
        }
    }
    for value in evil {
        let run = recorder.program("sendmail").args(["-F", value, "a@b.c"]);
        let done = run.stdin("Subject: x\n\nbody\n").output();
        check_harmless(&recorder, done.code(), &format!("-F {value:?}"));
    }
}

#[test]
fn a_variable_of_many_bytes_is_no_other_message() {
    let recorder = Recorder::new();
    let long = "x".repeat(100_000);
    for variable in [
        "QMAILUSER",
        "QMAILHOST",
        "QMAILSUSER",
        "QMAILNAME",
        "QMAILDEFAULTDOMAIN",
    ] {
        let run = recorder.program("qmail-inject").env(variable, &long);
        let done = run.args(["a@b.c"]).stdin("Subject: x\n\nbody\n").output();
        check_harmless(&recorder, done.code(), variable);
    }
}

#[test]
fn a_zero_byte_makes_no_second_recipient() {
    let recorder = Recorder::new();
    let messages: [&[u8]; 5] = [
        b"To: a@b.c\0evil@e.example\n\n",
        b"To: \"a\0Tevil\"@b.c\n\n",
        b"To: a@b.c\0\n\n",
        b"Cc: x (\0) <a@b.c>\n\n",
        b"To: a@b.c\nFrom: s\0Tevil@e.example\n\n",
    ];
    for message in messages {
        let done = recorder.program("qmail-inject").stdin(message).output();
        check_harmless(&recorder, done.code(), &message.escape_ascii().to_string());
    }
}

#[test]
fn no_spelling_of_bcc_is_passed_on_and_no_recipient_of_it_forgotten() {
    let spellings = [
        ("Bcc: hidden@h.example\n evil: y@h.example;\n", None),
        ("Bcc: hidden@h.example,\n other@h.example\n", Some(2)),
        ("Bcc :hidden@h.example\n", Some(1)),
        ("bCC:hidden@h.example\n", Some(1)),
        ("BCC\t: hidden@h.example\n", Some(1)),
        ("Bcc: hidden@h.example\nBcc: other@h.example\n", Some(2)),
        (
            "Resent-Bcc: hidden@h.example\nResent-To: r@h.example\nBcc: old@h.example\n",
            Some(2),
        ),
        ("resent-bcc : hidden@h.example\n", Some(1)),
        ("To: r@h.example\nBcc:\n", Some(1)),
    ];
    for (fields, recipients) in spellings {
        let recorder = Recorder::new();
        let message = format!("Subject: x\n{fields}\nbody\n");
        let done = recorder.program("qmail-inject").stdin(&message).output();
        let Some(count) = recipients else {
            assert!(matches!(done.code(), Some(0 | 100)));
            continue;
        };
        done.assert_exit(0);
        let text = String::from_utf8(recorder.message().expect("queued")).expect("text");
        assert!(!text.contains("hidden"), "{fields:?}: {text}");
        assert!(!text.contains("other"), "{fields:?}: {text}");
        let envelope = recorder.envelope().expect("an envelope");
        assert_eq!(
            envelope.matches(" T").count(),
            count,
            "{fields:?}: {envelope}"
        );
    }
}

#[test]
fn where_a_header_ends_is_not_for_the_message_to_say() {
    // Beginning of the message, and what must not be a header line of the result.
    let messages = [
        ("From nobody\nTo: a@b.c\n\nbody\n", ""),
        (">From nobody\nSubject: y\n", "Subject: y"),
        (":\nSubject: y\n", "Subject: y"),
        (": x\nSubject: y\n", "Subject: y"),
        (" folded first line\nSubject: y\n", ""),
        ("\rSubject: y\n", "\rSubject: y"),
        ("Subject y\nSubject: y\n", "Subject: y"),
        ("\nSubject: y\n", "Subject: y"),
        ("", ""),
        ("no newline", ""),
    ];
    for (message, not_header) in messages {
        let recorder = Recorder::new();
        let run = recorder.program("qmail-inject").args(["a@b.c"]);
        let done = run.stdin(message).output();
        check_harmless(&recorder, done.code(), message);
        let lines = header(&recorder, message);
        let is_field = |line: &String| line.starts_with([' ', '\t']) || line.contains(": ");
        assert!(lines.iter().all(is_field), "{message:?}: {lines:?}");
        let is_there = !not_header.is_empty() && lines.iter().any(|line| line == not_header);
        assert!(!is_there, "{message:?}: {lines:?}");
    }
}

#[test]
fn a_list_that_cannot_be_written_is_no_success() {
    let recorder = Recorder::new();
    crate::hand_made::Preprocessed::from(&recorder.home, "s@x.example");
    let full = recorder.home.foreign("/bin/sh");
    let full = full.args(["-c", "exec \"$QMAILHOME/bin/qmail-qread\" >/dev/full"]);
    assert_ne!(full.output().code(), Some(0));
}

#[test]
fn with_more_rights_than_its_caller_nobodys_queue_is_believed() {
    if !nix::unistd::getuid().is_root() {
        eprintln!("not root: rights cannot be mixed");
        return;
    }
    let recorder = Recorder::new();
    let home = &recorder.home;
    home.write("evil", b"#!/bin/sh\ntouch \"$0.ran\"\n");
    let evil = home.path().join("evil");
    home.give(&evil, 0o755);
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o777)).expect("mode");
    let run = home.foreign("/usr/bin/setpriv").uid(0);
    let program = home.bin("qmail-inject");
    // Real and effective user differ, as in a child of a setuid program.
    let words = ["--ruid=65533", "--euid=65534", "--clear-groups", "--"];
    let run = run
        .args(words.map(OsStr::new))
        .args([program.as_os_str(), OsStr::new("a@b.c")]);
    let done = run
        .env("QMAILQUEUE", &evil)
        .stdin("Subject: x\n\n")
        .output();
    assert_ne!(done.code(), Some(0), "{}", done.stderr_text());
    assert!(!home.path().join("evil.ran").exists());
}
