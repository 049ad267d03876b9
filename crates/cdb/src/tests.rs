//! Writer and reader against each other and against known files.

use std::fs::File;
use std::io::Cursor;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;

use crate::{CdbError, Reader, Writer};

struct Scratch(PathBuf);

impl Scratch {
    fn new(content: &[u8]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("cdb-{}-{number}", std::process::id()));
        std::io::Write::write_all(&mut File::create(&path).unwrap(), content).unwrap();
        Self(path)
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, CdbError> {
        Reader::open(&self.0).unwrap().get(key)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn database(records: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut writer = Writer::new(Cursor::new(Vec::new())).unwrap();
    for (key, data) in records {
        writer.add(key, data).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn record(key: &str, data: &str) -> (Vec<u8>, Vec<u8>) {
    (key.as_bytes().to_vec(), data.as_bytes().to_vec())
}

#[test]
fn an_empty_database_is_a_header_of_empty_tables() {
    let bytes = database(&[]);
    assert_eq!(bytes.len(), 2048);
    assert!(bytes.chunks(8).all(|pair| pair == [0, 8, 0, 0, 0, 0, 0, 0]));
}

#[test]
fn a_small_database_has_the_size_of_the_original() {
    let domains = [record("a.example", ""), record("b.example", "")];
    assert_eq!(database(&domains).len(), 2114);
    let users = [
        record("!joe\0", "joe\x00507\x00100\x00/home/joe\0\0"),
        record("!joe-", "joe\x00507\x00100\x00/home/joe\0-\0"),
        record("!", "alias\x007790\x002108\x00/var/qmail/alias\0-\0"),
        record("", "-"),
    ];
    assert_eq!(database(&users).len(), 2238);
}

#[test]
fn slots_carry_the_hash_in_little_endian() {
    let bytes = database(&[record("!u1\0", "data")]);
    let table = 2048 + 8 + 4 + 4;
    assert_eq!(bytes[160 * 8..160 * 8 + 8], [16, 8, 0, 0, 2, 0, 0, 0]);
    let slots = &bytes[table..table + 16];
    assert!(
        slots.windows(4).any(|w| w == [0xa0, 0xc8, 0x4c, 0x7c]),
        "{slots:x?}"
    );
}

#[test]
fn of_two_records_with_one_key_the_first_is_found() {
    let file = Scratch::new(&database(&[record("k", "first"), record("k", "second")]));
    assert_eq!(file.get(b"k").unwrap().unwrap(), b"first");
}

#[test]
fn a_missing_key_is_absent_and_a_short_file_is_an_error() {
    let bytes = database(&[record("key", "data")]);
    assert_eq!(Scratch::new(&bytes).get(b"other").unwrap(), None);
    for length in 0..bytes.len() {
        let cut = Scratch::new(&bytes[..length]);
        assert!(
            cut.get(b"key").is_err(),
            "{length} of {} bytes",
            bytes.len()
        );
    }
}

#[test]
fn a_record_of_impossible_size_is_not_allocated() {
    let mut bytes = database(&[record("key", "data")]);
    bytes[2052..2056].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(
        Scratch::new(&bytes).get(b"key"),
        Err(CdbError::Malformed { .. })
    ));
}

#[test]
fn a_missing_file_can_be_told_from_a_broken_one() {
    let missing = std::env::temp_dir().join("cdb-that-is-not-there");
    assert!(Reader::open_if_exists(&missing).unwrap().is_none());
    assert!(matches!(Reader::open(&missing), Err(CdbError::Open { .. })));
}

proptest! {
    #[test]
    fn what_is_written_is_found(
        records in proptest::collection::vec(
            (proptest::collection::vec(any::<u8>(), 0..6), proptest::collection::vec(any::<u8>(), 0..40)),
            0..60,
        )
    ) {
        let file = Scratch::new(&database(&records));
        for (key, _) in &records {
            let first = records.iter().find(|(k, _)| k == key).unwrap();
            prop_assert_eq!(file.get(key).unwrap().unwrap(), first.1.clone());
        }
    }

    #[test]
    fn any_damage_gives_an_answer_or_an_error(
        at in 0usize..2200, byte in any::<u8>(), key in "[a-c]{1,2}"
    ) {
        let mut bytes = database(&[record("a", "1"), record("b", "2"), record("aa", "3")]);
        let length = bytes.len();
        bytes[at % length] = byte;
        let _ = Scratch::new(&bytes).get(key.as_bytes());
    }
}
