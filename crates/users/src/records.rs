//! The records of `users/cdb`: `!name` and NUL for one name, `!prefix` for a wildcard, and under
//! the empty key the last characters of all wildcards, so that a reader need not try every
//! prefix.

use std::io::{Seek, Write};

use crate::Assignments;

impl Assignments {
    /// The records in the order in which qmail-newu writes them.
    pub fn records(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut records = Vec::with_capacity(self.0.len() + 1);
        let mut wildcard_ends = Vec::new();
        for line in &self.0 {
            let mut key = [b"!", line.name.as_slice()].concat();
            if line.is_wildcard {
                let end = line.name.last().copied();
                wildcard_ends.extend(end.filter(|b| !wildcard_ends.contains(b)));
            } else {
                key.push(0);
            }
            records.push((key, line.fields.join(&0)));
        }
        records.push((Vec::new(), wildcard_ends));
        records
    }

    /// Writes the database to an empty file and gives it back, not yet synced.
    pub fn write<W: Write + Seek>(&self, file: W) -> Result<W, cdb::CdbError> {
        let mut writer = cdb::Writer::new(file)?;
        for (key, data) in self.records() {
            writer.add(&key, &data)?;
        }
        writer.finish()
    }
}

#[cfg(test)]
mod tests {
    use crate::parse;

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        let shown: Vec<_> = parse(text.as_bytes())
            .unwrap()
            .records()
            .iter()
            .map(|(k, d)| (k.escape_ascii().to_string(), d.escape_ascii().to_string()))
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(k, d)| {
                (
                    k.as_bytes().escape_ascii().to_string(),
                    d.as_bytes().escape_ascii().to_string(),
                )
            })
            .collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn names_and_wildcards_have_different_keys() {
        check(
            "=joe:joe:507:100:/home/joe:::\n+joe-:joe:507:100:/home/joe:-::\n+:alias:7790:2108:/var/qmail/alias:-::\n.\n",
            &[
                ("!joe\0", "joe\x00507\x00100\x00/home/joe\0\0"),
                ("!joe-", "joe\x00507\x00100\x00/home/joe\0-\0"),
                ("!", "alias\x007790\x002108\x00/var/qmail/alias\0-\0"),
                ("", "-"),
            ],
        );
    }

    #[test]
    fn every_wildcard_end_is_listed_once_and_in_lower_case() {
        check(
            "+a-:a:1:1:/a:-::\n+b.:b:1:1:/b:.::\n+d-:d:1:1:/d:-::\n+X:x:1:1:/x:::\n.\n",
            &[
                ("!a-", "a\x001\x001\x00/a\0-\0"),
                ("!b.", "b\x001\x001\x00/b\0.\0"),
                ("!d-", "d\x001\x001\x00/d\0-\0"),
                ("!x", "x\x001\x001\x00/x\0\0"),
                ("", "-.x"),
            ],
        );
    }
}
