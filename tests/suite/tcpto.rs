//! The memory of hosts that timed out, queue/lock/tcpto, as qmail-remote(8) keeps it.

use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use harness::home::Home;
use harness::peer::{Script, Server};
use nix::sys::socket::Backlog;

/// What qmail-remote reports on one message, `|` for NUL.
fn deliver(home: &Home) -> String {
    let run = home.program("qmail-remote").args(["h", "s@x", "r@h"]);
    run.stdin("body\n")
        .output()
        .stdout_text()
        .replace('\0', "|")
}

/// A home whose mail all goes to one relay.
fn home_with_relay(relay: &str) -> Home {
    let home = Home::new();
    home.control("smtproutes", &format!(":{relay}\n"));
    home
}

/// A listener that completes no handshake: its queue of connections is full.
fn black_hole() -> (TcpListener, Vec<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    nix::sys::socket::listen(&listener, Backlog::new(0).unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let mut connected = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
        connected.push(stream);
    }
    (listener, connected)
}

/// The record of 127.0.0.1 in queue/lock/tcpto: its count and time, if there is one.
fn timeout_record(home: &Home) -> Option<(u8, u32)> {
    let table = home.read("queue/lock/tcpto");
    assert_eq!(table.len(), 1024);
    let record = table
        .chunks(16)
        .find(|record| record[..4] == [127, 0, 0, 1])?;
    Some((
        record[4],
        u32::from_le_bytes(record[8..12].try_into().unwrap()),
    ))
}

fn now() -> u32 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    u32::try_from(since.as_secs()).unwrap()
}

fn put_timeout_record(home: &Home, count: u8, last: u32) {
    let mut table = vec![0; 1024];
    table[..5].copy_from_slice(&[127, 0, 0, 1, count]);
    table[8..12].copy_from_slice(&last.to_le_bytes());
    home.write("queue/lock/tcpto", &table);
}

const NO_CONNECTION: &str = "ZSorry, I wasn't able to establish an SMTP connection. (#4.4.1)\n|";

#[test]
fn a_host_that_times_out_is_remembered() {
    let (hole, _connected) = black_hole();
    let home = home_with_relay(&hole.local_addr().unwrap().to_string());
    home.control("timeoutconnect", "1\n");
    let start = now();
    assert_eq!(deliver(&home), NO_CONNECTION);
    let (count, last) = timeout_record(&home).expect("a record");
    assert!(
        count == 1 && (start..=now()).contains(&last),
        "{count} {last}"
    );

    // within two minutes it is the same outage
    assert_eq!(deliver(&home), NO_CONNECTION);
    assert_eq!(timeout_record(&home), Some((1, last)));

    put_timeout_record(&home, 1, start - 121);
    deliver(&home);
    assert_eq!(timeout_record(&home).expect("a record").0, 2);
}

#[test]
fn a_host_that_timed_out_twice_is_left_alone_for_a_while() {
    let server = Server::start(Script::new());
    let home = home_with_relay(&server.relay());
    put_timeout_record(&home, 2, now() - 3800);
    assert_eq!(deliver(&home), NO_CONNECTION);
    assert_eq!(server.sessions().len(), 0, "not even tried");

    put_timeout_record(&home, 2, now() - 5900);
    assert!(deliver(&home).contains("accepted message"));
    assert_eq!(
        timeout_record(&home),
        Some((0, timeout_record(&home).expect("a record").1))
    );
}

#[test]
fn a_missing_table_switches_the_memory_off() {
    let (hole, _connected) = black_hole();
    let home = home_with_relay(&hole.local_addr().unwrap().to_string());
    home.control("timeoutconnect", "1\n");
    std::fs::remove_file(home.queue("lock/tcpto")).unwrap();
    assert_eq!(deliver(&home), NO_CONNECTION);
    assert!(!home.queue("lock/tcpto").exists());
}
