//! doc/procmail.md.

use super::page::Page;
use super::place::{Place, expect_deferral, is_inside};

pub const LIST: &str = "List-Id: News <announce.lists.example>\nSubject: news\n\nnew\n";
pub const PLAIN: &str = "Subject: lunch\n\nShall we have lunch?\n";

#[test]
fn procmail_sorts_a_users_mail() {
    if !is_inside(
        "recipes::procmail::procmail_sorts_a_users_mail",
        &["procmail"],
    ) {
        return;
    }
    let place = Place::new();
    let page = Page::read("procmail.md");
    for name in ["~/.qmail", "~/.procmailrc"] {
        place.file(name, &page.block(name));
    }
    let daemons = place.home.start_daemons();
    place.send("joe@test.example", PLAIN);
    place.send("joe@test.example", LIST);
    daemons.wait_for_lines("end msg", 2);
    assert_eq!(daemons.count("success: "), 2, "{}", daemons.log());
    let [plain] = <[String; 1]>::try_from(place.mail("Maildir")).expect("one message");
    let begin = "Return-Path: <s@x.example>\nDelivered-To: joe@test.example\nReceived: (qmail ";
    assert!(
        plain.starts_with(begin) && plain.ends_with("\nShall we have lunch?\n"),
        "{plain}"
    );
    assert_eq!(place.mail("Maildir/.announce").len(), 1);
}

/// "-t: what procmail cannot deliver stays in the queue."
#[test]
fn what_procmail_cannot_deliver_waits() {
    if !is_inside(
        "recipes::procmail::what_procmail_cannot_deliver_waits",
        &["procmail"],
    ) {
        return;
    }
    let place = Place::new();
    let page = Page::read("procmail.md");
    for name in ["~/.qmail", "~/.procmailrc"] {
        place.file(name, &page.block(name));
    }
    let maildir = place.path("Maildir");
    for part in ["new", "tmp", "cur"] {
        std::fs::remove_dir(maildir.join(part)).expect("rmdir");
    }
    place.mode("Maildir", 0o500);
    let daemons = place.home.start_daemons();
    place.send("joe@test.example", PLAIN);
    expect_deferral(&daemons, 1);
    let spool = std::fs::read_dir("/var/mail").expect("/var/mail");
    let bytes = spool
        .flatten()
        .map(|entry| entry.metadata().expect("a file").len());
    assert_eq!(bytes.sum::<u64>(), 0, "it went where nobody reads");
    place.mode("Maildir", 0o700);
    daemons.signal("qmail-send", nix::sys::signal::Signal::SIGALRM);
    daemons.wait_for_log("end msg");
    assert_eq!(place.mail("Maildir").len(), 1);
}
