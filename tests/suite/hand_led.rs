//! qmail-send led by hand: the test is its spawners and its qmail-clean, speaking the classic bytes
//! over pipes as the original's neighbours do, or the wide form over a socket.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::hand_made::{enqueue, split};
use harness::home::Home;
use harness::wait;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::Pid;

/// Bytes that arrive in pieces and are taken in records.
pub(crate) struct Inlet {
    from: Box<dyn Source>,
    unread: Vec<u8>,
}

trait Source: Read + AsFd + Send {}
impl<T: Read + AsFd + Send> Source for T {}

impl Inlet {
    fn new(from: impl Read + AsFd + Send + 'static) -> Self {
        Self {
            from: Box::new(from),
            unread: Vec::new(),
        }
    }

    /// Waits for more bytes; `false` when none came in that time or there will be none.
    fn more(&mut self, patience: Duration) -> bool {
        let mut fds = [PollFd::new(self.from.as_fd(), PollFlags::POLLIN)];
        let patience = PollTimeout::try_from(patience).expect("timeout");
        if poll(&mut fds, patience) != Ok(1) {
            return false;
        }
        let mut buffer = [0; 4096];
        let count = self.from.read(&mut buffer).unwrap_or(0);
        self.unread.extend(&buffer[..count]);
        count > 0
    }

    #[track_caller]
    fn take(&mut self, count: usize) -> Vec<u8> {
        while self.unread.len() < count {
            assert!(self.more(wait::PATIENCE), "nothing more came");
        }
        self.unread.drain(..count).collect()
    }

    /// The bytes up to a NUL.
    #[track_caller]
    fn record(&mut self) -> String {
        loop {
            if let Some(end) = self.unread.iter().position(|&byte| byte == 0) {
                let record = self.take(end + 1);
                return String::from_utf8(record[..end].to_vec()).expect("ASCII");
            }
            assert!(self.more(wait::PATIENCE), "nothing more came");
        }
    }
}

/// One spawner, played by the test.
pub(crate) struct Spawner {
    commands: Inlet,
    reports: Option<File>,
    width: usize,
}

/// A command as it stood on the pipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) number: u16,
    /// `SPLIT/ID`.
    pub(crate) message: String,
    pub(crate) sender: String,
    pub(crate) recipient: String,
}

impl Spawner {
    /// The next command.
    #[track_caller]
    pub(crate) fn order(&mut self) -> Order {
        let number = self.commands.take(self.width);
        let number = number
            .iter()
            .fold(0, |sum, &byte| sum << 8 | u16::from(byte));
        let message = self.commands.record();
        let sender = self.commands.record();
        let recipient = self.commands.record();
        Order {
            number,
            message,
            sender,
            recipient,
        }
    }

    /// Whether no command comes now.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.commands.unread.is_empty() && !self.commands.more(QUIET)
    }

    /// Reports on a delivery: `Ktext`, without the NUL.
    pub(crate) fn report(&mut self, number: u16, text: &str) {
        let number = number.to_be_bytes();
        let bytes = [&number[2 - self.width..], text.as_bytes(), b"\0"].concat();
        self.send(&bytes);
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let reports = self.reports.as_mut().expect("open");
        reports.write_all(bytes).expect("report");
    }

    /// Takes the next command and reports success.
    #[track_caller]
    pub(crate) fn succeed(&mut self) -> Order {
        let order = self.order();
        self.report(order.number, "Kdone\n");
        order
    }

    /// Dies.
    pub(crate) fn hang_up(&mut self) {
        self.reports = None;
    }
}

/// qmail-clean, played by the test.
pub(crate) struct Clean {
    requests: Inlet,
    answers: Option<File>,
    queue: PathBuf,
}

impl Clean {
    /// The next request, neither carried out nor answered.
    #[track_caller]
    pub(crate) fn request(&mut self) -> String {
        self.requests.record()
    }

