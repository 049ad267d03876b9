//! doc/maildrop.md.

use super::page::Page;
use super::place::{Place, expect_deferral, is_inside};
use super::procmail::{LIST, PLAIN};

#[test]
fn maildrop_sorts_a_users_mail() {
    if !is_inside(
        "recipes::maildrop::maildrop_sorts_a_users_mail",
        &["maildrop"],
    ) {
        return;
    }
    let place = Place::new();
    let page = Page::read("maildrop.md");
    place.file("~/.qmail", &page.block("~/.qmail"));
    place.file("~/.mailfilter", &page.block("~/.mailfilter"));
    place.mode(".mailfilter", 0o600);
    let daemons = place.home.start_daemons();
    place.send("joe@test.example", PLAIN);
    daemons.wait_for_lines("end msg", 1);
    let [plain] = <[String; 1]>::try_from(place.mail("Maildir")).expect("one message");
    let begin = "Return-Path: <s@x.example>\nDelivered-To: joe@test.example\nReceived: (qmail ";
    assert!(
        plain.starts_with(begin) && plain.ends_with("\nShall we have lunch?\n"),
        "{plain}"
    );
    // "Folders must exist": until then the message waits.
    place.send("joe@test.example", LIST);
    expect_deferral(&daemons, 1);
    let folder = place.path("Maildir/.announce");
    place
        .home
        .program("maildirmake")
        .args([&folder])
        .output()
        .assert_exit(0);
    daemons.signal("qmail-send", nix::sys::signal::Signal::SIGALRM);
    daemons.wait_for_lines("end msg", 2);
    assert_eq!(place.mail("Maildir/.announce").len(), 1);
}
