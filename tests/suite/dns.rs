//! Where qmail-remote sends a host's mail, by what the name server says (RFC 5321, section 5; RFC 7505).

use harness::home::Home;
use harness::nameserver::{Fault, NameServer, Type, Zone};
use harness::peer::{Script, Server};

const NO_HOST: &str = "DSorry, I couldn't find any host named h.example. (#5.1.2)\n\0";
const TEMPORARY: &str = "ZSorry, I couldn't find any host by that name. (#4.1.2)\n\0";
const NO_ADDRESS: &str = "DSorry, I couldn't find a mail exchanger or IP address. (#5.4.4)\n\0";
const NO_CONNECTION: &str = "ZSorry, I wasn't able to establish an SMTP connection. (#4.4.1)\n\0";
const BEST_IS_US: &str = "DSorry. Although I'm listed as a best-preference MX or A for that host,\n\
    it isn't in my control/locals file, so I don't treat it as local. (#5.4.6)\n\0";

fn report(home: &Home, names: &NameServer, host: &str) -> String {
    let run = home
        .program("qmail-remote")
        .env("DNSCACHEIP", names.dnscacheip());
    let output = run.args([host, "s@x", "r@h"]).stdin("body\n").output();
    output.assert_exit(0);
    output.stdout_text()
}

#[track_caller]
fn check(zone: Zone, expected: &str) -> NameServer {
    let names = NameServer::start(zone);
    assert_eq!(report(&Home::new(), &names, "h.example"), expected);
    names
}

/// A loopback address where nobody listens on the SMTP port, and which is not ours.
fn dead() -> String {
    harness::peer::lonely_address().to_string()
}

#[test]
fn a_name_that_does_not_exist_fails() {
    let names = check(Zone::new(), NO_HOST);
    assert!(names.was_asked("h.example", Type::Mx) && names.was_asked("h.example", Type::A));
    check(Zone::new().empty("h.example"), NO_HOST);
    let names = NameServer::start(Zone::new());
    let expected = "DSorry, I couldn't find any host named a?b?.example. (#5.1.2)\n\0";
    assert_eq!(report(&Home::new(), &names, "a b\u{7f}.example"), expected);
    let expected = NO_HOST.replace("h.example", "a..example");
    assert_eq!(report(&Home::new(), &names, "a..example"), expected);
}

#[test]
fn a_name_server_in_trouble_defers() {
    check(Zone::new().fault("h.example", Fault::ServFail), TEMPORARY);
    check(Zone::new().fault("h.example", Fault::Refused), TEMPORARY);
    check(Zone::new().fault("h.example", Fault::Garbage), TEMPORARY);
    let zone = Zone::new().fault_for("h.example", Type::A, Fault::ServFail);
    check(zone.empty("h.example"), TEMPORARY);
    let zone = Zone::new().fault_for("h.example", Type::Aaaa, Fault::ServFail);
    check(zone.empty("h.example"), TEMPORARY);
}

#[test]
fn a_name_server_that_is_silent_defers() {
    check(Zone::new().fault("h.example", Fault::Silence), TEMPORARY);
}

#[test]
fn no_name_server_at_all_defers() {
    let home = Home::new();
    let run = home
        .program("qmail-remote")
        .env("DNSCACHEIP", format!("{}:53", dead()));
    let output = run
        .args(["h.example", "s@x", "r@h"])
        .stdin("body\n")
        .output();
    assert_eq!(output.stdout_text(), TEMPORARY);
}

#[test]
fn a_dnscacheip_that_is_no_address_defers() {
    let home = Home::new();
    let run = home.program("qmail-remote").env("DNSCACHEIP", "ns.example");
    let output = run.args(["h.example", "s@x", "r@h"]).output();
    assert_eq!(
        output.stdout_text(),
        "ZUnable to read control files. (#4.3.0)\n\0"
    );
}

