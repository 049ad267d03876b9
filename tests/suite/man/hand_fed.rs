//! A spawner fed by hand: the test is its qmail-send, over plain pipes as the original has them or
//! over a socket on which the wide form can be agreed on.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{PipeReader, Read, Write, pipe};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use harness::home::Home;
use harness::run::Run;
use harness::wait;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// The message that [`message`] puts into the queue.
pub(crate) const ID: &str = "6/29";

/// A message in the queue, as far as a spawner looks at it.
pub(crate) fn message(home: &Home) {
    home.write(&format!("queue/mess/{ID}"), b"Subject: test\n\nbody\n");
}

/// A program run as root, in a mount namespace of its own whose password file has the accounts:
/// qmailq is the home's user, qmailp is 7793 in group nofiles 2108, and `more` lines follow.
/// `None` where the tests may not.
pub(crate) fn as_root<'a>(home: &'a Home, program: &str, more: &str) -> Option<Run<'a>> {
    let may = Command::new("unshare").args(["--mount", "true"]).status();
    if !nix::unistd::getuid().is_root() || !may.is_ok_and(|status| status.success()) {
        eprintln!("not root, or no mount namespaces: accounts are not tested");
        return None;
    }
    let account = |name: &str, uid: u32, gid: u32| format!("{name}:x:{uid}:{gid}::/:/bin/true\n");
    let passwd = [
        account("root", 0, 0),
        format!(
            "alias:x:7790:2108::{}/alias:/bin/true\n",
            home.path().display()
        ),
        account("qmaild", 7791, 2108),
        account("qmaill", 7792, 2108),
        account("qmailp", 7793, 2108),
        account("qmailq", home.uid(), 2107),
        account("qmailr", 7795, 2107),
        account("qmails", 7796, 2107),
    ];
    home.write("passwd", (passwd.concat() + more).as_bytes());
    home.write(
        "group",
        b"root:x:0:\nqmail:x:2107:\nnofiles:x:2108:\nkeys:x:2109:joe,qmailr\n",
    );
    home.write("nsswitch.conf", b"passwd: files\ngroup: files\n");
    let script = "for f in passwd group nsswitch.conf; do mount --bind \"$QMAILHOME/$f\" /etc/$f || exit 99; done; \
                  exec \"$@\"";
    let run = home.foreign("/usr/bin/unshare").uid(0);
    let program = home.bin(program);
    let before = ["--mount", "/bin/sh", "-c", script, "sh"].map(OsStr::new);
    Some(run.args(before).args([program.as_os_str()]))
}

/// A running spawner, its command channel and its report channel.
pub(crate) struct HandFed {
    child: Child,
    commands: Option<File>,
    reports: Option<PipeReader>,
    unread: Vec<u8>,
    /// Bytes of a delivery number.
    width: usize,
}

impl HandFed {
    /// Starts it on two pipes and checks the limit byte.
    pub(crate) fn on_pipes(run: Run<'_>) -> Self {
        let (read, write) = pipe().expect("pipe");
        let mut spawner = Self::start(run, read.into(), File::from(OwnedFd::from(write)));
        assert_eq!(spawner.take(1), b"x", "the limit is 120");
        spawner
    }

    /// Starts it with commands on a socket, and checks the limit byte. What it says there can be
    /// read from the other value.
    pub(crate) fn on_socket(run: Run<'_>) -> (Self, UnixStream) {
        let (ours, theirs) = UnixStream::pair().expect("socketpair");
        let copy = ours.try_clone().expect("dup");
        copy.set_read_timeout(Some(wait::PATIENCE))
            .expect("timeout");
        let mut spawner = Self::start(run, theirs.into(), File::from(OwnedFd::from(ours)));
        assert_eq!(spawner.take(1), b"x", "the limit is 120");
        (spawner, copy)
    }

    fn start(run: Run<'_>, input: OwnedFd, commands: File) -> Self {
        let (reports, output) = pipe().expect("pipe");
        let mut command = run.into_command();
        command
            .stdin(Stdio::from(input))
            .stdout(output)
            .stderr(Stdio::null());
        let child = command.spawn().expect("spawner");
        Self {
            child,
            commands: Some(commands),
            reports: Some(reports),
            unread: vec![],
            width: 1,
        }
    }

