//! The files of qmail-remote: its greeting, its routes and its patience.

use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use harness::home::Home;
use harness::nameserver::{NameServer, Type, Zone};
use harness::peer::{Act, Script, Server, Step};
use nix::sys::socket::Backlog;

use super::waiting::limit_s;
use super::{Is, NO_NUMBERS, put};

pub(super) const FILES: &[&str] = &[
    "me",
    "helohost",
    "smtproutes",
    "timeoutconnect",
    "timeoutremote",
];

const CONTROLS: &str = "ZUnable to read control files. (#4.3.0)\n\0";

#[track_caller]
fn report(home: &Home, names: &NameServer) -> String {
    let run = home
        .program("qmail-remote")
        .env("DNSCACHEIP", names.dnscacheip());
    let done = run
        .args(["h.example", "s@x", "r@h.example"])
        .stdin("body\n")
        .output();
    done.assert_exit(0);
    done.stdout_text()
}

/// The name we greet with.
#[track_caller]
fn greeting(home: &Home) -> String {
    let server = Server::start(Script::new());
    home.control("smtproutes", &format!(":{}\n", server.relay()));
    let text = report(home, &NameServer::start(Zone::new()));
    assert!(text.contains("accepted message"), "{text}");
    let commands = server.wait_for_sessions(1)[0].commands();
    let (_verb, name) = commands[0].split_once(' ').expect("a name");
    name.to_owned()
}

#[test]
fn helohost_is_the_name_we_greet_with() {
    let home = Home::new();
    for (is, expected) in [
        (Is::Missing, "test.example"),
        (Is::Text("h.example \nsecond\n"), "h.example"),
        (Is::Text(""), ""),
    ] {
        put(&home, "helohost", is);
        assert_eq!(greeting(&home), expected);
    }
    put(&home, "helohost", Is::Text("h.example\n"));
    home.no_control("me");
    assert_eq!(greeting(&home), "h.example");
    put(&home, "helohost", Is::Missing);
    assert_eq!(report(&home, &NameServer::start(Zone::new())), CONTROLS);
}

#[test]
fn a_file_that_cannot_be_read_defers_the_delivery() {
    for name in FILES {
        let home = Home::new();
        put(&home, name, Is::Unreadable);
        // Without the name of a host to greet with `me` is not asked for.
        assert_eq!(
            report(&home, &NameServer::start(Zone::new())),
            CONTROLS,
            "{name}"
        );
    }
}

/// Whether the name server is asked where the mail goes, instead of a route.
#[track_caller]
fn check_route(lines: &str, is_routed: bool) {
    let home = Home::new();
    let server = Server::start(Script::new());
    let names = NameServer::start(Zone::new());
    home.control("smtproutes", &lines.replace('@', &server.relay()));
    let text = report(&home, &names);
    assert_eq!(
        text.contains("accepted message"),
        is_routed,
        "{lines}: {text}"
    );
    assert_eq!(
        names.was_asked("h.example", Type::Mx),
        !is_routed,
        "{lines}"
    );
}

#[test]
fn smtproutes_is_looked_at_before_the_dns() {
    let home = Home::new();
    let names = NameServer::start(Zone::new());
    assert!(report(&home, &names).contains("#5.1.2"), "no route at all");
    assert!(names.was_asked("h.example", Type::Mx));
    check_route(":@\n", true);
    check_route("H.Example:@\n", true);
    check_route(".example:@\n", true);
    check_route("# :@\nh.example:@ \t\n", true);
    check_route("h.example:192.0.2.1\nh.example:@\n", true);
    check_route("", false);
    check_route("@\nh.example\n", false);
    check_route("other.example:@\n", false);
    check_route(":@\nh.example:\n", false);
}

/// A server that says nothing; the limit in force while we wait for its greeting.
#[track_caller]
fn patience(home: &Home) -> Option<u64> {
    let server = Server::start(Script::new().on(Step::Greeting, Act::Silence));
    home.control("smtproutes", &format!(":{}\n", server.relay()));
    // The wait for the connection is another one.
    home.control("timeoutconnect", "7\n");
    let run = home
        .program("qmail-remote")
        .args(["h.example", "s@x", "r@h.example"]);
    let running = run.stdin("body\n").start();
    limit_s(running.pid(), 7)
}

#[track_caller]
fn check_limits(name: &str, limit: impl Fn(&Home) -> Option<u64>, default: u64) {
    let home = Home::new();
    for is in NO_NUMBERS {
        put(&home, name, is);
        let Some(found) = limit(&home) else { return };
        assert!((default - 5..=default).contains(&found), "{name}: {found}");
    }
    for (text, expected) in [("30\n", 30), ("40s\n", 40), ("0\n", 1)] {
        put(&home, name, Is::Text(text));
        let Some(found) = limit(&home) else { return };
        assert!(
            (expected - 1..=expected).contains(&found),
            "{name} {text}: {found}"
        );
    }
}

#[test]
fn timeoutremote_is_how_long_we_wait_for_an_answer() {
    check_limits("timeoutremote", patience, 1200);
}

#[test]
fn timeoutconnect_is_how_long_we_wait_for_a_connection() {
    // It completes no handshake: its queue of connections is full.
    let hole = TcpListener::bind("127.0.0.1:0").expect("a free port");
    nix::sys::socket::listen(&hole, Backlog::new(0).expect("small")).expect("listen");
    let address = hole.local_addr().expect("an address");
    let mut connected = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
        connected.push(stream);
    }
    let waits = |home: &Home| {
        home.control("smtproutes", &format!(":{address}\n"));
        let run = home
            .program("qmail-remote")
            .args(["h.example", "s@x", "r@h.example"]);
        let running = run.stdin("body\n").start();
        limit_s(running.pid(), 0)
    };
    check_limits("timeoutconnect", waits, 60);
}
