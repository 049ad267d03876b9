//! POP3 sessions while others work in the same maildir, messages that look like the protocol, and logins that must
//! not be (qmail-pop3d(8), qmail-popup(8)).

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::process::Stdio;

use harness::client::Client;
use nix::unistd::getuid;

use super::qmail_pop3d_8::{Maildrop, TWO};

/// A session that a test leads by hand, past its greeting.
fn session(maildrop: &Maildrop) -> Client {
    let run = maildrop.home.program("qmail-pop3d").args(["Maildir"]);
    let mut client = Client::spawn(run.into_command());
    client.expect("", "+OK");
    client
}

/// "A message that somebody else removes, renames or shortens [...] cannot be opened any more; the others can."
#[test]
fn a_message_that_changes_during_the_session_is_an_error_and_the_others_are_there() {
    let maildrop = Maildrop::with(&[
        ("new/1", "one\n"),
        ("new/2", "two\n"),
        ("new/3", "three\n"),
        ("new/4", "four\n"),
    ]);
    let mut client = session(&maildrop);
    client.expect("STAT", "+OK 4 23\n");
    fs::remove_file(maildrop.path(b"new/1")).expect("remove");
    fs::rename(maildrop.path(b"new/2"), maildrop.path(b"cur/2:2,S")).expect("rename");
    let third = File::options()
        .write(true)
        .open(maildrop.path(b"new/3"))
        .expect("open");
    third.set_len(2).expect("truncate");
    for number in 1..=3 {
        client.expect(
            &format!("RETR {number}"),
            "-ERR unable to open that message\n",
        );
    }
    client.send("RETR 4\r\nDELE 1\r\nDELE 4\r\nQUIT\r\n");
    let last = "+OK \r\nfour\r\n.\r\n+OK \r\n+OK \r\n-ERR unable to unlink all deleted messages\r\n+OK \r\n";
    assert_eq!(client.rest(), last);
    assert_eq!(maildrop.left(), ["cur/2:2,S", "cur/3:2,"]);
}

#[test]
fn two_sessions_of_one_maildir_lose_nothing() {
    let maildrop = Maildrop::with(&TWO);
    let (mut one, mut other) = (session(&maildrop), session(&maildrop));
    one.expect("DELE 1", "+OK").expect("QUIT", "+OK");
    assert!(one.wait().success());
    assert_eq!(maildrop.left(), ["cur/1.a.host:2,"]);
    other
        .expect("RETR 1", "-ERR unable to open that message\n")
        .expect("RETR 2", "-ERR unable to open that message\n")
        .expect("DELE 2", "+OK")
        .expect("QUIT", "-ERR unable to unlink all deleted messages\n");
    assert!(other.wait().success());
    assert_eq!(maildrop.left(), ["cur/1.a.host:2,"]);
}

/// The client of RFC 1939 section 3 finds the end where it is, once, and the message before it.
#[test]
fn a_message_cannot_end_itself() {
    let contents: [&[u8]; 8] = [
        b".",
        b".\n",
        b"..\n.\n...\n",
        b".\r",
        b".\r\n",
        b"a\r.\r\rb\n.\r\n+OK forged\n",
        b"\0\n.\0\n",
        b"no end",
    ];
    let mut maildrop = Maildrop::new();
    for (number, content) in contents.iter().enumerate() {
        maildrop.add(format!("new/{number}").as_bytes(), content);
    }
    for (number, content) in contents.iter().enumerate() {
        let text = maildrop.says(&format!("RETR {}\r\nNOOP\r\n", number + 1));
        let rest = text.strip_prefix("+OK \r\n+OK \r\n").expect("two replies");
        let end = rest.find("\r\n.\r\n").expect("an end");
        assert_eq!(&rest[end..], "\r\n.\r\n+OK \r\n", "{content:?}");
        let lines = rest[..end].split("\r\n");
        let lines: Vec<&str> = lines
            .map(|line| line.strip_prefix('.').unwrap_or(line))
            .collect();
        let whole = lines.join("\n").into_bytes();
        assert_eq!(
            whole,
            content.strip_suffix(b"\n").unwrap_or(content),
            "{content:?}"
        );
    }
}

/// A line of 100 MB: it goes through, and none of it stays.
#[test]
fn memory_does_not_grow_with_a_message() {
    let mut maildrop = Maildrop::new();
    let path = maildrop.add(b"new/1", b"Subject: x\n\n");
    let length = 100 << 20;
    let file = File::options().write(true).open(&path).expect("open");
    file.set_len(length).expect("a file");
    maildrop.redate(&path);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let output = maildrop.home.path().join("scratch/output");
    let out = File::create(&output).expect("a file");
    let mut child = maildrop
        .home
        .program("qmail-pop3d")
        .args(["Maildir"])
        .into_command()
        .stdin(OwnedFd::from(reader))
        .stdout(Stdio::from(out))
        .spawn()
        .expect("qmail-pop3d");
    std::io::Write::write_all(&mut &writer, b"RETR 1\r\n").expect("write");
    let sent = length + 4 + 2 + 10 + 3;
    harness::wait::until("the message", || {
        (fs::metadata(&output).expect("output").len() >= sent).then_some(())
    });
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("status");
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .expect("VmHWM");
    let kib: u64 = peak
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .expect("a number");
    assert!(kib < 16 * 1024, "{kib} KiB");
    drop(writer);
    assert!(child.wait().expect("wait").success());
}

/// "refuses to run as root": to the client that is a wrong password.
#[test]
fn root_cannot_log_in() {
    if !getuid().is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    let maildrop = Maildrop::with(&TWO);
    maildrop
        .home
        .replace_program("checker", "#!/bin/sh\nexec \"$@\" 3<&-\n");
    let done = maildrop
        .home
        .program("qmail-popup")
        .uid(0)
        .args(["pop.example", "checker", "qmail-pop3d", "Maildir"])
        .stdin("USER root\r\nPASS right\r\nSTAT\r\n")
        .output();
    done.assert_exit(1);
    let text = done.stdout_text();
    assert!(
        text.ends_with("+OK \r\n-ERR authorization failed\r\n"),
        "{text}"
    );
    assert_eq!(text.lines().count(), 3, "{text}");
}
