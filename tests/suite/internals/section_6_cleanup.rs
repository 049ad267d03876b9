//! The end of a message: the notice to its sender, the order in which its files go, and the files
//! that nobody will finish.

use std::fs;

use harness::home::Home;
use harness::wait;

use crate::hand_led::{HandLed, Lead};
use crate::hand_made::{Preprocessed, age, content, split, wait_for_file};

/// A notice as it lies in the queue, without its date and the numbers in it.
fn notice(home: &Home, id: u64) -> String {
    let text = home.read(&format!("queue/{}", split("mess", id)));
    let text = String::from_utf8(text).expect("ASCII");
    let lines = text.lines().map(|line| match line.split_once(": ") {
        Some(("Date", _)) => "Date: @",
        Some(("Received", _)) => "Received: @",
        _ => line,
    });
    lines.map(|line| format!("{line}\n")).collect()
}

/// Has the first delivery fail, and returns the numbers of the message and of its notice.
#[track_caller]
fn bounced(
    led: &mut HandLed<'_>,
    sender: &str,
    recipients: &[&str],
    reports: &[&str],
) -> (u64, u64) {
    let id = led.accept(sender, recipients);
    for report in reports {
        let order = led.local.order();
        led.local.report(order.number, report);
    }
    led.wait_for_log(&format!("bounce msg {id} qp "));
    let mut new = None;
    for _ in 0..2 {
        let request = led.clean.obey();
        if let Some(number) = request.strip_prefix("todo/") {
            new = Some(number.parse().expect("number"));
        }
    }
    (id, new.expect("the notice"))
}

#[test]
fn the_sender_is_told_about_all_failures_at_once() {
    let home = Home::new();
    home.control("virtualdomains", ".sub.example:u1-sub\n");
    let mut led = HandLed::start(&home);
    let recipients = [
        "u1-perm@test.example",
        "nobody-here@test.example",
        "joe@a.sub.example",
    ];
    let reports = [
        "Dline1\n\nline3\n",
        "DSorry, no mailbox here by that name. (#5.1.1)\n",
        "D",
    ];
    let (id, new) = bounced(&mut led, "u1@far.example", &recipients, &reports);
    let expected = "Received: @\n\
        Date: @\n\
        From: MAILER-DAEMON@test.example\n\
        To: u1@far.example\n\
        Subject: failure notice\n\
        \n\
        Hi. This is the qmail-send program at test.example.\n\
        I'm afraid I wasn't able to deliver your message to the following addresses.\n\
        This is a permanent error; I've given up. Sorry it didn't work out.\n\
        \n\
        <u1-perm@test.example>:\n\
        line1\n\
        /line3\n\
        \n\
        <nobody-here@test.example>:\n\
        Sorry, no mailbox here by that name. (#5.1.1)\n\
        \n\
        <joe@a.sub.example>:\n\
        \n\
        --- Below this line is a copy of the message.\n\
        \n\
        Return-Path: <u1@far.example>\n\
        Received: @\n\
        Subject: test\n\
        \n\
        body\n";
    assert_eq!(notice(&home, new), expected);
    let order = led.remote.order();
    assert_eq!((&*order.sender, &*order.recipient), ("", "u1@far.example"));
    let log = led.log();
    let place = |text: &str| {
        log.find(text)
            .unwrap_or_else(|| panic!("no {text}:\n{log}"))
    };
    assert!(log.contains("delivery 1: failure: line1//line3/\n"));
    assert!(place(&format!("bounce msg {id} ")) < place(&format!("end msg {id}\n")));
    assert!(place(&format!("end msg {id}\n")) < place(&format!("new msg {new}\n")));
    assert!(!home.queue(&format!("bounce/{id}")).exists());
}

