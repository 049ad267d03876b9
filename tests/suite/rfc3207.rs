//! RFC 3207 (STARTTLS) and RFC 8314 (TLS from the first byte), with openssl's client and one of our own.

mod hostile;
mod tickets;

use std::process::Command;

use harness::client::Client;
use harness::programs;

use crate::smtp_dialogue::Dialogue;
use crate::smtp_service::{Service, has, make_certificate, make_small_certificate};

/// Sends a message through a secured session.
fn deliver(client: &mut Client) {
    client.expect("EHLO me", "250");
    client
        .expect("MAIL FROM:<s@h>", "250 2.1.0 ok")
        .expect("RCPT TO:<r@local.example>", "250 2.1.5 ok")
        .expect("DATA", "354");
    client.send("Subject: x\r\n\r\nbody\r\n");
    client.expect(".", "250 2.0.0 ok");
    client.expect("QUIT", "221");
}

#[test]
fn a_message_comes_through_tls_1_2_and_1_3_and_received_says_so() {
    if !programs::ours() || !has("openssl") {
        return;
    }
    let dialogue = Dialogue::new();
    make_certificate(&dialogue.home, "mx.test.example");
    let service = Service::start(&dialogue, &[]);
    for option in ["-tls1_2", "-tls1_3"] {
        let command = service.openssl(&["-quiet", "-starttls", "smtp", option]);
        deliver(&mut Client::spawn(command));
    }
    let recorded = dialogue.recorded(2);
    for (message, version) in recorded.iter().zip(["TLSv1.2", "TLSv1.3"]) {
        let text = String::from_utf8(message.message.clone()).expect("text");
        let second = text.lines().nth(1).expect("a second line");
        assert!(
            second.starts_with(&format!("  by mx.test.example with ESMTPS ({version} TLS_")),
            "{text}"
        );
    }
    assert_eq!(service.stop().stderr_text(), "");
}

#[test]
fn older_versions_are_refused() {
    if !programs::ours() || !has("openssl") {
        return;
    }
    let dialogue = Dialogue::new();
    make_certificate(&dialogue.home, "mx.test.example");
    let service = Service::start(&dialogue, &[("SMTPDLOG", "1")]);
    for option in ["-tls1_1", "-tls1"] {
        let output = service
            .openssl(&["-starttls", "smtp", option, "-cipher", "ALL:@SECLEVEL=0"])
            .output()
            .expect("openssl");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(!output.status.success(), "{text}");
        assert!(text.contains("Cipher is (NONE)"), "{text}");
        service.wait_for_log(" hangup client=127.0.0.1 ");
    }
}

#[test]
fn starttls_is_offered_where_there_is_a_certificate_and_only_in_clear() {
    if !programs::ours() || !has("openssl") {
        return;
    }
    let dialogue = Dialogue::new();
    let offer = |env: &[(&str, &str)]| {
        let service = Service::start(&dialogue, env);
        let mut client = service.client();
        client.reply();
        let offer = client.say("EHLO x");
        (offer.contains("STARTTLS"), client.say("STARTTLS"))
    };
    let unknown = "502 5.5.1 unimplemented (#5.5.1)\n";
    assert_eq!(offer(&[]), (false, unknown.to_owned()));
    make_small_certificate(&dialogue.home, "servercert.pem", "mx");
    assert_eq!(
        offer(&[]),
        (true, "220 2.0.0 ready to start TLS\n".to_owned())
    );
    assert_eq!(offer(&[("DISABLETLS", "")]), (false, unknown.to_owned()));
    let service = Service::start(&dialogue, &[]);
    let mut client = Client::spawn(service.openssl(&["-quiet", "-starttls", "smtp"]));
    let offer = client.say("EHLO x");
    assert!(!offer.contains("STARTTLS"), "{offer}");
    client.expect("STARTTLS", "503 5.5.1 TLS already started");
}

/// A key that cannot be used: plain mail goes on, the log says what to do.
#[test]
fn a_key_that_others_can_read_turns_tls_off_loudly() {
    if !programs::ours() || !has("openssl") {
        return;
    }
    let dialogue = Dialogue::new();
    let home = &dialogue.home;
    make_certificate(home, "mx.test.example");
    let key = home.path().join("control/serverkey.pem");
    let check = |words: &str| {
        let output = dialogue
            .server()
            .stdin("EHLO x\r\nSTARTTLS\r\nQUIT\r\n")
            .output();
        let replies = output.stdout_text();
        assert!(!replies.contains("-STARTTLS"), "{replies}");
        assert!(
            replies.contains("\n454 4.7.0 TLS not available now"),
            "{replies}"
        );
        let log = output.stderr_text();
        assert!(log.starts_with("qmail-smtpd: warning: no TLS: "), "{log}");
        assert!(log.contains(words), "{log}");
        assert_eq!(output.code(), Some(0));
    };
    home.give(&key, 0o644);
    check(&format!(
        "can be read by every user: chmod o= {}",
        key.display()
    ));
    make_small_certificate(home, "serverkey.pem", "other");
    check("does not belong to the certificate in");
    home.write("control/serverkey.pem", b"nothing\n");
    check("holds no private key");
    std::fs::remove_file(&key).expect("key");
    check("servercert.pem holds no private key");
    home.write("control/servercert.pem", b"");
    check("holds no certificate");
}

