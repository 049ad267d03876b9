//! qmail-local that dies, or whose system calls fail, in the middle of a delivery: maildir(5)
//! promises all or nothing under new/, mbox(5) that a failure leaves the file as it was,
//! qmail-local(8) that doubt is temporary.

use std::cell::Cell;
use std::fs;

use harness::crash::{Blow, strike, trace};
use harness::programs;
use harness::run::{Output, Run};
use harness::syscalls::Call;
use nix::errno::Errno;
use nix::sys::signal::Signal;

use super::one_delivery::Alice;

pub const KILL: Blow = Blow::Signal(Signal::SIGKILL);
const MESSAGE: &str = "Subject: x\n\nFrom here\nto there\n";
const ERRORS: [Errno; 7] = [
    Errno::EIO,
    Errno::ENOSPC,
    Errno::EDQUOT,
    Errno::EINTR,
    Errno::EACCES,
    Errno::EMFILE,
    Errno::ENOMEM,
];

/// The system calls of a delivery that succeeds.
#[track_caller]
pub fn calls(run: Run<'_>) -> Vec<Call> {
    let (calls, output) = trace(run);
    output.assert_exit(0);
    let has_synced = calls.iter().any(|call| call.name == "fsync");
    assert!(has_synced, "nothing was synced");
    calls
}

/// Every blow at each of these calls of the same delivery, which `prepare` makes anew each time.
#[track_caller]
pub fn strike_each<'a>(
    calls: &[Call],
    blows: &[Blow],
    prepare: impl Fn() -> Run<'a>,
    judge: impl Fn(&Output, &str),
) {
    for blow in blows {
        for call in calls {
            // A close that reports an error has closed all the same, which our blow would not do.
            if call.name == "close" && *blow != KILL {
                continue;
            }
            if *blow == Blow::OneByte && !call.moves_bytes() {
                continue;
            }
            let output = strike(prepare(), call.number, *blow);
            let stderr = output.stderr_text();
            judge(&output, &format!("{blow:?} at {call:?}: {stderr}"));
        }
    }
}

pub fn errors() -> Vec<Blow> {
    ERRORS
        .map(Blow::Error)
        .into_iter()
        .chain([Blow::OneByte])
        .collect()
}

/// What a failure may look like: an exit for now, or the end of a process that could not even
/// start.
pub fn is_temporary(output: &Output) -> bool {
    output.signal().is_some() || matches!(output.code(), Some(111 | 127))
}

fn into_empty_maildir(alice: &Alice) -> Run<'_> {
    for part in ["tmp", "new"] {
        for name in alice.names(&format!("Maildir/{part}")) {
            fs::remove_file(alice.path("Maildir").join(part).join(name)).expect("unlink");
        }
    }
    alice.delivery().message(MESSAGE).prepare()
}

fn maildir() -> (Alice, Vec<u8>) {
    let alice = Alice::new();
    alice.maildir("Maildir").file(".qmail", "./Maildir/\n");
    let lines = "Return-Path: <s@x.example>\nDelivered-To: alice@test.example\n";
    (alice, [lines, MESSAGE].concat().into_bytes())
}

#[test]
fn a_killed_maildir_delivery_leaves_all_or_nothing() {
    if !programs::ours() {
        // The original delivers in children, which are not followed, and syncs less.
        return;
    }
    let (alice, complete) = maildir();
    let prepare = || into_empty_maildir(&alice);
    strike_each(&calls(prepare()), &[KILL], prepare, |output, what| {
        assert_eq!(output.signal(), Some(9), "{what}");
        let messages = harness::mailbox::maildir(&alice.path("Maildir"));
        assert!(messages.is_empty() || messages == [&*complete], "{what}");
    });
}

#[test]
fn a_maildir_delivery_that_succeeds_has_delivered_and_one_that_fails_has_not() {
    if !programs::ours() {
        // The original delivers in children, which are not followed, and syncs less.
        return;
    }
    let (alice, complete) = maildir();
    let prepare = || into_empty_maildir(&alice);
    strike_each(&calls(prepare()), &errors(), prepare, |output, what| {
        let messages = harness::mailbox::maildir(&alice.path("Maildir"));
        match output.code() {
            Some(0) => assert_eq!(messages, [&*complete], "{what}"),
            Some(111) => assert!(messages.is_empty(), "{what}"),
            _ => {
                assert!(is_temporary(output), "{what}");
                assert!(messages.is_empty() || messages == [&*complete], "{what}");
            }
        }
    });
}

