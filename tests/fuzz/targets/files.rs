//! Files that a postmaster or a program before us wrote: control files, users/assign, cdb, tcpto.

use std::collections::BTreeMap;
use std::io::Cursor;

use control::{Control, Map};

use super::scratch::{with_home, write};

/// Lines are clean, and a file of just these lines means the same.
pub fn control(data: &[u8]) {
    with_home(|home| {
        let control = Control::new(home);
        write(home, "control/x", data);
        let list = control.list("x").expect("readable");
        let list = list.expect("it is there");
        let line = control.line("x").expect("readable");
        let line = line.expect("it is there");
        let integer = control.integer("x").expect("readable");
        let map = control.map("x").expect("readable").expect("it is there");
        assert!(data.starts_with(&line) && !line.contains(&b'\n'));
        assert!(!matches!(line.last(), Some(b' ' | b'\t')));
        assert_eq!(
            integer.is_some(),
            line.first().is_some_and(u8::is_ascii_digit)
        );
        for entry in &list {
            assert!(!entry.is_empty() && !entry.starts_with(b"#"));
            assert!(!entry.contains(&b'\n') && !entry.ends_with(b" ") && !entry.ends_with(b"\t"));
        }
        check_map(&list, &map);
        let clean = list.join(&b'\n');
        write(home, "control/x", &clean);
        let again = control.list("x").expect("readable");
        assert_eq!(again, Some(list));
    });
}

/// The last line of a key counts, whatever its case.
#[track_caller]
fn check_map(list: &[Vec<u8>], map: &Map) {
    let mut expected = BTreeMap::new();
    for line in list {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        if let (Some(key), Some(value)) = (parts.next(), parts.next()) {
            expected.insert(key.to_ascii_lowercase(), value);
        }
    }
    assert_eq!(map.len(), expected.len());
    for (key, value) in expected {
        assert_eq!(map.get(&key.to_ascii_uppercase()), Some(value));
    }
}

/// Records are found again, the first of each key. The data is keys and values, each ended by LF.
pub fn cdb_records(data: &[u8]) {
    let fields: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    let mut writer = cdb::Writer::new(Cursor::new(Vec::new())).expect("memory");
    let mut first = BTreeMap::new();
    for pair in fields.chunks_exact(2) {
        writer.add(pair[0], pair[1]).expect("memory");
        first.entry(pair[0]).or_insert(pair[1]);
    }
    let file = writer.finish().expect("memory").into_inner();
    with_home(|home| {
        let path = write(home, "users/records", &file);
        let reader = cdb::Reader::open(&path).expect("it was just written");
        for (key, value) in &first {
            let found = reader.get(key).expect("sound");
            assert_eq!(found.as_deref(), Some(*value));
        }
        let other = [data, b"\n"].concat();
        assert!(!reader.contains(&other).expect("sound"));
    });
}

/// Whatever the file holds, only what is in it comes out of it. The first line is the key.
pub fn cdb_file(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (key, file) = data.split_at(end);
    let file = file.strip_prefix(b"\n").unwrap_or(file);
    with_home(|home| {
        let path = write(home, "users/file", file);
        let reader = cdb::Reader::open(&path).expect("it is there");
        for key in [key, b"", b"alice"] {
            if let Ok(Some(found)) = reader.get(key) {
                let record = [key, &found].concat();
                let is_there =
                    record.is_empty() || file.windows(record.len()).any(|window| window == record);
                assert!(is_there, "{}", record.escape_ascii());
            }
        }
    });
}

/// An assignment that is taken finds its name, and the name with a tail if it is a wildcard.
pub fn assign(data: &[u8]) {
    let Ok(assignments) = users::parse(data) else {
        return;
    };
    let records = assignments.records();
    let file = assignments.write(Cursor::new(Vec::new())).expect("memory");
    with_home(|home| {
        write(home, "users/cdb", &file.into_inner());
        let users = users::Users::open(home).expect("it was just written");
        let users = users.expect("it is there");
        let mut seen = Vec::new();
        for (key, data) in &records {
            let Some(name) = key.strip_prefix(b"!") else {
                continue;
            };
            let is_first = !seen.contains(&key);
            seen.push(key);
            let Some(name) = name.strip_suffix(b"\0").filter(|_| is_first) else {
                continue;
            };
            let expected = users::Assignment::parse(data);
            match users.lookup(&name.to_ascii_uppercase()) {
                Ok(found) => assert_eq!(found, expected),
                Err(_) => assert_eq!(expected, None),
            }
        }
    });
}

/// Of a table of any length and content each entry is one of its records, and
/// a host that answers is out of quarantine at once.
pub fn tcpto(data: &[u8]) {
    with_home(|home| {
        write(home, "queue/lock/tcpto", data);
        let table = tcpto::Tcpto::new(home);
        let timeouts = table.timeouts().expect("it is there");
        assert!(timeouts.len() <= 64 && timeouts.len() <= data.len() / 16);
        for (index, timeout) in timeouts.iter().enumerate() {
            assert!(timeout.count > 0, "{index}");
            let octets = timeout.ip.octets();
            assert!(data.chunks_exact(16).any(|record| record[..4] == octets));
        }
        if let Some(timeout) = timeouts.first() {
            table.answered(timeout.ip);
            let history = table.history(timeout.ip, timeout.last, 0);
            assert_eq!(history, tcpto::History::Known);
        }
    });
}
