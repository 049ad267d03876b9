//! qmail-pw2u(8): a password file on descriptor 0 becomes a `users/assign` on descriptor 1. What
//! is printed may be used only when it exits 0: whether there is an alias user is known at the end.

mod options;

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::ExitCode;

use control::{ControlError, Map};

use options::{Complaint, Homes, Options};

/// qmail-pw2u; its result as an exit code.
#[must_use]
pub fn main() -> ExitCode {
    let failure = match run(&os::home::home()) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(failure) => failure,
    };
    if let Failure::Usage(complaint) = &failure {
        let name = diag::escape::shown(&os::env::program());
        diag::line(&format!("{name}: {complaint}"));
    } else {
        // The words are the original's, which never gives a reason.
        diag::line(&format!("qmail-pw2u: fatal: {failure}"));
    }
    ExitCode::from(failure.code())
}

/// Why the output is incomplete.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Usage(Complaint),
    #[error("unable to chdir")]
    Home(#[source] io::Error),
    #[error("unable to read controls")]
    Controls(#[from] ControlError),
    #[error("unable to read controls")]
    Open(#[source] io::Error),
    #[error("unable to read input")]
    Read(#[source] io::Error),
    #[error("unable to write output")]
    Write(#[source] io::Error),
    #[error("unable to find {ALIAS} user")]
    NoAlias,
    #[error("unable to stat {home}")]
    Stat { home: String, source: io::Error },
    #[error("unable to find {user} user for subuser")]
    NoUser { user: String },
}

impl Failure {
    fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => PERMANENT,
            Self::Home(_)
            | Self::Controls(_)
            | Self::Open(_)
            | Self::Read(_)
            | Self::Write(_)
            | Self::NoAlias
            | Self::Stat { .. }
            | Self::NoUser { .. } => TEMPORARY,
        }
    }
}

fn run(home: &Path) -> Result<(), Failure> {
    let options = Options::parse(&os::env::args()).map_err(Failure::Usage)?;
    os::file::chdir(home).map_err(Failure::Home)?;
    let lists = Lists::read()?;
    let mut list = Assign::new(options).map_err(Failure::Write)?;
    let mut input = BufReader::new(os::fd::take(0).map_err(Failure::Read)?);
    while let Some(line) = next_line(&mut input)? {
        if let Some(account) = Account::parse(&line) {
            list.account(&account, &lists)?;
        }
    }
    if !list.has_alias {
        return Err(Failure::NoAlias);
    }
    if let Some(mut subusers) = open("users/subusers")? {
        while let Some(line) = next_line(&mut subusers)? {
            list.subuser(&line)?;
        }
    }
    if let Some(mut append) = open("users/append")? {
        io::copy(&mut append, &mut list.out).map_err(Failure::Write)?;
    }
    list.out.write_all(b".\n").map_err(Failure::Write)?;
    list.out.flush().map_err(Failure::Write)
}

fn open(path: &str) -> Result<Option<BufReader<File>>, Failure> {
    match File::open(path) {
        Ok(file) => Ok(Some(BufReader::new(file))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::Open(error)),
    }
}

/// The next line, without its end; the last one need not have one.
fn next_line(input: &mut BufReader<File>) -> Result<Option<Vec<u8>>, Failure> {
    let mut line = Vec::new();
    let limited = input.take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
    let count = limited.map_err(Failure::Read)?;
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if u64::try_from(count).is_ok_and(|count| count == LINE_BYTES_MAX) {
        return Err(Failure::Read(io::ErrorKind::FileTooLarge.into()));
    }
    Ok((count > 0).then_some(line))
}

/// The files in users/ that change what an account gets.
struct Lists {
    include: Option<Map>,
    exclude: Option<Map>,
    mailnames: Option<Map>,
}

impl Lists {
    fn read() -> Result<Self, Failure> {
        let lines = |name| control::list_at(Path::new(name));
        Ok(Self {
            include: lines("users/include")?.map(|lines| Map::of_names(&lines)),
            exclude: lines("users/exclude")?.map(|lines| Map::of_names(&lines)),
            mailnames: lines("users/mailnames")?.map(|lines| Map::of_pairs(&lines)),
        })
    }

    fn takes(&self, name: &[u8]) -> bool {
        let listed = |list: &Option<Map>| list.as_ref().map(|list| list.contains(name));
        listed(&self.include).unwrap_or(true) && !listed(&self.exclude).unwrap_or(false)
    }

    /// The names under which the user gets mail; one line may give several.
    fn names_of<'a>(&'a self, account: &Account<'a>) -> impl Iterator<Item = &'a [u8]> {
        let given = self
            .mailnames
            .as_ref()
            .and_then(|map| map.get(account.name));
        let names = given.unwrap_or(account.name).split(|byte| *byte == b':');
        names.filter(|name| !name.is_empty())
    }
}

/// One line of the password file.
struct Account<'a> {
    name: &'a [u8],
    uid: &'a [u8],
    gid: &'a [u8],
    home: &'a [u8],
}

impl<'a> Account<'a> {
    /// None for a line that is too short, or holds what no line of text can.
    fn parse(line: &'a [u8]) -> Option<Self> {
        if line.contains(&0) {
            return None;
        }
        let mut fields = line.split(|byte| *byte == b':');
        let (name, _password) = (fields.next()?, fields.next()?);
        let (uid, gid, _person) = (fields.next()?, fields.next()?, fields.next()?);
        let home = fields.next()?;
        // The home must be closed as well: a shell follows it, even if empty.
        fields.next()?;
        Some(Self {
            name,
            uid,
            gid,
            home,
        })
    }

    /// Mail is never delivered with the rights of root, nor with those of no number at all.
    fn number(&self) -> Option<u32> {
        let digits = self.uid.iter().take_while(|byte| byte.is_ascii_digit());
        let text = self.uid.get(..digits.count())?;
        let number = std::str::from_utf8(text).ok()?.parse().ok()?;
        (number != 0).then_some(number)
    }

    /// `:user:uid:gid:home:`, the middle of every line about this user.
    fn middle(&self) -> Vec<u8> {
        let fields = [b"", self.name, self.uid, self.gid, self.home, b""];
        fields.join(&b':')
    }
}

/// The output, and what has been learnt on the way.
struct Assign {
    options: Options,
    out: BufWriter<File>,
    has_alias: bool,
    /// The middles of the accepted users' lines, under their names in lower case.
    users: HashMap<Vec<u8>, Vec<u8>>,
}

impl Assign {
    fn new(options: Options) -> io::Result<Self> {
        let fd = os::fd::stdout().as_fd().try_clone_to_owned()?;
        Ok(Self {
            options,
            out: BufWriter::new(File::from(fd)),
            has_alias: false,
            users: HashMap::new(),
        })
    }

    fn account(&mut self, account: &Account<'_>, lists: &Lists) -> Result<(), Failure> {
        let Some(uid) = account.number() else {
            return Ok(());
        };
        let is_shouting = account.name.iter().any(u8::is_ascii_uppercase);
        if (is_shouting && self.options.skips_uppercase)
            || !lists.takes(account.name)
            || !self.has_home(account, uid)?
        {
            return Ok(());
        }
        let middle = account.middle();
        let dash = self.options.dash;
        self.users
            .insert(account.name.to_ascii_lowercase(), middle.clone());
        if account.name == ALIAS.as_bytes() {
            self.has_alias = true;
            self.put(&[b"+", &middle, dash, b"::"])?;
        }
        for name in lists.names_of(account) {
            self.put(&[b"=", name, &middle, b"::"])?;
            if let Some(character) = self.options.extension {
                self.put(&[b"+", name, &[character], &middle, dash, b"::"])?;
            }
        }
        Ok(())
    }

    /// Whether the home suits: that depends on what the caller asked for.
    fn has_home(&self, account: &Account<'_>, uid: u32) -> Result<bool, Failure> {
        let may_be_missing = match self.options.homes {
            Homes::Unchecked => return Ok(true),
            Homes::Owned => true,
            Homes::Required => false,
        };
        let path = Path::new(std::ffi::OsStr::from_bytes(account.home));
        match std::fs::metadata(path) {
            Ok(facts) => Ok(facts.uid() == uid),
            Err(error) if may_be_missing && error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(Failure::Stat {
                home: diag::escape::shown(account.home),
                source,
            }),
        }
    }

    /// `sub:user:pre:`: mail for `sub` goes to that user, who finds it behind `pre`.
    fn subuser(&mut self, line: &[u8]) -> Result<(), Failure> {
        let mut fields = line.split(|byte| *byte == b':');
        let (Some(sub), Some(user), Some(pre), Some(_)) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return self.check_subuser(line);
        };
        let middle = self.user(user)?;
        let dash = self.options.dash;
        self.put(&[b"=", sub, &middle, dash, b":", pre, b":"])?;
        if let Some(character) = self.options.extension {
            let fields: [&[u8]; 9] = [
                b"+",
                sub,
                &[character],
                &middle,
                dash,
                b":",
                pre,
                b"-",
                b":",
            ];
            self.put(&fields)?;
        }
        Ok(())
    }

    /// A line without its last colon is passed over, but not if its user is unknown.
    fn check_subuser(&self, line: &[u8]) -> Result<(), Failure> {
        let mut fields = line.split(|byte| *byte == b':');
        match (fields.nth(1), fields.next()) {
            (Some(user), Some(_)) => self.user(user).map(drop),
            (_, None) | (None, _) => Ok(()),
        }
    }

    fn user(&self, name: &[u8]) -> Result<Vec<u8>, Failure> {
        let middle = self.users.get(&name.to_ascii_lowercase());
        middle.cloned().ok_or_else(|| Failure::NoUser {
            user: diag::escape::shown(name),
        })
    }

    fn put(&mut self, parts: &[&[u8]]) -> Result<(), Failure> {
        let line = [&parts.concat(), b"\n".as_slice()].concat();
        self.out.write_all(&line).map_err(Failure::Write)
    }
}

/// The catch-all user, who must be among the accounts.
const ALIAS: &str = "alias";
const PERMANENT: u8 = 100;
const TEMPORARY: u8 = 111;
/// No line of a password file comes near this.
const LINE_BYTES_MAX: u64 = 1 << 20;
