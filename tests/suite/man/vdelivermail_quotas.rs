//! vdelivermail(8), "Quotas": what fits, what is counted, who is told.

use std::fs;
use std::time::Duration;

use super::vdelivermail_8::{BOUNCE, check};
use super::vpopmail_domain::{Domain, delivered};

/// "A message that does not fit is refused."
#[test]
fn a_full_maildir_refuses() {
    let domain = Domain::new();
    let size = delivered("joe").len();
    domain.account("joe", "0", &format!("{}S", size * 2));
    for _ in 0..2 {
        check(&domain.delivery("joe", BOUNCE).output(), 0, "");
    }
    let ledger = || fs::read_to_string(domain.path("joe/Maildir/maildirsize")).expect("ledger");
    assert_eq!(
        ledger(),
        format!("{}S\n0 0\n{size} 1\n{size} 1\n", size * 2)
    );
    check(
        &domain.delivery("joe", BOUNCE).output(),
        100,
        "user is over quota\n",
    );
    assert_eq!(ledger(), format!("{}S\n{} 2\n", size * 2, size * 2));
    assert_eq!(domain.mail("joe").len(), 2);
    assert_eq!(domain.names("joe/Maildir/tmp").len(), 0);
    domain.file(".over-quota.msg", "Try the telephone.\n");
    check(
        &domain.delivery("joe", BOUNCE).output(),
        100,
        "Try the telephone.\n",
    );
    domain.account("joe", "0", "1MB");
    check(&domain.delivery("joe", BOUNCE).output(), 0, "");
}

#[test]
fn a_quota_may_count_messages_and_folders_count_too() {
    let domain = Domain::new();
    domain.account("joe", "0", "1000000S,3C");
    domain
        .mkdir("joe/Maildir/.Sent")
        .mkdir("joe/Maildir/.Sent/cur");
    domain
        .file("joe/Maildir/.Sent/cur/1,S=9:2,S", "x")
        .file("joe/Maildir/cur/2:2,ST", "x");
    check(&domain.delivery("joe", BOUNCE).output(), 0, "");
    check(&domain.delivery("joe", BOUNCE).output(), 0, "");
    check(
        &domain.delivery("joe", BOUNCE).output(),
        100,
        "user is over quota\n",
    );
}

/// "It is made anew when it is a quarter of an hour old"
#[test]
fn mail_that_was_deleted_makes_room() {
    let domain = Domain::new();
    domain.account("joe", "0", "1C");
    check(&domain.delivery("joe", BOUNCE).output(), 0, "");
    check(
        &domain.delivery("joe", BOUNCE).output(),
        100,
        "user is over quota\n",
    );
    let name = domain.only_name("joe/Maildir/new");
    fs::remove_file(domain.path("joe/Maildir/new").join(name)).expect("unlink");
    let ledger = fs::File::options()
        .append(true)
        .open(domain.path("joe/Maildir/maildirsize"))
        .expect("ledger");
    let changed = ledger
        .metadata()
        .and_then(|facts| facts.modified())
        .expect("time");
    ledger
        .set_modified(changed - Duration::from_secs(16 * 60))
        .expect("time");
    check(&domain.delivery("joe", BOUNCE).output(), 0, "");
}

#[test]
fn a_quota_that_cannot_be_read_defers() {
    let domain = Domain::new();
    domain.account("joe", "0", "some");
    let said = "vdelivermail: quota of account is not understood\n";
    check(&domain.delivery("joe", BOUNCE).output(), 111, said);
    assert_eq!(domain.mail("joe").len(), 0);
}

/// "Any other maildir has the quota that the first line of its maildirsize names."
#[test]
fn a_maildir_line_keeps_to_the_quota_of_that_maildir() {
    let domain = Domain::new();
    domain.account("joe", "0", "1C");
    domain.file("joe/.qmail", "./Maildir/\n");
    domain.delivery("joe", BOUNCE).output().assert_exit(0);
    domain.delivery("joe", BOUNCE).output().assert_exit(100);
    domain
        .maildir("ann")
        .file("ann/Maildir/maildirsize", "2C\n0 0\n");
    let ann = domain.path("ann/Maildir").display().to_string();
    domain.file("joe/.qmail", format!("{ann}/\n"));
    for code in [0, 0, 100] {
        domain.delivery("joe", BOUNCE).output().assert_exit(code);
    }
    assert_eq!(domain.mail("ann").len(), 2);
}

/// "When a maildir is nine tenths full, the message in .quotawarn.msg ... once a day"
#[test]
fn a_nearly_full_maildir_has_a_warning_once() {
    let domain = Domain::new();
    domain.account("joe", "0", "10C");
    domain.home.write(
        "mail/domains/.quotawarn.msg",
        b"Subject: nearly full\n\nDelete something.\n",
    );
    for number in 1..=7 {
        domain.file(&format!("joe/Maildir/cur/{number}:2,S"), "x");
    }
    check(&domain.delivery("joe", BOUNCE).output(), 0, "");
    assert_eq!(domain.mail("joe").len(), 8);
    check(&domain.delivery("joe", BOUNCE).output(), 0, "");
    let mail = domain.mail("joe");
    assert_eq!(mail.len(), 10);
    let warnings: Vec<_> = mail
        .iter()
        .filter(|text| text.contains("nearly full"))
        .collect();
    assert_eq!(warnings.len(), 1);
    assert!(
        warnings[0].starts_with("Delivered-To: joe@dom.example\nDate: "),
        "{}",
        warnings[0]
    );
    check(
        &domain.delivery("joe", BOUNCE).output(),
        100,
        "user is over quota\n",
    );
    assert_eq!(domain.mail("joe").len(), 10);
}
