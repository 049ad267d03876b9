//! qmail-pop3d(8): a maildir as a client sees it, and files with names nobody asked for.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use harness::home::Home;
use nix::unistd::getuid;

/// A home with an empty Maildir.
pub(crate) struct Maildrop {
    pub(crate) home: Home,
    count: u64,
}

impl Maildrop {
    pub(crate) fn new() -> Self {
        let home = Home::new();
        for part in ["Maildir", "Maildir/tmp", "Maildir/new", "Maildir/cur"] {
            home.mkdir(part);
        }
        Self { home, count: 0 }
    }

    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let mut maildrop = Self::new();
        for (name, content) in files {
            maildrop.add(name.as_bytes(), content.as_bytes());
        }
        maildrop
    }

    /// Each file is a second younger than the one before.
    pub(crate) fn add(&mut self, name: &[u8], content: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).expect("a message");
        self.home.give(&path, 0o600);
        self.count += 1;
        self.redate(&path);
        path
    }

    /// The time of a message that was written just now, once more.
    pub(crate) fn redate(&self, path: &Path) {
        let seconds = Duration::from_secs(1_000_000_000 + self.count);
        self.date(path, SystemTime::UNIX_EPOCH + seconds);
    }

    fn date(&self, path: &Path, time: SystemTime) {
        let times = fs::FileTimes::new().set_modified(time).set_accessed(time);
        File::options()
            .write(true)
            .open(path)
            .expect("open")
            .set_times(times)
            .expect("times");
    }

    pub(crate) fn path(&self, name: &[u8]) -> PathBuf {
        self.home
            .path()
            .join("Maildir")
            .join(OsStr::from_bytes(name))
    }

    /// What the server says to all of this.
    #[track_caller]
    pub(crate) fn says(&self, client: &str) -> String {
        let run = self
            .home
            .program("qmail-pop3d")
            .args(["Maildir"])
            .stdin(client);
        let done = run.output();
        done.assert_exit(0);
        assert_eq!(done.stderr_text(), "");
        String::from_utf8(done.stdout).expect("text")
    }

    #[track_caller]
    fn check(&self, client: &str, expected: &[&str]) {
        let text = self.says(client);
        let lines: Vec<&str> = text.split("\r\n").collect();
        assert_eq!(lines, [&["+OK "], expected, &[""]].concat(), "{client:?}");
    }

    /// The names in all directories.
    pub(crate) fn left(&self) -> Vec<String> {
        let mut names = Vec::new();
        for part in ["cur", "new", "tmp"] {
            let entries = fs::read_dir(self.path(part.as_bytes()))
                .expect("a directory")
                .flatten();
            names.extend(entries.map(|entry| format!("{part}/{}", entry.file_name().display())));
        }
        names.sort();
        names
    }
}

pub(crate) const TWO: [(&str, &str); 2] = [
    ("cur/9.b.host:2,S", "first\n"),
    ("new/1.a.host", "Subject: x\n\nbody\n.\n"),
];

#[test]
fn messages_are_numbered_by_age() {
    let maildrop = Maildrop::with(&TWO);
    maildrop.check(
        "STAT\r\nLIST\r\n",
        &["+OK 2 30", "+OK ", "1 7", "2 23", "."],
    );
    maildrop.check(
        "UIDL\nUIDL 2\nLIST 2\n",
        &[
            "+OK ",
            "1 9.b.host",
            "2 1.a.host",
            ".",
            "+OK 2 1.a.host",
            "+OK 2 23",
        ],
    );
}

#[test]
fn a_message_is_sent_with_its_dots_doubled() {
    let maildrop = Maildrop::with(&TWO);
    maildrop.check("RETR 2\r\n", &["+OK ", "Subject: x", "", "body", "..", "."]);
    maildrop.check("TOP 2 0\r\n", &["+OK ", "Subject: x", "", "."]);
    maildrop.check("TOP 2 1\r\n", &["+OK ", "Subject: x", "", "body", "."]);
    maildrop.check("RETR 2 1\r\n", &["+OK ", "Subject: x", "", "body", "."]);
}

