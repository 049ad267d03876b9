//! qmail-send(8): starting, signals, limits, neighbours that die.

use std::fs;
use std::time::{Duration, Instant, SystemTime};

use harness::home::Home;
use nix::sys::signal::Signal;

use crate::hand_led::{HandLed, Lead, orders};
use crate::hand_made::{Preprocessed, enqueue, split};

/// Starts it and demands that it does not run, saying this last.
#[track_caller]
fn check_does_not_start(home: &Home, alert: &str) -> String {
    let mut led = Lead::new(home).start();
    led.assert_exit(111);
    let log = led.log();
    assert_eq!(
        log.lines().last(),
        Some(&*format!("alert: cannot start: {alert}")),
        "{log}"
    );
    log
}

#[test]
fn it_does_not_start_without_knowing_what_is_local() {
    let home = Home::new();
    home.no_control("me");
    let log = check_does_not_start(&home, "unable to read controls");
    assert!(
        log.contains("neither control/locals nor control/me exists"),
        "{log}"
    );
    home.control("locals", "test.example\n");
    HandLed::start(&home).stop();
}

#[test]
fn it_does_not_start_with_a_control_file_that_cannot_be_read() {
    let home = Home::new();
    home.mkdir("control/virtualdomains");
    let log = check_does_not_start(&home, "unable to read controls");
    assert!(log.contains("control/virtualdomains"), "{log}");
}

#[test]
fn it_does_not_start_without_a_queue_or_its_lock() {
    let home = Home::new();
    fs::remove_file(home.queue("lock/sendmutex")).expect("remove");
    check_does_not_start(&home, "unable to open mutex");
    fs::rename(home.queue(""), home.path().join("elsewhere")).expect("rename");
    check_does_not_start(&home, "unable to switch to queue directory");
}

#[test]
fn there_is_one_qmail_send_for_a_queue() {
    let home = Home::new();
    let mut first = HandLed::start(&home);
    // The first one's fifos are open already; the second gets its own under the same names.
    check_does_not_start(&home, "qmail-send is already running");
    first.accept("s@x.example", &["a@test.example"]);
    first.local.succeed();
}

#[test]
fn it_does_not_start_when_a_spawner_says_nothing() {
    let home = Home::new();
    let output = home
        .foreign("/bin/sh")
        .args([
            "-c",
            "exec \"$0\" 0>>log 1>/dev/null 2</dev/null 3>/dev/null 4</dev/null \
                      5>/dev/null 6</dev/null",
        ])
        .args([home.bin("qmail-send")])
        .output();
    output.assert_exit(111);
    let log = String::from_utf8(home.read("log")).expect("ASCII");
    assert_eq!(log, "alert: cannot start: hath the daemon spawn no fire?\n");
}

#[test]
fn the_smaller_of_two_limits_counts_and_nought_holds_a_channel() {
    let home = Home::new();
    home.control("concurrencylocal", "1000000\n")
        .control("concurrencyremote", "0\n");
    let mut led = Lead::new(&home).limits(7, 255).start();
    led.wait_for_log("status: local 0/7 remote 0/0");
    led.accept("s@x.example", &["a@far.example", "b@test.example"]);
    led.local.succeed();
    assert!(led.remote.is_quiet());
}

#[test]
fn term_waits_for_deliveries_and_keeps_the_schedule() {
    let home = Home::new();
    let message = Preprocessed::from(&home, "s@x.example");
    message
        .file("remote", b"Ta@far.example\0")
        .age(1000)
        .time("remote", 5);
    let mut led = HandLed::start(&home);
    let started = SystemTime::now();
    led.remote.order();
    led.signal(Signal::SIGTERM);
    enqueue(&home, "s@x.example", &["b@test.example"]);
    assert!(led.local.is_quiet() && led.clean.is_quiet());
    led.remote.report(0, "Zlater\n");
    led.wait_for_log("status: local 0/10 remote 0/20 exitasap");
    led.assert_exit(0);
    assert_eq!(led.log().lines().last(), Some("status: exiting"));
    let due = fs::metadata(home.queue(&split("remote", message.id)))
        .and_then(|facts| facts.modified())
        .expect("time");
    // Age 1000: (31 + 20)^2 = 2601 seconds after birth.
    let wait = due.duration_since(started).expect("later").as_secs();
    assert!((1598..=1604).contains(&wait), "{wait}");
    let mut led = HandLed::start(&home);
    led.clean.obey();
    led.local.succeed();
    assert!(led.remote.is_quiet(), "not due yet");
}

#[test]
fn alarm_makes_everything_due() {
    let home = Home::new();
    let message = Preprocessed::from(&home, "s@x.example");
    message.file("remote", b"Ta@far.example\0");
    let later = SystemTime::now() + Duration::from_secs(300);
    let file = fs::File::open(home.queue(&split("remote", message.id))).expect("open");
    file.set_modified(later).expect("times");
    let mut led = HandLed::start(&home);
    assert!(led.remote.is_quiet());
    led.signal(Signal::SIGALRM);
    assert_eq!(led.remote.order().recipient, "a@far.example");
}