#[test]
fn the_notice_about_a_notice_goes_to_the_postmaster_and_no_further() {
    let home = Home::new();
    let mut led = HandLed::start(&home);
    let (_, second) = bounced(&mut led, "", &["a@test.example"], &["Dno\n"]);
    let text = notice(&home, second);
    let start = "Received: @\n\
        Date: @\n\
        From: MAILER-DAEMON@test.example\n\
        To: postmaster@test.example\n\
        Subject: failure notice\n\
        \n\
        Hi. This is the qmail-send program at test.example.\n\
        I tried to deliver a bounce message to this address, but the bounce bounced!\n\
        \n\
        <a@test.example>:\n\
        no\n\
        \n\
        --- Below this line is the original bounce.\n\
        \n\
        Return-Path: <>\n\
        Received: @\n";
    assert!(text.starts_with(start), "{text}");
    let order = led.local.order();
    assert_eq!(
        (&*order.sender, &*order.recipient),
        ("#@[]", "postmaster@test.example")
    );
    led.local.report(order.number, "Dno such postmaster\n");
    led.wait_for_log(&format!("triple bounce: discarding bounce/{second}"));
    led.wait_for_log(&format!("end msg {second}"));
    assert_eq!(led.clean.obey(), format!("foop/{second}"));
    assert!(led.local.is_quiet() && led.clean.is_quiet());
}

#[test]
fn names_in_a_notice_come_from_the_control_files_and_are_quoted() {
    let home = Home::new();
    home.control("bouncefrom", "mail daemon\n")
        .control("bouncehost", "bounce.example\n");
    home.control("doublebounceto", "pm\n")
        .control("doublebouncehost", "double.example\n");
    let mut led = HandLed::start(&home);
    let (_, new) = bounced(
        &mut led,
        "we\"ird user@far.example",
        &["a@test.example"],
        &["Dno\n"],
    );
    let text = notice(&home, new);
    assert!(
        text.contains("From: \"mail daemon\"@bounce.example\n"),
        "{text}"
    );
    assert!(
        text.contains("To: \"we\\\"ird user\"@far.example\n"),
        "{text}"
    );
    assert!(
        text.contains("Return-Path: <\"we\\\"ird user\"@far.example>\n"),
        "{text}"
    );
    assert_eq!(led.remote.succeed().recipient, "we\"ird user@far.example");
    led.clean.obey();
    let (_, new) = bounced(&mut led, "", &["a@test.example"], &["Dno\n"]);
    assert!(notice(&home, new).contains("To: pm@double.example\n"));
}

#[test]
fn a_list_is_told_at_its_own_address() {
    let home = Home::new();
    let mut led = HandLed::start(&home);
    let (_, new) = bounced(
        &mut led,
        "list-@far.example-@[]",
        &["a@test.example"],
        &["Dno\n"],
    );
    assert!(notice(&home, new).contains("To: list-@far.example\n"));
    assert_eq!(led.remote.order().recipient, "list-@far.example");
}

#[test]
fn a_failure_is_written_down_before_the_recipient_is_marked() {
    let home = Home::new();
    let mut led = HandLed::start(&home);
    let id = led.accept("s@far.example", &["a@test.example", "b@test.example"]);
    led.local.order();
    led.local.report(0, "Dno\n");
    led.wait_for_log("delivery 1: failure: no/");
    assert_eq!(
        home.read(&format!("queue/bounce/{id}")),
        b"<a@test.example>:\nno\n\n"
    );
    assert_eq!(
        crate::hand_made::mode(&home, &format!("bounce/{id}")),
        0o600
    );
    let local = home.read(&format!("queue/{}", split("local", id)));
    assert_eq!(local, b"Da@test.example\0Tb@test.example\0");
}

#[test]
fn a_failure_that_cannot_be_written_down_is_tried_again() {
    let home = Home::new();
    let mut led = HandLed::start(&home);
    let id = led.accept("s@far.example", &["a@test.example"]);
    fs::create_dir(home.queue(&format!("bounce/{id}"))).expect("mkdir");
    led.local.order();
    led.local.report(0, "Dno\n");
    led.wait_for_log(&format!("warning: unable to create bounce/{id}"));
    led.wait_for_log("alert: unable to append to bounce message; HELP! sleeping...");
    let local = home.read(&format!("queue/{}", split("local", id)));
    assert_eq!(local, b"Ta@test.example\0");
    led.accept("s@far.example", &["good@test.example"]);
    assert_eq!(led.local.succeed().recipient, "good@test.example");
}

