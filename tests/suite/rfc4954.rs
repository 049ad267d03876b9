//! RFC 4954 (AUTH): who the client is, through a checkpassword program of a few lines; with swaks and Python as
//! clients.

use std::fs;
use std::process::Command;

use harness::client::Client;
use harness::programs;

use crate::smtp_dialogue::Dialogue;
use crate::smtp_service::{Service, has, make_small_certificate};

/// Knows tim, whose password is secret, in all three ways; `$1` and so on is run when it is right.
const CHECKPASSWORD: &str = r#"#!/bin/sh
cat <&3 >"$RECORD/fd3"
open=$(readlink /proc/$$/fd/0 /proc/$$/fd/1)
echo "$open" >"$RECORD/descriptors"
part() { tr '\000' '\n' <"$RECORD/fd3" | sed -n "$1p"; }
user=$(part 1) password=$(part 2) challenge=$(part 3)
case $user in
trouble) exit 111 ;;
misuse) exit 2 ;;
crash) kill -9 $$ ;;
esac
right=secret
[ -z "$challenge" ] ||
	right=$(printf %s "$challenge" | openssl dgst -md5 -hmac secret | sed 's/.* //')
[ "$user" = tim ] && [ "$password" = "$right" ] && exec "$@"
exit 1
"#;

/// A home with a certificate and the program.
fn dialogue() -> Dialogue {
    let dialogue = Dialogue::new();
    let home = &dialogue.home;
    home.replace_program("checkpassword", CHECKPASSWORD);
    home.control("authmethods", "LOGIN PLAIN CRAM-MD5\n");
    make_small_certificate(home, "servercert.pem", "mx.test.example");
    dialogue
}

/// The service with `HOST checkpassword true` as arguments.
fn service(dialogue: &Dialogue, env: &[(&str, &str)]) -> Service {
    Service::with_arguments(dialogue, env, &["mx.test.example", "checkpassword", "true"])
}

fn can_run() -> bool {
    programs::ours() && has("openssl")
}

/// A session in clear where AUTH is allowed, after EHLO.
fn open(service: &Service) -> Client {
    let mut client = service.client();
    client.reply();
    client.say("EHLO me");
    client
}

const IN_CLEAR: [(&str, &str); 2] = [("ALLOW_INSECURE_AUTH", ""), ("SMTPDLOG", "")];

fn base64(text: &str) -> String {
    String::from_utf8(smtp::sasl::encode(text.as_bytes())).expect("letters")
}

#[test]
fn swaks_logs_in_each_way_and_relays() {
    if !can_run() || !has("swaks") {
        return;
    }
    let dialogue = dialogue();
    let service = service(&dialogue, &[]);
    let send = |mechanism: &str, password: &str| {
        let status = Command::new("swaks")
            .args(["--server", &service.name(), "-tls", "--silent", "3"])
            .args([
                "--auth",
                mechanism,
                "--auth-user",
                "tim",
                "--auth-password",
                password,
            ])
            .args([
                "--from",
                "tim@x.example",
                "--to",
                "r@elsewhere.example",
                "--helo",
                "me",
            ])
            .status()
            .expect("swaks");
        status.code()
    };
    for mechanism in ["PLAIN", "LOGIN", "CRAM-MD5"] {
        assert_eq!(send(mechanism, "secret"), Some(0), "{mechanism}");
    }
    let recorded = dialogue.recorded(3);
    assert_eq!(recorded.len(), 3);
    for message in recorded {
        assert_eq!(
            message.envelope,
            b"Ftim@x.example\0Tr@elsewhere.example\0\0"
        );
        let text = String::from_utf8(message.message).expect("text");
        assert!(text.contains(" with ESMTPSA (TLSv1.3 TLS_"), "{text}");
        assert!(!text.contains("tim@127"), "{text}");
    }
    // 28: "authentication failed"
    for mechanism in ["PLAIN", "LOGIN", "CRAM-MD5"] {
        assert_eq!(send(mechanism, "wrong"), Some(28), "{mechanism}");
    }
}

const SMTPLIB: &str = r#"
import smtplib, ssl, sys
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
with smtplib.SMTP("127.0.0.1", int(sys.argv[1]), local_hostname="me") as client:
    client.starttls(context=context)
    client.login("tim", "secret")
    refused = client.sendmail("tim@x.example", ["a@elsewhere.example", "b@local.example"],
                              "Subject: caf\u00e9\r\n\r\n.\r\n..\r\n".encode(), ["BODY=8BITMIME"])
    assert not refused, refused
"#;

