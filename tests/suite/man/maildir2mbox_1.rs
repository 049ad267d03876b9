//! maildir2mbox(1): what is moved and how it looks, what is left alone, and that a run that dies or
//! fails at any system call loses no message.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use harness::crash::{Blow, strike, trace};
use harness::programs;
use harness::run::{Output, Run, Running};
use nix::errno::Errno;
use nix::sys::signal::Signal;

use super::mbox_5::wait_until_it_waits;
use super::one_delivery::Alice;

const OLD: &str = "From o@x Thu Jan 01 00:00:00 1970\n\nold\n\n";
/// Where, when, what; and what becomes of it.
const LETTERS: [(&str, u64, &str, &str); 3] = [
    (
        "new/1.a",
        2000,
        "Return-Path: <s@x.example>\nSubject: 1\n\nFrom here\n>From there\n",
        "From s@x.example Thu Jan 01 00:33:20 1970\n\
         Return-Path: <s@x.example>\nSubject: 1\n\n>From here\n>>From there\n\n",
    ),
    (
        "cur/2.a:2,S",
        1000,
        "Return-Path: <>\n\nno line feed at the end",
        "From MAILER-DAEMON Thu Jan 01 00:16:40 1970\n\
         Return-Path: <>\n\nno line feed at the end\n\n",
    ),
    (
        "new/3.a",
        3000,
        "Subject: 3\n\n",
        "From XXX Thu Jan 01 00:50:00 1970\nSubject: 3\n\n\n",
    ),
];

/// Alice with a maildir of three messages and an old mbox.
fn prepared() -> Alice {
    let alice = Alice::new();
    alice.maildir("Maildir");
    restore(&alice);
    alice
}

fn restore(alice: &Alice) {
    for (name, mtime, content, _) in LETTERS {
        letter(alice, name, mtime, content);
    }
    alice.file("mbox", OLD);
    let _ = fs::remove_file(alice.path("mbox.tmp"));
}

fn letter(alice: &Alice, name: &str, mtime: u64, content: &str) {
    let name = format!("Maildir/{name}");
    alice.file(&name, content);
    set_age(alice, &name, UNIX_EPOCH + Duration::from_secs(mtime));
}

fn set_age(alice: &Alice, name: &str, time: SystemTime) {
    let file = File::options()
        .write(true)
        .open(alice.path(name))
        .expect("file");
    let times = fs::FileTimes::new().set_modified(time).set_accessed(time);
    file.set_times(times).expect("times");
}

fn maildir2mbox(alice: &Alice) -> Run<'_> {
    alice
        .home
        .program("maildir2mbox")
        .env("MAIL", alice.path("mbox"))
        .env("MAILTMP", alice.path("mbox.tmp"))
        .env("MAILDIR", alice.path("Maildir"))
}

fn mbox(alice: &Alice) -> String {
    String::from_utf8(alice.read("mbox")).expect("text")
}

/// The old mbox, and the three messages in the order of their times.
fn complete() -> String {
    let [first, second, third] = LETTERS.map(|(_, _, _, moved)| moved);
    [OLD, second, first, third].concat()
}

#[track_caller]
fn check_fatal(done: &Output, text: &str) {
    let text = format!("maildir2mbox: fatal: {text}\n");
    assert_eq!(done.assert_exit(111).stderr_text(), text);
}

#[test]
fn messages_move_to_the_end_of_the_mbox_oldest_first() {
    let alice = prepared();
    let done = maildir2mbox(&alice).output();
    assert_eq!(done.assert_exit(0).stderr_text(), "");
    if programs::ours() {
        assert_eq!(mbox(&alice), complete());
    }
    assert!(alice.names("Maildir/new").is_empty() && alice.names("Maildir/cur").is_empty());
    assert!(!alice.path("mbox.tmp").exists());
    let mode = fs::metadata(alice.path("mbox"))
        .expect("mbox")
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o600);
}

#[test]
fn an_mbox_that_is_not_there_is_made() {
    let alice = prepared();
    fs::remove_file(alice.path("mbox")).expect("unlink");
    maildir2mbox(&alice).output().assert_exit(0);
    assert!(mbox(&alice).starts_with("From MAILER-DAEMON "));
}