/// "Nothing is changed until QUIT"
#[test]
fn only_quit_removes_and_moves() {
    let maildrop = Maildrop::with(&TWO);
    let before = maildrop.left();
    maildrop.check(
        "DELE 1\r\nDELE 1\r\nSTAT\r\nLAST\r\n",
        &["+OK ", "-ERR already deleted", "+OK 1 23", "+OK 1"],
    );
    assert_eq!(maildrop.left(), before);
    maildrop.check("DELE 1\r\nRSET\r\nLAST\r\nQUIT", &["+OK ", "+OK ", "+OK 0"]);
    assert_eq!(maildrop.left(), before);
    maildrop.check("DELE 1\r\nQUIT\r\nSTAT\r\n", &["+OK ", "+OK "]);
    assert_eq!(maildrop.left(), ["cur/1.a.host:2,"]);
}

#[test]
fn a_message_never_takes_the_place_of_another() {
    let mut maildrop = Maildrop::with(&[("new/1.a.host", "one\n")]);
    maildrop.add(b"cur/1.a.host:2,", b"two\n");
    maildrop.check("QUIT\r\n", &["+OK "]);
    assert_eq!(maildrop.left(), ["cur/1.a.host:2,", "new/1.a.host"]);
}

/// "Numbers are digits only"
#[test]
fn a_number_that_is_none_is_no_message() {
    let maildrop = Maildrop::with(&TWO);
    for number in ["4294967297", "18446744073709551617", "3"] {
        maildrop.check(
            &format!("RETR {number}\r\n"),
            &["-ERR not that many messages"],
        );
    }
    for number in ["-1", "+1", "1x", " 1", "x", ""] {
        maildrop.check(&format!("DELE {number}\r\n"), &["-ERR syntax error"]);
    }
    maildrop.check(
        "DELE 0\r\nLIST 01\r\nXTND\r\nTOP 1 x\r\n",
        &[
            "-ERR messages are counted from 1",
            "+OK 1 7",
            "-ERR unimplemented",
            "-ERR syntax error",
        ],
    );
}

/// "a tilde and 32 digits, which depend on that name, stand for it"
#[test]
fn no_file_name_can_forge_a_reply() {
    let mut maildrop = Maildrop::new();
    let long = [b"new/".as_slice(), &[b'n'; 255]].concat();
    let names: [&[u8]; 7] = [
        b"new/2.bad\r\n.\r\n+OK 99 injected",
        b"new/a b",
        b"new/\xff\x80",
        b"new/\x1b[2J",
        b"new/:2,S",
        b"cur/a:b:2,S",
        &long,
    ];
    for name in names {
        maildrop.add(name, b"x\n");
    }
    maildrop.add(b"new/.hidden", b"x\n");
    fs::create_dir(maildrop.path(b"new/directory")).expect("a directory");
    let text = maildrop.says("UIDL\r\nUIDL 1\r\nSTAT\r\nQUIT\r\n");
    let lines: Vec<&str> = text.split("\r\n").collect();
    assert_eq!(lines.len(), 14, "{text}");
    let ids: std::collections::BTreeSet<&str> = lines[2..9]
        .iter()
        .map(|line| line.split_once(' ').expect("a number").1)
        .collect();
    assert_eq!(ids.len(), 7);
    for id in ids {
        assert!(
            (1..=70).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()),
            "{id}"
        );
    }
    assert_eq!(lines[10], format!("+OK {}", lines[2]));
    assert_eq!(lines[11..], ["+OK 7 21", "+OK ", ""]);
}

#[test]
fn what_comes_in_this_second_waits_for_the_next_session() {
    let mut maildrop = Maildrop::new();
    let path = maildrop.add(b"new/1.a.host", b"x\n");
    maildrop.date(&path, SystemTime::now() + Duration::from_secs(3600));
    maildrop.check("STAT\r\n", &["+OK 0 0"]);
}

