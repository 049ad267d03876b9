//! splogger(8): lines become messages to the syslog daemon.

use std::io::Read;
use std::os::unix::net::{UnixDatagram, UnixListener};

use harness::home::Home;
use harness::run::Run;
use harness::wait;

/// A syslog daemon that keeps what it gets.
struct Daemon {
    home: Home,
    socket: UnixDatagram,
}

impl Daemon {
    fn new() -> Self {
        let home = Home::new();
        let path = home.path().join("log");
        let socket = UnixDatagram::bind(&path).expect("bind");
        socket
            .set_read_timeout(Some(wait::PATIENCE))
            .expect("time limit");
        home.give(&path, 0o666);
        Self { home, socket }
    }

    fn splogger(&self) -> Run<'_> {
        let path = self.home.path().join("log");
        self.home.program("splogger").env("SYSLOGSOCKET", path)
    }

    /// Feeds splogger, and returns the messages, priority and what follows the date.
    #[track_caller]
    fn log(&self, arguments: &[&str], input: &[u8]) -> Vec<String> {
        let running = self.splogger().args(arguments).stdin(input).start();
        let mut messages = Vec::new();
        // The daemon's queue is short: it has to be read meanwhile.
        self.socket.set_nonblocking(true).expect("nonblocking");
        let mut buffer = [0; 4096];
        let pid = running.pid();
        let is_over = || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.contains(") Z ")
        };
        wait::until("the end of splogger", || {
            let over = is_over();
            while let Ok(count) = self.socket.recv(&mut buffer) {
                messages.push(String::from_utf8(buffer[..count].to_vec()).expect("ASCII"));
            }
            over.then_some(())
        });
        running.finish().assert_exit(0);
        messages
            .iter()
            .map(|message| without_date(message))
            .collect()
    }
}

/// Checks the date, and takes it out: `<22>Nov 22 07:50:05 tag: rest` is `<22>tag: rest`.
#[track_caller]
fn without_date(message: &str) -> String {
    let (priority, rest) = message.split_once('>').expect("a priority");
    let (date, rest) = rest.split_at(16);
    let form: String = date
        .chars()
        .map(|c| if c.is_ascii_digit() { '9' } else { c })
        .collect();
    let form = form[3..].replace("  9 ", " 99 ");
    assert_eq!(form, " 99 99:99:99 ", "{message}");
    format!("{priority}>{rest}")
}

/// Takes the stamps out, after a look at them.
#[track_caller]
fn without_stamps(messages: Vec<String>) -> Vec<String> {
    let strip = |message: &String| {
        let (begin, rest) = message.split_once(": ").expect("a tag");
        let end = rest.find([' ', '+']).expect("the end of the stamp");
        let (stamp, rest) = rest.split_at(end);
        let (seconds, micros) = stamp.split_once('.').expect("a fraction");
        assert!(
            seconds
                .parse::<u64>()
                .is_ok_and(|seconds| seconds > 1_600_000_000)
        );
        assert!(micros.len() == 6 && micros.bytes().all(|b| b.is_ascii_digit()));
        format!("{begin}:{rest}")
    };
    messages.iter().map(strip).collect()
}

#[test]
fn every_line_is_a_message_with_its_priority() {
    let daemon = Daemon::new();
    let lines = b"new msg 7\nwarning: trouble\nalert: oh no!\n warning: no\nalert\n";
    let expected = [
        "<22>splogger: new msg 7",
        "<20>splogger: warning: trouble",
        "<17>splogger: alert: oh no!",
        "<22>splogger:  warning: no",
        "<22>splogger: alert",
    ];
    assert_eq!(without_stamps(daemon.log(&[], lines)), expected);
}

#[test]
fn tag_and_facility_can_be_chosen() {
    let daemon = Daemon::new();
    let log = |arguments: &[&str]| without_stamps(daemon.log(arguments, b"x\n")).concat();
    assert_eq!(log(&["qmail"]), "<22>qmail: x");
    assert_eq!(log(&["qmail", "16"]), "<134>qmail: x");
    assert_eq!(log(&["qmail", "0"]), "<6>qmail: x");
}

#[test]
fn empty_lines_are_dropped_and_odd_bytes_shown() {
    let daemon = Daemon::new();
    let messages = daemon.log(&["t"], b"\n\na\x1b[2J\tb\xff\0c\r\n\n");
    assert_eq!(without_stamps(messages), ["<22>t: a?[2J?b??c?"]);
    assert_eq!(daemon.log(&["t"], b""), Vec::<String>::new());
}

/// Differs from the original, which loses it.
#[test]
fn a_last_line_without_its_end_is_sent() {
    let daemon = Daemon::new();
    let messages = without_stamps(daemon.log(&["t"], b"one\nalert: cut"));
    assert_eq!(messages, ["<22>t: one", "<17>t: alert: cut"]);
}

#[test]
fn a_long_line_is_continued_under_its_stamp() {
    let daemon = Daemon::new();
    let text = |length: usize| format!("warning: {}", "x".repeat(length - 9));
    let messages = daemon.log(&["t"], format!("{}\n", text(799)).as_bytes());
    assert_eq!(without_stamps(messages), [format!("<20>t: {}", text(799))]);
    let messages = daemon.log(&["t"], format!("{}yz\nnext\n", text(799 * 2)).as_bytes());
    let stamp = |message: &String| {
        let (_, rest) = message.split_once(": ").expect("a tag");
        rest.split([' ', '+']).next().expect("a stamp").to_owned()
    };
    assert_eq!(stamp(&messages[0]), stamp(&messages[1]));
    assert_eq!(stamp(&messages[0]), stamp(&messages[2]));
    let expected = [
        format!("<20>t: {}", text(799)),
        format!("<20>t:+{}", "x".repeat(799)),
        "<20>t:+yz".to_owned(),
        "<22>t: next".to_owned(),
    ];
    assert_eq!(without_stamps(messages), expected);
}

#[test]
fn many_lines_arrive_in_order() {
    let daemon = Daemon::new();
    let input: String = (0..2000).map(|n| format!("line {n}\n")).collect();
    let expected: Vec<_> = (0..2000).map(|n| format!("<22>t: line {n}")).collect();
    assert_eq!(
        without_stamps(daemon.log(&["t"], input.as_bytes())),
        expected
    );
}

#[test]
fn without_a_daemon_the_mail_goes_on() {
    let home = Home::new();
    let gone = home.path().join("gone");
    let run = home.program("splogger").env("SYSLOGSOCKET", gone);
    run.stdin("one\ntwo\n").output().assert_exit(0);
}

#[test]
fn a_daemon_with_a_stream_gets_its_messages_too() {
    let home = Home::new();
    let path = home.path().join("stream");
    let listener = UnixListener::bind(&path).expect("bind");
    home.give(&path, 0o666);
    let run = home.program("splogger").env("SYSLOGSOCKET", path);
    run.args(["t"]).stdin("one\ntwo\n").output().assert_exit(0);
    let mut text = String::new();
    let (mut stream, _) = listener.accept().expect("accept");
    stream.read_to_string(&mut text).expect("ASCII");
    let messages = text.split_terminator('\0').map(without_date).collect();
    assert_eq!(without_stamps(messages), ["<22>t: one", "<22>t: two"]);
}
