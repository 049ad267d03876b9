//! qmail-showctl(8): what the control files and the system say about this qmail, in words. The
//! files of the original come first, in its order and its words; then those that are only ours;
//! then those that nobody knows.

mod explain;

use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use control::catalog::{CATALOG, Entry, Form};
use control::{Control, ControlError};
use os::account::{AccountError, Roles};
use os::disk::{Disk, RealDisk};
use queue::layout::SPLIT;
use report::Exit;

use crate::stdout::{self, Stdout};
use explain::{AFTER_THE_HOSTS, BEFORE_THE_HOSTS, MORE_HOSTS, OURS, RCPTHOSTS, Text, Words};

/// qmail-showctl; its result as an exit code.
#[must_use]
pub fn main() -> ExitCode {
    let Ok(mut out) = stdout::open() else {
        return ExitCode::from(Exit::TEMPORARY.code());
    };
    let home = os::home::home();
    let result = run(&home, &mut out);
    // Nobody is left to be told that telling failed.
    let _untold = match &result {
        Ok(()) => Ok(()),
        Err(Failure::Accounts(error)) => {
            diag::line(&format!("fatal: {error}"));
            Ok(())
        }
        Err(failure) => writeln!(out, "Oops! {failure}."),
    };
    match (result, out.flush()) {
        (Ok(()), Ok(())) => ExitCode::SUCCESS,
        (Err(_), _) | (_, Err(_)) => ExitCode::from(Exit::TEMPORARY.code()),
    }
}

/// Why the explanation ends before its end.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Accounts(#[from] AccountError),
    #[error("Unable to chdir to {0}")]
    Home(String),
    #[error("Unable to chdir to control")]
    Control,
    #[error("Unable to open current directory")]
    List,
    #[error("Trouble reading control/me")]
    Me(#[source] ControlError),
    #[error("Unable to write")]
    Output(#[from] io::Error),
}

fn run(home: &Path, out: &mut Stdout) -> Result<(), Failure> {
    system(home, &Roles::find(home)?, out)?;
    os::file::chdir(home).map_err(|_| Failure::Home(shown(home.as_os_str().as_bytes())))?;
    os::file::chdir(Path::new("control")).map_err(|_| Failure::Control)?;
    let names = RealDisk.list(Path::new(".")).map_err(|_| Failure::List)?;
    let control = Control::new(home);
    let me = control.me().map_err(Failure::Me)?;
    let mut page = Page { control, me, out };
    for text in BEFORE_THE_HOSTS {
        page.explain(text)?;
    }
    page.hosts()?;
    for text in AFTER_THE_HOSTS.iter().chain(OURS) {
        page.explain(text)?;
    }
    for entry in CATALOG.iter().filter(|entry| !is_explained(entry.name)) {
        page.mention(entry)?;
    }
    let mut names: Vec<&[u8]> = names.iter().map(|name| name.as_bytes()).collect();
    names.sort_unstable();
    for name in names {
        if !is_known(name) {
            let name = shown(name);
            writeln!(page.out, "\n{name}: I have no idea what this file does.")?;
        }
    }
    Ok(())
}

/// What was decided when the programs were built, and who plays which role here.
fn system(home: &Path, roles: &Roles, out: &mut Stdout) -> io::Result<()> {
    let home = shown(home.as_os_str().as_bytes());
    writeln!(out, "qmail home directory: {home}.")?;
    writeln!(out, "user-ext delimiter: {USER_EXT_DELIMITER}.")?;
    writeln!(out, "paternalism (in decimal): {PATERNALISM}.")?;
    writeln!(out, "silent concurrency limit: {CLASSIC_LIMIT}.")?;
    writeln!(out, "subdirectory split: {SPLIT}.")?;
    let root = if roles.single { roles.alias.uid } else { 0 };
    writeln!(
        out,
        "user ids: {}, {}, {}, {root}, {}, {}, {}, {}.",
        roles.alias.uid,
        roles.qmaild.uid,
        roles.qmaill.uid,
        roles.qmailp.uid,
        roles.qmailq.uid,
        roles.qmailr.uid,
        roles.qmails.uid
    )?;
    writeln!(out, "group ids: {}, {}.", roles.nofiles, roles.qmail)
}

/// Whether there was such a file.
enum Found {
    Yes,
    No,
    Unreadable,
}

struct Page<'a> {
    control: Control,
    me: Option<Vec<u8>>,
    out: &'a mut Stdout,
}

