//! qmail-newmrh(8): `control/morercpthosts` becomes `control/morercpthosts.cdb`, all of it or
//! nothing. A qmail-smtpd that looks meanwhile finds the old database or the new one.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cdb::CdbError;
use os::disk::{Disk, RealDisk};
use report::Exit;

/// qmail-newmrh; its result as an exit code.
#[must_use]
pub fn main() -> ExitCode {
    match run(&os::home::home()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            diag::fatal("qmail-newmrh", &failure);
            ExitCode::from(Exit::TEMPORARY.code())
        }
    }
}

/// Why there is no new database; the old one stays.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("unable to chdir to {}", path.display())]
    Home { path: PathBuf, source: io::Error },
    #[error("unable to read control/morercpthosts")]
    Read(#[source] io::Error),
    #[error("unable to write to control/morercpthosts.tmp")]
    Write(#[source] io::Error),
    #[error("unable to write to control/morercpthosts.tmp: larger than 4 gigabytes")]
    TooLarge,
    #[error("unable to move control/morercpthosts.tmp to control/morercpthosts.cdb")]
    Move(#[source] io::Error),
}

fn run(home: &Path) -> Result<(), Failure> {
    os::file::umask(0o033);
    os::file::chdir(home).map_err(|source| Failure::Home {
        path: home.to_owned(),
        source,
    })?;
    let list = File::open(LIST).map_err(Failure::Read)?;
    // Two at a time would write into one file. Where there are no locks nobody waits.
    let directory = File::open(DIRECTORY).map_err(Failure::Read)?;
    let _locked = os::lock::exclusive(&directory);
    write_database(list)?;
    std::fs::rename(TEMPORARY_FILE, DATABASE).map_err(Failure::Move)?;
    RealDisk
        .sync_dir(Path::new(DIRECTORY))
        .map_err(Failure::Move)
}

fn write_database(list: File) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o666);
    let file = options.open(TEMPORARY_FILE).map_err(Failure::Write)?;
    let mut writer = cdb::Writer::new(BufWriter::new(file)).map_err(writing)?;
    let mut list = BufReader::new(list);
    let mut line = Vec::new();
    while next_line(&mut list, &mut line).map_err(Failure::Read)? {
        if let Some(name) = name(&line) {
            writer.add(&name, b"").map_err(writing)?;
        }
    }
    let file = writer.finish().map_err(writing)?;
    let file = file
        .into_inner()
        .map_err(|error| Failure::Write(error.into_error()))?;
    file.sync_all().map_err(Failure::Write)
}

/// Whether there is another line; the last one need not end.
fn next_line(list: &mut BufReader<File>, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let count = list.take(LINE_BYTES_MAX).read_until(b'\n', line)?;
    if u64::try_from(count).is_ok_and(|count| count == LINE_BYTES_MAX) {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(count > 0)
}

/// The domain on a line: in lower case, without blanks behind it. None on an empty line and on a
/// comment.
fn name(line: &[u8]) -> Option<Vec<u8>> {
    let last = line
        .iter()
        .rposition(|byte| !matches!(byte, b' ' | b'\t' | b'\n'))?;
    let name = line.get(..=last)?;
    (name.first() != Some(&b'#')).then(|| name.to_ascii_lowercase())
}

fn writing(error: CdbError) -> Failure {
    match error {
        CdbError::Open { source, .. } | CdbError::Read { source, .. } | CdbError::Write(source) => {
            Failure::Write(source)
        }
        CdbError::Malformed { .. } | CdbError::TooLarge => Failure::TooLarge,
    }
}

const DIRECTORY: &str = "control";
const LIST: &str = "control/morercpthosts";
const TEMPORARY_FILE: &str = "control/morercpthosts.tmp";
const DATABASE: &str = "control/morercpthosts.cdb";
/// A domain has 255 bytes at most; a line like this is no list of domains.
const LINE_BYTES_MAX: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use super::name;

    #[track_caller]
    fn check(line: &str, expected: Option<&str>) {
        assert_eq!(
            name(line.as_bytes()),
            expected.map(|name| name.as_bytes().to_vec())
        );
    }

    #[test]
    fn a_name_is_in_lower_case_and_without_blanks_behind_it() {
        check("A.Example\n", Some("a.example"));
        check(".b.example \t\n", Some(".b.example"));
        check(" c.example", Some(" c.example"));
        check("d.example\r\n", Some("d.example\r"));
    }

    #[test]
    fn comments_and_empty_lines_are_no_names() {
        check("#a.example\n", None);
        check(" #a\n", Some(" #a"));
        check(" \t\n", None);
        check("", None);
    }
}
