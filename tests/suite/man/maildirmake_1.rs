//! maildirmake(1): what it makes, and what it says when it cannot.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::one_delivery::Alice;

#[test]
fn a_new_maildir_is_private_and_takes_mail() {
    let alice = Alice::new();
    let run = alice.home.program("maildirmake").args(["Mail dir"]);
    let done = run.cwd(alice.path("")).output();
    assert_eq!(done.assert_exit(0).stderr_text(), "");
    assert_eq!(alice.names("Mail dir"), ["cur", "new", "tmp"]);
    for part in ["", "/tmp", "/new", "/cur"] {
        let facts = fs::metadata(alice.path(&format!("Mail dir{part}"))).expect("directory");
        assert_eq!(facts.permissions().mode() & 0o7777, 0o700, "{part}");
    }
    alice.file(".qmail", "./Mail dir/\n");
    alice.delivery().run().assert_exit(0);
    assert_eq!(alice.names("Mail dir/new").len(), 1);
}

#[test]
fn what_is_there_already_is_left_alone() {
    let alice = Alice::new();
    alice.file("there", "content");
    let path = alice.path("there");
    let maildirmake = |path: &str| alice.home.program("maildirmake").args([path]).output();
    let text =
        |path: &str, why: &str| format!("maildirmake: fatal: unable to mkdir {path}: {why}\n");
    let name = path.display().to_string();
    let done = maildirmake(&name);
    assert_eq!(
        done.assert_exit(111).stderr_text(),
        text(&name, "file already exists")
    );
    assert_eq!(alice.read("there"), b"content");
    let done = maildirmake("/nowhere/x");
    assert_eq!(
        done.assert_exit(111).stderr_text(),
        text("/nowhere/x", "file does not exist")
    );
}

#[test]
fn a_wrong_call_is_refused() {
    let alice = Alice::new();
    let done = alice.home.program("maildirmake").output();
    let text = "maildirmake: usage: maildirmake name\n";
    assert_eq!(done.assert_exit(100).stderr_text(), text);
}
