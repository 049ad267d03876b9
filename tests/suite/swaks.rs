//! swaks at the three doors: port 25, submission (587), submission over TLS (465), each in clear, with TLS and with
//! TLS of yesterday, as a listed client, as a stranger, and as a user.

use std::process::{Command, Stdio};

use harness::programs;

use crate::smtp_dialogue::Dialogue;
use crate::smtp_service::{Service, has, make_small_certificate};

/// How the client secures the connection.
const WAYS: [&str; 3] = ["clear", "TLS", "TLS 1.1"];

/// Who the client is.
const CLIENTS: [&str; 3] = ["listed", "stranger", "user"];

/// What swaks exits with.
const SENT: i32 = 0;
const MAIL_REFUSED: i32 = 23;
const RCPT_REFUSED: i32 = 24;
const NO_AUTH: i32 = 28;
const NO_TLS: i32 = 29;
/// A server that waits for a handshake says nothing to a client that waits for a greeting.
const NO_GREETING: i32 = 21;

/// Rows as `WAYS`, columns as `CLIENTS`.
type Expected = [[i32; 3]; 3];

const AT_25: Expected = [
    [SENT, RCPT_REFUSED, NO_AUTH],
    [SENT, RCPT_REFUSED, SENT],
    [NO_TLS, NO_TLS, NO_TLS],
];
const AT_587: Expected = [
    [MAIL_REFUSED, MAIL_REFUSED, NO_AUTH],
    [SENT, MAIL_REFUSED, SENT],
    [NO_TLS, NO_TLS, NO_TLS],
];
const AT_465: Expected = [
    [NO_GREETING, NO_GREETING, NO_GREETING],
    [SENT, MAIL_REFUSED, SENT],
    [NO_TLS, NO_TLS, NO_TLS],
];

fn check(env: &[(&str, &str)], secure: &str, expected: Expected) {
    if !programs::ours() || !has("swaks") || !has("openssl") {
        return;
    }
    let dialogue = Dialogue::new();
    let home = &dialogue.home;
    make_small_certificate(home, "servercert.pem", "mx.test.example");
    home.replace_program("checkpassword", "#!/bin/sh\nexit 0\n");
    let service = Service::with_arguments(&dialogue, env, &["mx", "checkpassword"]);
    let mut sent = 0;
    for (way, row) in WAYS.iter().zip(expected) {
        for (client, code) in CLIENTS.iter().zip(row) {
            let listed = if *client == "listed" {
                "127.0.0.0/8\n"
            } else {
                "192.0.2.0/24\n"
            };
            home.control("relayclients", listed);
            let mut swaks = Command::new("swaks");
            swaks
                .args([
                    "--server",
                    &service.name(),
                    "--helo",
                    "me",
                    "--timeout",
                    "2",
                    "--silent",
                    "3",
                ])
                .args(["--from", "s@h.example", "--to", "r@elsewhere.example"])
                .stderr(Stdio::null());
            match *way {
                "clear" => {}
                "TLS" => drop(swaks.arg(secure)),
                _ => drop(swaks.args([secure, "--tls-protocol", "tlsv1_1"])),
            }
            if *client == "user" {
                swaks.args([
                    "--auth",
                    "PLAIN",
                    "--auth-user",
                    "tim",
                    "--auth-password",
                    "x",
                ]);
            }
            let status = swaks.status().expect("swaks");
            assert_eq!(status.code(), Some(code), "{way}, {client}");
            sent += usize::from(code == SENT);
        }
    }
    let recorded = dialogue.recorded(sent);
    assert_eq!(recorded.len(), sent);
    for message in recorded {
        assert_eq!(message.envelope, b"Fs@h.example\0Tr@elsewhere.example\0\0");
    }
}

#[test]
fn port_25_takes_mail_from_everybody_and_relays_for_ours() {
    check(&[], "--tls", AT_25);
}

#[test]
fn port_587_insists_on_tls_and_on_ours() {
    check(&[("FORCETLS", "1"), ("SUBMISSION", "1")], "--tls", AT_587);
}

#[test]
fn port_465_begins_with_tls_and_insists_on_ours() {
    check(
        &[("SMTPS", "1"), ("SUBMISSION", "1")],
        "--tls-on-connect",
        AT_465,
    );
}
