//! qbiff(1): who is told of mail, and in which bytes. A terminal is anything in /dev that utmp
//! names; here it is a file in /dev/shm, and utmp is one of our own in a mount namespace.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::process::Command;

use harness::home::Home;
use nix::unistd::getuid;

/// A file in /dev/shm, removed on drop.
struct Terminal {
    path: PathBuf,
}

impl Terminal {
    fn new(name: &str, uid: u32, mode: u32) -> Self {
        let path = PathBuf::from(format!("/dev/shm/qbiff-{}-{name}", std::process::id()));
        fs::write(&path, "").expect("terminal");
        chown(&path, Some(uid), Some(uid)).expect("chown");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("chmod");
        Self { path }
    }

    /// Its name below /dev.
    fn line(&self) -> String {
        let line = self.path.strip_prefix("/dev").expect("below /dev");
        line.display().to_string()
    }

    fn read(&self) -> Vec<u8> {
        fs::read(&self.path).expect("terminal")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// A record of utmp(5) on 64-bit Linux: somebody logged in.
fn record(line: &str, user: &str) -> Vec<u8> {
    let mut record = vec![0; 384];
    record[0] = 7;
    record[8..8 + line.len()].copy_from_slice(line.as_bytes());
    record[44..44 + user.len()].copy_from_slice(user.as_bytes());
    record
}

// Own /run, own utmp; then the user's rights.
const NAMESPACE: &str = "mount -t tmpfs tmpfs /run && cat \"$1\" >/run/utmp && \
    exec setpriv --reuid \"$2\" --regid \"$2\" --clear-groups qbiff";

fn can_have_a_namespace() -> bool {
    let unshare = Command::new("unshare")
        .args(["--mount", "mount", "-t", "tmpfs", "tmpfs", "/run"])
        .status();
    getuid().is_root() && unshare.is_ok_and(|status| status.success())
}

#[test]
fn the_users_willing_terminals_are_told() {
    if !can_have_a_namespace() {
        eprintln!("skipped: only root can give qbiff a utmp of its own");
        return;
    }
    let home = Home::new();
    let willing = Terminal::new("willing", home.uid(), 0o700);
    let unwilling = Terminal::new("unwilling", home.uid(), 0o600);
    let stolen = Terminal::new("stolen", 0, 0o777);
    let other = Terminal::new("other", home.uid(), 0o700);
    // The one that counts comes last: all records before it must be read right.
    let utmp = [
        record("no-such-terminal", "alice"),
        record(&unwilling.line(), "alice"),
        record(&stolen.line(), "alice"),
        record(&other.line(), "bob"),
        record(&willing.line(), "alice"),
    ];
    home.write("utmp", &utmp.concat());
    let unshare = home.foreign("/usr/bin/unshare").uid(0);
    let arguments = ["--mount", "/bin/sh", "-c", NAMESPACE, "sh"];
    let done = unshare
        .args(arguments)
        .args([
            home.path().join("utmp").into_os_string(),
            home.uid().to_string().into(),
        ])
        .env("USER", "alice")
        .env("SENDER", "s\u{1b}@x")
        .env("LOCAL", "alice-list")
        .stdin("Received: x\nSubject:  Hello,\n\tthere\nTo: y\n\nfirst\x07\nsecond\n")
        .output();
    assert_eq!(done.assert_exit(0).stderr_text(), "");
    let told = "\r\n\x07*** TO <alice-list> FROM <s_@x>\r\n    Hello,//there//first//second/\r\n";
    assert_eq!(String::from_utf8(willing.read()).expect("text"), told);
    for terminal in [unwilling, stolen, other] {
        assert_eq!(terminal.read(), b"", "{}", terminal.line());
    }
}

#[test]
fn it_never_fails() {
    let home = Home::new();
    let qbiff = || home.program("qbiff").stdin("Subject: x\n\n");
    qbiff().output().assert_exit(0);
    let done = qbiff()
        .env("USER", "nobody-at-all")
        .env("SENDER", "")
        .env("LOCAL", "x")
        .output();
    assert_eq!(done.assert_exit(0).stderr_text(), "");
    qbiff()
        .env("USER", "x")
        .env("SENDER", "")
        .env("LOCAL", "x")
        .close(0)
        .output()
        .assert_exit(0);
}
