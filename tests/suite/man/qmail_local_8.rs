//! qmail-local(8): order of work, exit codes and texts, forwarding.

use std::fs::{self, File};
use std::io::Write;
use std::process::Stdio;

use harness::programs;
use harness::run::Output;

use super::one_delivery::Alice;

#[track_caller]
fn check(done: &Output, code: i32, stderr: &str) {
    done.assert_exit(code);
    assert_eq!(done.stderr_text(), stderr);
}

#[track_caller]
fn check_refused(alice: &Alice, code: i32, stderr: &str) {
    check(&alice.delivery().run(), code, stderr);
    assert!(!alice.path("Mailbox").exists(), "delivered all the same");
}

#[test]
fn a_home_that_is_not_there_defers() {
    let alice = Alice::new();
    let done = alice.delivery().directory("/nonexistent/alice").run();
    check(
        &done,
        111,
        "Unable to switch to /nonexistent/alice: file does not exist. (#4.3.0)\n",
    );
}

#[test]
fn a_home_that_others_may_write_to_defers() {
    let alice = Alice::new();
    alice.mode("", 0o757);
    check_refused(&alice, 111, "Uh-oh: home directory is writable. (#4.7.0)\n");
    // The writable home is the graver reason.
    alice.mode("", 0o1757);
    check_refused(&alice, 111, "Uh-oh: home directory is writable. (#4.7.0)\n");
    alice.mode("", 0o775);
    alice.delivery().run().assert_exit(0);
}

#[test]
fn a_sticky_home_defers_but_can_be_asked_about() {
    let alice = Alice::new();
    alice.mode("", 0o1755);
    let text = "Home directory is sticky: user is editing his .qmail file. (#4.2.1)\n";
    check_refused(&alice, 111, text);
    let done = alice.delivery().describe().run();
    check(&done, 0, "Warning: home directory is sticky.\n");
    assert_eq!(done.stdout_text(), "mbox ./Mailbox\ndid 1+0+0\n");
}

#[test]
fn a_message_that_was_here_before_bounces() {
    let alice = Alice::new();
    let looping = "Received: x\nDelivered-To: alice@test.example\nSubject: x\n\nbody\n";
    let done = alice.delivery().message(looping).run();
    let text = "This message is looping: it already has my Delivered-To line. (#5.4.6)\n";
    check(&done, 100, text);
    assert!(!alice.path("Mailbox").exists());
    alice
        .delivery()
        .message(looping)
        .describe()
        .run()
        .assert_exit(0);
    // Another case of letters is another line.
    let other = looping.replace("alice@", "Alice@");
    alice.delivery().message(other).run().assert_exit(0);
}

#[test]
fn a_loop_is_seen_behind_a_header_of_megabytes() {
    let alice = Alice::new();
    let mut message = b"X-Long: ".to_vec();
    message.resize(5_000_000, b'x');
    message.extend_from_slice(b"\nDelivered-To: alice@test.example\n\n");
    alice.delivery().message(message).run().assert_exit(100);
}

#[test]
fn the_home_is_looked_at_before_the_message_and_the_message_before_the_instructions() {
    let alice = Alice::new();
    let looping = "Delivered-To: alice@test.example\n\n";
    alice.mode("", 0o1755);
    alice.delivery().message(looping).run().assert_exit(111);
    alice.mode("", 0o755).file(".qmail", "\n");
    alice.delivery().message(looping).run().assert_exit(100);
}

#[test]
fn a_message_on_a_pipe_cannot_be_rewound() {
    let alice = Alice::new();
    let mut command = alice.delivery().prepare().into_command();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("qmail-local");
    // It may be gone before it has read this.
    let _ = child
        .stdin
        .take()
        .expect("pipe")
        .write_all(b"Subject: x\n\n");
    let done = child.wait_with_output().expect("wait");
    assert_eq!(done.status.code(), Some(111));
    assert_eq!(done.stderr, b"Unable to rewind message. (#4.3.0)\n");
}