#[test]
fn a_notice_that_cannot_be_queued_keeps_the_message() {
    let home = Home::new();
    home.write("bin/refuse", b"#!/bin/sh\ncat >/dev/null\nexit 53\n");
    home.give(&home.path().join("bin/refuse"), 0o755);
    let mut led = Lead::new(&home).env("QMAILQUEUE", "bin/refuse").start();
    let id = led.accept("s@far.example", &["a@test.example"]);
    led.local.order();
    led.local.report(0, "Dno\n");
    led.wait_for_log("warning: trouble injecting bounce message, will try later");
    for name in [split("mess", id), split("info", id), format!("bounce/{id}")] {
        assert!(home.queue(&name).exists(), "{name}");
    }
    assert!(led.clean.is_quiet());
    led.stop();
    let mut led = HandLed::start(&home);
    led.wait_for_log(&format!("bounce msg {id} qp "));
    let mut requests = [led.clean.obey(), led.clean.obey()];
    requests.sort();
    assert_eq!(requests[0], format!("foop/{id}"));
}

#[test]
fn a_qmail_queue_that_hangs_holds_nothing_else_up() {
    let home = Home::new();
    home.write("bin/hang", b"#!/bin/sh\nread line\nexec sleep 600\n");
    home.give(&home.path().join("bin/hang"), 0o755);
    let mut led = Lead::new(&home).env("QMAILQUEUE", "bin/hang").start();
    led.accept("s@far.example", &["a@test.example"]);
    led.local.order();
    led.local.report(0, "Dno\n");
    led.wait_for_log("delivery 1: failure: no/");
    for n in 0..3 {
        let id = led.accept("s@far.example", &[&format!("good{n}@test.example")]);
        led.local.succeed();
        led.wait_for_log(&format!("end msg {id}"));
        assert_eq!(led.clean.obey(), format!("foop/{id}"));
    }
    assert_eq!(led.count("bounce msg"), 0);
}

#[test]
fn the_content_goes_last() {
    let home = Home::new();
    let mut led = HandLed::start(&home);
    let id = led.accept("s@x.example", &["a@test.example", "b@far.example"]);
    led.local.succeed();
    wait_for_file(&home, &split("local", id), false);
    assert!(led.clean.is_quiet());
    led.remote.succeed();
    assert_eq!(led.clean.request(), format!("foop/{id}"));
    for directory in ["info", "local", "remote"] {
        assert!(!home.queue(&split(directory, id)).exists(), "{directory}");
    }
    assert!(home.queue(&split("mess", id)).exists());
    led.clean.answer(b"!");
    led.wait_for_log(&format!(
        "warning: qmail-clean unable to clean up foop/{id}"
    ));
}

#[test]
fn a_message_that_only_has_a_sender_left_ends() {
    let home = Home::new();
    let message = Preprocessed::from(&home, "s@x.example");
    let mut led = HandLed::start(&home);
    led.wait_for_log(&format!("end msg {}", message.id));
    assert_eq!(led.clean.obey(), format!("foop/{}", message.id));
}

#[test]
fn only_old_content_that_belongs_to_nobody_is_removed() {
    let home = Home::new();
    let old = content(&home);
    age(&home.queue(&split("mess", old)), 130_000);
    let young = content(&home);
    age(&home.queue(&split("mess", young)), 129_000);
    let waiting = Preprocessed::from(&home, "s@x.example");
    waiting
        .file("local", b"Ta@test.example\0")
        .time("mess", 200_000);
    let damaged = content(&home);
    age(&home.queue(&split("mess", damaged)), 200_000);
    home.write(&format!("queue/todo/{damaged}"), b"garbage");
    home.write("queue/mess/3/notes", b"a foreign file");
    age(&home.queue("mess/3/notes"), 200_000);
    let mut led = HandLed::start(&home);
    assert_eq!(led.clean.obey(), format!("foop/{old}"));
    assert!(led.clean.is_quiet());
    for id in [young, waiting.id, damaged] {
        assert!(home.queue(&split("mess", id)).exists());
    }
    assert!(home.queue("mess/3/notes").exists());
}

#[test]
fn a_thousand_messages_leave_nothing_behind() {
    let home = Home::new();
    for _ in 0..1000 {
        let message = Preprocessed::from(&home, "s@x.example");
        message
            .file("local", b"Ta@test.example\0")
            .time("local", 10);
    }
    let mut led = HandLed::start(&home);
    let mut ended = 0;
    while ended < 1000 {
        for _ in 0..100 {
            led.local.succeed();
        }
        for _ in 0..100 {
            assert!(led.clean.obey().starts_with("foop/"));
            ended += 1;
        }
    }
    wait::until("the last end", || {
        (led.count("end msg ") == 1000).then_some(())
    });
    let tree = harness::tree::look(home.path());
    assert!(tree.assert_documented().messages.is_empty());
}
