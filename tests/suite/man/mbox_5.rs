//! mbox(5): what is appended, who waits for whom, and what a failed delivery leaves.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, Instant};

use harness::programs;
use harness::run::Running;
use nix::sys::stat::Mode;

use super::full_disk::FullDisk;
use super::one_delivery::Alice;

#[track_caller]
fn check_deferred(alice: &Alice, text: &str) {
    let done = alice.delivery().run();
    done.assert_exit(111);
    assert_eq!(done.stderr_text(), format!("{text}\n"));
}

/// The mbox without its first line, which must be a `From ` line of this sender and a date.
#[track_caller]
fn after_from_line(mbox: &[u8], sender: &str) -> String {
    let text = String::from_utf8(mbox.to_vec()).expect("text");
    let (first, rest) = text.split_once('\n').expect("a line");
    let date = first
        .strip_prefix(&format!("From {sender} "))
        .expect("From line");
    let words: Vec<&str> = date.split(' ').collect();
    assert_eq!(
        words.iter().map(|word| word.len()).collect::<Vec<_>>(),
        [3, 3, 2, 8, 4],
        "{date}"
    );
    rest.to_owned()
}

#[test]
fn a_message_gets_three_lines_before_and_one_after() {
    let alice = Alice::new();
    alice.delivery().run().assert_exit(0);
    let mode = fs::metadata(alice.path("Mailbox"))
        .expect("mbox")
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o600);
    assert_eq!(
        after_from_line(&alice.read("Mailbox"), "s@x.example"),
        "Return-Path: <s@x.example>\nDelivered-To: alice@test.example\nSubject: test\n\nbody\n\n"
    );
}

#[test]
fn bounces_are_from_mailer_daemon() {
    let alice = Alice::new();
    alice.delivery().sender("").run().assert_exit(0);
    let rest = after_from_line(&alice.read("Mailbox"), "MAILER-DAEMON");
    assert!(rest.starts_with("Return-Path: <>\n"), "{rest}");
}

#[test]
fn lines_that_look_like_a_start_are_quoted_and_the_last_line_is_completed() {
    let alice = Alice::new();
    let body = "From a\n>From b\n>>>From c\n >From d\nfrom e\nFrom\nFrom:\n>x\nx From y";
    alice
        .delivery()
        .message(format!("From z\n\n{body}"))
        .run()
        .assert_exit(0);
    let rest = after_from_line(&alice.read("Mailbox"), "s@x.example");
    let (_, content) = rest.split_once("test.example\n").expect("Delivered-To");
    assert_eq!(
        content,
        ">From z\n\n>From a\n>>From b\n>>>>From c\n >From d\nfrom e\nFrom\nFrom:\n>x\nx From y\n\n"
    );
}

#[test]
fn quoting_does_not_depend_on_where_a_read_ends() {
    let alice = Alice::new();
    // Lines of 7 bytes wander over the end of any buffer whose size is a power of two.
    let message = "From 1\n".repeat(30_000);
    alice.delivery().message(&message).run().assert_exit(0);
    let rest = after_from_line(&alice.read("Mailbox"), "s@x.example");
    let (_, content) = rest.split_once("test.example\n").expect("Delivered-To");
    assert!(content == ">From 1\n".repeat(30_000) + "\n");
}

#[test]
fn messages_follow_one_another() {
    let alice = Alice::new();
    alice
        .file(".qmail", "./Mailbox\n./Mailbox\n")
        .file("Mailbox", "old\n")
        .mode("Mailbox", 0o640);
    alice.delivery().run().assert_exit(0);
    let mbox = alice.read("Mailbox");
    assert!(mbox.starts_with(b"old\nFrom "));
    assert_eq!(
        mbox.windows(6).filter(|bytes| bytes == b"\n\nbody").count(),
        2
    );
    let mode = fs::metadata(alice.path("Mailbox"))
        .expect("mbox")
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o640);
}

#[test]
fn an_mbox_that_cannot_be_opened_defers() {
    let alice = Alice::new();
    alice.file("Mailbox", "").mode("Mailbox", 0o400);
    check_deferred(&alice, "Unable to open ./Mailbox: access denied. (#4.2.1)");
    alice.file(".qmail", "./nowhere/mbox\n");
    check_deferred(
        &alice,
        "Unable to open ./nowhere/mbox: file does not exist. (#4.2.1)",
    );
    alice.file(".qmail", ".\n");
    check_deferred(&alice, "Unable to open .: is a directory. (#4.2.1)");
    symlink("circle", alice.path("circle")).expect("link");
    alice.file(".qmail", "./circle\n");
    check_deferred(
        &alice,
        "Unable to open ./circle: symbolic link loop. (#4.2.1)",
    );
    nix::unistd::mkfifo(&alice.path("fifo"), Mode::S_IRWXU).expect("fifo");
    alice.mode("fifo", 0o600).file(".qmail", "./fifo\n");
    check_deferred(
        &alice,
        "Unable to open ./fifo: device not configured. (#4.2.1)",
    );
}

