//! forward(1): what is queued, what is said when it is not, and what a forward that dies or fails
//! half-way leaves in the queue: all of the message or nothing.

use std::fs;
use std::path::{Path, PathBuf};

use harness::crash::{Blow, strike, trace};
use harness::home::Home;
use harness::run::Run;
use harness::syscalls::Call;
use harness::{programs, tree, wait};
use nix::errno::Errno;
use nix::sys::signal::Signal;

use super::one_delivery::Alice;

const LINE: &str = "Delivered-To: alice@test.example\n";
const MESSAGE: &str = "Subject: x\n\nFrom here\nto there";

/// forward as a command of alice's, with the recorder in the place of qmail-queue.
fn forward(alice: &Alice) -> Run<'_> {
    alice
        .home
        .program("forward")
        .env("QMAILQUEUE", alice.home.path().join("recorder"))
        .env("QUEUED", alice.home.path().join("queued"))
        .env("NEWSENDER", "new@x.example")
        .env("DTLINE", LINE)
        .stdin(MESSAGE)
}

#[test]
fn the_message_goes_on_under_a_new_sender_with_one_more_line() {
    let alice = Alice::new();
    let done = forward(&alice).args(["a@b", "c d@e"]).output();
    done.assert_exit(0);
    let qp = done.stderr_text();
    let qp = qp
        .strip_prefix("forward: qp ")
        .and_then(|rest| rest.strip_suffix('\n'));
    assert!(
        qp.is_some_and(|qp| qp.parse::<u32>().is_ok()),
        "{}",
        done.stderr_text()
    );
    let envelope = b"Fnew@x.example\0Ta@b\0Tc d@e\0\0".to_vec();
    assert_eq!(
        alice.queued(),
        [([LINE, MESSAGE].concat().into_bytes(), envelope)]
    );
}

#[test]
fn without_the_variables_of_a_delivery_it_refuses() {
    let alice = Alice::new();
    for name in ["NEWSENDER", "DTLINE"] {
        let done = forward(&alice).args(["a@b"]).no_env(name).output();
        done.assert_exit(100);
        assert_eq!(
            done.stderr_text(),
            format!("forward: fatal: {name} not set\n")
        );
    }
    assert!(alice.queued().is_empty());
}

#[test]
fn the_queues_own_words_are_passed_on() {
    let alice = Alice::new();
    let refused = |says: &str, exits: &str| {
        let run = forward(&alice).args(["a@b"]);
        run.env("QUEUE_SAYS", says)
            .env("QUEUE_EXITS", exits)
            .output()
    };
    let done = refused("Dno \u{e4} (#5.7.1)", "82");
    assert_eq!(
        done.assert_exit(100).stderr_text(),
        "forward: fatal: no \u{e4} (#5.7.1)\n"
    );
    let done = refused("", "53");
    let text = "forward: fatal: qq write error or disk full (#4.3.0)\n";
    assert_eq!(done.assert_exit(111).stderr_text(), text);
}

#[test]
fn a_message_that_cannot_be_read_is_not_queued() {
    let alice = Alice::new();
    let shell = alice.home.foreign("/bin/sh");
    let done = shell
        .args(["-c", "exec forward a@b </"])
        .env("NEWSENDER", "s@x")
        .env("DTLINE", LINE)
        .output();
    let text = "forward: fatal: unable to read message: is a directory\n";
    assert_eq!(done.assert_exit(111).stderr_text(), text);
    assert!(tree::look(alice.home.path()).in_queue().is_empty());
}

#[test]
fn mail_for_one_user_reaches_another() {
    let home = Home::new();
    home.control("locals", "test.example\n")
        .user("alice")
        .user("bob");
    home.dot_qmail("alice", "", "|forward bob@test.example\n");
    let daemons = home.start_daemons();
    let inject = home.program("qmail-inject");
    inject
        .args(["-fs@x.example", "alice@test.example"])
        .stdin("Subject: on\n\nbody\n")
        .output()
        .assert_exit(0);
    daemons.wait_for_lines("end msg", 2);
    let log = daemons.log();
    assert!(log.contains("success: forward:_qp_"), "{log}");
    let [message] = home.maildir("bob").try_into().expect("one message");
    let message = String::from_utf8(message).expect("text");
    let lines = "Return-Path: <s@x.example>\nDelivered-To: bob@test.example\n";
    assert!(message.starts_with(lines), "{message}");
    assert!(
        message.contains("\nDelivered-To: alice@test.example\n"),
        "{message}"
    );
    assert!(message.ends_with("\n\nbody\n"), "{message}");
}

