//! qmail-newu(8): `users/assign` becomes `users/cdb`, all of it or nothing. A qmail-lspawn that
//! looks meanwhile finds the old database or the new one.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;

use os::disk::{Disk, RealDisk};
use users::{AssignError, Assignments};

/// qmail-newu; its result as an exit code.
#[must_use]
pub fn main() -> ExitCode {
    match run(&os::home::home()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // The words are the original's, which never gives a reason.
            diag::line(&format!("qmail-newu: fatal: {failure}"));
            ExitCode::from(TEMPORARY)
        }
    }
}

fn run(home: &Path) -> Result<(), Failure> {
    os::file::chdir(home).map_err(Failure::Home)?;
    let directory = File::open("users").map_err(Failure::Open)?;
    // Two at a time would write into one file. Where there are no locks nobody waits.
    let _locked = os::lock::exclusive(&directory);
    let text = read_assign()?;
    let assignments = users::parse(&text).map_err(Failure::Format)?;
    os::file::umask(0o033);
    write_database(&assignments)?;
    std::fs::rename(TEMPORARY_FILE, "users/cdb").map_err(Failure::Move)?;
    RealDisk.sync_dir(Path::new("users")).map_err(Failure::Move)
}

/// Why there is no new database; the old one stays.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("unable to chdir")]
    Home(#[source] io::Error),
    #[error("unable to open users/assign")]
    Open(#[source] io::Error),
    #[error("unable to read users/assign")]
    Read(#[source] io::Error),
    #[error("bad format in users/assign")]
    Format(#[source] AssignError),
    #[error("unable to open users/cdb.tmp")]
    Create(#[source] io::Error),
    #[error("unable to write users/cdb.tmp")]
    Write(#[source] io::Error),
    #[error("unable to write users/cdb.tmp")]
    Database(#[source] cdb::CdbError),
    #[error("unable to move users/cdb.tmp to users/cdb")]
    Move(#[source] io::Error),
}

fn read_assign() -> Result<Vec<u8>, Failure> {
    let file = File::open("users/assign").map_err(Failure::Open)?;
    let mut text = Vec::new();
    file.take(ASSIGN_BYTES_MAX + 1)
        .read_to_end(&mut text)
        .map_err(Failure::Read)?;
    if u64::try_from(text.len()).map_or(true, |length| length > ASSIGN_BYTES_MAX) {
        return Err(Failure::Read(io::ErrorKind::FileTooLarge.into()));
    }
    Ok(text)
}

fn write_database(assignments: &Assignments) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o666);
    let file = options.open(TEMPORARY_FILE).map_err(Failure::Create)?;
    let file = assignments
        .write(BufWriter::new(file))
        .map_err(Failure::Database)?;
    let file = file
        .into_inner()
        .map_err(|error| Failure::Write(error.into_error()))?;
    file.sync_all().map_err(Failure::Write)
}

const TEMPORARY_FILE: &str = "users/cdb.tmp";
const TEMPORARY: u8 = 111;
/// Some millions of users; the database could address 4 GiB, and all of it stands in memory.
const ASSIGN_BYTES_MAX: u64 = 512 << 20;