    /// From now on delivery numbers have two bytes.
    pub(crate) fn is_wide(&mut self) {
        self.width = 2;
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> &mut Self {
        self.commands
            .as_mut()
            .expect("open")
            .write_all(bytes)
            .expect("command");
        self
    }

    /// Orders a delivery.
    pub(crate) fn order(
        &mut self,
        number: u16,
        id: &str,
        sender: &str,
        recipient: &str,
    ) -> &mut Self {
        let number = number.to_be_bytes();
        let rest = format!("{id}\0{sender}\0{recipient}\0");
        let bytes = [&number[2 - self.width..], rest.as_bytes()].concat();
        self.send(&bytes)
    }

    /// Orders a delivery of the message in the queue and returns its report.
    #[track_caller]
    pub(crate) fn deliver(&mut self, recipient: &str) -> String {
        self.order(7, ID, "sender@test.example", recipient);
        let (number, text) = self.report();
        assert_eq!(number, 7);
        text
    }

    /// The next report: delivery number and text, odd bytes escaped.
    #[track_caller]
    pub(crate) fn report(&mut self) -> (u16, String) {
        let number = self
            .take(self.width)
            .iter()
            .fold(0, |sum, &byte| sum << 8 | u16::from(byte));
        let end = loop {
            match self.unread.iter().position(|&byte| byte == 0) {
                Some(end) => break end,
                None => assert!(self.read_more(), "the spawner ended within a report"),
            }
        };
        let text = self.take(end).escape_ascii().to_string();
        self.take(1);
        (number, text)
    }

    /// No more orders.
    pub(crate) fn hang_up(&mut self) -> &mut Self {
        self.commands = None;
        self
    }

    /// Nobody reads reports any more.
    pub(crate) fn stop_reading(&mut self) -> &mut Self {
        self.reports = None;
        self
    }

    /// Hangs up and waits for the end of the spawner; returns what it still said and its exit code.
    #[track_caller]
    pub(crate) fn finish(mut self) -> (Vec<u8>, Option<i32>) {
        self.hang_up();
        while self.reports.is_some() && self.read_more() {}
        let status = wait::until("the end of the spawner", || {
            self.child.try_wait().expect("wait")
        });
        (std::mem::take(&mut self.unread), status.code())
    }

    #[track_caller]
    fn take(&mut self, count: usize) -> Vec<u8> {
        while self.unread.len() < count {
            assert!(
                self.read_more(),
                "the spawner ended: {:?}",
                self.child.try_wait()
            );
        }
        self.unread.drain(..count).collect()
    }

    /// Waits for more bytes; `false` at the end.
    #[track_caller]
    fn read_more(&mut self) -> bool {
        let reports = self.reports.as_mut().expect("open");
        let mut fds = [PollFd::new(reports.as_fd(), PollFlags::POLLIN)];
        let patience = PollTimeout::try_from(wait::PATIENCE).expect("timeout");
        assert_eq!(poll(&mut fds, patience), Ok(1), "no report came");
        let mut buffer = [0; 4096];
        let count = reports.read(&mut buffer).expect("report");
        self.unread.extend(&buffer[..count]);
        count > 0
    }
}

impl Drop for HandFed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A gate that children wait at: `read x <gate` in a shell returns after [`Gate::let_through`].
pub(crate) struct Gate(File);

impl Gate {
    /// A fifo of this name in the home. Both ends stay open here, so nobody waits in open(2) and
    /// nobody sees an end of file.
    pub(crate) fn new(home: &Home, name: &str) -> Self {
        let path = home.path().join(name);
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("fifo");
        home.give(&path, 0o666);
        Self(
            File::options()
                .read(true)
                .write(true)
                .open(&path)
                .expect("fifo"),
        )
    }

    /// Lets so many through. A line is one byte, so that no two readers share one.
    pub(crate) fn let_through(&mut self, count: usize) {
        self.0.write_all(&vec![b'\n'; count]).expect("fifo");
    }
}