#[test]
fn smtplib_logs_in_and_sends() {
    if !can_run() || !has("python3") {
        return;
    }
    let dialogue = dialogue();
    let service = service(&dialogue, &[]);
    let port = service.address().port().to_string();
    let output = Command::new("python3")
        .args(["-c", SMTPLIB, &port])
        .output()
        .expect("python3");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let message = dialogue.recorded(1).remove(0);
    let text = String::from_utf8(message.message).expect("text");
    assert!(text.ends_with("Subject: caf\u{e9}\n\n.\n..\n"), "{text}");
}

#[test]
fn the_program_sees_the_words_of_the_client_and_nothing_else() {
    if !can_run() {
        return;
    }
    let dialogue = dialogue();
    let service = service(&dialogue, &IN_CLEAR);
    let read = |name: &str| fs::read(dialogue.home.path().join("record").join(name)).expect("read");
    let mut client = open(&service);
    client.expect(
        &format!("AUTH PLAIN {}", base64("\0tim\0secret")),
        "235 2.7.0 ok",
    );
    assert_eq!(read("fd3"), b"tim\0secret\0\0");
    assert_eq!(read("descriptors"), b"/dev/null\n/dev/null\n");
    let mut client = open(&service);
    client.expect("AUTH LOGIN", "334 VXNlcm5hbWU6");
    client.expect("dGlt", "334 UGFzc3dvcmQ6");
    client.expect("c2VjcmV0", "235");
    assert_eq!(read("fd3"), b"tim\0secret\0\0");
    let mut client = open(&service);
    let question = client.say("AUTH CRAM-MD5");
    let challenge = smtp::sasl::decode(question[4..].trim_end().as_bytes()).expect("base64");
    assert!(challenge.starts_with(b"<") && challenge.ends_with(b"@mx.test.example>"));
    client.expect(
        &base64(&format!("tim {}", "0".repeat(32))),
        "535 5.7.8 authentication failed",
    );
    let expected = [
        b"tim\0",
        "0".repeat(32).as_bytes(),
        b"\0",
        &challenge,
        b"\0",
    ]
    .concat();
    assert_eq!(read("fd3"), expected);
    service.wait_for_log(" login client=127.0.0.1 ");
    service.wait_for_log(" reject client=127.0.0.1 host=unknown ehlo=me login=tim reply=535_");
}

#[test]
fn it_waits_for_tls_unless_the_postmaster_says_otherwise() {
    if !can_run() {
        return;
    }
    let dialogue = dialogue();
    let strict = service(&dialogue, &[]);
    let mut client = strict.client();
    client.reply();
    assert!(!client.say("EHLO me").contains("AUTH"));
    client.expect(
        &format!("AUTH PLAIN {}", base64("\0tim\0secret")),
        "538 5.7.11 ",
    );
    assert!(
        !dialogue.home.path().join("record/fd3").exists(),
        "nobody was asked"
    );
    client.expect("MAIL FROM:<s@h>", "250");
    client.expect("RCPT TO:<r@elsewhere.example>", "553");
    // Where TLS is forced, that comes first.
    let forced = service(&dialogue, &[("FORCETLS", "")]);
    let mut client = open(&forced);
    client.expect("AUTH PLAIN", "530 5.7.0 ");
    let lax = service(&dialogue, &IN_CLEAR);
    let mut client = lax.client();
    client.reply();
    assert!(
        client
            .say("EHLO me")
            .contains("AUTH LOGIN PLAIN CRAM-MD5\n")
    );
}

/// "the AUTH command is not permitted during a mail transaction", nor after a successful one.
#[test]
fn it_comes_once_and_between_transactions() {
    if !can_run() {
        return;
    }
    let dialogue = dialogue();
    let service = service(&dialogue, &IN_CLEAR);
    let mut client = open(&service);
    let auth = format!("AUTH PLAIN {}", base64("\0tim\0secret"));
    client
        .expect("MAIL FROM:<s@h>", "250")
        .expect(&auth, "503 5.5.1 no AUTH during");
    client
        .expect("RSET", "250")
        .expect(&auth, "235")
        .expect(&auth, "503 5.5.1 you are already");
    client.expect("MAIL FROM:<s@h>", "250");
    client.expect("RCPT TO:<r@elsewhere.example>", "250");
}

