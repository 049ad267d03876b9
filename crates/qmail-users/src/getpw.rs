//! qmail-getpw(8): whose address is it, says the password database. Mail for somebody whom it
//! does not know, or who does not own a home, goes to alias.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::ExitCode;

use os::account::Roles;
use os::nss::{Passwd, passwd_by_name};

/// qmail-getpw; its result as an exit code. qmail-lspawn knows the codes and says the rest.
#[must_use]
pub fn main() -> ExitCode {
    let code = match run(&os::home::home()) {
        Ok(()) => 0,
        Err(Failure::Usage) => PERMANENT,
        Err(Failure::Home(_)) => NFS,
        Err(Failure::NoAlias) => NO_ALIAS,
        Err(Failure::Database(_) | Failure::Output(_)) => SYSTEM,
    };
    ExitCode::from(code)
}

fn run(home: &Path) -> Result<(), Failure> {
    let local = os::env::args().into_iter().next().ok_or(Failure::Usage)?;
    let answer = match find(&local)? {
        Some((user, rest)) => encode(&user, rest),
        None => encode(&alias(home)?, Some(&local)),
    };
    // A copy with an owner, so that the end of the output is seen to be written.
    let stdout = os::fd::stdout()
        .try_clone_to_owned()
        .map_err(Failure::Output)?;
    File::from(stdout)
        .write_all(&answer)
        .map_err(Failure::Output)
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("usage: qmail-getpw local")]
    Usage,
    #[error("unable to look at a home directory")]
    Home(#[source] io::Error),
    #[error("unable to find user alias")]
    NoAlias,
    /// The name service is in trouble: nobody knows whether there is such a user.
    #[error("unable to ask the password database")]
    Database(#[source] io::Error),
    #[error("unable to write the answer")]
    Output(#[source] io::Error),
}

/// A user, and what follows the break after the name, if there is one.
type Match<'a> = (Passwd, Option<&'a [u8]>);

/// The user with the longest name that `local` is or begins with, and what follows the break.
fn find(local: &[u8]) -> Result<Option<Match<'_>>, Failure> {
    for (name, rest) in candidates(local) {
        let name = name.to_ascii_lowercase();
        if let Some(user) = passwd_by_name(&name).map_err(Failure::Database)?
            && is_at_home(&user)?
        {
            return Ok(Some((user, rest)));
        }
    }
    Ok(None)
}

/// Every name that may be meant, longest first, with what follows it and the break.
fn candidates(local: &[u8]) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
    (1..=local.len().min(NAME_BYTES_MAX))
        .rev()
        .filter_map(|length| {
            let (name, rest) = local.split_at_checked(length)?;
            match rest.split_first() {
                None => Some((name, None)),
                Some((&BREAK, rest)) => Some((name, Some(rest))),
                Some(_) => None,
            }
        })
}

/// Root and people who do not own their home get no mail.
fn is_at_home(user: &Passwd) -> Result<bool, Failure> {
    if user.uid == 0 {
        return Ok(false);
    }
    match std::fs::metadata(&user.home) {
        Ok(stat) => Ok(stat.uid() == user.uid),
        Err(error) if os::errno::is_temporary(&error) => Err(Failure::Home(error)),
        Err(_) => Ok(false),
    }
}

/// The user who gets everybody else's mail; in a single-account home that is ourselves.
fn alias(home: &Path) -> Result<Passwd, Failure> {
    match Roles::find(home) {
        Ok(roles) if roles.single => Ok(Passwd {
            name: roles.alias.name.into(),
            uid: roles.alias.uid,
            gid: roles.alias.gid,
            home: home.join("alias"),
        }),
        Ok(_) | Err(_) => passwd_by_name(b"alias")
            .map_err(Failure::Database)?
            .ok_or(Failure::NoAlias),
    }
}

/// `user\0uid\0gid\0home\0dash\0ext\0`; without `rest` dash and ext are empty.
fn encode(user: &Passwd, rest: Option<&[u8]>) -> Vec<u8> {
    let (dash, ext) = rest.map_or((&b""[..], &b""[..]), |rest| (b"-", rest));
    let (uid, gid) = (user.uid.to_string(), user.gid.to_string());
    let home = user.home.as_os_str().as_bytes();
    let fields = [&*user.name, uid.as_bytes(), gid.as_bytes(), home, dash, ext];
    fields
        .iter()
        .flat_map(|field| field.iter().chain([&0]))
        .copied()
        .collect()
}

/// Between a user's name and the rest of the address (conf-break).
const BREAK: u8 = b'-';
/// Names of 32 bytes and more are not looked up (GETPW_USERLEN).
const NAME_BYTES_MAX: usize = 31;
/// What qmail-lspawn makes of these exit codes stands in its man page.
const PERMANENT: u8 = 100;
const NFS: u8 = 115;
const NO_ALIAS: u8 = 116;
const SYSTEM: u8 = 118;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(local: &str, expected: &[(&str, Option<&str>)]) {
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        let got: Vec<_> = candidates(local.as_bytes())
            .map(|(name, rest)| (text(name), rest.map(text)))
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(n, r)| ((*n).to_owned(), r.map(str::to_owned)))
            .collect();
        assert_eq!(got, expected);
    }

    #[test]
    fn the_whole_address_is_tried_before_its_beginnings() {
        check(
            "a-b-c",
            &[("a-b-c", None), ("a-b", Some("c")), ("a", Some("b-c"))],
        );
    }

    #[test]
    fn nobody_has_an_empty_name() {
        check("", &[]);
        check("-x", &[("-x", None)]);
        check("-", &[("-", None)]);
    }

    #[test]
    fn a_break_at_the_end_leaves_an_empty_rest() {
        check("joe-", &[("joe-", None), ("joe", Some(""))]);
    }

    #[test]
    fn names_of_thirty_two_bytes_are_too_long() {
        let name = "n".repeat(31);
        check(&name, &[(&name, None)]);
        check(&format!("{name}m"), &[]);
        check(&format!("{name}-x"), &[(&name, Some("x"))]);
    }

    #[test]
    fn an_answer_has_six_fields() {
        let user = Passwd {
            name: b"joe".to_vec(),
            uid: 507,
            gid: 100,
            home: "/home/joe".into(),
        };
        assert_eq!(encode(&user, None), b"joe\x00507\x00100\0/home/joe\0\0\0");
        assert_eq!(
            encode(&user, Some(b"Ext")),
            b"joe\x00507\x00100\0/home/joe\0-\0Ext\0"
        );
    }
}
