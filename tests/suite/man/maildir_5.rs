//! maildir(5): the delivered file, its name, and what happens when a maildir is not as it should
//! be.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use harness::programs;

use super::full_disk::FullDisk;
use super::one_delivery::Alice;

const ENTER: &str = "Unable to chdir to maildir. (#4.2.1)\n";
const OTHER: &str = "Temporary error on maildir delivery. (#4.3.0)\n";

fn alice() -> Alice {
    let alice = Alice::new();
    alice.maildir("Maildir").file(".qmail", "./Maildir/\n");
    alice
}

#[track_caller]
fn check_deferred(alice: &Alice, text: &str) {
    let done = alice.delivery().run();
    done.assert_exit(111);
    assert_eq!(
        (done.stderr_text(), done.stdout_text()),
        (text.to_owned(), String::new())
    );
}

#[test]
fn a_message_is_one_private_file_under_new() {
    let alice = alice();
    let message = b"Subject: x\n\nFrom here\n.\n\0\xff no line feed";
    alice.delivery().message(message).run().assert_exit(0);
    let [name] = &alice.names("Maildir/new")[..] else {
        panic!("one file")
    };
    let path = alice.path("Maildir/new").join(name);
    let expected = [
        &b"Return-Path: <s@x.example>\nDelivered-To: alice@test.example\n"[..],
        message,
    ];
    assert_eq!(fs::read(&path).expect("message"), expected.concat());
    assert_eq!(
        fs::metadata(&path).expect("message").permissions().mode() & 0o7777,
        0o600
    );
    assert!(alice.names("Maildir/tmp").is_empty() && alice.names("Maildir/cur").is_empty());
}

#[test]
fn a_name_tells_time_process_and_host() {
    if !programs::ours() {
        // The original has no microseconds and no count.
        return;
    }
    let alice = alice();
    alice.file(".qmail", "./Maildir/\n./Maildir/\n");
    let run = alice.delivery().prepare().start();
    let pid = run.pid();
    run.finish().assert_exit(0);
    let names = alice.names("Maildir/new");
    assert_eq!(names.len(), 2);
    let host = fs::read_to_string("/proc/sys/kernel/hostname").expect("host name");
    for (number, name) in (1..).zip(&names) {
        let name = name.to_str().expect("text");
        let (time, rest) = name.split_once(".M").expect("time.M");
        assert!(time.parse::<u64>().is_ok(), "{name}");
        let (microseconds, rest) = rest.split_once('P').expect("P");
        assert!(
            microseconds.len() == 6 && microseconds.parse::<u32>().is_ok(),
            "{name}"
        );
        assert_eq!(rest, format!("{pid}Q{number}.{}", host.trim_end()));
    }
}

#[test]
fn a_large_message_arrives_unchanged() {
    let alice = alice();
    let message: Vec<u8> = (0..3_000_017_u32)
        .map(|number| number.to_le_bytes()[1])
        .collect();
    let message = [b"Subject: x\n\n", &*message].concat();
    alice.delivery().message(&message).run().assert_exit(0);
    let messages = harness::mailbox::maildir(&alice.path("Maildir"));
    assert!(messages[0].ends_with(&message));
}

#[test]
fn an_empty_message_is_delivered() {
    let alice = alice();
    alice.delivery().sender("").message("").run().assert_exit(0);
    let messages = harness::mailbox::maildir(&alice.path("Maildir"));
    assert_eq!(
        messages,
        [b"Return-Path: <>\nDelivered-To: alice@test.example\n"]
    );
}

#[test]
fn a_maildir_that_cannot_be_entered_defers() {
    let alice = Alice::new();
    alice.file(".qmail", "./Maildir/\n");
    check_deferred(&alice, ENTER);
    alice.file("Maildir", "a file");
    check_deferred(&alice, ENTER);
    fs::remove_file(alice.path("Maildir")).expect("unlink");
    alice.maildir("Maildir").mode("Maildir", 0o600);
    check_deferred(&alice, ENTER);
}

#[test]
fn links_are_followed_but_not_in_circles() {
    let alice = alice();
    symlink("Maildir", alice.path("link")).expect("link");
    symlink("circle", alice.path("circle")).expect("link");
    alice.file(".qmail", "./link/\n");
    alice.delivery().run().assert_exit(0);
    assert_eq!(alice.names("Maildir/new").len(), 1);
    alice.file(".qmail", "./circle/\n");
    check_deferred(&alice, ENTER);
}

#[test]
fn a_maildir_without_its_parts_defers_and_leaves_nothing() {
    let alice = alice();
    fs::remove_dir(alice.path("Maildir/new")).expect("rmdir");
    check_deferred(&alice, OTHER);
    assert!(alice.names("Maildir/tmp").is_empty());
    fs::remove_dir(alice.path("Maildir/tmp")).expect("rmdir");
    check_deferred(&alice, OTHER);
}

#[test]
fn a_maildir_that_cannot_be_written_defers_and_leaves_nothing() {
    let alice = alice();
    alice.mode("Maildir/new", 0o500);
    check_deferred(&alice, OTHER);
    assert!(alice.names("Maildir/tmp").is_empty() && alice.names("Maildir/new").is_empty());
    alice.mode("Maildir/tmp", 0o500);
    check_deferred(&alice, OTHER);
}

#[test]
fn a_full_disk_defers_and_leaves_nothing() {
    let alice = alice();
    let Some(_disk) = FullDisk::mount(&alice, "full", 64) else {
        return;
    };
    alice
        .maildir("full/Maildir")
        .file(".qmail", "./full/Maildir/\n");
    let done = alice.delivery().message(vec![b'x'; 300_000]).run();
    assert_eq!(done.assert_exit(111).stderr_text(), OTHER);
    assert!(
        alice.names("full/Maildir/tmp").is_empty() && alice.names("full/Maildir/new").is_empty()
    );
    alice.delivery().run().assert_exit(0);
    assert_eq!(alice.names("full/Maildir/new").len(), 1);
}

#[test]
fn any_number_of_deliveries_work_at_once() {
    let alice = alice();
    let runs: Vec<_> = (0..24)
        .map(|number| {
            let message = format!("Subject: {number}\n\n").repeat(2000);
            alice.delivery().message(message).prepare().start()
        })
        .collect();
    for run in runs {
        run.finish().assert_exit(0);
    }
    let messages: BTreeSet<_> = harness::mailbox::maildir(&alice.path("Maildir"))
        .into_iter()
        .collect();
    assert_eq!(messages.len(), 24);
    assert!(alice.names("Maildir/tmp").is_empty());
}