#[test]
fn a_host_without_exchanger_is_its_own() {
    let names = check(Zone::new().a("h.example", &dead()), NO_CONNECTION);
    assert_eq!(names.count("h.example", Type::Mx), 1);
    check(Zone::new().a("h.example", "127.0.0.1"), BEST_IS_US);
    check(Zone::new().aaaa("h.example", "::1"), BEST_IS_US);
}

#[test]
fn only_exchangers_are_asked_for_addresses_when_there_are_any() {
    let zone = Zone::new()
        .mx("h.example", 10, "MX.example")
        .a("mx.example", &dead());
    let names = check(zone.a("h.example", "127.0.0.1"), NO_CONNECTION);
    assert!(!names.was_asked("h.example", Type::A));
}

#[test]
fn exchangers_without_address_are_passed_over() {
    let zone = Zone::new().mx("h.example", 10, "gone.example");
    check(zone.clone(), NO_ADDRESS);
    let names = check(
        zone.mx("h.example", 20, "mx.example")
            .a("mx.example", &dead()),
        NO_CONNECTION,
    );
    assert!(names.was_asked("gone.example", Type::A));
}

#[test]
fn a_temporary_failure_matters_only_without_any_address() {
    let zone = Zone::new()
        .mx("h.example", 10, "bad.example")
        .fault("bad.example", Fault::ServFail);
    check(zone.clone(), TEMPORARY);
    let zone = zone
        .mx("h.example", 20, "mx.example")
        .a("mx.example", &dead());
    check(zone, NO_CONNECTION);
    let zone =
        Zone::new()
            .a("h.example", &dead())
            .fault_for("h.example", Type::Aaaa, Fault::ServFail);
    check(zone, NO_CONNECTION);
}

#[test]
fn a_null_mx_takes_no_mail() {
    let names = check(
        Zone::new()
            .mx("h.example", 0, ".")
            .a("h.example", "127.0.0.1"),
        NO_ADDRESS,
    );
    assert!(!names.was_asked("h.example", Type::A));
    let zone = Zone::new()
        .mx("h.example", 0, ".")
        .mx("h.example", 10, "mx.example");
    check(zone.a("mx.example", &dead()), NO_CONNECTION);
}

#[test]
fn an_exchanger_may_be_an_address_by_mistake() {
    let names = check(Zone::new().mx("h.example", 10, &dead()), NO_CONNECTION);
    assert_eq!(names.questions(), 1);
}

#[test]
fn mail_never_goes_to_an_exchanger_as_good_as_ourselves_or_worse() {
    let me = |preference| {
        let zone = Zone::new()
            .mx("h.example", preference, "me.example")
            .a("me.example", "127.0.0.1");
        zone.mx("h.example", 20, "mx.example")
            .a("mx.example", &dead())
    };
    check(me(10), BEST_IS_US);
    check(me(20), BEST_IS_US);
    check(me(30), NO_CONNECTION);
}

#[test]
fn aliases_are_followed() {
    let zone = Zone::new()
        .cname("h.example", "real.example")
        .mx("real.example", 10, "mx.example");
    check(
        zone.cname("mx.example", "host.example")
            .a("host.example", "127.0.0.1"),
        BEST_IS_US,
    );
    check(
        Zone::new()
            .cname("h.example", "real.example")
            .a("real.example", "127.0.0.1"),
        BEST_IS_US,
    );
}

/// Names and addresses long enough for more than one of the old 512-byte answers.
fn long_zone() -> Zone {
    let names = (0..60).map(|number| format!("exchanger-number-{number}.with.a.long.name.example"));
    let zone = names.fold(Zone::new(), |zone, name| zone.mx("h.example", 20, &name));
    zone.mx("h.example", 10, "mx.example")
        .a("mx.example", "127.0.0.1")
}

#[test]
fn long_answers_arrive_whole() {
    let names = check(long_zone(), BEST_IS_US);
    assert!(names.questions_by_tcp() > 0);
}