    /// Whether no request comes now.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.requests.unread.is_empty() && !self.requests.more(QUIET)
    }

    pub(crate) fn answer(&mut self, byte: &[u8]) {
        let answers = self.answers.as_mut().expect("open");
        answers.write_all(byte).expect("answer");
    }

    /// Does what a request says and answers it.
    pub(crate) fn carry_out(&mut self, request: &str) {
        let (word, id) = request.split_once('/').expect("a word and a number");
        let id: u64 = id.parse().expect("number");
        let _ = fs::remove_file(self.queue.join(format!("intd/{id}")));
        match word {
            "todo" => fs::remove_file(self.queue.join(format!("todo/{id}"))).expect("todo"),
            "foop" => {
                fs::remove_file(self.queue.join(split("mess", id))).expect("mess");
            }
            other => panic!("unknown request {other}"),
        }
        self.answer(b"+");
    }

    /// Takes the next request and does it.
    #[track_caller]
    pub(crate) fn obey(&mut self) -> String {
        let request = self.request();
        self.carry_out(&request);
        request
    }

    /// Dies.
    pub(crate) fn hang_up(&mut self) {
        self.answers = None;
    }
}

/// A running qmail-send and its neighbours.
pub(crate) struct HandLed<'a> {
    home: &'a Home,
    child: Child,
    log: PathBuf,
    pub(crate) local: Spawner,
    pub(crate) remote: Spawner,
    pub(crate) clean: Clean,
}

/// How to start it.
pub(crate) struct Lead<'a> {
    home: &'a Home,
    env: Vec<(&'a str, String)>,
    limits: [u8; 2],
    greeting: Option<&'a str>,
}

impl<'a> Lead<'a> {
    pub(crate) fn new(home: &'a Home) -> Self {
        Self {
            home,
            env: Vec::new(),
            limits: [120, 120],
            greeting: None,
        }
    }

    pub(crate) fn env(mut self, name: &'a str, value: impl Into<String>) -> Self {
        self.env.push((name, value.into()));
        self
    }

    /// How many deliveries the spawners say they take.
    pub(crate) fn limits(mut self, local: u8, remote: u8) -> Self {
        self.limits = [local, remote];
        self
    }

    /// qmail-lspawn has a socket for its commands, on which it says this first.
    pub(crate) fn greeting(mut self, greeting: &'a str) -> Self {
        self.greeting = Some(greeting);
        self
    }

    /// Starts it. The descriptors above 2 are fifos that a shell opens before it becomes qmail-send.
    #[track_caller]
    pub(crate) fn start(self) -> HandLed<'a> {
        let home = self.home;
        let directory = home.mkdir("scratch/hand-led");
        let fifo = |name: &str| {
            let path = directory.join(name);
            let _ = fs::remove_file(&path);
            nix::unistd::mkfifo(&path, Mode::S_IRWXU).expect("fifo");
            home.give(&path, 0o600);
            path
        };
        let names = ["3", "4", "5", "6"].map(fifo);
        let log = directory.join("log");
        let out = File::create(&log).expect("log");
        let (command_pipe, commands) = self.local_commands();
        let (report_end, mut reports) = std::io::pipe().expect("pipe");
        reports.write_all(&self.limits[..1]).expect("limit");

        let paths: Vec<String> = names
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        let script = format!(
            "exec \"$0\" 3>'{}' 4<'{}' 5>'{}' 6<'{}'",
            paths[0], paths[1], paths[2], paths[3]
        );
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", &script])
            .arg(home.bin("qmail-send"))
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("QMAILHOME", home.path())
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .current_dir("/")
            .stdin(Stdio::from(out))
            .stdout(command_pipe)
            .stderr(Stdio::from(OwnedFd::from(report_end)));
        if nix::unistd::getuid().is_root() {
            command.uid(home.uid()).gid(home.gid());
        }
        let child = command.spawn().expect("qmail-send");
        // Dropped here, so that an end of file can be seen.
        drop(command);
        let read = |path: &PathBuf| File::open(path).expect("fifo");
        let write = |path: &PathBuf| File::options().write(true).open(path).expect("fifo");
        let remote_commands = read(&names[0]);
        let mut remote_reports = write(&names[1]);
        let requests = read(&names[2]);
        let answers = write(&names[3]);
        // It may have ended already, if it is not meant to start.
        let _ = remote_reports.write_all(&self.limits[1..]);
        HandLed {
            home,
            child,
            log,
            local: Spawner {
                commands,
                reports: Some(File::from(OwnedFd::from(reports))),
                width: 1,
            },
            remote: Spawner {
                commands: Inlet::new(remote_commands),
                reports: Some(remote_reports),
                width: 1,
            },
            clean: Clean {
                requests: Inlet::new(requests),
                answers: Some(answers),
                queue: home.queue(""),
            },
        }
    }

    fn local_commands(&self) -> (Stdio, Inlet) {
        match self.greeting {
            None => {
                let (ours, theirs) = std::io::pipe().expect("pipe");
                (Stdio::from(theirs), Inlet::new(ours))
            }
            Some(greeting) => {
                let (mut ours, theirs) = UnixStream::pair().expect("socketpair");
                ours.write_all(greeting.as_bytes()).expect("greeting");
                (Stdio::from(OwnedFd::from(theirs)), Inlet::new(ours))
            }
        }
    }
}

