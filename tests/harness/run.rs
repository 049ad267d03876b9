//! Runs one program in a home: arguments, environment, descriptors, time limit; then its exit
//! status and what it wrote.
//!
//! Descriptors are plain files in the home's scratch directory, so no amount of input or output
//! blocks anybody. Descriptors above 2 are opened by `/bin/sh`, which then becomes the program.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::unistd::getuid;

use crate::crash;
use crate::home::Home;
use crate::wait;

/// A program about to run.
pub struct Run<'a> {
    home: &'a Home,
    program: PathBuf,
    args: Vec<OsString>,
    env: BTreeMap<OsString, OsString>,
    inputs: BTreeMap<i32, Vec<u8>>,
    closed: Vec<i32>,
    captured: Vec<i32>,
    uid: u32,
    directory: Option<PathBuf>,
    timeout: Duration,
}

impl<'a> Run<'a> {
    pub(crate) fn new(home: &'a Home, program: PathBuf) -> Self {
        let path = format!("{}/bin:/usr/bin:/bin", home.path().display());
        let env = [
            ("PATH", OsStr::new(&path)),
            ("QMAILHOME", home.path().as_os_str()),
        ];
        Self {
            home,
            program,
            args: Vec::new(),
            env: env.map(|(name, value)| (name.into(), value.into())).into(),
            inputs: BTreeMap::new(),
            closed: Vec::new(),
            captured: Vec::new(),
            uid: home.uid(),
            directory: None,
            timeout: wait::PATIENCE,
        }
    }

    /// Appends arguments.
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.args
            .extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets an environment variable; the program otherwise sees only `PATH` and `QMAILHOME`.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.env.insert(name.into(), value.as_ref().to_owned());
        self
    }

    /// Takes an environment variable away.
    pub fn no_env(mut self, name: &str) -> Self {
        self.env.remove(OsStr::new(name));
        self
    }

    /// What the program reads on fd 0; nothing unless set.
    pub fn stdin(self, content: impl AsRef<[u8]>) -> Self {
        self.fd(0, content)
    }

    /// What the program reads on fd `number`. Fd 1 given this way is an input, as qmail-queue's is.
    pub fn fd(mut self, number: i32, content: impl AsRef<[u8]>) -> Self {
        self.inputs.insert(number, content.as_ref().to_owned());
        self
    }

    /// Collects what the program writes on fd `number` (above 2; 1 and 2 are always collected).
    pub fn capture(mut self, number: i32) -> Self {
        self.captured.push(number);
        self
    }

    /// Starts the program with this descriptor closed.
    pub fn close(mut self, number: i32) -> Self {
        self.closed.push(number);
        self
    }

    /// Runs the program as another user (needs root).
    pub fn uid(mut self, uid: u32) -> Self {
        self.uid = uid;
        self
    }

    /// Runs the program in another directory than the home.
    pub fn cwd(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Kills the program after this long instead of [`wait::PATIENCE`].
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Runs the program to its end.
    ///
    /// # Panics
    /// When it cannot be started or takes too long.
    #[track_caller]
    pub fn output(self) -> Output {
        self.start().finish()
    }

    /// Starts the program and returns at once.
    #[track_caller]
    pub fn start(self) -> Running {
        let files = Files::new(self.home);
        let mut command = self.command(&files);
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", self.program.display()));
        Running {
            child: Alive(child),
            files,
            captured: self.captured,
            timeout: self.timeout,
        }
    }

    /// Starts a shell that waits at a gate before it becomes the program, so that it can be seized
    /// first; gives the gate, too.
    #[track_caller]
    pub(crate) fn start_gated(self) -> (Running, PathBuf) {
        let files = Files::new(self.home);
        let gate = files.stem.with_extension("gate");
        crash::make_gate(&gate);
        self.home.give(&gate, 0o600);
        let mut command = self.shell(&files, &format!("read -r _ <'{}'; ", gate.display()));
        self.dress(&mut command, &files);
        let child = command.spawn().expect("sh");
        (
            Running {
                child: Alive(child),
                files,
                captured: self.captured,
                timeout: self.timeout,
            },
            gate,
        )
    }

    /// The command with everything set, for those who start it themselves. Fds 0 to 2 are set
    /// already, and the caller may replace them; higher ones cannot be had this way.
    pub fn into_command(self) -> Command {
        self.command(&Files::new(self.home))
    }

    fn command(&self, files: &Files) -> Command {
        let beyond = |number: &i32| *number > 2;
        let plain =
            self.closed.is_empty() && self.captured.is_empty() && !self.inputs.keys().any(beyond);
        let mut command = if plain {
            Command::new(&self.program)
        } else {
            self.shell(files, "")
        };
        self.dress(&mut command, files);
        command
    }

    /// `/bin/sh` that opens and closes descriptors, then becomes the program.
    fn shell(&self, files: &Files, first: &str) -> Command {
        let mut script = format!("{first}exec \"$0\" \"$@\"");
        for (number, content) in self.inputs.iter().filter(|(number, _)| **number > 2) {
            let path = files.input(*number, content);
            script.push_str(&format!(" {number}<'{}'", path.display()));
        }
        for number in &self.captured {
            script.push_str(&format!(" {number}>'{}'", files.path(*number).display()));
        }
        for number in &self.closed {
            script.push_str(&format!(" {number}<&-"));
        }
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(script).arg(&self.program);
        command
    }

    /// Arguments, environment, directory, user and fds 0 to 2.
    fn dress(&self, command: &mut Command, files: &Files) {
        command.args(&self.args).env_clear().envs(&self.env);
        command.current_dir(self.directory.as_deref().unwrap_or(self.home.path()));
        let input = |number| {
            let content = self.inputs.get(&number)?;
            Some(Stdio::from(
                File::open(files.input(number, content)).expect("input"),
            ))
        };
        command.stdin(input(0).unwrap_or_else(Stdio::null));
        command.stdout(input(1).unwrap_or_else(|| files.output(1)));
        command.stderr(input(2).unwrap_or_else(|| files.output(2)));
        if getuid().is_root() {
            command.uid(self.uid).gid(self.home.gid());
        }
    }
}

