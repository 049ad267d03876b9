//! instcheck(8): compares a home with `queue-layout/hier`, the list from which it was made, and
//! says what is missing or has another type, owner, group or mode. It changes nothing.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use os::account::{AccountError, Roles};
use report::Exit;

/// instcheck; 0 whatever it finds.
#[must_use]
pub fn main() -> ExitCode {
    match run(&os::home::home()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Accounts(error)) => {
            diag::line(&format!("fatal: {error}"));
            ExitCode::from(Exit::TEMPORARY.code())
        }
        Err(failure) => {
            diag::fatal(PROGRAM, &failure);
            ExitCode::from(Exit::TEMPORARY.code())
        }
    }
}

/// Why the home cannot be checked to its end.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Accounts(#[from] AccountError),
    #[error("unable to switch to {}", path.display())]
    Directory { path: PathBuf, source: io::Error },
    /// A mistake in the list itself, which a test would have found.
    #[error("unable to understand: {0}")]
    List(&'static str),
}

fn run(home: &Path) -> Result<(), Failure> {
    let is_queue_only = os::env::args().iter().any(|word| word == b"queue-only");
    let roles = Roles::find(home)?;
    for line in HIER.lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let rule = Rule::parse(line, &roles).ok_or(Failure::List(line))?;
        if is_queue_only && !rule.path.starts_with("queue") {
            continue;
        }
        rule.check(home)?;
    }
    Ok(())
}

/// What one line of the list asks for.
struct Rule {
    kind: Kind,
    path: &'static str,
    uid: u32,
    gid: u32,
    mode: u32,
    /// Numbered subdirectories, which must be the same.
    parts: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Directory,
    File,
    Fifo,
    Program,
}

impl Rule {
    fn parse(line: &'static str, roles: &Roles) -> Option<Self> {
        let mut words = line.split_whitespace();
        let kind = match words.next()? {
            "d" => Kind::Directory,
            "f" => Kind::File,
            "p" => Kind::Fifo,
            "x" => Kind::Program,
            _ => return None,
        };
        let path = words.next()?;
        let uid = user(words.next()?, roles)?;
        let gid = group(words.next()?, roles)?;
        let mode = u32::from_str_radix(words.next()?, 8).ok()?;
        let count = words.next().map_or(Some(0), |count| count.parse().ok())?;
        let parts = if kind == Kind::Directory { count } else { 0 };
        Some(Self {
            kind,
            path,
            uid,
            gid,
            mode,
            parts,
        })
    }

    fn check(&self, home: &Path) -> Result<(), Failure> {
        let whole = match self.path {
            "." => home.to_owned(),
            path => home.join(path),
        };
        if self.path != "." {
            reach(if self.kind == Kind::Program {
                whole.parent().unwrap_or(home)
            } else {
                home
            })?;
        }
        // Programs are shown as ever, by the last of their directories.
        let shown = match self.kind {
            Kind::Program => format!(".../{}", self.path),
            Kind::Directory | Kind::File | Kind::Fifo => whole.display().to_string(),
        };
        self.compare(&whole, &shown);
        for number in 0..self.parts {
            let part = whole.join(number.to_string());
            self.compare(&part, &part.display().to_string());
        }
        Ok(())
    }

    fn compare(&self, path: &Path, shown: &str) {
        let facts = match std::fs::metadata(path) {
            Ok(facts) => facts,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                warn(&format!("{shown} does not exist"));
                return;
            }
            Err(error) => {
                warn(&format!(
                    "unable to stat {shown}: {}",
                    os::errno::text(&error)
                ));
                return;
            }
        };
        for (is_wrong, what) in [
            (facts.uid() != self.uid, "owner"),
            (facts.gid() != self.gid, "group"),
            (facts.mode() & 0o7777 != self.mode, "permissions"),
            (!self.kind.is_that_of(&facts), "type"),
        ] {
            if is_wrong {
                warn(&format!("{shown} has wrong {what}"));
            }
        }
    }
}

impl Kind {
    fn is_that_of(self, facts: &Metadata) -> bool {
        match self {
            Self::Directory => facts.is_dir(),
            Self::File | Self::Program => facts.is_file(),
            Self::Fifo => facts.file_type().is_fifo(),
        }
    }
}

/// A directory in which nothing can be looked at is worth more than a warning for each file.
fn reach(directory: &Path) -> Result<(), Failure> {
    os::file::chdir(directory).map_err(|source| Failure::Directory {
        path: directory.to_owned(),
        source,
    })
}

fn warn(text: &str) {
    diag::line(&format!("{PROGRAM}: warning: {text}"));
}

fn user(name: &str, roles: &Roles) -> Option<u32> {
    Some(match name {
        "root" if roles.single => roles.alias.uid,
        "root" => 0,
        "alias" => roles.alias.uid,
        "qmaild" => roles.qmaild.uid,
        "qmaill" => roles.qmaill.uid,
        "qmailp" => roles.qmailp.uid,
        "qmailq" => roles.qmailq.uid,
        "qmailr" => roles.qmailr.uid,
        "qmails" => roles.qmails.uid,
        _ => return None,
    })
}

fn group(name: &str, roles: &Roles) -> Option<u32> {
    match name {
        "qmail" => Some(roles.qmail),
        "nofiles" => Some(roles.nofiles),
        _ => None,
    }
}

const PROGRAM: &str = "instcheck";
const HIER: &str = include_str!("../../../queue-layout/hier");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_list_is_understood() {
        let account = |name, uid| os::account::Account {
            name,
            uid,
            gid: 100,
        };
        let roles = Roles {
            single: false,
            alias: account("alias", 1),
            qmaild: account("qmaild", 2),
            qmaill: account("qmaill", 3),
            qmailp: account("qmailp", 4),
            qmailq: account("qmailq", 5),
            qmailr: account("qmailr", 6),
            qmails: account("qmails", 7),
            qmail: 100,
            nofiles: 101,
        };
        let lines = HIER
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        let rules: Vec<Rule> = lines
            .map(|line| Rule::parse(line, &roles).unwrap_or_else(|| panic!("{line}")))
            .collect();
        let find = |path| rules.iter().find(|rule| rule.path == path).unwrap();
        assert_eq!(find("queue/mess").parts, 23);
        let queue = find("bin/qmail-queue");
        assert_eq!((queue.uid, queue.gid, queue.mode), (5, 100, 0o4711));
        assert_eq!(find("queue/lock/tcpto").parts, 0);
    }
}