#[test]
fn a_link_to_a_file_that_is_still_to_be_made_is_followed() {
    let alice = Alice::new();
    alice.home.mkdir("mail/alice/folder");
    symlink("folder/mbox", alice.path("Mailbox")).expect("link");
    alice.delivery().run().assert_exit(0);
    assert!(alice.read("folder/mbox").starts_with(b"From "));
}

#[test]
fn a_full_disk_defers_and_the_mbox_is_as_before() {
    let alice = Alice::new();
    let Some(_disk) = FullDisk::mount(&alice, "full", 64) else {
        return;
    };
    alice
        .file("full/mbox", "old\n")
        .file(".qmail", "./full/mbox\n");
    let done = alice.delivery().message(vec![b'x'; 300_000]).run();
    let text = "Unable to write ./full/mbox: out of disk space. (#4.3.0)\n";
    assert_eq!(done.assert_exit(111).stderr_text(), text);
    assert_eq!(alice.read("full/mbox"), b"old\n");
}

#[test]
fn deliveries_at_once_do_not_mix() {
    let alice = Alice::new();
    let runs: Vec<_> = (0..16)
        .map(|number| {
            let message =
                format!("Subject: {number}\n\n") + &format!("line of {number}\n").repeat(8000);
            alice.delivery().message(message).prepare().start()
        })
        .collect();
    for run in runs {
        run.finish().assert_exit(0);
    }
    let messages = harness::mailbox::mbox(&alice.path("Mailbox"));
    assert_eq!(messages.len(), 16);
    for message in messages {
        let text = String::from_utf8(message).expect("text");
        let number = text
            .split_once("Subject: ")
            .and_then(|(_, rest)| rest.split_once('\n'))
            .expect("Subject")
            .0;
        assert_eq!(
            text.matches(&format!("\nline of {number}\n")[1..]).count(),
            8000
        );
        assert_eq!(text.matches("line of").count(), 8000);
    }
}

/// Waits until a program waits for a lock.
pub(super) fn wait_until_it_waits(run: &Running) {
    harness::wait::until("the program to wait for the lock", || {
        let stack = fs::read_to_string(format!("/proc/{}/wchan", run.pid())).ok()?;
        let locks = fs::read_to_string("/proc/locks").ok()?;
        let waits = locks
            .lines()
            .any(|line| line.contains("->") && line.contains(&format!(" {} ", run.pid())));
        (waits || stack.contains("lock")).then_some(())
    });
}

#[test]
fn an_mbox_that_was_replaced_meanwhile_gets_no_mail() {
    if !programs::ours() {
        return;
    }
    let alice = Alice::new();
    alice.file("Mailbox", "old\n");
    let mbox = File::open(alice.path("Mailbox")).expect("mbox");
    mbox.lock().expect("lock");
    let run = alice.delivery().prepare().start();
    wait_until_it_waits(&run);
    alice.file("other", "new\n");
    fs::rename(alice.path("other"), alice.path("Mailbox")).expect("rename");
    mbox.unlock().expect("unlock");
    run.finish().assert_exit(0);
    assert!(alice.read("Mailbox").starts_with(b"new\nFrom "));
}

#[test]
fn a_delivery_waits_for_a_lock_that_is_given_back() {
    let alice = Alice::new();
    alice.file("Mailbox", "");
    let mbox = File::open(alice.path("Mailbox")).expect("mbox");
    mbox.lock().expect("lock");
    let run = alice.delivery().prepare().start();
    wait_until_it_waits(&run);
    assert!(alice.read("Mailbox").is_empty());
    mbox.unlock().expect("unlock");
    run.finish().assert_exit(0);
    assert!(alice.read("Mailbox").starts_with(b"From "));
}

#[test]
fn a_lock_held_for_thirty_seconds_defers() {
    let alice = Alice::new();
    alice.file("Mailbox", "old\n");
    let mbox = File::open(alice.path("Mailbox")).expect("mbox");
    mbox.lock().expect("lock");
    let started = Instant::now();
    let done = alice
        .delivery()
        .prepare()
        .timeout(Duration::from_secs(60))
        .output();
    let text = "File has been locked for 30 seconds straight. (#4.3.0)\n";
    assert_eq!(done.assert_exit(111).stderr_text(), text);
    assert!(started.elapsed() >= Duration::from_secs(29));
    assert_eq!(alice.read("Mailbox"), b"old\n");
}
