//! vdelivermail that dies, or whose system calls fail, in the middle of a delivery: vdelivermail(8)
//! promises that a message is on the disk when it exits 0, maildir(5) all or nothing, and doubt is
//! temporary: nothing that goes wrong with the system makes a bounce.

use std::cell::Cell;
use std::fs;

use harness::run::{Output, Run};

use super::local_interrupted::{KILL, calls, errors, is_temporary, strike_each};
use super::vpopmail_domain::{Domain, MESSAGE, delivered};

const QUOTA: &str = "1000S,5C";

/// A delivery to joe, who has a quota and no mail.
fn into_empty_maildir(domain: &Domain) -> Run<'_> {
    for part in ["tmp", "new"] {
        for name in domain.names(&format!("joe/Maildir/{part}")) {
            fs::remove_file(domain.path("joe/Maildir").join(part).join(name)).expect("unlink");
        }
    }
    domain.file("joe/Maildir/maildirsize", format!("{QUOTA}\n0 0\n"));
    domain.delivery("joe", "delete")
}

/// The same when the mail has to be counted first.
fn into_uncounted_maildir(domain: &Domain) -> Run<'_> {
    let run = into_empty_maildir(domain);
    fs::remove_file(domain.path("joe/Maildir/maildirsize")).expect("unlink");
    run
}

fn with_quota() -> Domain {
    let domain = Domain::new();
    domain.account("joe", "0", QUOTA);
    domain
}

/// All or nothing, and what was said is true.
#[track_caller]
fn judge(domain: &Domain, output: &Output, what: &str) {
    let mail = domain.mail("joe");
    match output.code() {
        Some(0) => assert_eq!(mail, [delivered("joe")], "{what}"),
        Some(111) => assert!(mail.is_empty(), "{what}"),
        _ => {
            assert!(is_temporary(output), "{what}: {output:?}");
            assert!(mail.is_empty() || mail == [delivered("joe")], "{what}");
        }
    }
}

#[test]
fn a_killed_delivery_leaves_all_or_nothing() {
    let domain = with_quota();
    for prepare in [into_empty_maildir, into_uncounted_maildir] {
        let prepare = || prepare(&domain);
        strike_each(&calls(prepare()), &[KILL], prepare, |output, what| {
            assert_eq!(output.signal(), Some(9), "{what}");
            judge(&domain, output, what);
        });
    }
}

#[test]
fn a_delivery_that_succeeds_has_delivered_and_one_that_fails_has_not() {
    let domain = with_quota();
    for prepare in [into_empty_maildir, into_uncounted_maildir] {
        let prepare = || prepare(&domain);
        strike_each(&calls(prepare()), &errors(), prepare, |output, what| {
            judge(&domain, output, what);
        });
    }
}

/// "The directory and the Maildir in it are made if they are missing"
#[test]
fn a_maildir_that_was_half_made_is_completed_by_the_next_delivery() {
    let domain = Domain::new();
    let prepare = || {
        fs::remove_dir_all(domain.path("joe")).expect("remove");
        domain.delivery("joe", "delete")
    };
    let calls = calls(prepare());
    let blows: Vec<_> = errors().into_iter().chain([KILL]).collect();
    strike_each(&calls, &blows, prepare, |output, what| {
        let before = domain.mail("joe").len();
        match output.code() {
            Some(0) => assert_eq!(before, 1, "{what}"),
            Some(111) => assert_eq!(before, 0, "{what}"),
            _ => assert!(is_temporary(output), "{what}: {output:?}"),
        }
        domain.delivery("joe", "delete").output().assert_exit(0);
        assert_eq!(domain.mail("joe").len(), before + 1, "{what}");
    });
}

/// A full maildir stays full whatever fails, and nothing is delivered to it.
#[test]
fn no_error_opens_a_full_maildir() {
    let domain = with_quota();
    for number in 1..=5 {
        domain.file(&format!("joe/Maildir/cur/{number}"), "x");
    }
    let prepare = || {
        domain.file("joe/Maildir/maildirsize", format!("{QUOTA}\n5 5\n"));
        domain.delivery("joe", "delete")
    };
    let (calls, output) = harness::crash::trace(prepare());
    output.assert_exit(100);
    strike_each(&calls, &errors(), prepare, |output, what| {
        let is_refused = output.code() == Some(100);
        assert!(is_refused || is_temporary(output), "{what}: {output:?}");
        assert_eq!(domain.names("joe/Maildir/new").len(), 0, "{what}");
    });
}

/// What cannot be looked up is not "no such user": with this fallback that would throw it away.
#[test]
fn no_error_makes_a_user_unknown() {
    let domain = Domain::new();
    fs::remove_file(domain.path("vpasswd.cdb")).expect("unlink");
    let prepare = || into_empty_maildir(&domain);
    strike_each(&calls(prepare()), &errors(), prepare, |output, what| {
        judge(&domain, output, what);
    });
}

#[test]
fn a_forward_that_succeeds_has_been_queued() {
    let domain = Domain::new();
    domain.file("joe/.qmail", "&a@x\n");
    // A place of its own for each run: the recorder may outlive a vdelivermail that was struck.
    let place = |number: usize| domain.home.path().join(format!("queued/run{number}"));
    let runs = Cell::new(0);
    let prepare = || {
        runs.set(runs.get() + 1);
        domain.home.mkdir(&format!("queued/run{}", runs.get()));
        domain
            .delivery("joe", "delete")
            .env("QUEUED", place(runs.get()))
    };
    let mut calls = calls_of_forward(prepare());
    // How often it looks whether qmail-queue has ended is a matter of luck.
    let last = calls
        .iter()
        .rposition(|call| call.name == "write" && call.fd.is_some_and(|fd| fd > 2))
        .expect("a write to qmail-queue");
    calls.truncate(last + 1);
    strike_each(&calls, &errors(), prepare, |output, what| {
        if output.code() != Some(0) {
            assert!(is_temporary(output), "{what}: {output:?}");
            return;
        }
        let queued = |kind| fs::read(place(runs.get()).join(kind)).unwrap_or_default();
        let complete = format!("Delivered-To: joe@dom.example\n{MESSAGE}");
        assert_eq!(queued("mess.1"), complete.as_bytes(), "{what}");
        assert_eq!(queued("env.1"), b"Fs@x.example\0Ta@x\0\0", "{what}");
    });
}

fn calls_of_forward(run: Run<'_>) -> Vec<harness::syscalls::Call> {
    let (calls, output) = harness::crash::trace(run);
    output.assert_exit(0);
    calls
}