#[test]
fn without_new_mail_the_mbox_is_not_touched() {
    let alice = prepared();
    for (name, ..) in LETTERS {
        fs::remove_file(alice.path(&format!("Maildir/{name}"))).expect("unlink");
    }
    letter(&alice, "new/.hidden", 1000, "x\n");
    letter(&alice, "new/future", 32_503_680_000, "x\n");
    fs::remove_file(alice.path("mbox")).expect("unlink");
    maildir2mbox(&alice).output().assert_exit(0);
    assert!(!alice.path("mbox").exists());
    assert_eq!(alice.names("Maildir/new"), [".hidden", "future"]);
}

#[test]
fn what_dead_deliveries_left_is_removed_after_36_hours() {
    let alice = prepared();
    let ago = |hours: u64| SystemTime::now() - Duration::from_secs(hours * 3600);
    for (name, hours) in [("dead", 37), ("alive", 35), (".hidden", 37)] {
        let name = format!("Maildir/tmp/{name}");
        alice.file(&name, "half a mess");
        set_age(&alice, &name, ago(hours));
    }
    maildir2mbox(&alice).output().assert_exit(0);
    assert_eq!(alice.names("Maildir/tmp"), [".hidden", "alive"]);
}

#[test]
fn the_three_places_must_be_named_and_there() {
    let alice = prepared();
    for name in ["MAIL", "MAILTMP", "MAILDIR"] {
        check_fatal(
            &maildir2mbox(&alice).no_env(name).output(),
            &format!("{name} not set"),
        );
    }
    let at = |name, path: &str| maildir2mbox(&alice).env(name, path).output();
    let none = "file does not exist";
    check_fatal(
        &at("MAILDIR", "/nowhere"),
        &format!("unable to chdir to /nowhere: {none}"),
    );
    check_fatal(
        &at("MAIL", "/nowhere/x"),
        &format!("unable to lock /nowhere/x: {none}"),
    );
    check_fatal(
        &at("MAILTMP", "/nowhere/x"),
        &format!("unable to create /nowhere/x: {none}"),
    );
    assert_eq!(mbox(&alice), OLD);
    assert_eq!(alice.names("Maildir/new"), ["1.a", "3.a"]);
}

#[test]
fn the_copy_is_never_the_mbox_itself() {
    if !programs::ours() {
        return;
    }
    let alice = prepared();
    std::os::unix::fs::symlink("mbox", alice.path("link")).expect("link");
    fs::hard_link(alice.path("mbox"), alice.path("hard")).expect("link");
    for name in ["mbox", "link", "hard"] {
        let path = alice.path(name);
        let done = maildir2mbox(&alice).env("MAILTMP", &path).output();
        check_fatal(
            &done,
            &format!("unable to create {}: file already exists", path.display()),
        );
        assert_eq!(mbox(&alice), OLD);
    }
}

#[test]
fn a_message_that_cannot_be_read_stops_the_run() {
    let alice = prepared();
    alice.mode("Maildir/new/1.a", 0);
    let text = "unable to read $MAILDIR/new/1.a: access denied";
    check_fatal(&maildir2mbox(&alice).output(), text);
    assert_eq!(mbox(&alice), OLD);
    assert_eq!(alice.names("Maildir/cur"), ["2.a:2,S"]);
}

#[test]
fn a_message_that_cannot_be_removed_is_named() {
    let alice = prepared();
    alice.mode("Maildir/cur", 0o500);
    let done = maildir2mbox(&alice).output();
    let text = "maildir2mbox: warning: $MAILDIR/cur/2.a:2,S will be delivered twice; \
                unable to unlink: access denied\n";
    assert_eq!(done.assert_exit(0).stderr_text(), text);
    alice.mode("Maildir/cur", 0o700);
}

#[test]
fn runs_at_once_move_each_message_once() {
    if !programs::ours() {
        return;
    }
    let alice = prepared();
    let lock = File::open(alice.path("mbox")).expect("mbox");
    lock.lock().expect("lock");
    let runs: Vec<_> = (0..8).map(|_| maildir2mbox(&alice).start()).collect();
    runs.iter().for_each(wait_until_it_waits);
    assert_eq!(mbox(&alice), OLD);
    lock.unlock().expect("unlock");
    for run in runs {
        run.finish().assert_exit(0);
    }
    assert_eq!(mbox(&alice), complete());
}

/// Waits until a program waits for the lock of this file.
fn wait_until_it_waits_for(run: &Running, file: &File) {
    let (pid, inode) = (run.pid(), file.metadata().expect("file").ino());
    harness::wait::until("the program to wait for the other lock", || {
        let locks = fs::read_to_string("/proc/locks").ok()?;
        let waits = |line: &str| {
            line.contains("->")
                && line.contains(&format!(" {pid} "))
                && line.contains(&format!(":{inode} "))
        };
        locks.lines().any(waits).then_some(())
    });
}

