//! qmail-newmrh(8): `control/morercpthosts` becomes the database that qmail-smtpd looks into.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use harness::home::Home;

use crate::smtp_dialogue::{Dialogue, codes};

/// The keys of a database in the order in which they were added.
#[track_caller]
fn keys(database: &[u8]) -> Vec<String> {
    let number = |at: usize| {
        let bytes = database[at..at + 4].try_into().expect("four bytes");
        usize::try_from(u32::from_le_bytes(bytes)).expect("fits")
    };
    let end = (0..256)
        .map(|table| number(table * 8))
        .min()
        .expect("tables");
    let mut keys = Vec::new();
    let mut at = 2048;
    while at < end {
        let (key, data) = (number(at), number(at + 4));
        assert_eq!(data, 0);
        let bytes = database[at + 8..at + 8 + key].to_vec();
        keys.push(String::from_utf8(bytes).expect("text"));
        at += 8 + key;
    }
    keys
}

#[track_caller]
fn check(list: &str, expected: &[&str], size: usize) {
    let home = Home::new();
    home.control("morercpthosts", list);
    let done = home.program("qmail-newmrh").output();
    done.assert_exit(0);
    assert!(done.stdout.is_empty() && done.stderr.is_empty());
    let database = home.read("control/morercpthosts.cdb");
    assert_eq!(keys(&database), expected);
    assert_eq!(database.len(), size);
    let facts = fs::metadata(home.path().join("control/morercpthosts.cdb")).expect("stat");
    assert_eq!(facts.permissions().mode() & 0o7777, 0o644);
    assert!(!home.path().join("control/morercpthosts.tmp").exists());
}

#[track_caller]
fn check_refusal(home: &Home, expected: &str) {
    let before = home.read("control/morercpthosts.cdb");
    let done = home.program("qmail-newmrh").output();
    done.assert_exit(111);
    assert_eq!(
        done.stderr_text(),
        format!("qmail-newmrh: fatal: {expected}\n")
    );
    assert!(
        home.read("control/morercpthosts.cdb") == before,
        "the old database is gone"
    );
}

/// Sizes are those of the original's databases.
#[test]
fn domains_become_keys_in_lower_case() {
    let expected = ["a.example", ".b.example", "c.example"];
    check("a.example\n.b.example\nC.Example\n", &expected, 2148);
    check("a.example\nb.example", &["a.example", "b.example"], 2114);
}

#[test]
fn comments_blanks_and_empty_lines_do_not_count() {
    let list = "# ours\n\na.example \t\n \t \n#b.example\n c.example";
    check(list, &["a.example", " c.example"], 2048 + 17 + 18 + 4 * 8);
    check("", &[], 2048);
}

#[test]
fn qmail_smtpd_takes_what_is_in_it() {
    let dialogue = Dialogue::new();
    dialogue
        .home
        .control("morercpthosts", "More.Example\n.sub.example\n");
    let session = "MAIL FROM:<s@h>\r\nRCPT TO:<r@MORE.example>\r\nRCPT TO:<r@a.b.sub.example>\r\n\
                   RCPT TO:<r@sub.example>\r\nRCPT TO:<r@local.example>\r\nQUIT\r\n";
    let answers = || {
        let replies = dialogue.send(session, 0);
        codes(&replies)[2..6].join(" ")
    };
    assert_eq!(answers(), "553 553 553 250");
    dialogue
        .home
        .program("qmail-newmrh")
        .output()
        .assert_exit(0);
    assert_eq!(answers(), "250 250 553 250");
}

#[test]
fn whatever_goes_wrong_the_old_database_stays() {
    let home = Home::new();
    home.control("morercpthosts", "a.example\n");
    home.program("qmail-newmrh").output().assert_exit(0);
    home.mkdir("control/morercpthosts.tmp");
    check_refusal(
        &home,
        "unable to write to control/morercpthosts.tmp: is a directory",
    );
    fs::remove_dir(home.path().join("control/morercpthosts.tmp")).expect("rmdir");
    home.no_control("morercpthosts");
    check_refusal(
        &home,
        "unable to read control/morercpthosts: file does not exist",
    );
    home.mkdir("control/morercpthosts");
    check_refusal(
        &home,
        "unable to read control/morercpthosts: is a directory",
    );
    fs::remove_dir(home.path().join("control/morercpthosts")).expect("rmdir");
    let long = "x".repeat(1 << 20);
    home.control("morercpthosts", &format!("b.example\n{long}\n"));
    check_refusal(
        &home,
        "unable to read control/morercpthosts: file too large",
    );
}

#[test]
fn a_home_that_is_missing_is_named() {
    let home = Home::new();
    let gone = home.path().join("gone");
    let done = home
        .program("qmail-newmrh")
        .env("QMAILHOME", &gone)
        .output();
    done.assert_exit(111);
    let expected = format!(
        "qmail-newmrh: fatal: unable to chdir to {}: file does not exist\n",
        gone.display()
    );
    assert_eq!(done.stderr_text(), expected);
}

#[test]
fn several_at_once_leave_a_whole_database() {
    let home = Home::new();
    let list: String = (0..20_000).map(|n| format!("host{n}.example\n")).collect();
    home.control("morercpthosts", &list);
    home.program("qmail-newmrh").output().assert_exit(0);
    let expected = home.read("control/morercpthosts.cdb");
    let running: Vec<_> = (0..8)
        .map(|_| home.program("qmail-newmrh").start())
        .collect();
    for one in running {
        one.finish().assert_exit(0);
    }
    assert!(home.read("control/morercpthosts.cdb") == expected);
}