impl<'a> HandLed<'a> {
    /// Starts it with spawners that take 120 deliveries each, and waits for its first line.
    #[track_caller]
    pub(crate) fn start(home: &'a Home) -> Self {
        let led = Lead::new(home).start();
        led.wait_for_log("status: local 0/");
        led
    }

    /// All it has logged.
    pub(crate) fn log(&self) -> String {
        fs::read(&self.log)
            .unwrap_or_default()
            .escape_ascii()
            .to_string()
            .replace("\\n", "\n")
            .replace("\\'", "'")
            .replace("\\\"", "\"")
    }

    /// How many lines of the log contain this.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.log()
            .lines()
            .filter(|line| line.contains(text))
            .count()
    }

    /// Waits for a line that contains this, and returns it.
    #[track_caller]
    pub(crate) fn wait_for_log(&self, text: &str) -> String {
        let found = wait::within(wait::PATIENCE, || {
            let log = self.log();
            let line = log.split_inclusive('\n').find(|line| line.contains(text))?;
            line.ends_with('\n').then(|| line.trim_end().to_owned())
        });
        found.unwrap_or_else(|| panic!("no {text:?} in the log:\n{}", self.log()))
    }

    /// Accepts a message as qmail-queue does, and returns its number, once qmail-clean has been
    /// asked to take it out of todo/ and has done so. It does what else it is asked for meanwhile.
    #[track_caller]
    pub(crate) fn accept(&mut self, sender: &str, recipients: &[&str]) -> u64 {
        enqueue(self.home, sender, recipients);
        loop {
            let request = self.clean.obey();
            if let Some(id) = request.strip_prefix("todo/") {
                return id.parse().expect("number");
            }
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(
            Pid::from_raw(i32::try_from(self.child.id()).expect("pid")),
            signal,
        )
        .expect("kill");
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        wait::until("the end of qmail-send", || {
            self.child.try_wait().expect("wait")
        })
    }

    /// Waits for its end and demands this exit code.
    #[track_caller]
    pub(crate) fn assert_exit(&mut self, code: i32) {
        assert_eq!(self.wait().code(), Some(code), "{}", self.log());
    }

    /// SIGTERM, and a clean end.
    #[track_caller]
    pub(crate) fn stop(&mut self) {
        self.signal(Signal::SIGTERM);
        self.assert_exit(0);
    }

    /// The resident memory in bytes.
    pub(crate) fn memory(&self) -> u64 {
        let statm = fs::read_to_string(format!("/proc/{}/statm", self.child.id())).expect("statm");
        let pages: u64 = statm
            .split(' ')
            .nth(1)
            .expect("field")
            .parse()
            .expect("pages");
        pages * 4096
    }

    /// How many descriptors it has open.
    pub(crate) fn descriptors(&self) -> usize {
        let entries = fs::read_dir(format!("/proc/{}/fd", self.child.id()));
        entries.expect("fd").count()
    }

    /// From now on both sides use two bytes for local delivery numbers.
    #[track_caller]
    pub(crate) fn expect_wide(&mut self) {
        let greeting = b"\xffqmail-send/1\n";
        assert_eq!(self.local.commands.take(greeting.len()), greeting);
        self.local.width = 2;
    }
}

impl Drop for HandLed<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Takes orders until all these recipients have been named, whatever their order.
#[track_caller]
pub(crate) fn orders(spawner: &mut Spawner, count: usize) -> VecDeque<Order> {
    (0..count).map(|_| spawner.order()).collect()
}

/// Long against what a turn of the loop takes; only for "nothing comes".
const QUIET: Duration = Duration::from_millis(150);
