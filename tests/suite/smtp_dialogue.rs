//! One SMTP session with qmail-smtpd: what the client sends all at once, what the server says, what reaches
//! qmail-queue. The queue is a recorder, or the real qmail-queue with a witness that keeps its exit code.

use std::fs;
use std::path::PathBuf;

use harness::home::Home;
use harness::run::{Output, Run};
use harness::wait;

/// A home with a recorder in the place of qmail-queue.
pub(crate) struct Dialogue {
    pub(crate) home: Home,
}

/// A message as it came on the recorder's descriptors 0 and 1.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Recorded {
    pub(crate) message: Vec<u8>,
    pub(crate) envelope: Vec<u8>,
}

impl Dialogue {
    /// `control/rcpthosts` holds `local.example`; everything the recorder gets it says it has queued.
    pub(crate) fn new() -> Self {
        Self::with_queue(RECORDER)
    }

    /// The real qmail-queue, watched.
    pub(crate) fn with_real_queue() -> Self {
        Self::with_queue(WITNESS)
    }

    /// Any shell script as `$QMAILQUEUE`; `$RECORD` is a directory it may write to.
    pub(crate) fn with_queue(script: &str) -> Self {
        let home = Home::new();
        home.mkdir("record");
        home.control("rcpthosts", "local.example\n");
        home.replace_program("queue-double", script);
        Self { home }
    }

    /// qmail-smtpd as tcpserver starts it for the client 192.0.2.7.
    pub(crate) fn server(&self) -> Run<'_> {
        let path = |name| self.home.path().join(name);
        self.home
            .program("qmail-smtpd")
            .env("TCPREMOTEIP", "192.0.2.7")
            .env("TCPREMOTEHOST", "client.example")
            .env("TCPLOCALHOST", "mx.test.example")
            .env("TCPLOCALIP", "192.0.2.1")
            .env("QMAILQUEUE", path("bin/queue-double"))
            .env("RECORD", path("record"))
    }

    /// Sends all of this at once; checks that the session ended with `code`.
    #[track_caller]
    pub(crate) fn send(&self, client: impl AsRef<[u8]>, code: i32) -> String {
        said(self.server().stdin(client).output().assert_exit(code))
    }

    /// Sends a message to `local.example` and quits; returns the reply to the last dot.
    #[track_caller]
    pub(crate) fn deliver(&self, message: &[u8]) -> String {
        let client = [OPENING, message, b".\r\nQUIT\r\n"].concat();
        let replies = self.send(client, 0);
        replies
            .lines()
            .rev()
            .nth(1)
            .expect("a reply before that to QUIT")
            .to_owned()
    }

    /// Messages that came whole, after all queue programs have ended; `started` is how many 354 the client got.
    #[track_caller]
    pub(crate) fn recorded(&self, started: usize) -> Vec<Recorded> {
        self.ended(started);
        let read =
            |kind: &str, n| fs::read(self.record(&format!("{kind}.{n}"))).unwrap_or_default();
        (1..=started)
            .map(|n| Recorded {
                message: read("message", n),
                envelope: read("envelope", n),
            })
            .filter(|recorded| recorded.envelope.ends_with(b"\0\0"))
            .collect()
    }

    /// The exit codes of so many watched qmail-queues, in the order of their ends.
    #[track_caller]
    pub(crate) fn ended(&self, started: usize) -> Vec<String> {
        wait::until("the ends of the queue programs", || {
            let text = fs::read_to_string(self.record("codes")).unwrap_or_default();
            let codes: Vec<String> = text.lines().map(str::to_owned).collect();
            (codes.len() == started && text.ends_with('\n') || started == 0).then_some(codes)
        })
    }

    fn record(&self, name: &str) -> PathBuf {
        self.home.path().join("record").join(name)
    }

    /// How many messages the real queue holds, by its `todo/`.
    pub(crate) fn in_queue(&self) -> usize {
        fs::read_dir(self.home.queue("todo")).expect("todo").count()
    }
}

/// The server's half of a session.
pub(crate) fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("replies are text")
}

/// The codes of all replies.
pub(crate) fn codes(replies: &str) -> Vec<&str> {
    replies
        .lines()
        .filter(|line| line.get(3..4) == Some(" "))
        .filter_map(|line| line.get(..3))
        .collect()
}

/// Everything before the message.
pub(crate) const OPENING: &[u8] = b"MAIL FROM:<s@h>\r\nRCPT TO:<r@local.example>\r\nDATA\r\n";

const RECORDER: &str = "#!/bin/sh
n=$(ls \"$RECORD\" | grep -c message)
n=$((n+1))
cat >\"$RECORD/message.$n\"
cat <&1 >\"$RECORD/envelope.$n\"
echo 0 >>\"$RECORD/codes\"
";

const WITNESS: &str = "#!/bin/sh
bin/qmail-queue
code=$?
echo $code >>\"$RECORD/codes\"
exit $code
";