#[test]
fn the_lock_that_counts_is_that_of_the_mbox_as_it_is_now() {
    if !programs::ours() {
        return;
    }
    let alice = prepared();
    let lock = |name: &str| {
        let file = File::open(alice.path(name)).expect("file");
        file.lock().expect("lock");
        file
    };
    let before = lock("mbox");
    let run = maildir2mbox(&alice).start();
    wait_until_it_waits_for(&run, &before);
    alice.file("other", "From n@x Thu Jan 01 00:00:00 1970\n\nnew\n\n");
    let after = lock("other");
    fs::rename(alice.path("other"), alice.path("mbox")).expect("rename");
    before.unlock().expect("unlock");
    wait_until_it_waits_for(&run, &after);
    after.unlock().expect("unlock");
    run.finish().assert_exit(0);
    let text = mbox(&alice);
    assert_eq!(
        text,
        complete().replace(OLD, "From n@x Thu Jan 01 00:00:00 1970\n\nnew\n\n")
    );
}

#[test]
fn mail_delivered_meanwhile_stays() {
    if !programs::ours() {
        return;
    }
    let alice = prepared();
    alice.file(".qmail", "./mbox\n");
    let lock = File::open(alice.path("mbox")).expect("mbox");
    lock.lock().expect("lock");
    let moving = maildir2mbox(&alice).start();
    let deliveries: Vec<_> = (0..8).map(|_| alice.delivery().prepare().start()).collect();
    wait_until_it_waits(&moving);
    deliveries.iter().for_each(wait_until_it_waits);
    lock.unlock().expect("unlock");
    moving.finish().assert_exit(0);
    for delivery in deliveries {
        delivery.finish().assert_exit(0);
    }
    let messages = harness::mailbox::mbox(&alice.path("mbox"));
    assert_eq!(messages.len(), 1 + LETTERS.len() + 8);
}

/// No message is gone, none is in the mbox in part or twice, and the old mbox is there.
fn check_nothing_lost(alice: &Alice, what: &str) {
    let text = mbox(alice);
    let mut rest = text
        .strip_prefix(OLD)
        .unwrap_or_else(|| panic!("{what}: {text}"))
        .to_owned();
    for (name, _, content, moved) in LETTERS {
        let is_moved = rest.contains(moved);
        rest = rest.replacen(moved, "", 1);
        let kept = fs::read(alice.path(&format!("Maildir/{name}")));
        let is_kept = kept.is_ok_and(|kept| kept == content.as_bytes());
        assert!(is_moved || is_kept, "{what}: {name} is lost");
    }
    assert_eq!(rest, "", "{what}");
}

#[test]
fn a_run_that_dies_or_fails_at_any_call_loses_nothing() {
    if !programs::ours() {
        return;
    }
    let alice = prepared();
    let (calls, output) = trace(maildir2mbox(&alice));
    output.assert_exit(0);
    let syncs = calls.iter().filter(|call| call.name == "fsync").count();
    assert_eq!(syncs, 2, "the copy and its directory");
    let errors = [
        Errno::EIO,
        Errno::ENOSPC,
        Errno::EACCES,
        Errno::EINTR,
        Errno::ENOENT,
    ];
    let errors = errors.map(Blow::Error).into_iter();
    for blow in errors.chain([Blow::Signal(Signal::SIGKILL), Blow::OneByte]) {
        for call in &calls {
            let is_for_it = match blow {
                Blow::OneByte => call.moves_bytes(),
                // A close that reports an error has closed all the same, which ours would not do.
                Blow::Error(_) => call.name != "close",
                Blow::Signal(_) => true,
            };
            if !is_for_it {
                continue;
            }
            restore(&alice);
            let output = strike(maildir2mbox(&alice), call.number, blow);
            let what = format!("{blow:?} at {call:?}: {}", output.stderr_text());
            check_nothing_lost(&alice, &what);
            let fails = output.signal().is_some() || matches!(output.code(), Some(111 | 127));
            assert!(fails || output.code() == Some(0), "{output:?} {what}");
            restore(&alice);
            maildir2mbox(&alice).output().assert_exit(0);
            check_nothing_lost(&alice, &format!("the run after {what}"));
        }
    }
}
