//! The seven qmail accounts and two groups, and who this process is.
//!
//! Names are looked up in /etc/passwd and /etc/group directly: programs that run as root or setuid
//! load no name service. A home whose queue belongs to the user who runs the program is a
//! *single-account* home: every role is that user (design: the first command of the README works
//! for anybody).

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::home;

/// One role's name and numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// The account's name; in a single-account home it is the role's name all the same.
    pub name: &'static str,
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
}

/// Who plays which role in this home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roles {
    /// Every role is the current user.
    pub single: bool,
    /// The catch-all local user.
    pub alias: Account,
    /// The network daemons.
    pub qmaild: Account,
    /// The logger.
    pub qmaill: Account,
    /// qmail-getpw.
    pub qmailp: Account,
    /// qmail-queue and qmail-clean; owner of mess, pid, intd, todo.
    pub qmailq: Account,
    /// qmail-rspawn and qmail-remote.
    pub qmailr: Account,
    /// qmail-send; owner of info, local, remote, bounce.
    pub qmails: Account,
    /// The group `qmail`.
    pub qmail: u32,
    /// The group `nofiles`.
    pub nofiles: u32,
}

/// Why the roles could not be found.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// No such account.
    User(&'static str),
    /// No such group.
    Group(&'static str),
    /// The account database could not be read.
    Database {
        /// The file.
        path: &'static str,
        /// What went wrong.
        source: io::Error,
    },
}

impl fmt::Display for AccountError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(out, "unable to find user {name}"),
            Self::Group(name) => write!(out, "unable to find group {name}"),
            Self::Database { path, .. } => write!(out, "unable to read {path}"),
        }
    }
}

impl Roles {
    /// Finds who plays which role in `home`.
    ///
    /// # Errors
    /// An account or a group that is not in /etc/passwd or /etc/group, or a database that cannot
    /// be read. Never in a single-account home.
    pub fn find(home: &Path) -> Result<Self, AccountError> {
        if is_single(home) {
            return Ok(Self::everything_is(uid(), gid()));
        }
        let passwd = database(PASSWD)?;
        let group = database(GROUP)?;
        let account = |name: &'static str| {
            let (uid, gid) = passwd_numbers(&passwd, name).ok_or(AccountError::User(name))?;
            Ok(Account { name, uid, gid })
        };
        let number =
            |name: &'static str| group_number(&group, name).ok_or(AccountError::Group(name));
        Ok(Self {
            single: false,
            alias: account("alias")?,
            qmaild: account("qmaild")?,
            qmaill: account("qmaill")?,
            qmailp: account("qmailp")?,
            qmailq: account("qmailq")?,
            qmailr: account("qmailr")?,
            qmails: account("qmails")?,
            qmail: number("qmail")?,
            nofiles: number("nofiles")?,
        })
    }

    fn everything_is(uid: u32, gid: u32) -> Self {
        let account = |name| Account { name, uid, gid };
        Self {
            single: true,
            alias: account("alias"),
            qmaild: account("qmaild"),
            qmaill: account("qmaill"),
            qmailp: account("qmailp"),
            qmailq: account("qmailq"),
            qmailr: account("qmailr"),
            qmails: account("qmails"),
            qmail: gid,
            nofiles: gid,
        }
    }
}

/// Whether this is a single-account home: its queue is ours, we are not root and gained no rights.
/// qmail-clean under its own account also says yes, which is harmless: it asks for no other role.
fn is_single(home: &Path) -> bool {
    if euid() == 0 || uid() == 0 || home::gained_rights() {
        return false;
    }
    match std::fs::metadata(home.join("queue")) {
        Ok(queue) => queue.uid() == uid(),
        Err(_) => false,
    }
}

fn database(path: &'static str) -> Result<Vec<u8>, AccountError> {
    let mut content = Vec::new();
    File::open(path)
        .and_then(|file| file.take(DATABASE_BYTES_MAX).read_to_end(&mut content))
        .map_err(|source| AccountError::Database { path, source })?;
    Ok(content)
}

fn fields<'a>(database: &'a [u8], name: &'a str) -> Option<Vec<&'a [u8]>> {
    database
        .split(|&byte| byte == b'\n')
        .map(|line| line.split(|&byte| byte == b':').collect::<Vec<_>>())
        .find(|fields| fields.first() == Some(&name.as_bytes()))
}

fn passwd_numbers(database: &[u8], name: &str) -> Option<(u32, u32)> {
    let fields = fields(database, name)?;
    Some((number(fields.get(2)?)?, number(fields.get(3)?)?))
}

/// The groups in /etc/group that name this account as a member; none when the file cannot be read.
/// The primary group is not among them as a rule (initgroups(3) adds it).
#[must_use]
pub fn groups_with_member(account: &str) -> Vec<u32> {
    database(GROUP).map_or_else(|_| Vec::new(), |group| memberships(&group, account))
}

fn memberships(database: &[u8], account: &str) -> Vec<u32> {
    let names = |members: &[u8]| {
        members
            .split(|&byte| byte == b',')
            .any(|m| m == account.as_bytes())
    };
    database
        .split(|&byte| byte == b'\n')
        .map(|line| line.split(|&byte| byte == b':').collect::<Vec<_>>())
        .filter(|fields| fields.get(3).is_some_and(|members| names(members)))
        .filter_map(|fields| number(fields.get(2)?))
        .collect()
}

fn group_number(database: &[u8], name: &str) -> Option<u32> {
    number(fields(database, name)?.get(2)?)
}

fn number(digits: &[u8]) -> Option<u32> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Real user id.
#[must_use]
pub fn uid() -> u32 {
    nix::unistd::getuid().as_raw()
}

/// Effective user id.
#[must_use]
pub fn euid() -> u32 {
    nix::unistd::geteuid().as_raw()
}

/// Real group id.
#[must_use]
pub fn gid() -> u32 {
    nix::unistd::getgid().as_raw()
}

/// This process's id.
#[must_use]
pub fn pid() -> u32 {
    std::process::id()
}

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";
/// A passwd or group file larger than this is not one: 100,000 accounts fit.
const DATABASE_BYTES_MAX: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &[u8] = b"root:x:0:0::/root:/bin/sh\nqmailqq:x:1:1::/:\nqmailq:x:7794:2107::/var/qmail:/bin/true\nqmails:x:bad:1::/:\n";

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        assert_eq!(passwd_numbers(SAMPLE, "qmailq"), Some((7794, 2107)));
        assert_eq!(passwd_numbers(SAMPLE, "qmail"), None);
    }

    #[test]
    fn a_damaged_line_is_no_account() {
        assert_eq!(passwd_numbers(SAMPLE, "qmails"), None);
        assert_eq!(passwd_numbers(b"qmails:x", "qmails"), None);
    }

    #[test]
    fn a_group_number_is_the_third_field() {
        assert_eq!(group_number(b"qmail:x:2107:\n", "qmail"), Some(2107));
    }

    #[test]
    fn memberships_are_found_by_the_whole_name() {
        let groups =
            b"tls:x:120:web,qmailr\nkeys:x:121:qmailrr\nqmail:x:2107:\nodd:x\nlast:x:7:qmailr\n";
        assert_eq!(memberships(groups, "qmailr"), [120, 7]);
    }
}
