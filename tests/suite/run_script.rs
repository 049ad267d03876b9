//! scripts/run: the first command of the README, from start to Ctrl-C and again.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use harness::home::Home;
use harness::{mailbox, programs, wait};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, getuid};

/// The script, running with a home and a port of its own.
struct Script {
    child: Child,
    port: u16,
    log: PathBuf,
}

impl Script {
    fn start(room: &Home, name: &str) -> Self {
        let home = room.path().join("mail/run");
        let log = room.path().join(name);
        // Free a moment ago; should another take it meanwhile, the test says so.
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = free.local_addr().expect("its address").port();
        drop(free);
        let output = File::create(&log).expect("log");
        let mut command = Command::new(programs::source().join("scripts/run"));
        command
            .arg(port.to_string())
            .env("QMAILHOME", &home)
            .env_remove("RELAYCLIENT");
        command
            .stdin(Stdio::null())
            .stderr(output.try_clone().expect("log"))
            .stdout(output);
        let child = command.process_group(0).spawn().expect("scripts/run");
        let mut script = Self { child, port, log };
        wait::until("the three ways to send mail", || {
            let ended = script.child.try_wait().expect("wait").is_some();
            assert!(!ended, "scripts/run has ended: {}", script.log());
            script.log().contains("sendmail  printf").then_some(())
        });
        script
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// What a terminal does on Ctrl-C, once the script has told its children apart.
    fn interrupt(mut self) -> (Option<i32>, String) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("pid"));
        kill(pid, Signal::SIGINT).expect("kill");
        let status = wait::until("the end", || self.child.try_wait().expect("wait"));
        (status.code(), self.log())
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("pid"));
            // The polite way ends its daemons, too.
            let _ = killpg(pid, Signal::SIGTERM);
            let _ = self.child.wait();
        }
    }
}

#[test]
fn it_takes_mail_stops_on_an_interrupt_and_finds_its_queue_again() {
    let room = Home::new();
    let home = room.path().join("mail/run");
    if getuid().is_root() {
        fs::create_dir(&home).expect("a home");
        chown(&home, Some(room.uid()), Some(room.gid())).expect("chown");
    }
    let new = home.join("Maildir");
    let script = Script::start(&room, "first");
    let user = recipient(&script.log());
    let answers = send(script.port, &user, "by-smtp");
    assert!(answers.contains("\r\n250 ok "), "{answers}");
    wait::until("the mail", || {
        (mailbox::maildir(&new).len() == 1).then_some(())
    });
    let port = script.port;
    let (code, log) = script.interrupt();
    assert_eq!(code, Some(0), "{log}");
    for line in [
        "new msg ",
        "info msg ",
        "starting delivery 1: ",
        "delivery 1: success: did_1+0+0/",
    ] {
        assert!(log.contains(line), "no {line:?}: {log}");
    }
    assert!(log.contains("status: exiting"), "{log}");
    assert!(
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err(),
        "somebody still listens"
    );

    // Queued while nothing runs, by hand.
    let queue = room
        .foreign(home.join("bin/qmail-queue"))
        .env("QMAILHOME", &home);
    let envelope = format!("Fs@test.example\0T{user}\0\0");
    queue
        .stdin("Subject: waiting\n\nx\n")
        .fd(1, envelope)
        .output()
        .assert_exit(0);
    fs::write(home.join("control/bouncefrom"), "mine\n").expect("control");
    let script = Script::start(&room, "second");
    wait::until("the waiting mail", || {
        (mailbox::maildir(&new).len() == 2).then_some(())
    });
    let (code, log) = script.interrupt();
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(
        fs::read_to_string(home.join("control/bouncefrom")).expect("control"),
        "mine\n"
    );
}

/// The address that the script says mail is for.
fn recipient(log: &str) -> String {
    let (_, rest) = log.split_once("Mail for ").expect("whom mail is for");
    rest.split(' ').next().expect("an address").to_owned()
}

fn send(port: u16, recipient: &str, subject: &str) -> String {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("connect");
    stream
        .set_read_timeout(Some(wait::PATIENCE))
        .expect("timeout");
    let commands = format!(
        "HELO me\r\nMAIL FROM:<a@far.example>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n\
         Subject: {subject}\r\n\r\nhello\r\n.\r\nQUIT\r\n"
    );
    stream.write_all(commands.as_bytes()).expect("write");
    stream.shutdown(Shutdown::Write).expect("shutdown");
    let mut answers = String::new();
    stream.read_to_string(&mut answers).expect("answers");
    answers
}

#[test]
fn a_wrong_port_is_a_wrong_call() {
    let script = programs::source().join("scripts/run");
    let output = Command::new(script)
        .arg("smtp")
        .output()
        .expect("scripts/run");
    assert_eq!(output.status.code(), Some(100));
}