/// "If the client wishes to cancel the authentication exchange, it issues a line with a single "*"."
#[test]
fn an_exchange_can_be_cancelled_and_garbage_ends_it() {
    if !can_run() {
        return;
    }
    let dialogue = dialogue();
    let service = service(&dialogue, &IN_CLEAR);
    let mut client = open(&service);
    let long = "A".repeat(5000);
    for (lines, last) in [
        (&["AUTH PLAIN", "*"][..], "501 5.7.0 "),
        (&["AUTH LOGIN", "*"], "501 5.7.0 "),
        (&["AUTH LOGIN", "dGlt", "*"], "501 5.7.0 "),
        (&["AUTH CRAM-MD5", "*"], "501 5.7.0 "),
        (&["AUTH PLAIN", "MAIL FROM:<a@b>"], "501 5.5.2 "),
        (&["AUTH LOGIN", "RCPT TO:<a@b>"], "501 5.5.2 "),
        (&["AUTH PLAIN ="], "501 5.5.2 "),
        (&["AUTH PLAIN", &long], "500 5.5.6 "),
        (&["AUTH CRAM-MD5 eA=="], "501 5.5.2 "),
        (&["AUTH"], "501 5.5.2 "),
        (&["AUTH DIGEST-MD5"], "504 5.5.4 "),
        (&["NOOP"], "250 2.0.0 "),
    ] {
        let replies: Vec<String> = lines.iter().map(|line| client.say(line)).collect();
        assert!(
            replies.last().expect("one").starts_with(last),
            "{lines:?} {replies:?}"
        );
    }
}

/// "454 4.7.0 Temporary authentication failure": nobody is told that a right password is wrong.
#[test]
fn a_program_that_cannot_say_is_asked_later() {
    if !can_run() {
        return;
    }
    let dialogue = dialogue();
    let lax = service(&dialogue, &IN_CLEAR);
    for user in ["trouble", "misuse", "crash"] {
        let mut client = open(&lax);
        client.expect(
            &format!("AUTH PLAIN {}", base64(&format!("\0{user}\0x"))),
            "454 4.7.0 ",
        );
    }
    let missing = Service::with_arguments(&dialogue, &IN_CLEAR, &["mx", "no-such-program"]);
    let mut client = open(&missing);
    client.expect(
        &format!("AUTH PLAIN {}", base64("\0tim\0secret")),
        "454 4.7.0 ",
    );
    client.expect("QUIT", "221");
}

/// A wrong one costs a second, the next two, the third the session.
#[test]
fn guessing_is_slow_and_soon_over() {
    if !can_run() {
        return;
    }
    let dialogue = dialogue();
    let service = service(&dialogue, &IN_CLEAR);
    let mut client = open(&service);
    let started = std::time::Instant::now();
    let guess = format!("AUTH PLAIN {}\r\n", base64("\0ti\n m\0guess"));
    client.send(guess.repeat(1000));
    let rest = client.rest().replace('\r', "");
    assert_eq!(rest, "535 5.7.8 authentication failed (#5.7.8)\n".repeat(3));
    assert!(started.elapsed().as_secs() >= 3);
    let log = service.stop().stderr_text();
    assert_eq!(log.lines().count(), 3, "{log}");
    assert!(
        log.lines()
            .all(|line| line.contains(" login=ti/_m reply=535_")),
        "{log}"
    );
    assert!(!log.contains("guess"), "{log}");
}

#[test]
fn without_a_program_there_is_no_auth() {
    if !programs::ours() {
        return;
    }
    let dialogue = Dialogue::new();
    for arguments in [&[][..], &["mx.test.example"]] {
        let output = dialogue
            .server()
            .args(arguments)
            .env("ALLOW_INSECURE_AUTH", "")
            .stdin("EHLO x\r\nAUTH PLAIN\r\nQUIT\r\n")
            .output();
        let replies = output.stdout_text();
        assert!(!replies.contains("AUTH"), "{replies}");
        assert!(replies.contains("\n502 5.5.1 unimplemented"), "{replies}");
    }
}

#[test]
fn a_user_sends_from_his_own_addresses_where_they_are_listed() {
    if !can_run() {
        return;
    }
    let dialogue = dialogue();
    dialogue.home.control(
        "senders",
        "# who may be whom\ntim:tim@x.example\ntim:@y.example\nann:ann@x.example\n",
    );
    let service = service(&dialogue, &IN_CLEAR);
    let mut client = open(&service);
    client.expect(&format!("AUTH PLAIN {}", base64("\0tim\0secret")), "235");
    client
        .expect(
            "MAIL FROM:<ann@x.example>",
            "553 5.7.1 sorry, you may not send from that address",
        )
        .expect("MAIL FROM:<>", "553 5.7.1 ")
        .expect("MAIL FROM:<Tim@X.example>", "250")
        .expect("MAIL FROM:<any@y.example>", "250");
    service.wait_for_log(" user=tim mail=FROM:<ann@x.example> reply=553_");
}