#[test]
fn hangup_reads_the_tables_again() {
    let home = Home::new();
    let mut led = HandLed::start(&home);
    home.control("locals", "new.example\n")
        .control("virtualdomains", "virt.example:joe\n");
    led.signal(Signal::SIGHUP);
    // The signal is acted upon in the same turn as what comes after it, and before it.
    led.accept(
        "s@x.example",
        &["a@new.example", "b@virt.example", "c@test.example"],
    );
    assert_eq!(led.local.succeed().recipient, "a@new.example");
    assert_eq!(led.local.succeed().recipient, "joe-b@virt.example");
    assert_eq!(led.remote.succeed().recipient, "c@test.example");
}

#[test]
fn a_table_that_cannot_be_read_again_leaves_the_old_ones() {
    let home = Home::new();
    home.control("locals", "old.example\n");
    let mut led = HandLed::start(&home);
    home.no_control("locals").mkdir("control/locals");
    led.signal(Signal::SIGHUP);
    led.wait_for_log("alert: unable to reread control/locals");
    led.accept("s@x.example", &["a@old.example"]);
    assert_eq!(led.local.succeed().recipient, "a@old.example");
    fs::remove_dir(home.path().join("control/locals")).expect("rmdir");
    home.control("locals", "new.example\n")
        .mkdir("control/virtualdomains");
    led.signal(Signal::SIGHUP);
    led.wait_for_log("alert: unable to reread control/virtualdomains");
    led.accept("s@x.example", &["b@old.example"]);
    assert_eq!(led.local.succeed().recipient, "b@old.example");
}

#[test]
fn a_spawner_that_dies_ends_it_in_good_order() {
    let home = Home::new();
    let mut led = HandLed::start(&home);
    led.accept("s@x.example", &["a@far.example", "b@test.example"]);
    let (local, _remote) = (led.local.order(), led.remote.order());
    led.remote.hang_up();
    led.wait_for_log("alert: oh no! lost spawn connection! dying...");
    led.local.report(local.number, "K");
    led.assert_exit(0);
    assert!(
        led.log().ends_with("exitasap\nstatus: exiting\n"),
        "{}",
        led.log()
    );
}

#[test]
fn a_qmail_clean_that_dies_ends_it_in_good_order() {
    let home = Home::new();
    let mut led = HandLed::start(&home);
    enqueue(&home, "s@x.example", &["a@test.example"]);
    led.clean.request();
    led.clean.hang_up();
    led.wait_for_log("alert: oh no! lost qmail-clean connection! dying...");
    led.assert_exit(0);
}

#[test]
fn a_qmail_clean_that_dies_while_a_delivery_runs_ends_it_after_that() {
    let home = Home::new();
    let mut led = HandLed::start(&home);
    let id = led.accept("s@x.example", &["a@test.example"]);
    let order = led.local.order();
    led.clean.hang_up();
    led.wait_for_log("alert: oh no! lost qmail-clean connection! dying...");
    led.local.report(order.number, "Kok\n");
    led.wait_for_log(&format!("end msg {id}"));
    led.assert_exit(0);
}

#[test]
fn what_cannot_be_listed_at_the_start_is_looked_at_later() {
    let home = Home::new();
    let message = Preprocessed::from(&home, "s@x.example");
    message.file("local", b"Ta@test.example\0");
    let later = SystemTime::now() + Duration::from_secs(300);
    let file = fs::File::open(home.queue(&split("local", message.id))).expect("open");
    file.set_modified(later).expect("times");
    let dir = format!("info/{}", message.id % 23);
    home.give(&home.queue(&dir), 0o000);
    let mut led = HandLed::start(&home);
    led.wait_for_log(&format!("warning: unable to open {dir}"));
    home.give(&home.queue(&dir), 0o700);
    led.signal(Signal::SIGALRM);
    assert_eq!(led.local.order().recipient, "a@test.example");
}

#[test]
fn a_large_queue_does_not_hold_up_new_mail() {
    let home = Home::new();
    home.control("concurrencylocal", "1\n");
    let later = SystemTime::now() + Duration::from_secs(300);
    for _ in 0..MANY {
        let message = Preprocessed::from(&home, "s@x.example");
        message.file("remote", b"Ta@far.example\0");
        let file = fs::File::open(home.queue(&split("remote", message.id))).expect("open");
        file.set_modified(later).expect("times");
    }
    let start = Instant::now();
    let mut led = HandLed::start(&home);
    let memory = led.memory();
    led.accept("s@x.example", &["a@test.example"]);
    led.local.succeed();
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    led.signal(Signal::SIGALRM);
    orders(&mut led.remote, 20);
    // Pages that the allocator touched once are in it, too.
    let grown = led.memory().saturating_sub(memory);
    assert!(grown < 512 * 1024, "{grown} bytes for {MANY} messages");
}

/// Enough to tell a walk in steps from one in one piece.
const MANY: u64 = 3000;