#[test]
fn a_wrong_command_line_is_permanent() {
    let alice = Alice::new();
    let usage = "qmail-local: usage: qmail-local [ -nN ] \
        user homedir local dash ext domain sender aliasempty\n";
    let run = |words: &[&str]| alice.qmail_local(words).output();
    check(&run(&[]), 100, usage);
    check(&run(&["alice", "/", "alice", "", "", "h", "s"]), 100, usage);
    check(
        &run(&["alice", "home", "alice", "", "", "h", "s", "./x"]),
        100,
        usage,
    );
    let illegal = format!("qmail-local: illegal option -- x\n{usage}");
    check(&run(&["-nx"]), 100, &illegal);
}

#[test]
fn control_bytes_in_addresses_stay_within_one_line() {
    let alice = Alice::new();
    alice
        .maildir("Maildir")
        .file(".qmail-default", "./Maildir/\n./Mailbox\n");
    let odd = b"a\nBcc: x\r\t\x01\x7f\xff";
    let local = [b"alice-", &odd[..]].concat();
    let delivery = alice
        .delivery()
        .local(local)
        .dash_and_ext("-", odd)
        .domain(b"h\nX: y");
    delivery
        .sender([odd, &b"@s"[..]].concat())
        .run()
        .assert_exit(0);
    let message = &harness::mailbox::maildir(&alice.path("Maildir"))[0];
    let lines: Vec<&[u8]> = message.split(|byte| *byte == b'\n').collect();
    assert_eq!(
        lines[0],
        b"Return-Path: <\"a\\_Bcc: x\\\r\t\x01\x7f\xff\"@s>"
    );
    assert_eq!(
        lines[1],
        b"Delivered-To: alice-a_Bcc: x\r\t\x01\x7f\xff@h_X: y"
    );
    assert_eq!(lines[2], b"Subject: test");
    let mbox = alice.read("Mailbox");
    assert!(mbox.starts_with(b"From a-Bcc:-x\r-\x01\x7f\xff@s "));
}

#[test]
fn the_first_failure_ends_the_delivery_and_nothing_is_forwarded() {
    let alice = Alice::new();
    alice.file(".qmail", "&x@y\n./one\n|exit 111\n./two\n&z@y\n");
    alice.delivery().run().assert_exit(111);
    assert!(alice.path("one").exists() && !alice.path("two").exists());
    assert!(alice.queued().is_empty());
}

#[test]
fn all_addresses_are_forwarded_to_at_once_and_last() {
    let alice = Alice::new();
    let order = "|test ! -e $QUEUED/1 && touch first\n";
    alice.file(
        ".qmail",
        format!("&a@x\nb@x\n{order}c d@x\n|exit 99\ne@x\n"),
    );
    let done = alice.delivery().run();
    done.assert_exit(0);
    assert!(alice.path("first").exists());
    let [(message, envelope)] = &alice.queued()[..] else {
        panic!("one message")
    };
    assert_eq!(
        message,
        b"Delivered-To: alice@test.example\nSubject: test\n\nbody\n"
    );
    assert_eq!(envelope, b"Fs@x.example\0Ta@x\0Tb@x\0Tc d@x\0\0");
    let stdout = done.stdout_text();
    let (did, qp) = stdout.split_once('\n').expect("two lines");
    assert_eq!(did, "did 0+3+2");
    let pid = qp
        .strip_prefix("qp ")
        .and_then(|pid| pid.strip_suffix('\n'))
        .expect("qp");
    assert!(pid.parse::<u32>().is_ok(), "{pid}");
}

#[test]
fn what_the_queue_says_is_passed_on() {
    for (exits, says, code, text) in [
        (
            "31",
            "",
            100,
            "mail server permanently rejected message (#5.3.0)",
        ),
        ("11", "", 100, "envelope address too long for qq (#5.1.3)"),
        ("53", "", 111, "qq write error or disk full (#4.3.0)"),
        ("54", "", 111, "qq read error (#4.3.0)"),
        ("82", "Dno thanks (#5.7.1)", 100, "no thanks (#5.7.1)"),
        ("82", "Zlater (#4.7.1)", 111, "later (#4.7.1)"),
        ("99", "", 111, "qq temporary problem (#4.3.0)"),
    ] {
        let alice = Alice::new();
        alice.file(".qmail", "&a@x\n");
        let run = alice
            .delivery()
            .prepare()
            .env("QUEUE_EXITS", exits)
            .env("QUEUE_SAYS", says);
        check(
            &run.output(),
            code,
            &format!("Unable to forward message: {text}.\n"),
        );
    }
    let alice = Alice::new();
    alice.file(".qmail", "&a@x\n");
    let done = alice
        .delivery()
        .prepare()
        .env("QMAILQUEUE", "/nonexistent")
        .output();
    check(
        &done,
        111,
        "Unable to forward message: unable to exec qq (#4.3.0).\n",
    );
}

