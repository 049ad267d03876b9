//! How vdelivermail(8) is called: two arguments, and the address in the environment that
//! qmail-command(8) describes. The address is bytes from strangers: what passes here is a name that
//! can stand in a header line and in no path.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use thiserror::Error;

/// One delivery.
#[derive(Debug)]
pub(crate) struct Call {
    /// The name before the `@`, in lower case; may be empty.
    pub(crate) user: Vec<u8>,
    /// The domain, in lower case, as the sender wrote it.
    pub(crate) domain: Vec<u8>,
    /// `$RPLINE`, when it is one line.
    pub(crate) return_path: Vec<u8>,
    /// Whom forwarded mail comes from.
    pub(crate) sender: Vec<u8>,
    /// What to do when there is no such user.
    pub(crate) fallback: Fallback,
}

/// What the domain's owner wants done with mail for nobody.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fallback {
    /// `delete`: throw it away.
    Delete,
    /// `bounce-no-mailbox`: send it back.
    Bounce,
    /// An absolute path: deliver as to the user whose directory that is.
    Directory(PathBuf),
    /// Anything else: forward to this address.
    Address(Vec<u8>),
}

/// Why nothing can be delivered when called like this.
#[derive(Debug, Error)]
pub(crate) enum CallError {
    /// Not two arguments, or an empty second one.
    #[error("invalid syntax in .qmail-default file")]
    Arguments,
    /// qmail-local sets it, so somebody else called.
    #[error("no {0} environment variable")]
    NotSet(&'static str),
    /// No account can have this name.
    #[error("invalid username")]
    User,
    /// No domain can have this name.
    #[error("invalid domain name")]
    Domain,
}

impl Call {
    /// Reads arguments and environment.
    pub(crate) fn read(words: &[Vec<u8>]) -> Result<Self, CallError> {
        let variable = |name| os::env::var(name).ok_or(CallError::NotSet(name));
        let [_, fallback] = words else {
            return Err(CallError::Arguments);
        };
        let fallback = Fallback::parse(fallback).ok_or(CallError::Arguments)?;
        let user = user(&variable("EXT")?).ok_or(CallError::User)?;
        let domain = domain(&variable("HOST")?).ok_or(CallError::Domain)?;
        let sender = match os::env::var("NEWSENDER") {
            Some(sender) => sender,
            None => variable("SENDER")?,
        };
        Ok(Self {
            user,
            domain,
            return_path: os::env::var("RPLINE")
                .filter(|line| is_one_line(line))
                .unwrap_or_default(),
            sender,
            fallback,
        })
    }

    /// `user@domain`.
    #[must_use]
    pub(crate) fn address(&self) -> Vec<u8> {
        [&*self.user, b"@", &*self.domain].concat()
    }

    /// The line that this delivery puts before the message.
    #[must_use]
    pub(crate) fn delivered_to(&self) -> Vec<u8> {
        [b"Delivered-To: ", &*self.address(), b"\n"].concat()
    }
}

impl Fallback {
    fn parse(word: &[u8]) -> Option<Self> {
        match word {
            b"" | b"&" => None,
            b"delete" => Some(Self::Delete),
            b"bounce-no-mailbox" => Some(Self::Bounce),
            [b'/', ..] => Some(Self::Directory(PathBuf::from(OsStr::from_bytes(word)))),
            [b'&', address @ ..] => Some(Self::Address(address.to_vec())),
            address => Some(Self::Address(address.to_vec())),
        }
    }
}

fn user(name: &[u8]) -> Option<Vec<u8>> {
    // vpopmail's own list, without the slash.
    let may_stand =
        |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$&'*+-.=?^_`{|}~".contains(byte);
    let climbs = name == b"." || name.windows(2).any(|pair| pair == b"..");
    let fits = name.len() <= NAME_BYTES_MAX && name.iter().all(may_stand) && !climbs;
    fits.then(|| name.to_ascii_lowercase())
}

fn domain(name: &[u8]) -> Option<Vec<u8>> {
    let may_stand = |byte: &u8| byte.is_ascii_alphanumeric() || b"-.".contains(byte);
    let fits = !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.iter().all(may_stand);
    fits.then(|| name.to_ascii_lowercase())
}

fn is_one_line(text: &[u8]) -> bool {
    text.strip_suffix(b"\n")
        .is_some_and(|line| !line.contains(&b'\n'))
}

/// A domain name has no more (RFC 1035), and no file of vpopmail holds a longer user.
const NAME_BYTES_MAX: usize = 255;

#[cfg(test)]
mod tests {
    use super::{Fallback, domain, is_one_line, user};

    #[track_caller]
    fn check_user(name: &str, expected: Option<&str>) {
        let expected = expected.map(|name| name.as_bytes().to_vec());
        assert_eq!(user(name.as_bytes()), expected, "{name}");
    }

    #[test]
    fn names_are_lower_case() {
        check_user("Joe.Smith+x", Some("joe.smith+x"));
        check_user("", Some(""));
        check_user("o'neil", Some("o'neil"));
    }

    #[test]
    fn a_name_that_could_be_a_path_or_a_line_is_refused() {
        for name in [
            "a/b", "/", "..", ".", "a..b", "a\nb", "a b", "a%n", "a:b", "a\"b", "a\\b", "a;b",
            "a@b", "a\u{e9}",
        ] {
            check_user(name, None);
        }
        check_user(&"a".repeat(256), None);
    }

    #[test]
    fn a_domain_is_letters_digits_hyphens_and_dots() {
        assert_eq!(domain(b"Dom-1.Example"), Some(b"dom-1.example".to_vec()));
        for name in [&b"a_b"[..], b"", b"a/b", b"a\n"] {
            assert_eq!(domain(name), None);
        }
    }

    #[test]
    fn the_second_argument_is_a_word_a_directory_or_an_address() {
        let parse = |word: &str| Fallback::parse(word.as_bytes());
        assert_eq!(parse("delete"), Some(Fallback::Delete));
        assert_eq!(parse("bounce-no-mailbox"), Some(Fallback::Bounce));
        assert_eq!(parse("/d/joe"), Some(Fallback::Directory("/d/joe".into())));
        let address = Some(Fallback::Address(b"joe@x".to_vec()));
        assert_eq!(parse("joe@x"), address);
        assert_eq!(parse("&joe@x"), address);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn a_line_has_one_end_at_its_end() {
        assert!(is_one_line(b"Return-Path: <a@b>\n"));
        assert!(!is_one_line(b"Return-Path: <a@b>"));
        assert!(!is_one_line(b"a\nb\n"));
        assert!(!is_one_line(b""));
    }
}