#[test]
fn what_was_left_in_tmp_long_ago_is_removed() {
    let mut maildrop = Maildrop::new();
    maildrop.add(b"tmp/old", b"x\n");
    maildrop.add(b"tmp/.old", b"x\n");
    let path = maildrop.add(b"tmp/young", b"x\n");
    maildrop.date(&path, SystemTime::now() - Duration::from_secs(35 * 3600));
    maildrop.check("", &[]);
    assert_eq!(maildrop.left(), ["tmp/.old", "tmp/young"]);
}

#[test]
fn a_message_that_is_gone_is_an_error_and_the_others_are_there() {
    let maildrop = Maildrop::with(&TWO);
    fs::remove_file(maildrop.path(b"cur/9.b.host:2,S")).expect("remove");
    std::os::unix::fs::symlink("/dev/zero", maildrop.path(b"cur/8.zero")).expect("a link");
    maildrop.check(
        "STAT\r\nRETR 1\r\n",
        &["+OK 1 23", "+OK ", "Subject: x", "", "body", "..", "."],
    );
}

#[test]
fn a_maildir_that_is_none_is_said_to_be_missing() {
    let maildrop = Maildrop::new();
    for args in [&[][..], &["Nothing"]] {
        let done = maildrop.home.program("qmail-pop3d").args(args).output();
        done.assert_exit(0);
        assert_eq!(
            done.stdout_text(),
            "-ERR this user has no $HOME/Maildir\r\n"
        );
    }
    fs::remove_dir(maildrop.path(b"new")).expect("remove");
    let done = maildrop
        .home
        .program("qmail-pop3d")
        .args(["Maildir"])
        .output();
    assert_eq!(done.stdout_text(), "-ERR unable to scan $HOME/Maildir\r\n");
}

#[test]
fn root_is_refused() {
    if !getuid().is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    let maildrop = Maildrop::with(&TWO);
    let done = maildrop
        .home
        .program("qmail-pop3d")
        .args(["Maildir"])
        .uid(0)
        .stdin("STAT\r\n")
        .output();
    done.assert_exit(1);
    assert_eq!(done.stdout_text(), "");
    assert_eq!(
        done.stderr_text(),
        "qmail-pop3d invoked as uid 0, terminating\n"
    );
}

/// "A line may have 511 bytes [...] and after 10000 commands that are errors or NOOP the session ends."
#[test]
fn a_client_that_does_not_end_is_ended() {
    let maildrop = Maildrop::with(&TWO);
    maildrop.check(
        &format!("DELE 1\r\nSTAT {}\r\nQUIT\r\n", "x".repeat(10 << 20)),
        &["+OK ", "-ERR command line too long"],
    );
    assert_eq!(maildrop.left().len(), 2);
    let text = maildrop.says(&"NOOP\r\n".repeat(1_000_000));
    assert!(text.ends_with("+OK \r\n-ERR too many commands\r\n"));
    assert_eq!(text.lines().count(), 10_003);
}

/// "each line end counted as two, dots that are doubled as one"
#[test]
fn sizes_are_what_is_sent() {
    let files = [
        ("new/1", "a\n.b\n"),
        ("new/2", "no end"),
        ("new/3", ""),
        ("new/4", "cr\r\n"),
    ];
    let maildrop = Maildrop::with(&files);
    maildrop.check(
        "LIST\r\nDELE 1\r\nSTAT\r\nRETR 2\r\nRETR 4\r\n",
        &[
            "+OK ", "1 7", "2 8", "3 0", "4 5", ".", "+OK ", "+OK 3 13", "+OK ", "no end", ".",
            "+OK ", "cr\r", ".",
        ],
    );
}

