//! A place of its own for a recipe: the test runs once more, as root, in namespaces where joe is a
//! user, the loopback interface is private and what it starts dies with it. The machine itself is
//! not changed.

use std::env;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

use harness::daemons::Daemons;
use harness::home::Home;
use harness::wait;
use nix::unistd::getuid;

/// Whether this is the run inside. Outside, starts that run and passes its verdict on; says why
/// when it cannot.
#[track_caller]
pub fn is_inside(test: &str, programs: &[&str]) -> bool {
    if env::var_os(INSIDE).is_some() {
        return true;
    }
    let needed = programs.iter().chain(&["unshare", "ip", "setuidgid"]);
    let missing: Vec<_> = needed.filter(|name| find(name).is_none()).collect();
    if !missing.is_empty() {
        eprintln!("skipped: not installed: {missing:?}");
        return false;
    }
    if !getuid().is_root() || !may_unshare() {
        eprintln!("skipped: needs root, and the right to make namespaces");
        return false;
    }
    let directory = Directory::new();
    let output = Command::new("unshare")
        .args(NAMESPACES)
        .arg(env::current_exe().expect("this program"))
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .env("TMPDIR", &directory.0)
        .env("PATH", path())
        .output()
        .expect("unshare");
    let text = String::from_utf8_lossy(&output.stdout);
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{complaints}");
    assert!(
        text.contains("test result: ok. 1 passed"),
        "{test} is no test: {text}"
    );
    false
}

/// A home with the user joe, who is joe to the whole system.
pub struct Place {
    pub home: Rc<Home>,
}

impl Place {
    /// The run inside begins with this.
    pub fn new() -> Self {
        run(Command::new("ip").args(["link", "set", "lo", "up"]));
        let home = Home::new();
        home.user("joe");
        let (uid, gid) = (home.uid(), home.gid());
        let joe = home.user_home("joe");
        let passwd = format!("joe:x:{uid}:{gid}:joe:{}:/bin/sh\n", joe.display());
        put_before("/etc/passwd", &passwd);
        let spool = env::temp_dir().join("spool");
        fs::create_dir(&spool).expect("a directory");
        fs::set_permissions(&spool, fs::Permissions::from_mode(0o1777)).expect("mode");
        cover("/var/mail", &spool);
        put_before("/etc/group", &format!("joe:x:{gid}:\n"));
        Self {
            home: Rc::new(home),
        }
    }

    /// Writes a file of joe's; `~/` may stand before its name.
    pub fn file(&self, name: &str, text: &str) -> &Self {
        let name = name.strip_prefix("~/").unwrap_or(name);
        let text = self.in_place(text);
        self.home
            .write(&format!("mail/joe/{name}"), text.as_bytes());
        self
    }

    pub fn mode(&self, name: &str, mode: u32) -> &Self {
        self.home.give(&self.path(name), mode);
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home.user_home("joe").join(name)
    }

    /// The pages' names of directories become ours.
    pub fn in_place(&self, text: &str) -> String {
        let home = self.home.path().display().to_string();
        text.replace(
            "/home/joe",
            &self.home.user_home("joe").display().to_string(),
        )
        .replace("/var/qmail", &home)
    }

    /// The messages in one of joe's maildirs.
    pub fn mail(&self, maildir: &str) -> Vec<String> {
        let messages = harness::mailbox::maildir(&self.path(maildir));
        let text = |message| String::from_utf8(message).expect("text");
        messages.into_iter().map(text).collect()
    }

    /// Sends joe, or anybody, a message.
    pub fn send(&self, recipient: &str, message: &str) {
        let run = self.home.program("qmail-inject");
        let run = run.args(["-fs@x.example", recipient]);
        run.stdin(message).output().assert_exit(0);
    }

    /// Starts a service by its run script, as supervise would, and waits until its port answers.
    pub fn service(&self, script: &str, port: u16) -> Service {
        let path = self.home.path().join(format!("service-{port}"));
        fs::write(&path, self.in_place(script)).expect("script");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("mode");
        let log = fs::File::create(path.with_extension("log")).expect("log");
        let child = Command::new(&path)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("log"))
            .stderr(log)
            .spawn()
            .expect("a service");
        let mut service = Service { child };
        let ready = wait::within(wait::PATIENCE, || {
            let ended = service.child.try_wait().expect("wait").is_some();
            let answers = std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
            (ended || answers).then_some(answers)
        });
        let log = fs::read_to_string(path.with_extension("log")).unwrap_or_default();
        assert_eq!(ready, Some(true), "the service on port {port}: {log}");
        assert_nobody_is_root();
        service
    }
}

