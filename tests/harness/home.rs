//! A throwaway qmail home, made from `queue-layout/hier` and removed on drop.
//!
//! It works in single-account mode: everything in it belongs to one user and every program runs
//! as that user, which is the current one, or an unprivileged one when the tests run as root.

use std::env;
use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::stat::Mode;
use nix::unistd::{Uid, getgid, getuid};

use crate::daemons::{Daemons, Start};
use crate::mailbox;
use crate::programs;
use crate::run::Run;

/// A qmail home of its own: `control/`, `queue/`, `users/`, `alias/`, `bin/`.
pub struct Home {
    directory: PathBuf,
    uid: u32,
    gid: u32,
}

impl Home {
    /// Makes a home that has `control/me` = `test.example` and no users.
    ///
    /// # Panics
    /// Whenever it cannot; so do all its methods.
    #[expect(
        clippy::new_without_default,
        reason = "making a home is an event, not a default"
    )]
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("qmail-test.{}.{number}", process::id());
        let (uid, gid) = owner();
        let home = Self {
            directory: temporary().join(name),
            uid,
            gid,
        };
        home.make_directory(&home.directory);
        for entry in hier() {
            home.make(&entry);
        }
        home.make_directory(&home.scratch());
        home.make_directory(&home.directory.join("mail"));
        home.control("me", "test.example\n");
        home
    }

    /// Makes the queue again, in an empty directory: something else was mounted there.
    pub fn make_queue(&self) {
        for entry in hier() {
            if entry.path.starts_with("queue") {
                self.make(&entry);
            }
        }
    }

    /// Where the home is.
    pub fn path(&self) -> &Path {
        &self.directory
    }

    /// The user everything in the home belongs to and runs as.
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// That user's group.
    pub fn gid(&self) -> u32 {
        self.gid
    }

    /// The path of a file or directory of the queue, as `todo` or `mess/3/164`.
    pub fn queue(&self, name: &str) -> PathBuf {
        self.directory.join("queue").join(name)
    }

    /// Writes a control file; its text is taken as it is.
    pub fn control(&self, name: &str, text: &str) -> &Self {
        self.write(&format!("control/{name}"), text.as_bytes())
    }

    /// Removes a control file, if it is there.
    pub fn no_control(&self, name: &str) -> &Self {
        let _ = fs::remove_file(self.directory.join("control").join(name));
        self
    }

    /// Writes a file at a path relative to the home, owned by its user, mode 0644.
    pub fn write(&self, name: &str, content: &[u8]) -> &Self {
        let path = self.directory.join(name);
        let _ = fs::remove_file(&path);
        fs::write(&path, content).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        self.give(&path, 0o644)
    }

    /// Reads a file at a path relative to the home.
    pub fn read(&self, name: &str) -> Vec<u8> {
        let path = self.directory.join(name);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Makes a directory at a path relative to the home, owned by its user, mode 0755.
    pub fn mkdir(&self, name: &str) -> PathBuf {
        let path = self.directory.join(name);
        self.make_directory(&path);
        path
    }

    /// Adds a mail user through `users/assign` and `qmail-newu`: `NAME` and `NAME-anything`
    /// deliver in [`user_home`](Self::user_home), which has an empty `Maildir`.
    pub fn user(&self, name: &str) -> &Self {
        let directory = self.user_home(name);
        self.make_directory(&directory);
        for part in ["Maildir", "Maildir/tmp", "Maildir/new", "Maildir/cur"] {
            self.make_directory(&directory.join(part));
        }
        let (uid, gid, path) = (self.uid, self.gid, directory.display().to_string());
        self.assign(&format!(
            "={name}:{name}:{uid}:{gid}:{path}:::\n+{name}-:{name}:{uid}:{gid}:{path}:-::\n"
        ))
    }

    /// Adds lines to `users/assign` and compiles it with `qmail-newu`.
    pub fn assign(&self, lines: &str) -> &Self {
        let old = fs::read_to_string(self.directory.join("users/assign")).unwrap_or_default();
        let kept = old.trim_end_matches(".\n");
        self.write("users/assign", format!("{kept}{lines}.\n").as_bytes());
        self.program("qmail-newu").output().assert_exit(0);
        self
    }

    /// The directory of a user made with [`user`](Self::user).
    pub fn user_home(&self, name: &str) -> PathBuf {
        self.directory.join("mail").join(name)
    }

    /// Writes a user's `.qmail` (extension "") or `.qmail-EXTENSION`.
    pub fn dot_qmail(&self, user: &str, extension: &str, text: &str) -> &Self {
        let dash = if extension.is_empty() { "" } else { "-" };
        self.write(
            &format!("mail/{user}/.qmail{dash}{extension}"),
            text.as_bytes(),
        )
    }

    /// The messages in a user's `Maildir`.
    pub fn maildir(&self, user: &str) -> Vec<Vec<u8>> {
        mailbox::maildir(&self.user_home(user).join("Maildir"))
    }

    /// The messages in a user's `Mailbox`.
    pub fn mbox(&self, user: &str) -> Vec<Vec<u8>> {
        mailbox::mbox(&self.user_home(user).join("Mailbox"))
    }

    /// The path of a program in this home's `bin/`.
    #[track_caller]
    pub fn bin(&self, name: &str) -> PathBuf {
        let path = self.directory.join("bin").join(name);
        assert!(
            path.exists(),
            "{name} was not built: see what cargo said above"
        );
        path
    }

    /// Puts a shell script in the place of a program in this home's `bin/`.
    pub fn replace_program(&self, name: &str, script: &str) -> &Self {
        self.write(&format!("bin/{name}"), script.as_bytes());
        self.give(&self.directory.join("bin").join(name), 0o755)
    }

    /// A program of this home, to be run as its user; see [`Run`].
    #[track_caller]
    pub fn program(&self, name: &str) -> Run<'_> {
        Run::new(self, self.bin(name))
    }

    /// A program that is built but has no place in `bin/`, run the same way.
    #[track_caller]
    pub fn built(&self, name: &str) -> Run<'_> {
        let Some(program) = programs::all().get(name) else {
            panic!("{name} was not built: see what cargo said above");
        };
        let reachable = programs::reachable(program, &self.scratch());
        Run::new(self, reachable)
    }

    /// Any other program, run the same way.
    pub fn foreign(&self, program: impl Into<PathBuf>) -> Run<'_> {
        Run::new(self, program.into())
    }

    /// Starts qmail-start with `./Maildir/` as default delivery and waits until qmail-send runs.
    pub fn start_daemons(&self) -> Daemons<'_> {
        self.daemons().start()
    }

    /// The same with other arguments or environment; see [`Start`].
    pub fn daemons(&self) -> Start<'_> {
        Start::new(self)
    }

    /// A directory in the home for the harness's own files.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.directory.join("scratch")
    }

    /// Makes a path belong to the home's user, with this mode.
    pub fn give(&self, path: &Path, mode: u32) -> &Self {
        if getuid().is_root() {
            chown(path, Some(self.uid), Some(self.gid)).expect("chown");
        }
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("chmod");
        self
    }

    fn make(&self, entry: &Entry) {
        let path = self.directory.join(&entry.path);
        match entry.kind {
            'd' => self.make_split(&path, entry),
            'f' => {
                fs::write(&path, vec![0; entry.count]).expect("file of the queue");
                self.give(&path, entry.mode);
            }
            'p' => {
                nix::unistd::mkfifo(&path, Mode::S_IRWXU).expect("fifo");
                self.give(&path, entry.mode);
            }
            'x' => self.place_program(&path),
            other => panic!("queue-layout/hier: unknown type {other}"),
        }
    }

    fn make_split(&self, path: &Path, entry: &Entry) {
        self.make_directory(path);
        for number in 0..entry.count {
            let part = path.join(number.to_string());
            self.make_directory(&part);
            self.give(&part, entry.mode);
        }
        self.give(path, entry.mode);
    }

    /// A link to the program, or nothing when there is none: not every test needs every program.
    fn place_program(&self, path: &Path) {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a program has a name");
        let Some(program) = programs::all().get(name) else {
            return;
        };
        let bin = self.directory.join("bin");
        let program = if getuid().is_root() {
            programs::reachable(program, &bin)
        } else {
            program.clone()
        };
        if program != path {
            symlink(program, path).expect("link to a program");
        }
    }

    fn make_directory(&self, path: &Path) {
        match fs::DirBuilder::new().mode(0o755).create(path) {
            Ok(()) => {
                self.give(path, 0o755);
            }
            Err(error) => assert!(path.is_dir(), "{}: {error}", path.display()),
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if env::var_os("QMAIL_TEST_KEEP").is_some() {
            let _ = writeln!(std::io::stderr(), "kept: {}", self.directory.display());
            return;
        }
        // Tests take rights away from directories; give them back to get inside.
        if fs::remove_dir_all(&self.directory).is_err() {
            open_up(&self.directory);
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}

fn open_up(directory: &Path) {
    let _ = fs::set_permissions(directory, Permissions::from_mode(0o700));
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open_up(&entry.path());
        }
    }
}

