//! Mistakes in control files, and files that change while they are read; what each file means is in
//! `control_files`.

use std::fs;

use harness::home::Home;
use nix::sys::signal::Signal;

use crate::hand_led::{HandLed, Lead};

#[test]
fn a_host_with_a_zero_byte_is_no_host() {
    let home = Home::new();
    home.control("locals", "zzz\0.test.example\ngood.example\n");
    home.control("virtualdomains", "vvv\0.example:user\n");
    let mut led = HandLed::start(&home);
    for host in ["zzz", "test.example", ".test.example", "vvv", ".example"] {
        led.accept("s@x.example", &[&format!("a@{host}")]);
        let order = led.remote.succeed();
        assert_eq!(order.recipient, format!("a@{host}"));
    }
    led.accept("s@x.example", &["a@good.example"]);
    assert_eq!(led.local.succeed().recipient, "a@good.example");
}

#[test]
fn lists_of_any_size_work_and_values_beyond_all_measure_stop_it() {
    let home = Home::new();
    let mut names: String = (0..200_000).map(|n| format!("host{n}.example\n")).collect();
    names.push_str(&"x".repeat(10 << 20));
    names.push_str("\nlast.example\n");
    home.control("locals", &names);
    let mut led = HandLed::start(&home);
    led.accept("s@x.example", &["a@last.example"]);
    assert_eq!(led.local.succeed().recipient, "a@last.example");
    drop(led);
    home.no_control("locals");
    home.control("bouncefrom", &"x".repeat(10 << 20));
    let mut led = Lead::new(&home).start();
    led.assert_exit(111);
}

#[test]
fn more_deliveries_than_a_spawner_takes_are_never_numbered() {
    let home = Home::new();
    for value in ["1000000", "65535", "255", "99999999999999999999"] {
        home.control("concurrencylocal", &format!("{value}\n"));
        let led = Lead::new(&home).limits(3, 3).start();
        led.wait_for_log("status: local 0/3 ");
        drop(led);
    }
}

#[test]
fn virtual_domains_have_their_documented_meaning_whatever_stands_there() {
    let home = Home::new();
    home.control("locals", "test.example\n");
    let lines = "x\nx.example:\n:y\nuser@u.example:u\ndup.example:first\ndup.example:second\n\
                 slash.example:../../etc\ndash.example:-n\n";
    home.control("virtualdomains", lines);
    let mut led = HandLed::start(&home);
    let cases = [
        ("a@x.example", None),
        ("user@u.example", Some("u-user@u.example")),
        ("a@dup.example", Some("second-a@dup.example")),
        ("a@slash.example", Some("../../etc-a@slash.example")),
        ("a@dash.example", Some("-n-a@dash.example")),
        // The empty domain stands for everybody else.
        ("a@u.example", Some("y-a@u.example")),
        ("a@far.example", Some("y-a@far.example")),
        ("a@test.example", Some("a@test.example")),
    ];
    for (recipient, local) in cases {
        led.accept("s@x.example", &[recipient]);
        let (spawner, expected) = match local {
            Some(local) => (&mut led.local, local),
            None => (&mut led.remote, recipient),
        };
        assert_eq!(spawner.succeed().recipient, expected);
    }
}

#[test]
fn files_that_change_under_a_hundred_hangups_are_old_or_new() {
    let home = Home::new();
    let mut led = HandLed::start(&home);
    led.accept("s@x.example", &["a@first.example"]);
    led.remote.succeed();
    let before = (led.memory(), led.descriptors());
    for number in 0..500 {
        home.write(
            "control/new",
            format!("old.example\nhost{number}.example\n").as_bytes(),
        );
        let new = home.path().join("control/new");
        fs::rename(new, home.path().join("control/locals")).expect("rename");
        led.signal(Signal::SIGHUP);
    }
    led.accept("s@x.example", &["a@old.example"]);
    assert_eq!(led.local.succeed().recipient, "a@old.example");
    led.accept("s@x.example", &["a@host499.example"]);
    assert_eq!(led.local.succeed().recipient, "a@host499.example");
    // Files with marks stay open for a moment; five hundred readings would show.
    assert!(led.descriptors() < before.1 + 10, "{}", led.descriptors());
    assert!(led.memory() < before.0 + (1 << 20), "{}", led.memory());
}

#[test]
fn without_a_name_every_program_defers() {
    let home = Home::new();
    home.no_control("me");
    Lead::new(&home).start().assert_exit(111);
    let run = home.program("qmail-smtpd").env("TCPREMOTEIP", "127.0.0.9");
    let done = run.stdin("EHLO x\r\n").output();
    assert!(
        done.stdout_text().starts_with("421 "),
        "{}",
        done.stdout_text()
    );
    let words = ["x.example", "s@x.example", "r@x.example"];
    let done = home
        .program("qmail-remote")
        .args(words)
        .stdin("\n")
        .output();
    assert!(
        done.stdout_text().starts_with('Z'),
        "{}",
        done.stdout_text()
    );
}

#[test]
fn names_of_other_programs_in_the_environment_of_a_rule_mean_nothing_to_us() {
    let home = Home::new();
    let run = home.program("qmail-smtpd").env("TCPREMOTEIP", "127.0.0.9");
    let run = run.env("LD_PRELOAD", "").env("PATH", "/nonexistent");
    let run = run
        .env("BADMAILFROM", "x\ny")
        .env("TCPREMOTEINFO", "a\r\nReceived: x");
    let input = "EHLO x\r\nMAIL FROM:<s@x.example>\r\nRCPT TO:<a@test.example>\r\n\
                 DATA\r\nSubject: x\r\n\r\nbody\r\n.\r\nQUIT\r\n";
    let done = run.stdin(input).output();
    assert!(
        done.stdout_text().contains("ok ") && done.stdout_text().contains(" qp "),
        "{}",
        done.stdout_text()
    );
    let tree = harness::tree::look(home.path());
    let id = tree.in_queue()[0];
    let text = home.read(&format!("queue/mess/{}/{id}", id % 23));
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(!text.contains("\nReceived: x"), "{text}");
}
