//! The lookup in `users/cdb`: the exact name first, then the longest wildcard. What the database
//! does not know is left to qmail-getpw.

use std::path::Path;

/// What the database says about a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The account's name.
    pub user: Vec<u8>,
    /// The account's uid.
    pub uid: u32,
    /// The account's gid.
    pub gid: u32,
    /// Where its .qmail files are.
    pub home: Vec<u8>,
    /// Empty, or what stands between `.qmail` and the extension.
    pub dash: Vec<u8>,
    /// The extension, in the case of the address.
    pub ext: Vec<u8>,
}

impl Assignment {
    /// Reads `user\0uid\0gid\0home\0dash\0ext`, with or without a NUL at the end: a record of the
    /// database, or the output of qmail-getpw.
    pub fn parse(record: &[u8]) -> Option<Self> {
        let mut fields = record.split(|b| *b == 0);
        let mut next = || fields.next();
        Some(Self {
            user: next()?.to_vec(),
            uid: number(next()?)?,
            gid: number(next()?)?,
            home: next()?.to_vec(),
            dash: next()?.to_vec(),
            ext: next()?.to_vec(),
        })
    }
}

/// Why a name could not be looked up. All of these are trouble with the file, none of them means
/// that the name is unknown.
#[derive(Debug, thiserror::Error)]
pub enum UsersError {
    /// The database cannot be read.
    #[error("unable to read users/cdb")]
    Cdb(#[from] cdb::CdbError),
    /// It lacks the list of wildcard ends, which qmail-newu writes last.
    #[error("users/cdb is not finished")]
    NoWildcardEnds,
    /// A record does not have its six fields.
    #[error("users/cdb has a malformed record")]
    Malformed,
}

/// An open `users/cdb`.
#[derive(Debug)]
pub struct Users {
    database: cdb::Reader,
    wildcard_ends: Vec<u8>,
}

impl Users {
    /// Opens the database of a home; without one everybody is left to qmail-getpw.
    pub fn open(home: &Path) -> Result<Option<Self>, UsersError> {
        let Some(database) = cdb::Reader::open_if_exists(&home.join("users/cdb"))? else {
            return Ok(None);
        };
        let wildcard_ends = database.get(b"")?.ok_or(UsersError::NoWildcardEnds)?;
        Ok(Some(Self {
            database,
            wildcard_ends,
        }))
    }

    /// Looks the local part of an address up.
    pub fn lookup(&self, local: &[u8]) -> Result<Option<Assignment>, UsersError> {
        let mut key = [b"!", local, &[0]].concat().to_ascii_lowercase();
        if let Some(record) = self.database.get(&key)? {
            return Assignment::parse(&record)
                .map(Some)
                .ok_or(UsersError::Malformed);
        }
        key.pop();
        while !key.is_empty() {
            let is_candidate =
                key.len() == 1 || key.last().is_some_and(|b| self.wildcard_ends.contains(b));
            if is_candidate && let Some(record) = self.database.get(&key)? {
                let rest = local.get(key.len() - 1..).unwrap_or_default();
                let mut found = Assignment::parse(&record).ok_or(UsersError::Malformed)?;
                found.ext.extend_from_slice(rest);
                return Ok(Some(found));
            }
            key.pop();
        }
        Ok(None)
    }
}

fn number(field: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(field)
        .ok()
        .filter(|text| !text.starts_with('+'))?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::parse;

    struct Home(PathBuf);

    impl Home {
        fn new(assign: &str) -> Self {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("users-{}-{number}", std::process::id()));
            std::fs::create_dir_all(path.join("users")).unwrap();
            let file = File::create(path.join("users/cdb")).unwrap();
            parse(assign.as_bytes()).unwrap().write(file).unwrap();
            Self(path)
        }

        #[track_caller]
        fn check(&self, local: &str, expected: Option<(&str, &str)>) {
            let users = Users::open(&self.0).unwrap().unwrap();
            let found = users.lookup(local.as_bytes()).unwrap();
            let found = found.map(|a| (a.user, a.ext));
            let expected =
                expected.map(|(user, ext)| (user.as_bytes().to_vec(), ext.as_bytes().to_vec()));
            assert_eq!(found, expected, "{local}");
        }
    }

    impl Drop for Home {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_exact_name_comes_before_the_longest_wildcard() {
        let home = Home::new(
            "=joe:one:1:1:/:::\n=joe:late:1:1:/:::\n+joe-:two:1:1:/:-:pre-:\n+joe-list-:three:1:1:/:-::\n.\n",
        );
        home.check("joe", Some(("one", "")));
        home.check("JOE", Some(("one", "")));
        home.check("joe-", Some(("two", "pre-")));
        home.check("Joe-Work", Some(("two", "pre-Work")));
        home.check("joe-list-X", Some(("three", "X")));
        home.check("joel", None);
        home.check("", None);
    }

    #[test]
    fn a_wildcard_for_everybody_takes_the_rest() {
        let home = Home::new("=joe:one:1:1:/:::\n+:all:1:1:/:-::\n.\n");
        home.check("Nobody-Else", Some(("all", "Nobody-Else")));
        home.check("", Some(("all", "")));
        home.check("joe", Some(("one", "")));
    }

    #[test]
    fn a_wildcard_may_end_in_any_case() {
        Home::new("+JoE:joe:1:1:/:::\n.\n").check("joeX", Some(("joe", "X")));
    }

    #[test]
    fn no_database_is_no_error_and_a_broken_one_is() {
        assert!(Users::open(Path::new("/nonexistent")).unwrap().is_none());
        let home = Home::new(".\n");
        File::create(home.0.join("users/cdb")).unwrap();
        assert!(matches!(Users::open(&home.0), Err(UsersError::Cdb(_))));
        let file = File::create(home.0.join("users/cdb")).unwrap();
        cdb::Writer::new(file).unwrap().finish().unwrap();
        assert!(matches!(
            Users::open(&home.0),
            Err(UsersError::NoWildcardEnds)
        ));
    }

    #[test]
    fn a_record_without_its_fields_is_malformed() {
        let home = Home::new("=joe:joe:one:1:/:::\n.\n");
        let users = Users::open(&home.0).unwrap().unwrap();
        assert!(matches!(users.lookup(b"joe"), Err(UsersError::Malformed)));
    }

    #[test]
    fn the_output_of_getpw_reads_like_a_record() {
        let found =
            Assignment::parse(b"alias\x00100\x00200\x00/var/qmail/alias\0-\0foo\0").unwrap();
        assert_eq!(
            (found.uid, found.gid, found.ext),
            (100, 200, b"foo".to_vec())
        );
        assert_eq!(Assignment::parse(b"alias\x00100\x00200\x00/home\0-"), None);
    }
}