/// A home with the real qmail-queue, and forward in it; each run bears a mark that its qmail-queue
/// inherits.
struct Queueing {
    home: Home,
}

impl Queueing {
    fn run(&self) -> Run<'_> {
        for path in self.files() {
            fs::remove_file(path).expect("unlink");
        }
        let run = self.home.program("forward").args(["bob@test.example"]);
        run.env("NEWSENDER", "s@x.example")
            .env("DTLINE", LINE)
            .env("FORWARD_MARK", self.home.path())
            .stdin(MESSAGE)
    }

    /// Everything that messages have left in the queue.
    fn files(&self) -> Vec<PathBuf> {
        let parts = (0..23).map(|part| format!("mess/{part}"));
        let parts = parts.chain(["todo", "intd", "pid"].map(str::to_owned));
        let entries = parts.flat_map(|part| fs::read_dir(self.home.queue(&part)).expect("queue"));
        entries.flatten().map(|entry| entry.path()).collect()
    }

    /// Waits for the end of a qmail-queue whose forward has been killed.
    fn settle(&self) {
        let mark = format!("FORWARD_MARK={}", self.home.path().display());
        wait::until("the end of qmail-queue", || {
            (!is_borne(&mark)).then_some(())
        });
    }

    /// The message that was accepted, without what qmail-queue put before it.
    fn accepted(&self) -> Option<String> {
        let tree = tree::look(self.home.path());
        let accepted = tree.assert_documented().in_queue();
        assert!(accepted.len() <= 1, "{accepted:?}");
        let id = accepted.first()?;
        let message = fs::read(self.home.queue(&format!("mess/{}/{id}", id % 23))).expect("mess");
        let message = String::from_utf8(message).expect("text");
        let (_, rest) = message.split_once("-0000\n").expect("Received");
        Some(rest.to_owned())
    }
}

/// Whether a process has this variable in its environment.
fn is_borne(mark: &str) -> bool {
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    processes
        .filter_map(|process| fs::read(process.path().join("environ")).ok())
        .any(|environment| {
            environment
                .split(|byte| *byte == 0)
                .any(|one| one == mark.as_bytes())
        })
}

/// The calls up to the last with which it hands something to qmail-queue; how often it looks
/// whether that has ended is a matter of luck.
fn calls(run: Run<'_>) -> Vec<Call> {
    let (mut calls, output) = trace(run);
    output.assert_exit(0);
    let handed_over = |call: &Call| call.name == "write" && call.fd.is_some_and(|fd| fd > 2);
    let last = calls
        .iter()
        .rposition(handed_over)
        .expect("a write to qmail-queue");
    calls.truncate(last + 1);
    calls
}

#[test]
fn a_forward_that_dies_or_fails_queues_all_or_nothing() {
    if !programs::ours() {
        return;
    }
    let home = Home::new();
    assert!(Path::new(&home.bin("qmail-queue")).exists());
    let queueing = Queueing { home };
    let complete = [LINE, MESSAGE].concat();
    let errors = [Errno::EIO, Errno::EINTR, Errno::EMFILE, Errno::ENOMEM].map(Blow::Error);
    let kill = Blow::Signal(Signal::SIGKILL);
    for call in calls(queueing.run()) {
        for blow in errors.into_iter().chain([kill, Blow::OneByte]) {
            let is_for_it = match blow {
                Blow::OneByte => call.moves_bytes(),
                // A close that reports an error has closed all the same, which ours would not do.
                Blow::Error(_) => call.name != "close" && !call.never_fails(),
                Blow::Signal(_) => true,
            };
            if !is_for_it {
                continue;
            }
            let output = strike(queueing.run(), call.number, blow);
            queueing.settle();
            let what = format!("{blow:?} at {call:?}: {}", output.stderr_text());
            let accepted = queueing.accepted();
            if let Some(message) = &accepted {
                assert_eq!(*message, complete, "{what}");
            }
            if output.code() == Some(0) {
                assert!(accepted.is_some(), "{what}");
            }
            let fails = output.signal().is_some() || matches!(output.code(), Some(111 | 127));
            assert!(fails || output.code() == Some(0), "{output:?} {what}");
        }
    }
}
