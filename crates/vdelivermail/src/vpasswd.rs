//! Who has an account in a domain: vpopmail's `vpasswd.cdb`, or `vpasswd`, from which it is made.
//! A line is `user:password:uid:gid:comment:directory:quota` and perhaps the password in clear; the
//! database has the user as key and the rest as data. The gid is not one: its bits are flags.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use cdb::CdbError;
use mailbox::quota::{NotAQuota, Quota};
use thiserror::Error;

/// What a delivery needs to know of an account.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Account {
    /// Where its Maildir is; `None` when vpopmail has not given it a directory yet.
    pub(crate) directory: Option<PathBuf>,
    /// Mail for it is sent back.
    pub(crate) is_locked: bool,
    quota: Vec<u8>,
}

/// Why it is not known whether there is such an account.
#[derive(Debug, Error)]
pub(crate) enum VpasswdError {
    /// The database cannot be read.
    #[error(transparent)]
    Database(#[from] CdbError),
    /// The text cannot be read; or neither is there.
    #[error("unable to read vpasswd")]
    Text(#[source] io::Error),
    /// The account's line has too few fields, or one that cannot be read.
    #[error("malformed vpasswd entry")]
    Malformed,
}

/// Looks for the account. No file at all is an error: then the accounts are somewhere else.
pub(crate) fn find(domain_directory: &Path, user: &[u8]) -> Result<Option<Account>, VpasswdError> {
    let database = cdb::Reader::open_if_exists(&domain_directory.join("vpasswd.cdb"))?;
    let entry = match database {
        Some(database) => database.get(user)?,
        None => {
            let text = File::open(domain_directory.join("vpasswd")).map_err(VpasswdError::Text)?;
            scan(text, user).map_err(VpasswdError::Text)?
        }
    };
    entry.map(|entry| Account::parse(&entry)).transpose()
}

impl Account {
    /// Reads the fields after the user's name.
    fn parse(entry: &[u8]) -> Result<Self, VpasswdError> {
        let fields: Vec<&[u8]> = entry.split(|byte| *byte == b':').collect();
        let [_password, _uid, flags, _comment, directory, quota, ..] = *fields else {
            return Err(VpasswdError::Malformed);
        };
        let flags: u64 = match flags {
            b"" => 0,
            digits => std::str::from_utf8(digits)
                .ok()
                .and_then(|digits| digits.parse().ok())
                .ok_or(VpasswdError::Malformed)?,
        };
        if directory.contains(&0) {
            return Err(VpasswdError::Malformed);
        }
        let path = PathBuf::from(OsStr::from_bytes(directory));
        Ok(Self {
            directory: (!directory.is_empty()).then_some(path),
            is_locked: flags & BOUNCE_MAIL != 0,
            quota: quota.to_vec(),
        })
    }

    /// How much mail it may have; `None` for as much as it likes.
    pub(crate) fn quota(&self) -> Result<Option<Quota>, NotAQuota> {
        Quota::parse(&self.quota)
    }
}

/// The rest of the line that begins with `user` and a colon.
fn scan(text: impl Read, user: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let mut text = BufReader::new(text);
    let mut line = Vec::new();
    loop {
        line.clear();
        let count = text
            .by_ref()
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut line)?;
        if count == 0 {
            return Ok(None);
        }
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        if let Some(rest) = line
            .strip_prefix(user)
            .and_then(|rest| rest.strip_prefix(b":"))
        {
            return Ok(Some(rest.to_vec()));
        }
    }
}

/// The flag in the gid that stops an account's mail.
const BOUNCE_MAIL: u64 = 0x10;
/// vpopmail's own lines are below 2048 bytes.
const LINE_BYTES_MAX: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Account, scan};

    const TEXT: &str = "joe:x:1:0:Joe:/d/joe:NOQUOTA:clear\njoel:x:1:16:Joel:/d/joel:5MB\n";

    #[track_caller]
    fn check(user: &str, directory: &str, is_locked: bool, quota: Option<&str>) {
        let entry = scan(TEXT.as_bytes(), user.as_bytes()).unwrap().unwrap();
        let account = Account::parse(&entry).unwrap();
        assert_eq!(account.directory.as_deref(), Some(directory.as_ref()));
        assert_eq!(account.is_locked, is_locked);
        let read = account.quota().unwrap().map(|quota| quota.to_string());
        assert_eq!(read.as_deref(), quota);
    }

    #[test]
    fn a_line_is_found_by_its_whole_name() {
        check("joe", "/d/joe", false, None);
        check("joel", "/d/joel", true, Some("5242880S"));
        assert_eq!(scan(TEXT.as_bytes(), b"jo").unwrap(), None);
        assert_eq!(scan(TEXT.as_bytes(), b"").unwrap(), None);
    }

    #[test]
    fn an_account_without_a_directory_is_known() {
        let account = Account::parse(b"x:1::Joe::").unwrap();
        assert_eq!(account.directory, None);
        assert!(!account.is_locked);
    }

    #[test]
    fn too_few_fields_or_strange_flags_are_no_account() {
        for entry in [&b""[..], b"x", b"x:1:0:Joe:/d", b"x:1:y:Joe:/d:NOQUOTA"] {
            assert!(Account::parse(entry).is_err());
        }
    }

    proptest! {
        #[test]
        fn no_line_does_harm(entry in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(account) = Account::parse(&entry) {
                let _ = account.quota();
            }
        }

        #[test]
        fn what_is_written_is_found(names in proptest::collection::vec("[a-z]{0,3}", 1..9), pick in 0_usize..9) {
            let lines: String = names.iter().enumerate()
                .map(|(at, name)| format!("{name}:x:1:0:c:/d/{at}:NOQUOTA\n")).collect();
            let wanted = &names[pick % names.len()];
            let first = names.iter().position(|name| name == wanted).unwrap();
            let entry = scan(lines.as_bytes(), wanted.as_bytes()).unwrap().unwrap();
            let path = format!("/d/{first}");
            prop_assert_eq!(Account::parse(&entry).unwrap().directory.unwrap(), std::path::PathBuf::from(path));
        }
    }
}
