//! datemail(1): becomes predate, running sendmail with our arguments. Both are those of the home.

use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;

use os::child::Spawn;
use report::Exit;

/// Returns only when predate cannot be run.
#[must_use]
pub fn main() -> ExitCode {
    let bin = os::home::home().join("bin");
    let path = |name| bin.join(name).into_os_string().into_vec();
    let predate = path("predate");
    let spawn = Spawn::new(&predate)
        .args([path("sendmail")])
        .args(os::env::args());
    let error = os::child::become_program(&spawn);
    let program = diag::escape::shown(&predate);
    let why = os::errno::text(&error);
    diag::line(&format!("datemail: fatal: unable to run {program}: {why}"));
    ExitCode::from(Exit::TEMPORARY.code())
}