/// A program that has been started.
pub struct Running {
    child: Alive,
    files: Files,
    captured: Vec<i32>,
    timeout: Duration,
}

impl Running {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.0.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.pid()).expect("pid"));
        nix::sys::signal::kill(pid, signal).expect("kill");
    }

    /// What it has written on fd 1 so far.
    pub fn stdout(&self) -> Vec<u8> {
        self.files.read(1)
    }

    /// Whether it has written this text on fd 2 by now.
    pub fn stderr_has(&self, text: &str) -> bool {
        show(&self.files.read(2)).contains(text)
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When that takes too long.
    #[track_caller]
    pub fn finish(mut self) -> Output {
        let ended = wait::within(self.timeout, || self.child.0.try_wait().expect("wait"));
        let Some(status) = ended else {
            panic!(
                "still running after {:?}: {}",
                self.timeout,
                show(&self.files.read(2))
            );
        };
        self.collect(status)
    }

    /// The same for somebody else who has waited for it.
    pub(crate) fn ended(self, status: ExitStatus) -> Output {
        let output = self.collect(status);
        // Its number may be another process's by now: nothing may wait for it or kill it.
        std::mem::forget(self.child);
        output
    }

    fn collect(&self, status: ExitStatus) -> Output {
        let extra = self
            .captured
            .iter()
            .map(|&number| (number, self.files.read(number)));
        Output {
            pid: self.pid(),
            status,
            stdout: self.files.read(1),
            stderr: self.files.read(2),
            extra: extra.collect(),
        }
    }
}

/// A child that does not outlive its test.
struct Alive(Child);

impl Drop for Alive {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How a program ended and what it wrote.
#[derive(Debug)]
pub struct Output {
    /// The process id it had.
    pub pid: u32,
    /// As the kernel reported it.
    pub status: ExitStatus,
    /// Fd 1.
    pub stdout: Vec<u8>,
    /// Fd 2.
    pub stderr: Vec<u8>,
    extra: BTreeMap<i32, Vec<u8>>,
}

impl Output {
    /// The exit code, unless a signal ended the program.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// The signal that ended the program.
    pub fn signal(&self) -> Option<i32> {
        self.status.signal()
    }

    /// What was written on a captured descriptor.
    pub fn fd(&self, number: i32) -> &[u8] {
        self.extra.get(&number).map_or(&[], Vec::as_slice)
    }

    /// Fd 1 as text, odd bytes replaced.
    pub fn stdout_text(&self) -> String {
        show(&self.stdout)
    }

    /// Fd 2 as text, odd bytes replaced.
    pub fn stderr_text(&self) -> String {
        show(&self.stderr)
    }

    /// Fails the test, showing what the program said, unless it exited with this code.
    #[track_caller]
    pub fn assert_exit(&self, code: i32) -> &Self {
        assert_eq!(
            self.status.code(),
            Some(code),
            "{}\nstdout: {}\nstderr: {}",
            self.status,
            self.stdout_text(),
            self.stderr_text()
        );
        self
    }
}

/// The files behind one program's descriptors, removed with it.
pub(crate) struct Files {
    stem: PathBuf,
}

impl Files {
    pub(crate) fn new(home: &Home) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Self {
            stem: home.scratch().join(number.to_string()),
        }
    }

    pub(crate) fn path(&self, number: i32) -> PathBuf {
        self.stem.with_extension(format!("fd{number}"))
    }

    fn input(&self, number: i32, content: &[u8]) -> PathBuf {
        let path = self.path(number);
        fs::write(&path, content).expect("input file");
        path
    }

    fn output(&self, number: i32) -> Stdio {
        Stdio::from(File::create(self.path(number)).expect("output file"))
    }

    pub(crate) fn read(&self, number: i32) -> Vec<u8> {
        fs::read(self.path(number)).unwrap_or_default()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        for number in 0..=FD_MAX {
            let _ = fs::remove_file(self.path(number));
        }
    }
}

fn show(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// No interface of qmail uses a higher descriptor.
const FD_MAX: i32 = 9;
