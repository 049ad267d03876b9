//! qmail-newu(8): `users/assign` becomes `users/cdb`, byte for byte the original's.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use harness::home::Home;

#[track_caller]
fn check_database(assign: &str, expected: &[u8]) {
    let home = Home::new();
    home.write("users/assign", assign.as_bytes());
    let done = home.program("qmail-newu").output();
    done.assert_exit(0);
    assert!(done.stdout.is_empty() && done.stderr.is_empty());
    assert!(
        home.read("users/cdb") == expected,
        "not the database of the original"
    );
    let facts = fs::metadata(home.path().join("users/cdb")).expect("users/cdb");
    assert_eq!(facts.permissions().mode() & 0o7777, 0o644);
    assert!(!home.path().join("users/cdb.tmp").exists());
}

/// A file that is refused leaves the old database, and the original's words.
#[track_caller]
fn check_refusal(assign: Option<&[u8]>, expected: &str) {
    let home = Home::new();
    home.assign("=a:a:1:1:/a:::\n");
    let before = home.read("users/cdb");
    match assign {
        Some(text) => drop(home.write("users/assign", text)),
        None => fs::remove_file(home.path().join("users/assign")).expect("remove"),
    }
    let done = home.program("qmail-newu").output();
    done.assert_exit(111);
    assert_eq!(
        done.stderr_text(),
        format!("qmail-newu: fatal: {expected}\n")
    );
    assert!(home.read("users/cdb") == before, "the old database is gone");
}

#[test]
fn a_usual_file() {
    let assign = "=joe:joe:507:100:/home/joe:::\n+joe-:joe:507:100:/home/joe:-::\n\
                  +:alias:7790:2108:/var/qmail/alias:-::\n.\n";
    check_database(assign, include_bytes!("../data/newu/usual.cdb"));
}

#[test]
fn wildcards_with_different_ends() {
    let assign = "+a-:a:1:1:/a:-::\n+b.:b:1:1:/b:.::\n+c+:c:1:1:/c:+::\n+d-:d:1:1:/d:-::\n\
                  +:alias:7790:2108:/x:-::\n.\n";
    check_database(assign, include_bytes!("../data/newu/wildchars.cdb"));
}

#[test]
fn what_follows_the_dot_is_ignored() {
    let assign = "=joe:joe:507:100:/home/joe:::\n+joe-:joe:507:100:/home/joe:-::\n\
                  +:alias:7790:2108:/var/qmail/alias:-::\n.\nrubbish\n";
    check_database(assign, include_bytes!("../data/newu/usual.cdb"));
}

#[test]
fn a_file_that_is_not_complete_is_refused() {
    check_refusal(None, "unable to open users/assign");
    let bad = "bad format in users/assign";
    check_refusal(Some(b""), bad);
    check_refusal(Some(b"=a:a:1:1:/a:::\n"), bad);
    check_refusal(Some(b"\n.\n"), bad);
    check_refusal(Some(b"=broken\n.\n"), bad);
    check_refusal(Some(b"=a:a:1:1:/a::\n.\n"), bad);
    check_refusal(Some(b"=a:a\0:1:1:/a:::\n.\n"), bad);
}

#[test]
fn a_home_or_a_directory_that_is_missing_is_named() {
    let home = Home::new();
    let gone = home.path().join("gone");
    let done = home.program("qmail-newu").env("QMAILHOME", &gone).output();
    done.assert_exit(111);
    assert_eq!(done.stderr_text(), "qmail-newu: fatal: unable to chdir\n");
    home.write("users/assign", b".\n");
    home.mkdir("users/cdb.tmp");
    let done = home.program("qmail-newu").output();
    done.assert_exit(111);
    assert_eq!(
        done.stderr_text(),
        "qmail-newu: fatal: unable to open users/cdb.tmp\n"
    );
}

#[test]
fn several_at_once_leave_a_whole_database() {
    let home = Home::new();
    let lines: String = (0..2000)
        .map(|n| format!("=user{n}:user{n}:{n}:100:/home/user{n}:::\n"))
        .collect();
    home.write("users/assign", format!("{lines}.\n").as_bytes());
    home.program("qmail-newu").output().assert_exit(0);
    let expected = home.read("users/cdb");
    let running: Vec<_> = (0..8).map(|_| home.program("qmail-newu").start()).collect();
    for one in running {
        one.finish().assert_exit(0);
    }
    assert!(home.read("users/cdb") == expected);
}