/// The account of the service must be able to read it.
#[test]
fn a_key_of_somebody_else_is_told_to_be_given() {
    if !programs::ours() || !has("openssl") || !nix::unistd::getuid().is_root() {
        return;
    }
    let dialogue = Dialogue::new();
    make_certificate(&dialogue.home, "mx.test.example");
    let key = dialogue.home.path().join("control/serverkey.pem");
    std::os::unix::fs::chown(&key, Some(0), Some(0)).expect("chown");
    let output = dialogue.server().stdin("QUIT\r\n").output();
    let log = output.stderr_text();
    let path = key.display();
    assert!(
        log.contains(&format!("chown ACCOUNT {path}; chmod 600 {path}")),
        "{log}"
    );
}

/// "530 5.7.0" to everything but NOOP, EHLO, STARTTLS and QUIT.
#[test]
fn a_service_that_insists_on_tls_does_nothing_before_it() {
    if !programs::ours() || !has("openssl") {
        return;
    }
    let dialogue = Dialogue::new();
    make_small_certificate(&dialogue.home, "servercert.pem", "mx");
    let service = Service::start(&dialogue, &[("FORCETLS", "1")]);
    let mut client = service.client();
    client.reply();
    for line in [
        "HELO x",
        "MAIL FROM:<s@h>",
        "RCPT TO:<r@local.example>",
        "DATA",
        "RSET",
        "VRFY x",
        "HELP",
        "X",
    ] {
        client.expect(line, "530 must issue a STARTTLS command first");
    }
    client.expect("NOOP", "250 ok").expect("EHLO x", "250");
    client.expect("MAIL FROM:<s@h>", "530 5.7.0 must issue");
    client.expect("QUIT", "221");
    let mut client = Client::spawn(service.openssl(&["-quiet", "-starttls", "smtp"]));
    deliver(&mut client);
    assert_eq!(dialogue.recorded(1).len(), 1);
    // An old device that the rules of the listener excuse.
    let excused = Service::start(&dialogue, &[("FORCETLS", "1"), ("DISABLETLS", "1")]);
    let mut client = excused.client();
    client.reply();
    client.expect("MAIL FROM:<s@h>", "250");
}

#[test]
fn without_a_certificate_forced_tls_means_no_mail_at_all() {
    if !programs::ours() {
        return;
    }
    let dialogue = Dialogue::new();
    let output = dialogue
        .server()
        .env("FORCETLS", "")
        .stdin("EHLO x\r\nSTARTTLS\r\nMAIL FROM:<s@h>\r\nQUIT\r\n")
        .output();
    let replies = output.stdout_text();
    assert!(replies.contains("\n454 4.7.0 "), "{replies}");
    assert!(replies.contains("\n530 5.7.0 "), "{replies}");
    assert!(output.stderr_text().contains("servercert.pem is missing"));
    let output = dialogue
        .server()
        .env("SMTPS", "")
        .stdin("QUIT\r\n")
        .output();
    assert_eq!((output.code(), output.stdout.len()), (Some(1), 0));
}

/// RFC 8314: "a TLS connection is established immediately", then the greeting.
#[test]
fn smtps_begins_with_the_handshake() {
    if !programs::ours() || !has("openssl") {
        return;
    }
    let dialogue = Dialogue::new();
    make_certificate(&dialogue.home, "mx.test.example");
    let service = Service::start(&dialogue, &[("SMTPS", "1")]);
    let mut client = Client::spawn(service.openssl(&["-quiet"]));
    assert_eq!(client.reply(), "220 test.example ESMTP\n");
    deliver(&mut client);
    assert_eq!(dialogue.recorded(1).len(), 1);
    let mut plain = service.client();
    plain.send("EHLO x\r\nQUIT\r\n");
    assert!(!plain.rest().contains("250"));
}

#[test]
fn a_client_is_shown_the_certificate_of_the_name_it_asks_for() {
    if !programs::ours() || !has("openssl") {
        return;
    }
    let dialogue = Dialogue::new();
    let home = &dialogue.home;
    make_certificate(home, "everybody.example");
    home.mkdir("control/servercerts");
    make_small_certificate(home, "servercerts/a.example.pem", "a.example");
    make_small_certificate(home, "servercerts/b.example.pem", "b.example");
    home.give(
        &home.path().join("control/servercerts/b.example.pem"),
        0o644,
    );
    let service = Service::start(&dialogue, &[("SMTPS", "1")]);
    for (asked, shown) in [
        ("a.example", "a.example"),
        ("A.Example", "a.example"),
        ("c.example", "everybody.example"),
        ("b.example", "everybody.example"),
    ] {
        assert_eq!(
            subject(&mut service.openssl(&["-servername", asked])),
            shown
        );
    }
    service.wait_for_log("b.example.pem can be read by every user");
}

#[test]
fn a_new_certificate_is_used_by_the_next_session() {
    if !programs::ours() || !has("openssl") {
        return;
    }
    let dialogue = Dialogue::new();
    let service = Service::start(&dialogue, &[("SMTPS", "1")]);
    for name in ["one.example", "two.example", "three.example"] {
        make_small_certificate(&dialogue.home, "servercert.pem", name);
        assert_eq!(subject(&mut service.openssl(&[])), name);
    }
}

/// The name in the certificate that openssl was shown.
fn subject(command: &mut Command) -> String {
    let output = command
        .stdin(std::process::Stdio::null())
        .output()
        .expect("openssl");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("subject="));
    line.unwrap_or_else(|| panic!("{text}"))
        .replace(' ', "")
        .trim_start_matches("CN=")
        .to_owned()
}
