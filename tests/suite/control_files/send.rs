//! The files of qmail-send: read when it starts, and two of them again at HUP.

use harness::home::Home;
use nix::sys::signal::Signal;

use super::{Is, NO_NUMBERS, put};
use crate::hand_led::{HandLed, Lead};
use crate::hand_made::{Preprocessed, split};

pub(super) const FILES: &[&str] = &[
    "me",
    "bouncefrom",
    "bouncehost",
    "concurrencylocal",
    "concurrencyremote",
    "doublebouncehost",
    "doublebounceto",
    "envnoathost",
    "locals",
    "percenthack",
    "queuelifetime",
    "virtualdomains",
];

#[test]
fn it_does_not_start_with_a_file_that_cannot_be_read() {
    for name in FILES {
        let home = Home::new();
        put(&home, name, Is::Unreadable);
        let mut led = Lead::new(&home).start();
        led.assert_exit(111);
        let log = led.log();
        assert!(
            log.ends_with("alert: cannot start: unable to read controls\n"),
            "{name}: {log}"
        );
    }
}

#[test]
fn concurrency_is_a_number() {
    for (local, remote, expected) in NO_NUMBERS
        .map(|is| (is, is, "local 0/10 remote 0/20"))
        .into_iter()
        .chain([
            (Is::Text("3\n"), Is::Missing, "local 0/3 remote 0/20"),
            (Is::Missing, Is::Text("4 or so\n"), "local 0/10 remote 0/4"),
            (
                Is::Text("0\n"),
                Is::Text("99999999999999999999\n"),
                "local 0/0 remote 0/120",
            ),
            (
                Is::Text("-1\n"),
                Is::Text("\n5\n"),
                "local 0/10 remote 0/20",
            ),
        ])
    {
        let home = Home::new();
        put(&home, "concurrencylocal", local);
        put(&home, "concurrencyremote", remote);
        let led = HandLed::start(&home);
        let first = led.wait_for_log("status: ");
        assert_eq!(first, format!("status: {expected}"));
    }
}

/// Where a message to this recipient goes: the channel and the address.
#[track_caller]
fn route(led: &mut HandLed<'_>, recipient: &str) -> String {
    let next = led.count("starting delivery ") + 1;
    led.accept("s@x.example", &[recipient]);
    let line = led.wait_for_log(&format!("starting delivery {next}: "));
    let (channel, order) = if line.contains(" to local ") {
        ("local", led.local.succeed())
    } else {
        ("remote", led.remote.succeed())
    };
    led.clean.obey();
    format!("{channel} {}", order.recipient)
}

/// The routes of these recipients when a file is so.
#[track_caller]
fn check_routes(name: &str, is: Is, routes: &[(&str, &str)]) {
    let home = Home::new();
    put(&home, name, is);
    let mut led = HandLed::start(&home);
    for (recipient, expected) in routes {
        assert_eq!(route(&mut led, recipient), *expected, "{name}: {recipient}");
    }
}

#[test]
fn locals_is_what_is_delivered_here() {
    let away = [
        ("a@test.example", "remote a@test.example"),
        ("a@l.example", "remote a@l.example"),
    ];
    check_routes(
        "locals",
        Is::Missing,
        &[("a@TEST.example", "local a@TEST.example"), away[1]],
    );
    check_routes("locals", Is::Text(""), &away);
    check_routes("locals", Is::Text("# none\n"), &away);
    let local = [
        ("a@L.example", "local a@L.example"),
        away[0],
        ("a@x.l.example", "remote a@x.l.example"),
    ];
    check_routes("locals", Is::Text("l.example \n\n"), &local);
    let home = Home::new();
    home.no_control("me");
    Lead::new(&home).start().assert_exit(111);
    put(&home, "locals", Is::Text(""));
    HandLed::start(&home).stop();
}

