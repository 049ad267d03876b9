//! Whose address it is: `users/cdb` first, then what qmail-getpw answers.

use std::path::Path;

use os::child::Status;
use users::{Assignment, Users, UsersError};

use crate::verdict;

/// What `users/cdb` says.
#[derive(Debug)]
pub(crate) enum Whose {
    /// This user's.
    User(Assignment),
    /// It does not say.
    Unknown,
}

/// Why nobody knows whose address it is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("trouble reading users/cdb")]
    Database(#[source] UsersError),
    #[error("qmail-getpw crashed")]
    Crashed,
    #[error("qmail-getpw exited {0}")]
    Exited(i32),
    #[error("not six fields")]
    Malformed,
}

impl Trouble {
    /// The report it becomes.
    pub(crate) fn report(&self) -> Vec<u8> {
        let code = match self {
            Self::Database(UsersError::Malformed) | Self::Malformed => verdict::BUG,
            Self::Database(UsersError::Cdb(_) | UsersError::NoWildcardEnds) => verdict::CDB,
            Self::Crashed => verdict::SYSTEM,
            Self::Exited(code) if verdict::is_documented(*code) => *code,
            // A loader without its library says 127, an interpreter 1: no reason to give up.
            Self::Exited(_) => verdict::SYSTEM,
        };
        verdict::of_code(code, b"")
    }
}

/// Looks a name up in the database, if there is one.
pub(crate) fn by_database(home: &Path, local: &[u8]) -> Result<Whose, Trouble> {
    let Some(users) = Users::open(home).map_err(Trouble::Database)? else {
        return Ok(Whose::Unknown);
    };
    let found = users.lookup(local).map_err(Trouble::Database)?;
    Ok(found.map_or(Whose::Unknown, Whose::User))
}

/// Reads the end of a qmail-getpw.
pub(crate) fn by_answer(status: Status, output: &[u8]) -> Result<Assignment, Trouble> {
    match status {
        Status::Signaled(_) => Err(Trouble::Crashed),
        Status::Exited(0)
            if output.len() <= spawner::ANSWER_BYTES_MAX && output.ends_with(&[0]) =>
        {
            Assignment::parse(output).ok_or(Trouble::Malformed)
        }
        Status::Exited(0) => Err(Trouble::Malformed),
        Status::Exited(code) => Err(Trouble::Exited(code)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: Status, output: &[u8], expected: &[u8]) {
        let report = by_answer(status, output).unwrap_err().report();
        assert_eq!(
            report.escape_ascii().to_string(),
            expected.escape_ascii().to_string()
        );
    }

    #[test]
    fn an_answer_has_six_fields() {
        let user = by_answer(Status::Exited(0), b"joe\x007\x008\0/home/joe\0-\0Ext\0").unwrap();
        assert_eq!((user.uid, user.gid), (7, 8));
        assert_eq!((&*user.user, &*user.home), (&b"joe"[..], &b"/home/joe"[..]));
        assert_eq!((&*user.dash, &*user.ext), (&b"-"[..], &b"Ext"[..]));
    }

    #[test]
    fn an_answer_that_is_cut_off_is_none() {
        let bug = b"ZInternal qmail-lspawn bug.\n";
        check(Status::Exited(0), b"", bug);
        check(Status::Exited(0), b"joe\x007\x008\0/home/joe\0-\0Ex", bug);
        check(Status::Exited(0), b"joe\x007\x008\0/home/joe\0", bug);
        check(Status::Exited(0), b"joe\0seven\x008\0/home/joe\0\0\0", bug);
        check(
            Status::Exited(0),
            &[&b"joe\x007\x008\0/\0-\0"[..], &[b'x'; 9000]].concat(),
            bug,
        );
    }

    #[test]
    fn its_exit_code_is_passed_on_if_it_means_something() {
        check(Status::Exited(115), b"", b"ZNFS failure in qmail-local.\n");
        check(Status::Exited(116), b"", b"ZUnable to find alias user!\n");
        check(
            Status::Exited(118),
            b"",
            b"ZTemporary failure in qmail-lspawn.\n",
        );
        check(Status::Exited(111), b"ignored", b"Z");
        check(
            Status::Exited(127),
            b"",
            b"ZTemporary failure in qmail-lspawn.\n",
        );
        check(
            Status::Signaled(11),
            b"",
            b"ZTemporary failure in qmail-lspawn.\n",
        );
    }
}
