//! What the environment and the control files say, read once.

use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use control::{Control, Map};
use header::Defaults;

use crate::refusal::Refusal;

/// Who sends, how addresses are completed, and what is to be done differently.
#[derive(Debug)]
pub(crate) struct Config {
    /// What incomplete addresses get.
    pub(crate) defaults: Defaults,
    /// The right side of a Message-ID.
    pub(crate) id_host: Vec<u8>,
    /// Local part, host and full name of `From`.
    pub(crate) from: Author,
    /// Local part and host of the envelope sender.
    pub(crate) sender: Author,
    /// `$QMAILINJECT`
    pub(crate) letters: InjectLetters,
    /// The addresses of mailing lists, `$QMAILMFTFILE`.
    pub(crate) lists: Map,
    /// Seconds since 1970.
    pub(crate) now: u64,
}

/// Somebody who sends; the host is that of `defaulthost` unless given.
#[derive(Clone, Debug)]
pub(crate) struct Author {
    pub(crate) user: Vec<u8>,
    pub(crate) host: Option<Vec<u8>>,
    pub(crate) name: Option<Vec<u8>>,
}

/// The letters of `$QMAILINJECT`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct InjectLetters {
    /// `c`: `address (name)` in `From`.
    pub(crate) has_name_comment: bool,
    /// `s`: ignore Return-Path.
    pub(crate) ignores_return_path: bool,
    /// `f`: delete From.
    pub(crate) deletes_from: bool,
    /// `i`: delete Message-ID.
    pub(crate) deletes_message_id: bool,
    /// `r`: a sender per recipient.
    pub(crate) varies_by_recipient: bool,
    /// `m`: a sender per message.
    pub(crate) varies_by_message: bool,
}

impl Config {
    /// Reads all of it.
    pub(crate) fn read(home: &Path) -> Result<Self, Refusal> {
        let control = Control::new(home);
        // Files that are overridden must be readable all the same: trouble shows at once.
        let value = |variable, name| {
            let value = control
                .line_or_me_or(name, name)
                .map_err(|_| Refusal::Read)?;
            Ok(in_one_line(os::env::var(variable).unwrap_or(value)))
        };
        let host = value("QMAILDEFAULTHOST", "defaulthost")?;
        let domain = value("QMAILDEFAULTDOMAIN", "defaultdomain")?;
        let plus_domain = value("QMAILPLUSDOMAIN", "plusdomain")?;
        let id_host = value("QMAILIDHOST", "idhost")?;
        let defaults = Defaults::new(&host, &domain, &plus_domain)
            .map_err(|_| Refusal::Field([host, domain, plus_domain].join(&b'\n')))?;
        let from = Author {
            user: first(&["QMAILUSER", "MAILUSER", "USER", "LOGNAME"])
                .unwrap_or_else(|| b"anonymous".to_vec()),
            host: first(&["QMAILHOST", "MAILHOST"]),
            name: first(&["QMAILNAME", "MAILNAME", "NAME"]),
        };
        let sender = Author {
            user: first(&["QMAILSUSER"]).unwrap_or_else(|| from.user.clone()),
            host: first(&["QMAILSHOST"]).or_else(|| from.host.clone()),
            name: None,
        };
        Ok(Self {
            defaults,
            id_host,
            from,
            sender,
            letters: InjectLetters::parse(&os::env::var("QMAILINJECT").unwrap_or_default()),
            lists: lists()?,
            now: os::clock::now(),
        })
    }
}

impl InjectLetters {
    /// Letters nobody knows are for other programs.
    fn parse(value: &[u8]) -> Self {
        let has = |letter| value.contains(&letter);
        Self {
            has_name_comment: has(b'c'),
            ignores_return_path: has(b's'),
            deletes_from: has(b'f'),
            deletes_message_id: has(b'i'),
            varies_by_recipient: has(b'r'),
            varies_by_message: has(b'm'),
        }
    }
}

fn first(names: &[&str]) -> Option<Vec<u8>> {
    names
        .iter()
        .find_map(|name| os::env::var(name))
        .map(in_one_line)
}

/// What goes into a line that we write must not end it: the rest would be a field of its own. A
/// quoted line end is one to every other reader.
fn in_one_line(mut text: Vec<u8>) -> Vec<u8> {
    for byte in &mut text {
        if matches!(byte, b'\n' | b'\r' | 0) {
            *byte = b' ';
        }
    }
    text
}

/// The file is named from the caller's directory, so it is read before anybody changes that.
fn lists() -> Result<Map, Refusal> {
    let Some(path) = os::env::var("QMAILMFTFILE") else {
        return Ok(Map::default());
    };
    let path = PathBuf::from(std::ffi::OsString::from_vec(path));
    let lines = control::list_at(&path).map_err(|_| Refusal::Read)?;
    Ok(Map::of_names(&lines.unwrap_or_default()))
}