#[test]
fn envnoathost_stands_behind_an_address_without_host() {
    check_routes("envnoathost", Is::Missing, &[("a", "local a@test.example")]);
    check_routes(
        "envnoathost",
        Is::Text("e.example \n"),
        &[("a", "remote a@e.example")],
    );
    check_routes("envnoathost", Is::Text(""), &[("a", "remote a@")]);
    let home = Home::new();
    home.no_control("me").control("locals", "l.example\n");
    let mut led = HandLed::start(&home);
    assert_eq!(route(&mut led, "a"), "remote a@envnoathost");
}

#[test]
fn percenthack_unfolds_addresses_of_its_domains() {
    let folded = "a%b.example@test.example";
    let kept = [(folded, "local a%b.example@test.example")];
    check_routes("percenthack", Is::Missing, &kept);
    check_routes("percenthack", Is::Text(""), &kept);
    check_routes("percenthack", Is::Text("other.example\n"), &kept);
    let unfolded = [
        (folded, "remote a@b.example"),
        ("a%b@c.example", "remote a%b@c.example"),
    ];
    check_routes("percenthack", Is::Text("# x\nTEST.example \n"), &unfolded);
}

#[test]
fn virtualdomains_puts_a_name_in_front() {
    let away = [("a@v.example", "remote a@v.example")];
    for is in [
        Is::Missing,
        Is::Text(""),
        Is::Text("v.example\n"),
        Is::Text("# v.example:u\n"),
    ] {
        check_routes("virtualdomains", is, &away);
    }
    let list = "v.example:old\nV.example:u \n.s.example:su\nx.s.example:\nb@w.example:bob\n";
    let routes = [
        ("a@v.EXAMPLE", "local u-a@v.EXAMPLE"),
        ("a@y.s.example", "local su-a@y.s.example"),
        ("a@x.s.example", "remote a@x.s.example"),
        ("b@w.example", "local bob-b@w.example"),
        ("c@w.example", "remote c@w.example"),
    ];
    check_routes("virtualdomains", Is::Text(list), &routes);
    check_routes(
        "virtualdomains",
        Is::Text(":all\n"),
        &[("a@z.example", "local all-a@z.example")],
    );
}

/// Has a delivery fail; the notice of it, and where it goes.
#[track_caller]
fn notice(home: &Home, sender: &str) -> (String, String) {
    home.control("locals", "l.example\n");
    let mut led = HandLed::start(home);
    led.accept(sender, &["a@l.example"]);
    let order = led.local.order();
    led.local.report(order.number, "Dno\n");
    led.wait_for_log("bounce msg ");
    for _ in 0..2 {
        led.clean.obey();
    }
    let order = led.remote.order();
    let id = order
        .message
        .split_once('/')
        .expect("a number")
        .1
        .parse()
        .expect("digits");
    let text = home.read(&format!("queue/{}", split("mess", id)));
    (String::from_utf8(text).expect("ASCII"), order.recipient)
}

#[test]
fn bouncefrom_and_bouncehost_sign_notices() {
    for (name, is, expected) in [
        ("bouncefrom", Is::Missing, "MAILER-DAEMON@test.example"),
        ("bouncefrom", Is::Text("robot \n"), "robot@test.example"),
        ("bouncefrom", Is::Text("a b\n"), "\"a b\"@test.example"),
        (
            "bouncehost",
            Is::Text("b.example\t\nx\n"),
            "MAILER-DAEMON@b.example",
        ),
        ("bouncehost", Is::Text(""), "MAILER-DAEMON@"),
    ] {
        let home = Home::new();
        put(&home, name, is);
        let (text, recipient) = notice(&home, "s@far.example");
        assert_eq!(recipient, "s@far.example");
        assert!(
            text.contains(&format!("\nFrom: {expected}\n")),
            "{name}: {text}"
        );
    }
    let home = Home::new();
    home.no_control("me");
    let (text, _) = notice(&home, "s@far.example");
    assert!(
        text.contains("\nFrom: MAILER-DAEMON@bouncehost\n"),
        "{text}"
    );
}