/// One line of `queue-layout/hier`.
pub struct Entry {
    /// `d`, `f`, `p` or `x`; that file says what they are.
    pub kind: char,
    /// Relative to the home.
    pub path: PathBuf,
    /// Account name.
    pub owner: String,
    /// Group name.
    pub group: String,
    /// Permission bits.
    pub mode: u32,
    /// Subdirectories of a `d`, bytes of an `f`.
    pub count: usize,
}

/// Reads `queue-layout/hier`.
pub fn hier() -> Vec<Entry> {
    let path = programs::source().join("queue-layout/hier");
    let text = fs::read_to_string(path).expect("queue-layout/hier");
    text.lines().filter_map(parse_entry).collect()
}

fn parse_entry(line: &str) -> Option<Entry> {
    let words: Vec<&str> = line.split_whitespace().collect();
    if words.is_empty() || line.starts_with('#') {
        return None;
    }
    let [kind, path, owner, group, mode, ..] = words.as_slice() else {
        panic!("queue-layout/hier: {line}")
    };
    Some(Entry {
        kind: kind.chars().next()?,
        path: PathBuf::from(path),
        owner: (*owner).to_owned(),
        group: (*group).to_owned(),
        mode: u32::from_str_radix(mode, 8).expect("octal mode"),
        count: words
            .get(5)
            .map_or(0, |count| count.parse().expect("count")),
    })
}

/// The user a home belongs to: never root, which would switch single-account mode off.
fn owner() -> (u32, u32) {
    match getuid().as_raw() {
        0 => (UNPRIVILEGED, UNPRIVILEGED),
        uid => (uid, getgid().as_raw()),
    }
}

/// A temporary directory that the home's user can reach.
fn temporary() -> PathBuf {
    let choices = [
        env::temp_dir(),
        PathBuf::from("/tmp"),
        PathBuf::from("/var/tmp"),
    ];
    let usable = |path: &&PathBuf| {
        path.is_dir() && (!Uid::current().is_root() || programs::open_to_all(&path.join("x")))
    };
    choices
        .iter()
        .find(usable)
        .expect("a temporary directory")
        .clone()
}

/// "nobody" on every Linux; owns nothing.
const UNPRIVILEGED: u32 = 65534;