/// A running service; killed when dropped.
pub struct Service {
    child: Child,
}

impl Service {
    /// Ends it as `svc -d` does, and waits.
    pub fn stop(&mut self) {
        let pid = i32::try_from(self.child.id()).expect("pid");
        let pid = nix::unistd::Pid::from_raw(pid);
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        wait::until("the end of a service", || {
            self.child.try_wait().expect("wait")
        });
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whatever the recipe starts, none of it is root.
pub fn assert_nobody_is_root() {
    const WATCHED: [&str; 8] = [
        "spamd",
        "perl",
        "spamc",
        "procmail",
        "maildrop",
        "dovecot",
        "imap",
        "vdelivermail",
    ];
    for entry in fs::read_dir("/proc").expect("/proc").flatten() {
        let Ok(status) = fs::read_to_string(entry.path().join("status")) else {
            continue;
        };
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()
        };
        let name = field("Name:").unwrap_or_default();
        let watched = WATCHED.iter().any(|watched| name.starts_with(watched));
        assert!(
            !watched || field("Uid:") != Some("0"),
            "{name} runs as root"
        );
    }
}

/// Waits for the first deferral after so many others, and sees that the message is still queued.
pub fn expect_deferral(daemons: &Daemons<'_>, number: usize) -> String {
    let line = daemons.wait_for_lines(": deferral: ", number);
    assert_eq!(daemons.count(": failure: "), 0, "{}", daemons.log());
    assert_eq!(daemons.count("bounce msg"), 0, "{}", daemons.log());
    line
}

/// Puts a directory in the place of another, in this namespace.
pub fn cover(place: &str, with: &Path) {
    run(Command::new("mount").arg("--bind").arg(with).arg(place));
}

pub fn run(command: &mut Command) {
    let output = command.output().expect("a program");
    assert!(output.status.success(), "{command:?}: {output:?}");
}

/// A copy of the file with these lines first, in its place.
fn put_before(place: &str, lines: &str) {
    let old = fs::read_to_string(place).expect("a file of the system");
    let copy = env::temp_dir().join(place.replace('/', "_"));
    fs::write(&copy, format!("{lines}{old}")).expect("a copy");
    cover(place, &copy);
}

/// Gives a directory to an account of the system.
pub fn give(path: &Path, account: &str) {
    let passwd = fs::read_to_string("/etc/passwd").expect("/etc/passwd");
    let line = passwd
        .lines()
        .find(|line| line.starts_with(&format!("{account}:")));
    let fields: Vec<&str> = line.expect("an account").split(':').collect();
    let number = |index: usize| fields[index].parse().expect("a number");
    chown(path, Some(number(2)), Some(number(3))).expect("chown");
}

/// A directory for everything temporary inside; process numbers there begin anew, so that names
/// made of them are not unique outside.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("qmail-recipe.{}.{number}", std::process::id());
        let path = Path::new("/tmp").join(name);
        fs::create_dir(&path).expect("a directory");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("mode");
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn find(name: &str) -> Option<PathBuf> {
    env::split_paths(&path())
        .map(|directory| directory.join(name))
        .find(|path| path.exists())
}

/// Servers are in sbin, which a user's path need not name.
fn path() -> String {
    let path = env::var("PATH").unwrap_or_default();
    format!("{path}:/usr/sbin:/sbin")
}

fn may_unshare() -> bool {
    let mut command = Command::new("unshare");
    command
        .args(NAMESPACES)
        .args(["mount", "-t", "tmpfs", "x", "/mnt"]);
    command.output().is_ok_and(|output| output.status.success())
}

const NAMESPACES: [&str; 7] = [
    "--mount",
    "--mount-proc",
    "--net",
    "--pid",
    "--fork",
    "--kill-child",
    "--",
];
const INSIDE: &str = "QMAIL_RECIPE_INSIDE";
