//! The four daemons, started by qmail-start in the foreground with the log in a file; what they
//! said, and a way to signal each of them.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::home::Home;
use crate::wait;

/// How to start the daemons: arguments of qmail-start and its environment.
pub struct Start<'a> {
    home: &'a Home,
    args: Vec<OsString>,
    env: Vec<(String, OsString)>,
}

impl<'a> Start<'a> {
    pub(crate) fn new(home: &'a Home) -> Self {
        Self {
            home,
            args: vec!["./Maildir/".into()],
            env: Vec::new(),
        }
    }

    /// The default delivery instructions, instead of `./Maildir/`.
    pub fn default_delivery(mut self, text: &str) -> Self {
        self.args = vec![text.into()];
        self
    }

    /// Sets an environment variable for the daemons and all they start.
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// Starts them and waits until qmail-send has taken charge of the queue.
    ///
    /// # Panics
    /// When they stop at once, with what they said.
    #[track_caller]
    pub fn start(self) -> Daemons<'a> {
        let mut daemons = self.start_anyway();
        let first = wait::until("qmail-send's first status line", || {
            let ready = daemons.log().contains("status: local ");
            (ready || daemons.child.try_wait().expect("wait").is_some()).then_some(ready)
        });
        assert!(first, "the daemons stopped: {}", daemons.log());
        daemons
    }

    /// Starts them without waiting for anything: they may be meant to fail.
    pub fn start_anyway(self) -> Daemons<'a> {
        let log = self.home.scratch().join("log");
        let mut run = self.home.program("qmail-start").args(&self.args);
        for (name, value) in &self.env {
            run = run.env(name, value);
        }
        let mut command = run.into_command();
        let file = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .expect("log");
        let copy = file.try_clone().expect("log");
        command
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(copy)
            .process_group(0);
        let seen = fs::metadata(&log).map_or(0, |facts| facts.len());
        let child = command.spawn().expect("qmail-start");
        Daemons {
            home: self.home,
            child,
            log,
            begin: usize::try_from(seen).expect("size"),
        }
    }
}

/// Running daemons; killed when dropped.
pub struct Daemons<'a> {
    home: &'a Home,
    child: Child,
    log: PathBuf,
    /// Where this run's log begins in the file, which earlier runs in the same home share.
    begin: usize,
}

impl Daemons<'_> {
    /// All they have logged.
    pub fn log(&self) -> String {
        let content = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(content.get(self.begin..).unwrap_or_default()).into_owned()
    }

    /// The same by lines.
    pub fn lines(&self) -> Vec<String> {
        self.log().lines().map(str::to_owned).collect()
    }

    /// How many lines of the log contain `text`.
    pub fn count(&self, text: &str) -> usize {
        self.log()
            .lines()
            .filter(|line| line.contains(text))
            .count()
    }

    /// Waits until a line of the log contains `text`, and returns it.
    #[track_caller]
    pub fn wait_for_log(&self, text: &str) -> String {
        self.wait_for_lines(text, 1)
    }

    /// Waits until `count` lines of the log contain `text`, and returns the last of these.
    ///
    /// # Panics
    /// When that takes too long, showing the log.
    #[track_caller]
    pub fn wait_for_lines(&self, text: &str, count: usize) -> String {
        let look = || {
            let log = self.log();
            let mut complete = log
                .split_inclusive('\n')
                .filter(|line| line.ends_with('\n'));
            let nth = count.checked_sub(1).expect("at least one line");
            complete
                .by_ref()
                .filter(|line| line.contains(text))
                .nth(nth)
                .map(str::to_owned)
        };
        let found = wait::within(wait::PATIENCE, look);
        let line =
            found.unwrap_or_else(|| panic!("no {text:?} x {count} in the log:\n{}", self.log()));
        line.trim_end().to_owned()
    }

    /// Waits until the queue holds no message.
    #[track_caller]
    pub fn wait_until_empty(&self) {
        let empty = || {
            let parts = (0..SPLIT).map(|part| self.home.queue(&format!("mess/{part}")));
            let dirs = parts.chain([self.home.queue("todo"), self.home.queue("intd")]);
            let busy = dirs
                .into_iter()
                .any(|dir| fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()));
            (!busy).then_some(())
        };
        if wait::within(wait::PATIENCE, empty).is_none() {
            panic!("the queue does not become empty:\n{}", self.log());
        }
    }

    /// The process id of qmail-send, which is that of qmail-start.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The process id of `qmail-send`, `qmail-clean`, `qmail-lspawn` or `qmail-rspawn`.
    #[track_caller]
    pub fn pid_of(&self, role: &str) -> u32 {
        if role == "qmail-send" {
            return self.pid();
        }
        let parent = self.pid();
        wait::until(role, || child_named(parent, role))
    }

    /// Sends a signal to one of the daemons.
    #[track_caller]
    pub fn signal(&self, role: &str, signal: Signal) {
        kill(raw(self.pid_of(role)), signal).expect("kill");
    }

    /// Sends SIGTERM to qmail-send and waits for its end.
    #[track_caller]
    pub fn term(&mut self) -> ExitStatus {
        let _ = kill(raw(self.pid()), Signal::SIGTERM);
        self.wait()
    }

    /// Kills all of them at once, deliveries included.
    pub fn kill(&mut self) {
        let _ = killpg(raw(self.pid()), Signal::SIGKILL);
        let _ = self.child.wait();
    }

    /// Waits until qmail-send has ended.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        wait::until("the end of qmail-send", || {
            self.child.try_wait().expect("wait")
        })
    }
}

impl Drop for Daemons<'_> {
    fn drop(&mut self) {
        self.kill();
    }
}

fn raw(pid: u32) -> Pid {
    Pid::from_raw(i32::try_from(pid).expect("pid"))
}

/// A process called `name` whose parent is `parent`.
fn child_named(parent: u32, name: &str) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).ok()?;
    children
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .find(|pid| {
            fs::read_to_string(format!("/proc/{pid}/comm"))
                .is_ok_and(|comm| comm.trim_end() == name)
        })
}

/// As in `queue-layout/hier`.
const SPLIT: u32 = 23;