impl Page<'_> {
    fn explain(&mut self, text: &Text) -> io::Result<Found> {
        let (name, before, after) = (text.name, text.before, text.after);
        write!(self.out, "\n{name}: ")?;
        let read = match text.words {
            Words::Line { .. } | Words::LineOrMe { .. } => self
                .control
                .line(name)
                .map(|line| line.map(|line| shown(&line))),
            Words::Integer { .. } => {
                let number = self.control.integer(name);
                number.map(|number| number.map(|number| number.to_string()))
            }
            Words::List { none } => return self.list(text, none),
        };
        match read {
            Ok(Some(value)) => {
                writeln!(self.out, "{before}{value}{after}.")?;
                Ok(Found::Yes)
            }
            Ok(None) => {
                let default = self.default(&text.words);
                writeln!(self.out, "(Default.) {before}{default}{after}.")?;
                Ok(Found::No)
            }
            Err(_) => self.trouble(),
        }
    }

    fn default(&self, words: &Words) -> String {
        match (words, &self.me) {
            (Words::LineOrMe { .. }, Some(me)) => shown(me),
            (
                Words::LineOrMe { default } | Words::Line { default } | Words::Integer { default },
                _,
            )
            | (Words::List { none: default }, _) => (*default).to_owned(),
        }
    }

    fn list(&mut self, text: &Text, none: &str) -> io::Result<Found> {
        match self.control.list(text.name) {
            Ok(Some(lines)) => {
                writeln!(self.out)?;
                for line in lines {
                    writeln!(self.out, "{}{}{}", text.before, shown(&line), text.after)?;
                }
                Ok(Found::Yes)
            }
            Ok(None) => {
                writeln!(self.out, "(Default.) {none}")?;
                Ok(Found::No)
            }
            Err(_) => self.trouble(),
        }
    }

    fn trouble(&mut self) -> io::Result<Found> {
        writeln!(self.out, "Oops! Trouble reading this file.")?;
        Ok(Found::Unreadable)
    }

    /// rcpthosts and morercpthosts, which means something only beside it, and the database.
    fn hosts(&mut self) -> io::Result<()> {
        let more = match self.explain(&RCPTHOSTS)? {
            Found::Yes | Found::Unreadable => &MORE_HOSTS.beside,
            Found::No => &MORE_HOSTS.alone,
        };
        self.explain(more)?;
        let state = self.database();
        writeln!(self.out, "\nmorercpthosts.cdb: {state}")
    }

    fn database(&self) -> &'static str {
        let changed = |name| std::fs::metadata(self.control.path(name)).and_then(|f| f.modified());
        let changed = |name| changed(name).ok().map(whole_seconds);
        match (changed("morercpthosts"), changed("morercpthosts.cdb")) {
            (None, None) => "(Default.) No effect.",
            (None, Some(_)) => "Oops! morercpthosts.cdb exists but morercpthosts doesn't.",
            (Some(_), None) => "Oops! morercpthosts exists but morercpthosts.cdb doesn't.",
            (Some(list), Some(database)) if list > database => {
                "Oops! morercpthosts.cdb is older than morercpthosts."
            }
            (Some(_), Some(_)) => "Modified recently enough; hopefully up to date.",
        }
    }

    /// A file of ours that has no words of its own here. Its content may be secret.
    fn mention(&mut self, entry: &Entry) -> io::Result<()> {
        let (name, readers) = (entry.name, entry.readers.join(", "));
        match (self.control.path(name).exists(), entry.form) {
            (false, _) => {
                let default = entry.default;
                writeln!(self.out, "\n{name}: (Default.) For {readers}: {default}.")
            }
            (true, Form::Integer) => match self.control.integer(name) {
                Ok(Some(value)) => writeln!(self.out, "\n{name}: For {readers}: {value}."),
                Ok(None) => writeln!(self.out, "\n{name}: For {readers}: no number."),
                Err(_) => writeln!(self.out, "\n{name}: Oops! Trouble reading this file."),
            },
            (
                true,
                Form::Line | Form::List | Form::Map | Form::Cdb | Form::Pem | Form::Directory,
            ) => {
                writeln!(self.out, "\n{name}: Read by {readers}.")
            }
        }
    }
}

/// Within a second nobody can say which came first.
fn whole_seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

fn is_explained(name: &str) -> bool {
    let texts = BEFORE_THE_HOSTS.iter().chain(AFTER_THE_HOSTS).chain(OURS);
    let hosts = ["rcpthosts", "morercpthosts", "morercpthosts.cdb"];
    texts
        .map(|text| text.name)
        .chain(hosts)
        .any(|known| known == name)
}

fn is_known(name: &[u8]) -> bool {
    let Ok(name) = std::str::from_utf8(name) else {
        return false;
    };
    is_explained(name) || control::catalog::find(name).is_some()
}

fn shown(bytes: &[u8]) -> String {
    diag::escape::shown(bytes)
}

/// conf-break
const USER_EXT_DELIMITER: &str = "-";
/// conf-patrn, 002: a .qmail file that others can write is not used.
const PATERNALISM: u32 = 2;
/// conf-spawn: what one byte for the limit of a spawner has always been set to. Between programs of
/// ours there is more room (INTERNALS, pipes).
const CLASSIC_LIMIT: u32 = 120;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_catalog_is_known() {
        for entry in CATALOG {
            assert!(is_known(entry.name.as_bytes()), "{}", entry.name);
        }
        assert!(is_known(b"qmqpservers") && is_known(b"morercpthosts"));
        assert!(!is_known(b"me~") && !is_known(b"\xff"));
    }
}
