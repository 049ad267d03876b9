//! maildirsize: what is believed, what is counted, what is written.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use proptest::prelude::*;

use super::{Ledger, add, counts, quota, size_in_name, with};
use crate::maildir::Names;
use crate::quota::{Quota, Usage};

struct Maildir(PathBuf);

impl Maildir {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("maildirsize.{}.{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        for part in ["tmp", "new", "cur", ".Sent/new", ".Sent/cur", ".Trash/cur"] {
            fs::create_dir_all(path.join(part)).unwrap();
        }
        Self(path)
    }

    fn file(&self, name: &str, bytes: usize) -> &Self {
        fs::File::create(self.0.join(name))
            .unwrap()
            .set_len(u64::try_from(bytes).unwrap())
            .unwrap();
        self
    }

    fn ledger(&self, text: &str) -> &Self {
        use std::io::Write;
        let mut file = fs::File::create(self.0.join("maildirsize")).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        self
    }

    fn ledger_is_old(&self) -> &Self {
        let file = fs::File::options()
            .append(true)
            .open(self.0.join("maildirsize"))
            .unwrap();
        let changed = file.metadata().unwrap().modified().unwrap();
        file.set_modified(changed - Duration::from_secs(16 * 60))
            .unwrap();
        self
    }

    fn text(&self) -> String {
        fs::read_to_string(self.0.join("maildirsize")).unwrap_or_default()
    }

    #[track_caller]
    fn check(&self, limit: &str, expected: (u64, u64)) {
        let limit = Quota::parse(limit.as_bytes()).unwrap().unwrap();
        let more = Usage {
            bytes: 10,
            messages: 1,
        };
        let usage = with(&self.0, limit, more, &mut Names::new(b"h", 1)).unwrap();
        assert_eq!((usage.bytes, usage.messages), expected);
    }
}

impl Drop for Maildir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn without_the_file_everything_is_counted_and_the_file_is_made() {
    let maildir = Maildir::new();
    maildir
        .file("new/1", 100)
        .file("cur/2,S=50:2,S", 7)
        .file("cur/3:2,ST", 1000)
        .file("cur/.hidden", 1000)
        .file(".Sent/cur/4,S=5", 0)
        .file(".Trash/cur/5", 1000)
        .file("tmp/6", 1000);
    maildir.check("1000S,100C", (165, 4));
    assert_eq!(maildir.text(), "1000S,100C\n155 3\n");
    add(
        &maildir.0,
        Usage {
            bytes: 10,
            messages: 1,
        },
    );
    assert_eq!(maildir.text(), "1000S,100C\n155 3\n10 1\n");
    assert_eq!(fs::read_dir(maildir.0.join("tmp")).unwrap().count(), 1);
}

#[test]
fn a_fresh_file_is_believed() {
    let maildir = Maildir::new();
    maildir
        .file("new/1", 100)
        .ledger("1000S\n    500 5\n-100 -1\n");
    maildir.check("1000S", (410, 5));
}

#[test]
fn an_old_broken_long_or_foreign_one_is_counted_again() {
    let old = Maildir::new();
    old.file("new/1", 100)
        .ledger("1000S\n500 5\n")
        .ledger_is_old();
    old.check("1000S", (110, 2));
    assert_eq!(old.text(), "1000S\n100 1\n");
    for text in [
        "",
        "1000S\nx\n",
        "1000S\n5 1",
        "5 1\n",
        "1000S\n-5 1\n",
        "2000S\n5 1\n",
    ] {
        let maildir = Maildir::new();
        maildir.file("new/1", 100).ledger(text);
        maildir.check("1000S", (110, 2));
        assert_eq!(maildir.text(), "1000S\n100 1\n", "{text:?}");
    }
    let long = Maildir::new();
    long.file("new/1", 100)
        .ledger(&format!("1000S\n{}", "0 0\n".repeat(2000)));
    long.check("1000S", (110, 2));
}

#[test]
fn nobody_is_refused_by_a_sum_of_many_lines() {
    let maildir = Maildir::new();
    maildir.file("new/1", 100).ledger("1000S\n500 5\n600 1\n");
    maildir.check("1000S", (110, 2));
}

#[test]
fn a_count_that_refuses_is_believed_for_a_while() {
    let maildir = Maildir::new();
    maildir.ledger("1000S\n995 5\n");
    maildir.check("1000S", (1005, 6));
}

#[test]
fn a_link_in_the_place_of_the_file_is_not_followed() {
    let maildir = Maildir::new();
    let elsewhere = maildir.0.join("elsewhere");
    maildir.file("elsewhere", 0);
    std::os::unix::fs::symlink(&elsewhere, maildir.0.join("maildirsize")).unwrap();
    add(&maildir.0, Usage::default());
    assert_eq!(fs::metadata(&elsewhere).unwrap().len(), 0);
    assert_eq!(quota(&maildir.0), None);
}

#[test]
fn a_directory_that_cannot_be_read_is_not_an_empty_one() {
    let maildir = Maildir::new();
    fs::remove_dir_all(&maildir.0).unwrap();
    let limit = Quota::parse(b"5S").unwrap().unwrap();
    let usage = with(
        &maildir.0,
        limit,
        Usage::default(),
        &mut Names::new(b"h", 1),
    );
    assert!(usage.is_err());
}

#[test]
fn the_first_line_names_the_quota() {
    let maildir = Maildir::new();
    maildir.ledger("5S,6C\n1 1\n");
    assert_eq!(quota(&maildir.0), Quota::parse(b"5S,6C").unwrap());
}

#[test]
fn names_tell_size_and_deletion() {
    assert_eq!(size_in_name(b"1.2.h,S=34:2,S"), Some(34));
    assert_eq!(size_in_name(b"1.2.h,W=9,S=34"), Some(34));
    assert_eq!(size_in_name(b"1.2.h:2,S=34"), None);
    assert_eq!(size_in_name(b"1.2.h,S=x"), None);
    assert!(counts(b"1.2.h:2,RS"));
    assert!(!counts(b"1.2.h:2,RST"));
    assert!(counts(b"T1"));
}

proptest! {
    #[test]
    fn any_bytes_are_a_ledger_or_not(content in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = Ledger::parse(&content);
    }

    #[test]
    fn lines_add_up(numbers in proptest::collection::vec((0_u64..1 << 40, 0_u64..1 << 20), 1..50)) {
        let lines: String = numbers.iter().map(|(bytes, count)| format!("{bytes} {count}\n")).collect();
        let ledger = Ledger::parse(format!("5S\n{lines}").as_bytes()).unwrap();
        prop_assert_eq!(ledger.sum.bytes, numbers.iter().map(|(bytes, _)| bytes).sum::<u64>());
        prop_assert_eq!(ledger.sum.messages, numbers.iter().map(|(_, count)| count).sum::<u64>());
    }
}