#[test]
fn a_truncated_answer_is_asked_for_again_over_tcp() {
    let zone =
        Zone::new()
            .a("h.example", "127.0.0.1")
            .fault_for("h.example", Type::A, Fault::Truncated);
    let names = check(zone, BEST_IS_US);
    assert_eq!(names.questions_by_tcp(), 1);
}

#[test]
fn an_answer_above_512_bytes_needs_no_tcp() {
    let addresses = (1..=30).map(|number| format!("127.9.9.{number}"));
    let zone = addresses.fold(Zone::new(), |zone, ip| zone.a("h.example", &ip));
    let names = check(zone.a("h.example", "127.0.0.1"), BEST_IS_US);
    assert_eq!(names.questions_by_tcp(), 0);
}

#[test]
fn a_literal_needs_no_name_server() {
    let names = NameServer::start(Zone::new());
    let home = Home::new();
    for host in ["127.0.0.1", "[127.0.0.1]", "[::1]", "[IPv6:::1]", "0.0.0.0"] {
        assert_eq!(report(&home, &names, host), BEST_IS_US, "{host}");
    }
    assert_eq!(names.questions(), 0);
}

#[test]
fn a_route_is_believed_and_asked_for_its_address_only() {
    let server = Server::start(Script::new());
    let names = NameServer::start(Zone::new().a("relay.example", "127.0.0.1").mx(
        "relay.example",
        0,
        "x",
    ));
    let home = Home::new();
    let port = server.address().port();
    home.control(
        "smtproutes",
        &format!("h.example:relay.example:{port}\ng.example:none.example\n"),
    );
    assert!(report(&home, &names, "h.example").contains("K127.0.0.1 accepted message."));
    assert!(!names.was_asked("relay.example", Type::Mx) && !names.was_asked("h.example", Type::Mx));
    let expected = NO_HOST.replace("h.example", "none.example");
    assert_eq!(report(&home, &names, "g.example"), expected);
}

#[test]
fn the_next_host_is_tried_when_one_does_not_answer() {
    let Some(server) = Server::start_on_smtp_port(Script::new()) else {
        return;
    };
    let live = server.address().ip().to_string();
    let zone = Zone::new()
        .mx("h.example", 10, "a.example")
        .a("a.example", &dead())
        .a("a.example", &dead());
    let zone = zone.mx("h.example", 20, "b.example").a("b.example", &live);
    let report = report(&Home::new(), &NameServer::start(zone), "h.example");
    assert!(
        report.contains(&format!("K{live} accepted message.")),
        "{report}"
    );
}

#[test]
fn equal_exchangers_share_the_mail() {
    let [Some(one), Some(other)] = [(); 2].map(|()| Server::start_on_smtp_port(Script::new()))
    else {
        return;
    };
    let ip = |server: &Server| server.address().ip().to_string();
    let zone = Zone::new()
        .mx("h.example", 10, "a.example")
        .a("a.example", &ip(&one));
    let names = NameServer::start(
        zone.mx("h.example", 10, "b.example")
            .a("b.example", &ip(&other)),
    );
    let home = Home::new();
    for _ in 0..40 {
        report(&home, &names, "h.example");
    }
    // either is left out by chance once in 2^39 times
    assert!(!one.messages().is_empty() && !other.messages().is_empty());
    assert_eq!(one.messages().len() + other.messages().len(), 40);
}

#[test]
fn mail_goes_over_ipv6_too() {
    let Some(server) = Server::start_on_v6(Script::new()) else {
        return;
    };
    let port = server.address().port();
    let names = NameServer::start(Zone::new().aaaa("relay.example", "::1"));
    let home = Home::new();
    for relay in [format!("[::1]:{port}"), format!("relay.example:{port}")] {
        home.control("smtproutes", &format!(":{relay}\n"));
        let report = report(&home, &names, "h.example");
        assert!(
            report.contains("K::1 accepted message."),
            "{relay}: {report}"
        );
    }
    assert_eq!(server.messages().len(), 2);
}