#[test]
fn doublebounceto_and_doublebouncehost_get_what_nobody_else_can() {
    for (name, is, expected) in [
        ("doublebounceto", Is::Missing, "postmaster@test.example"),
        ("doublebounceto", Is::Text("pm \n"), "pm@test.example"),
        (
            "doublebouncehost",
            Is::Text("d.example\n"),
            "postmaster@d.example",
        ),
    ] {
        let home = Home::new();
        put(&home, name, is);
        assert_eq!(notice(&home, "").1, expected, "{name}");
    }
    let home = Home::new();
    home.no_control("me");
    assert_eq!(notice(&home, "").1, "postmaster@doublebouncehost");
}

/// Whether a message of this age is given up when it cannot be delivered for the moment.
#[track_caller]
fn is_given_up(is: Is, age: u64) -> bool {
    let home = Home::new();
    put(&home, "queuelifetime", is);
    let message = Preprocessed::from(&home, "s@x.example");
    message
        .file("local", b"Ta@test.example\0")
        .age(age)
        .time("local", age);
    let mut led = HandLed::start(&home);
    let order = led.local.order();
    led.local.report(order.number, "Zlater\n");
    led.wait_for_log(": later/").contains("failure")
}

#[test]
fn queuelifetime_is_when_to_give_up() {
    for is in NO_NUMBERS {
        assert!(!is_given_up(is, 604_000));
        assert!(is_given_up(is, 605_000));
    }
    assert!(!is_given_up(Is::Text("1000s\n"), 900));
    assert!(is_given_up(Is::Text("1000s\n"), 1100));
    assert!(is_given_up(Is::Text("0\n"), 10));
}

/// "HUP: re-read only locals and virtualdomains"
#[test]
fn hup_rereads_two_files_and_no_others() {
    let home = Home::new();
    let mut led = HandLed::start(&home);
    for (name, text) in [
        ("locals", "new.example\n"),
        ("virtualdomains", "v.example:u\n"),
        ("me", "other.example\n"),
        ("envnoathost", "new.example\n"),
        ("percenthack", "new.example\n"),
        ("concurrencylocal", "3\n"),
        ("bouncefrom", "robot\n"),
        ("bouncehost", "b.example\n"),
    ] {
        home.control(name, text);
    }
    assert_eq!(route(&mut led, "a@new.example"), "remote a@new.example");
    led.signal(Signal::SIGHUP);
    assert_eq!(route(&mut led, "b@new.example"), "local b@new.example");
    assert_eq!(route(&mut led, "a@v.example"), "local u-a@v.example");
    assert_eq!(route(&mut led, "a@test.example"), "remote a@test.example");
    assert_eq!(route(&mut led, "a"), "remote a@test.example");
    assert_eq!(route(&mut led, "a%b@new.example"), "local a%b@new.example");
    assert!(!led.log().contains("/3 "), "{}", led.log());
    led.accept("s@far.example", &["c@new.example"]);
    let order = led.local.order();
    led.local.report(order.number, "Dno\n");
    led.wait_for_log("bounce msg ");
    for _ in 0..2 {
        led.clean.obey();
    }
    let order = led.remote.order();
    let id = order
        .message
        .split_once('/')
        .expect("a number")
        .1
        .parse()
        .expect("digits");
    let text = home.read(&format!("queue/{}", split("mess", id)));
    let text = String::from_utf8(text).expect("ASCII");
    assert!(
        text.contains("\nFrom: MAILER-DAEMON@test.example\n"),
        "{text}"
    );
    // Removed, both are what they are without a file; `me` stays what it was.
    home.no_control("locals").no_control("virtualdomains");
    led.remote.report(order.number, "K");
    led.clean.obey();
    led.signal(Signal::SIGHUP);
    assert_eq!(route(&mut led, "d@other.example"), "local d@other.example");
    assert_eq!(route(&mut led, "d@v.example"), "remote d@v.example");
}