/// "When set, everything is counted as the original does it"
#[test]
fn counts_and_sizes_of_the_original_can_be_had() {
    let maildrop = Maildrop::with(&TWO);
    let run = maildrop
        .home
        .program("qmail-pop3d")
        .args(["Maildir"])
        .env("POP3CLASSIC", "");
    let done = run.stdin("LIST\r\nDELE 1\r\nSTAT\r\nTOP 2 0\r\n").output();
    assert_eq!(
        done.stdout_text(),
        "+OK \r\n+OK \r\n1 6\r\n2 19\r\n.\r\n+OK \r\n+OK 2 19\r\n+OK \r\nSubject: x\r\n\r\n\r\n.\r\n"
    );
}

#[test]
fn sizes_are_added_without_wrapping() {
    let mut maildrop = Maildrop::new();
    // Files without content: a TiB of nothing must not be read to see that it has no line end.
    for number in 0..3 {
        let path = maildrop.add(format!("new/{number}").as_bytes(), b"");
        let file = File::options().write(true).open(&path).expect("open");
        if let Err(error) = file.set_len(1 << 40) {
            eprintln!("skipped: no large files here: {error}");
            return;
        }
        maildrop.redate(&path);
    }
    maildrop.check(
        "STAT\r\nLIST 1\r\n",
        &["+OK 3 3298534883334", "+OK 1 1099511627778"],
    );
}

/// The whole way: a real client, qmail-popup, a checker, qmail-pop3d.
#[test]
fn a_real_client_logs_in_and_reads() {
    if !Path::new("/usr/bin/python3").exists() {
        eprintln!("skipped: no /usr/bin/python3");
        return;
    }
    let maildrop = Maildrop::with(&[
        ("new/1.a", "Subject: x\n\n.dot\n..\nlast"),
        ("new/2.a", "Subject: y\n\n"),
    ]);
    maildrop.home.replace_program(
        "checker",
        "#!/bin/sh\n[ \"$(tr '\\000' '\\n' <&3 | head -2)\" = \"$(printf 'joe\\nsecret')\" ] || exit 1\nexec \"$@\" 3<&-\n",
    );
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let port = listener.local_addr().expect("address").port();
    let client = Command::new("/usr/bin/python3")
        .args(["-c", CLIENT, &port.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python3");
    for _ in 0..2 {
        let (stream, _) = listener.accept().expect("a connection");
        let mut child = maildrop
            .home
            .program("qmail-popup")
            .args(["pop.example", "checker", "qmail-pop3d", "Maildir"])
            .into_command()
            .stdin(OwnedFd::from(stream.try_clone().expect("clone")))
            .stdout(OwnedFd::from(stream))
            .spawn()
            .expect("qmail-popup");
        assert_eq!(child.wait().expect("wait").code(), Some(1));
    }
    let done = client.wait_with_output().expect("python3");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    assert_eq!(String::from_utf8_lossy(&done.stdout), "done\n");
    assert_eq!(maildrop.left(), ["cur/2.a:2,"]);
}

const CLIENT: &str = r#"
import poplib, sys
port = int(sys.argv[1])
pop = poplib.POP3("127.0.0.1", port, timeout=30)
pop.user("joe")
try: pop.pass_("wrong")
except poplib.error_proto as error: assert b"authorization failed" in error.args[0], error
else: raise SystemExit("let in")
pop.close()
pop = poplib.POP3("127.0.0.1", port, timeout=30)
pop.user("joe"); pop.pass_("secret")
assert pop.stat() == (2, 44), pop.stat()
assert pop.list()[1] == [b"1 30", b"2 14"], pop.list()
assert pop.uidl()[1] == [b"1 1.a", b"2 2.a"], pop.uidl()
assert pop.retr(1)[1] == [b"Subject: x", b"", b".dot", b"..", b"last"], pop.retr(1)
assert pop.top(2, 0)[1] == [b"Subject: y", b""], pop.top(2, 0)
pop.noop(); pop.dele(1); pop.rset(); pop.dele(1)
try: pop.retr(1)
except poplib.error_proto: pass
else: raise SystemExit("deleted and read")
pop.quit()
print("done")
"#;
