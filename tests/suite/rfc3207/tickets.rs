//! Sessions that are taken up again: in another process, within the hour, at the same service, under the same
//! certificate.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use harness::programs;

use crate::smtp_dialogue::Dialogue;
use crate::smtp_service::{Service, has, make_certificate, make_small_certificate};

/// Connects with `-sess_out` or `-sess_in`; whether the session was taken up again.
fn is_reused(service: &Service, version: &str, option: &str, file: &Path) -> bool {
    let file = file.display().to_string();
    let mut command = service.openssl(&["-starttls", "smtp", version, option, &file]);
    // A TLS 1.3 ticket comes after the handshake: the session goes on until the server ends it. In
    // capitals it would be an order to openssl.
    let mut child = command
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("openssl");
    let mut input = child.stdin.take().expect("a pipe");
    std::io::Write::write_all(&mut input, b"quit\r\n").expect("write");
    let output = child.wait_with_output().expect("openssl");
    drop(input);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        text.contains("Reused, TLS") || text.contains("New, TLS"),
        "{text}"
    );
    text.contains("Reused, TLS")
}

#[test]
fn a_ticket_is_good_in_the_next_process() {
    if !programs::ours() || !has("openssl") {
        return;
    }
    let dialogue = Dialogue::new();
    let home = &dialogue.home;
    make_certificate(home, "mx.test.example");
    let service = Service::start(&dialogue, &[]);
    for version in ["-tls1_2", "-tls1_3"] {
        let file = home.path().join(format!("session{version}"));
        assert!(!is_reused(&service, version, "-sess_out", &file));
        assert!(is_reused(&service, version, "-sess_in", &file), "{version}");
    }
    let keys = home.path().join("tickets/keys");
    let mode = fs::metadata(&keys).expect("keys").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // Once the keys are gone, so are the sessions.
    let file = home.path().join("session-tls1_3");
    fs::remove_file(keys).expect("keys");
    assert!(!is_reused(&service, "-tls1_3", "-sess_in", &file));
}

#[test]
fn a_ticket_is_nothing_to_another_service_or_under_another_certificate() {
    if !programs::ours() || !has("openssl") {
        return;
    }
    let dialogue = Dialogue::new();
    let home = &dialogue.home;
    make_small_certificate(home, "servercert.pem", "mx");
    let service = Service::start(&dialogue, &[]);
    let other = Service::start(&dialogue, &[]);
    for version in ["-tls1_2", "-tls1_3"] {
        let file = home.path().join("session");
        assert!(!is_reused(&service, version, "-sess_out", &file));
        assert!(
            !is_reused(&other, version, "-sess_in", &file),
            "another port"
        );
        assert!(is_reused(&service, version, "-sess_in", &file));
        make_small_certificate(home, "servercert.pem", "mx");
        assert!(
            !is_reused(&service, version, "-sess_in", &file),
            "another key"
        );
    }
}

#[test]
fn without_a_safe_place_for_keys_there_are_no_tickets_and_the_log_says_why() {
    if !programs::ours() || !has("openssl") {
        return;
    }
    let dialogue = Dialogue::new();
    let home = &dialogue.home;
    make_small_certificate(home, "servercert.pem", "mx");
    home.give(&home.path().join("tickets"), 0o777);
    let service = Service::start(&dialogue, &[]);
    let file = home.path().join("session");
    assert!(!is_reused(&service, "-tls1_2", "-sess_out", &file));
    assert!(!is_reused(&service, "-tls1_2", "-sess_in", &file));
    service.wait_for_log("tickets must belong to the account of this program and to nobody else");
}
