//! Attacks on the log: what strangers write into it, who stops reading it, daemons that are killed.

use std::io::Read;
use std::process::Stdio;

use harness::home::Home;
use harness::tree;
use nix::sys::signal::Signal;

use crate::hand_led::HandLed;
use crate::hand_made::enqueue;

#[test]
fn no_text_of_a_stranger_is_an_event() {
    let home = Home::new();
    let mut led = HandLed::start(&home);
    let evil = "x\nend msg 7\nstarting delivery 9: msg 7 to local a@b\r\x1b[2J\u{9b}31m%n\u{e4}";
    let sender = format!("{evil}@x.example");
    let recipient = format!("{evil}@far.example");
    led.accept(&sender, &[&recipient]);
    led.remote.order();
    led.remote.report(0, &format!("Z{evil}\nend msg 8\n"));
    led.wait_for_log("delivery 1: deferral: ");
    let log = led.log();
    let words = [
        "status:", "new", "info", "starting", "delivery", "bounce", "end", "warning:",
    ];
    for line in log.lines() {
        let first = line.split(' ').next().unwrap_or_default();
        assert!(words.contains(&first), "{line}");
        assert!(line.bytes().all(|byte| matches!(byte, 32..=126)), "{line}");
        // The harness shows what is no ASCII with a backslash.
        assert!(!line.contains('\\'), "{line}");
    }
    assert_eq!(led.count("end msg"), 0, "{log}");
    assert_eq!(
        log.lines()
            .filter(|line| line.starts_with("starting "))
            .count(),
        1
    );
}

#[test]
fn who_reads_no_log_loses_no_mail() {
    let home = Home::new();
    home.user("alice");
    let mut command = home
        .program("qmail-start")
        .args(["./Maildir/"])
        .into_command();
    let mut daemons = command.stdout(Stdio::piped()).spawn().expect("qmail-start");
    // More events than a pipe has room for, and nobody reads.
    for _ in 0..30 {
        let many: Vec<String> = (0..40).map(|n| format!("alice-{n}@test.example")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        enqueue(&home, "", &many);
    }
    let mut log = daemons.stdout.take().expect("pipe");
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    let ends = |read: &[u8]| {
        let text = String::from_utf8_lossy(read).into_owned();
        text.lines()
            .filter(|line| line.starts_with("end msg "))
            .count()
    };
    while ends(&read) < 30 {
        let count = log.read(&mut buffer).expect("log");
        assert!(count > 0, "it ended");
        read.extend_from_slice(&buffer[..count]);
    }
    let pid = nix::unistd::Pid::from_raw(i32::try_from(daemons.id()).expect("pid"));
    nix::sys::signal::kill(pid, Signal::SIGTERM).expect("kill");
    // It says so on its way out.
    std::io::copy(&mut log, &mut std::io::sink()).expect("log");
    assert!(daemons.wait().expect("wait").success());
}

#[test]
fn daemons_that_are_killed_in_any_order_lose_nothing() {
    let home = Home::new();
    home.user("alice");
    let roles = ["qmail-send", "qmail-lspawn", "qmail-rspawn", "qmail-clean"];
    let mut sent = 0;
    for round in 0..8 {
        let mut daemons = home.start_daemons();
        for number in 0..5 {
            let subject = format!("Subject: {round}-{number}\n\n");
            let run = home.program("qmail-queue").stdin(subject);
            run.fd(1, b"Fs@x.example\0Talice@test.example\0\0")
                .output()
                .assert_exit(0);
            sent += 1;
        }
        daemons.wait_for_log("starting delivery");
        daemons.signal(roles[round % roles.len()], Signal::SIGKILL);
        daemons.wait();
    }
    let mut daemons = home.start_daemons();
    // What was in flight waits for its next turn.
    daemons.signal("qmail-send", Signal::SIGALRM);
    // The content of a finished message may be left to the cleaner.
    harness::wait::until("the end of all messages", || {
        tree::look(home.path()).in_queue().is_empty().then_some(())
    });
    daemons.term();
    let delivered = home.maildir("alice");
    let mut subjects: Vec<_> = delivered.iter().map(|text| subject(text)).collect();
    subjects.sort();
    subjects.dedup();
    assert_eq!(subjects.len(), sent, "{} copies", delivered.len());
}

fn subject(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message).into_owned();
    let line = text.lines().find(|line| line.starts_with("Subject: "));
    line.expect("a subject").to_owned()
}
