//! Which programs are under test: ours, built once per test run, or those in the directory that
//! `QMAIL_UNDER_TEST` names.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock};

/// The top of the source tree.
pub fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the package has a parent")
        .to_owned()
}

/// Whether the programs under test are ours (and not those of `QMAIL_UNDER_TEST`).
pub fn ours() -> bool {
    env::var_os("QMAIL_UNDER_TEST").is_none()
}

/// Every program under test, by name.
pub(crate) fn all() -> &'static BTreeMap<String, PathBuf> {
    static PROGRAMS: OnceLock<BTreeMap<String, PathBuf>> = OnceLock::new();
    PROGRAMS.get_or_init(|| match env::var_os("QMAIL_UNDER_TEST") {
        Some(directory) => installed(Path::new(&directory)),
        None => build(),
    })
}

/// The names of the programs under test.
pub fn names() -> impl Iterator<Item = &'static str> {
    all().keys().map(String::as_str)
}

/// A place for one program that any user can reach: the file itself, or a link or copy in
/// `directory` when the way to the file is closed to others (a checkout under a private home).
pub(crate) fn reachable(program: &Path, directory: &Path) -> PathBuf {
    static COPYING: Mutex<()> = Mutex::new(());
    if open_to_all(program) {
        return program.to_owned();
    }
    let near = directory.join(program.file_name().expect("a program has a name"));
    // One at a time: a child forked meanwhile would hold the copy open for writing.
    let _guard = COPYING.lock().expect("no test panics here");
    // A copy onto a link to the file itself would empty both.
    if !near.exists() && fs::hard_link(program, &near).is_err() {
        fs::copy(program, &near).expect("copy of a program");
    }
    near
}

/// Whether every directory above `path` lets anybody pass.
pub(crate) fn open_to_all(path: &Path) -> bool {
    path.ancestors().skip(1).all(|directory| {
        fs::metadata(directory).is_ok_and(|facts| facts.permissions().mode() & 0o001 != 0)
    })
}

fn installed(directory: &Path) -> BTreeMap<String, PathBuf> {
    let entries = fs::read_dir(directory).expect("QMAIL_UNDER_TEST names a directory");
    entries
        .flatten()
        .map(|entry| {
            (
                entry.file_name().to_string_lossy().into_owned(),
                entry.path(),
            )
        })
        .collect()
}

/// Builds the workspace's programs. One that does not compile is missing from the answer, and
/// the tests that need it fail with what cargo said; the others go on.
fn build() -> BTreeMap<String, PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args([
        "build",
        "--workspace",
        "--bins",
        "--keep-going",
        "--message-format=json",
    ]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    command
        .current_dir(source())
        .stdin(Stdio::null())
        .stderr(Stdio::piped());
    let output = command.output().expect("cargo runs");
    if !output.status.success() {
        eprintln!("{}", String::from_utf8_lossy(&output.stderr));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let paths = messages.lines().filter_map(executable);
    paths
        .filter_map(|path| Some((path.file_name()?.to_str()?.to_owned(), path)))
        .collect()
}

/// The value of `"executable"` in one line of cargo's messages.
fn executable(message: &str) -> Option<PathBuf> {
    let (_, rest) = message.split_once(r#""executable":""#)?;
    let (path, _) = rest.split_once('"')?;
    Some(PathBuf::from(path))
}