#[test]
fn forwarding_to_sixty_thousand_addresses_is_one_message() {
    let alice = Alice::new();
    let list: String = (0..60_000)
        .map(|number| format!("&user{number:05}@y.example\n"))
        .collect();
    alice.file(".qmail", &list);
    alice.delivery().run().assert_exit(0);
    let [(_, envelope)] = &alice.queued()[..] else {
        panic!("one message")
    };
    assert_eq!(
        envelope
            .split(|byte| *byte == 0)
            .filter(|one| one.starts_with(b"T"))
            .count(),
        60_000
    );
    assert!(envelope.ends_with(b"Tuser59999@y.example\0\0"));
}

#[test]
fn a_dot_qmail_file_of_many_megabytes_defers() {
    if !programs::ours() {
        // The original reads whatever is there into memory.
        return;
    }
    let alice = Alice::new();
    let file = File::create(alice.path(".qmail")).expect("file");
    file.set_len(1 << 40).expect("a sparse terabyte");
    alice.mode(".qmail", 0o644);
    check_refused(&alice, 111, "Uh-oh: .qmail is too large. (#4.2.1)\n");
}

#[test]
fn the_sender_of_forwarded_mail_is_the_owner_if_there_is_one() {
    let alice = Alice::new();
    alice.file(".qmail-list", "&a@x\n");
    let sender = |from: &str| {
        alice
            .delivery()
            .ext("list")
            .sender(from)
            .run()
            .assert_exit(0);
        let (_, envelope) = alice.queued().pop().expect("a message");
        let end = envelope.iter().position(|byte| *byte == 0).expect("NUL");
        String::from_utf8(envelope[1..end].to_vec()).expect("text")
    };
    assert_eq!(sender("s@x"), "s@x");
    alice.file(".qmail-list-owner", "");
    assert_eq!(sender("s@x"), "alice-list-owner@test.example");
    alice.file(".qmail-list-owner-default", "");
    assert_eq!(sender("s@x"), "alice-list-owner-@test.example-@[]");
    assert_eq!(sender(""), "");
    assert_eq!(sender("#@[]"), "#@[]");
}

#[test]
fn the_owner_of_the_full_extension_counts_when_a_default_file_answers() {
    let alice = Alice::new();
    alice
        .file(".qmail-default", "&a@x\n")
        .file(".qmail-a-b-owner", "")
        .file(".qmail-owner", "");
    alice.delivery().ext("a-B").run().assert_exit(0);
    assert_eq!(
        alice.queued()[0].1,
        b"Falice-a-B-owner@test.example\0Ta@x\0\0"
    );
}

#[test]
fn describing_does_nothing() {
    let alice = Alice::new();
    alice.maildir("Maildir").file(
        ".qmail",
        "./Maildir/\n./mbox\n|touch ran\n&a@x\n|exit 99\n./more\n",
    );
    let done = alice.delivery().describe().run();
    check(&done, 0, "");
    assert_eq!(
        done.stdout_text(),
        "maildir ./Maildir/\nmbox ./mbox\nprogram touch ran\nforward a@x\nprogram exit 99\n\
         mbox ./more\ndid 3+1+2\n"
    );
    assert_eq!(alice.names(""), [".qmail", "Maildir"]);
    assert!(alice.names("Maildir/new").is_empty() && alice.queued().is_empty());
}

#[test]
fn the_message_file_is_not_changed() {
    let alice = Alice::new();
    alice
        .file("message", "Subject: x\n\nbody\n")
        .file(".qmail", "./Mailbox\n&a@x\n|cat >/dev/null\n");
    let mut command = alice.delivery().prepare().into_command();
    command.stdin(File::open(alice.path("message")).expect("message"));
    assert!(
        command
            .stdout(Stdio::null())
            .status()
            .expect("status")
            .success()
    );
    assert_eq!(
        fs::read(alice.path("message")).expect("message"),
        b"Subject: x\n\nbody\n"
    );
}