const OLD: &str = "From y Thu Jan 01 00:00:00 1970\n\nold\n\n";

fn into_old_mbox(alice: &Alice) -> Run<'_> {
    alice.file("Mailbox", OLD);
    alice.delivery().message(MESSAGE).prepare()
}

fn has_new_message(mbox: &[u8]) -> bool {
    let quoted = MESSAGE.replace("From ", ">From ") + "\n";
    let lines = "\nReturn-Path: <s@x.example>\nDelivered-To: alice@test.example\n";
    let text = String::from_utf8(mbox.to_vec()).expect("text");
    text.starts_with(&format!("{OLD}From s@x.example "))
        && text.ends_with(&format!("{lines}{quoted}"))
}

#[test]
fn a_killed_mbox_delivery_leaves_older_mail_alone() {
    if !programs::ours() {
        // The original delivers in children, which are not followed, and syncs less.
        return;
    }
    let alice = Alice::new();
    let prepare = || into_old_mbox(&alice);
    strike_each(&calls(prepare()), &[KILL], prepare, |output, what| {
        assert_eq!(output.signal(), Some(9), "{what}");
        assert!(alice.read("Mailbox").starts_with(OLD.as_bytes()), "{what}");
    });
}

#[test]
fn an_mbox_delivery_that_succeeds_has_delivered_and_one_that_fails_has_not() {
    if !programs::ours() {
        // The original delivers in children, which are not followed, and syncs less.
        return;
    }
    let alice = Alice::new();
    let prepare = || into_old_mbox(&alice);
    strike_each(&calls(prepare()), &errors(), prepare, |output, what| {
        let mbox = alice.read("Mailbox");
        match output.code() {
            Some(0) => assert!(has_new_message(&mbox), "{what}"),
            Some(111) => assert_eq!(mbox, OLD.as_bytes(), "{what}"),
            _ => {
                assert!(is_temporary(output), "{what}");
                assert!(mbox == OLD.as_bytes() || has_new_message(&mbox), "{what}");
            }
        }
    });
}

#[test]
fn a_forward_that_succeeds_has_been_queued() {
    if !programs::ours() {
        // The original delivers in children, which are not followed, and syncs less.
        return;
    }
    let alice = Alice::new();
    alice.file(".qmail", "./Mailbox\n&a@x\n");
    // A place of its own for each run: the recorder may outlive a qmail-local that was struck.
    let place = |number: usize| alice.home.path().join(format!("queued/run{number}"));
    let runs = Cell::new(0);
    let prepare = || {
        runs.set(runs.get() + 1);
        alice.file("Mailbox", OLD);
        alice.home.mkdir(&format!("queued/run{}", runs.get()));
        alice
            .delivery()
            .message(MESSAGE)
            .prepare()
            .env("QUEUED", place(runs.get()))
    };
    let mut calls = calls(prepare());
    // How often it looks whether qmail-queue has ended is a matter of luck.
    let handed_over = |call: &Call| call.name == "write" && call.fd.is_some_and(|fd| fd > 2);
    let last = calls
        .iter()
        .rposition(handed_over)
        .expect("a write to qmail-queue");
    calls.truncate(last + 1);
    strike_each(&calls, &errors(), prepare, |output, what| {
        if output.code() != Some(0) {
            assert!(is_temporary(output), "{what}");
            return;
        }
        let queued = |kind| fs::read(place(runs.get()).join(kind)).unwrap_or_default();
        let complete = format!("Delivered-To: alice@test.example\n{MESSAGE}");
        assert_eq!(queued("mess.1"), complete.as_bytes(), "{what}");
        assert_eq!(queued("env.1"), b"Fs@x.example\0Ta@x\0\0", "{what}");
    });
}
