//! qmail-remote(8): arguments, control files, the conversation and every report.

use std::net::TcpListener;

use harness::home::Home;
use harness::peer::{Act, Script, Server, Step};
use harness::run::Output;

const MESSAGE: &str = "Subject: test\n\nbody\n.dot\n";

/// A home whose mail all goes to one relay.
fn home_with_relay(relay: &str) -> Home {
    let home = Home::new();
    home.control("smtproutes", &format!(":{relay}\n"));
    home
}

fn remote(home: &Home, arguments: &[&str], message: impl AsRef<[u8]>) -> Output {
    home.program("qmail-remote")
        .args(arguments)
        .stdin(message)
        .output()
}

/// Sends to three recipients through a server that behaves like this; returns what was reported, with `|`
/// for NUL and `IP` for the address, and what the client sent.
fn deliver(script: Script, message: impl AsRef<[u8]>) -> (String, String) {
    let server = Server::start(script);
    let home = home_with_relay(&server.relay());
    let arguments = [
        "dest.example",
        "s@x.example",
        "a@dest.example",
        "b@dest.example",
        "c@dest.example",
    ];
    let output = remote(&home, &arguments, message);
    output.assert_exit(0);
    assert_eq!(output.stderr_text(), "");
    let sessions = server.wait_for_sessions(1);
    let sent = String::from_utf8(sessions[0].received.clone()).unwrap();
    (shown(&output), sent)
}

fn shown(output: &Output) -> String {
    output
        .stdout_text()
        .replace('\0', "|")
        .replace("127.0.0.1", "IP")
}

#[track_caller]
fn check(script: Script, report: &str, last_command: &str) {
    let (reported, sent) = deliver(script, MESSAGE);
    assert_eq!(reported, report);
    let last = sent.lines().last().unwrap_or_default();
    assert_eq!(last, last_command, "of {sent:?}");
}

fn on(step: Step, reply: &str) -> Script {
    Script::new().on(step, reply)
}

#[test]
fn a_message_is_sent_and_reported_for_every_recipient() {
    let (report, sent) = deliver(Script::new(), MESSAGE);
    assert_eq!(
        report,
        "r|r|r|KIP accepted message.\nRemote host said: 250 ok queued as X\n|"
    );
    assert_eq!(
        sent,
        "HELO test.example\r\nMAIL FROM:<s@x.example>\r\nRCPT TO:<a@dest.example>\r\n\
         RCPT TO:<b@dest.example>\r\nRCPT TO:<c@dest.example>\r\nDATA\r\n\
         Subject: test\r\n\r\nbody\r\n..dot\r\n.\r\nQUIT\r\n"
    );
}

#[test]
fn a_refused_greeting_defers() {
    let greeting = "but greeting failed.\nRemote host said:";
    check(
        on(Step::Greeting, "421 busy"),
        &format!("ZConnected to IP {greeting} 421 busy\n|"),
        "QUIT",
    );
    check(
        on(Step::Greeting, "554-no\r\n554 service"),
        &format!("ZConnected to IP {greeting} 554-no\n554 service\n|"),
        "QUIT",
    );
    check(
        on(Step::Greeting, "\r\n220 late"),
        &format!("ZConnected to IP {greeting} \n220 late\n|"),
        "QUIT",
    );
}

#[test]
fn a_refused_name_defers() {
    check(
        on(Step::Hello, "550 go away"),
        "ZConnected to IP but my name was rejected.\nRemote host said: 550 go away\n|",
        "QUIT",
    );
}

#[test]
fn a_refused_sender_fails_or_defers_by_code() {
    let text = "Connected to IP but sender was rejected.\nRemote host said:";
    check(
        on(Step::Mail, "550 no"),
        &format!("D{text} 550 no\n|"),
        "QUIT",
    );
    check(
        on(Step::Mail, "450 later"),
        &format!("Z{text} 450 later\n|"),
        "QUIT",
    );
    check(on(Step::Mail, "blah"), &format!("Z{text} blah\n|"), "QUIT");
}

#[test]
fn each_recipient_is_judged_by_itself() {
    let script = Script::new().on(
        Step::Recipient,
        ["250 ok", "550-multi\r\n550 no user", "451 grey"],
    );
    let report = "r|hIP does not like recipient.\nRemote host said: 550-multi\n550 no user\n|\
        sIP does not like recipient.\nRemote host said: 451 grey\n|\
        KIP accepted message.\nRemote host said: 250 ok queued as X\n|";
    check(script, report, "QUIT");
}

#[test]
fn without_any_recipient_there_is_no_data() {
    let each = "sIP does not like recipient.\nRemote host said: 451 grey\n|";
    let report = format!("{each}{each}{each}DGiving up on IP.\n|");
    let (reported, sent) = deliver(on(Step::Recipient, "451 grey"), MESSAGE);
    assert_eq!(reported, report);
    assert!(
        !sent.contains("DATA") && sent.ends_with("QUIT\r\n"),
        "{sent:?}"
    );
}

#[test]
fn refused_data_fails_or_defers_by_code() {
    let text = "IP failed on DATA command.\nRemote host said:";
    check(
        on(Step::Data, "554 no"),
        &format!("r|r|r|D{text} 554 no\n|"),
        "QUIT",
    );
    check(
        on(Step::Data, "451 later"),
        &format!("r|r|r|Z{text} 451 later\n|"),
        "QUIT",
    );
    check(
        on(Step::Data, "250 odd"),
        "r|r|r|KIP accepted message.\nRemote host said: 250 ok queued as X\n|",
        "QUIT",
    );
}

#[test]
fn a_refused_message_fails_or_defers_by_code() {
    let text = "IP failed after I sent the message.\nRemote host said:";
    check(
        on(Step::Message, "554 spam"),
        &format!("r|r|r|D{text} 554 spam\n|"),
        "QUIT",
    );
    check(
        on(Step::Message, "452 full"),
        &format!("r|r|r|Z{text} 452 full\n|"),
        "QUIT",
    );
    check(
        on(Step::Message, "0h no"),
        &format!("r|r|r|Z{text} 0h no\n|"),
        "QUIT",
    );
}

#[test]
fn a_connection_that_breaks_defers() {
    for act in [Act::Close, Act::Abort] {
        let died = "ZConnected to IP but connection died. (#4.4.2)\n|";
        check(Script::new().on(Step::Greeting, act.clone()), died, "");
        check(
            Script::new().on(Step::Hello, act.clone()),
            died,
            "HELO test.example",
        );
        let died = format!("r|r|r|{died}");
        check(Script::new().on(Step::Data, act), &died, "DATA");
    }
}

#[test]
fn after_the_final_dot_a_duplicate_is_possible() {
    for act in [
        Act::Close,
        Act::Abort,
        Act::from("250-never finished").then_close(),
    ] {
        check(
            Script::new().on(Step::Message, act),
            "r|r|r|ZConnected to IP but connection died. Possible duplicate! (#4.4.2)\n|",
            ".",
        );
    }
}

#[test]
fn a_server_that_closes_after_a_refusal_is_quoted_all_the_same() {
    check(
        Script::new().on(Step::Mail, Act::from("421 closing").then_close()),
        "ZConnected to IP but sender was rejected.\nRemote host said: 421 closing\n|",
        "MAIL FROM:<s@x.example>",
    );
}

#[test]
fn silence_is_waited_for_as_long_as_timeoutremote_says() {
    let server = Server::start(Script::new().on(Step::Mail, Act::Silence));
    let home = home_with_relay(&server.relay());
    home.control("timeoutremote", "1\n");
    let output = remote(&home, &["h", "s@x", "r@h"], MESSAGE);
    assert_eq!(
        shown(&output),
        "ZConnected to IP but connection died. (#4.4.2)\n|"
    );
}

#[test]
fn a_reply_without_end_is_no_reply() {
    let flood = Act::Flood(b"250-and again\r\n".repeat(100));
    check(
        Script::new().on(Step::Hello, flood),
        "ZConnected to IP but connection died. (#4.4.2)\n|",
        "HELO test.example",
    );
}

#[test]
fn a_long_reply_is_quoted_up_to_5000_bytes() {
    let reply = format!("550 {}", "x".repeat(6000));
    let (report, _) = deliver(on(Step::Mail, &reply), MESSAGE);
    let quoted = &reply[..5000];
    assert_eq!(
        report,
        format!("DConnected to IP but sender was rejected.\nRemote host said: {quoted}|")
    );
}

#[test]
fn nul_in_a_reply_cannot_end_the_report() {
    let reply = Act::Raw(b"550 a\0Kfake\0\r\n".to_vec());
    check(
        Script::new().on(Step::Mail, reply),
        "DConnected to IP but sender was rejected.\nRemote host said: 550 a?Kfake?\n|",
        "QUIT",
    );
}

#[test]
fn a_message_that_ends_inside_a_line_is_refused_and_never_finished() {
    let (report, sent) = deliver(Script::new(), "Subject: x\n\nno newline at the end");
    assert_eq!(
        report,
        "r|r|r|DSMTP cannot transfer messages with partial final lines. (#5.6.2)\n|"
    );
    assert!(sent.ends_with("DATA\r\n"), "{sent:?}");
}

#[test]
fn a_long_message_that_ends_inside_a_line_gets_no_end_of_data_either() {
    let (report, sent) = deliver(
        Script::new(),
        [b"line\n".repeat(50_000), b"x".to_vec()].concat(),
    );
    assert!(report.contains("#5.6.2"), "{report}");
    assert!(!sent.contains("\r\n.\r\n"), "an end of data");
}

#[test]
fn local_parts_are_quoted_where_smtp_demands_it() {
    let server = Server::start(Script::new());
    let home = home_with_relay(&server.relay());
    let recipients = [
        "a b@h", "a.b@h", "a..b@h", "\"q\"@h", "a\\b@h", "a@b@h", "no-host",
    ];
    remote(
        &home,
        &[&["h", "se nder@x"], &recipients[..]].concat(),
        MESSAGE,
    );
    let commands = server.wait_for_sessions(1)[0].commands();
    assert_eq!(
        commands[1..9],
        [
            "MAIL FROM:<\"se nder\"@x>",
            "RCPT TO:<\"a b\"@h>",
            "RCPT TO:<a.b@h>",
            "RCPT TO:<\"a..b\"@h>",
            "RCPT TO:<\"\\\"q\\\"\"@h>",
            "RCPT TO:<\"a\\\\b\"@h>",
            "RCPT TO:<\"a@b\"@h>",
            "RCPT TO:<no-host>",
        ]
    );
}

#[test]
fn the_empty_sender_is_empty() {
    let server = Server::start(Script::new());
    remote(
        &home_with_relay(&server.relay()),
        &["h", "", "r@h"],
        MESSAGE,
    );
    assert_eq!(server.wait_for_sessions(1)[0].commands()[1], "MAIL FROM:<>");
}

#[test]
fn an_address_with_a_line_break_never_reaches_the_wire() {
    let server = Server::start(Script::new());
    let home = home_with_relay(&server.relay());
    let output = remote(&home, &["h", "s@x>\r\nRCPT TO:<evil@x", "r@h"], MESSAGE);
    assert!(shown(&output).starts_with("DSorry, the sender address contains a line break"));
    let output = remote(&home, &["h", "s@x", "r@h\nDATA"], MESSAGE);
    assert!(shown(&output).starts_with("DSorry, the recipient address contains a line break"));
    assert_eq!(server.sessions().len(), 0, "no connection is made for them");

    let output = remote(&home, &["h", "s@x", "r@h\rDATA", "good@h"], MESSAGE);
    assert!(
        shown(&output).starts_with("hSorry, the recipient address"),
        "{}",
        shown(&output)
    );
    assert!(
        shown(&output).contains("(#5.1.3)\n|r|KIP accepted"),
        "{}",
        shown(&output)
    );
    let sessions = server.wait_for_sessions(1);
    assert_eq!(sessions[0].commands()[2], "RCPT TO:<good@h>");
}

#[test]
fn fewer_than_three_arguments_are_a_mistake() {
    let home = Home::new();
    for arguments in [&[][..], &["h"], &["h", "s@x"]] {
        let output = remote(&home, arguments, MESSAGE);
        output.assert_exit(0);
        assert_eq!(
            shown(&output),
            "DI (qmail-remote) was invoked improperly. (#5.3.5)\n|"
        );
    }
}

#[test]
fn a_home_that_is_missing_defers() {
    let home = Home::new();
    let gone = home.path().join("gone");
    let run = home
        .program("qmail-remote")
        .env("QMAILHOME", gone)
        .args(["h", "s@x", "r@h"]);
    assert_eq!(
        shown(&run.output()),
        "ZUnable to switch to home directory. (#4.3.0)\n|"
    );
}

#[test]
fn controls_that_cannot_be_used_defer() {
    let unusable: [fn(&Home); 5] = [
        |home| _ = home.no_control("me"),
        |home| _ = home.mkdir("control/smtproutes"),
        |home| _ = home.mkdir("control/helohost"),
        |home| _ = home.mkdir("control/timeoutremote"),
        |home| _ = home.control("smtproutes", "h:relay:port\n"),
    ];
    for make in unusable {
        let home = Home::new();
        make(&home);
        let output = remote(&home, &["h", "s@x", "r@h"], MESSAGE);
        assert_eq!(shown(&output), "ZUnable to read control files. (#4.3.0)\n|");
    }
}

#[test]
fn helohost_goes_before_me() {
    let server = Server::start(Script::new());
    let home = home_with_relay(&server.relay());
    home.control("helohost", "helo.example\n").no_control("me");
    remote(&home, &["h", "s@x", "r@h"], MESSAGE);
    assert_eq!(
        server.wait_for_sessions(1)[0].commands()[0],
        "HELO helo.example"
    );
}

#[test]
fn routes_go_by_host_then_parent_then_the_rest() {
    let servers = [(); 3].map(|()| Server::start(Script::new()));
    let [exact, parent, rest] = servers.each_ref().map(Server::relay);
    let home = Home::new();
    home.control(
        "smtproutes",
        &format!("a.b.example:{exact}\n.b.example:{parent}\n:{rest}\n"),
    );
    for (host, expected) in [
        ("A.b.example", 0),
        ("x.a.b.example", 1),
        ("b.example", 2),
        ("c.example", 2),
    ] {
        let before = servers.each_ref().map(|server| server.messages().len());
        remote(&home, &[host, "s@x", "r@h"], MESSAGE);
        let after = servers.each_ref().map(|server| server.messages().len());
        let mut expected_after = before;
        expected_after[expected] += 1;
        assert_eq!(after, expected_after, "{host}");
    }
}

#[test]
fn a_refused_connection_defers() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let relay = listener.local_addr().unwrap().to_string();
    drop(listener);
    let home = home_with_relay(&relay);
    let output = remote(&home, &["h", "s@x", "r@h"], MESSAGE);
    let expected = "ZSorry, I wasn't able to establish an SMTP connection. (#4.4.1)\n|";
    assert_eq!(shown(&output), expected);
    assert_eq!(
        home.read("queue/lock/tcpto"),
        [0; 1024],
        "a refusal is an answer"
    );
}

#[test]
fn nobody_listening_to_the_report_changes_nothing() {
    let server = Server::start(Script::new());
    let home = home_with_relay(&server.relay());
    let run = home
        .program("qmail-remote")
        .args(["h", "s@x", "r@h"])
        .stdin(MESSAGE)
        .close(1);
    run.output().assert_exit(0);
    assert_eq!(server.wait_for_sessions(1)[0].messages.len(), 1);
}

#[test]
fn a_closed_message_descriptor_sends_nothing() {
    let server = Server::start(Script::new());
    let home = home_with_relay(&server.relay());
    let run = home
        .program("qmail-remote")
        .args(["h", "s@x", "r@h"])
        .close(0);
    let report = shown(&run.output());
    assert!(
        report.contains("ZUnable to read message. (#4.3.0)") || report.contains("accepted"),
        "{report}"
    );
    // std gives the program /dev/null in its place: an empty message, never somebody else's bytes
    assert!(server.messages().iter().all(Vec::is_empty));
}

#[test]
fn a_message_that_cannot_be_read_defers() {
    let server = Server::start(Script::new());
    let home = home_with_relay(&server.relay());
    let directory = std::fs::File::open(home.path()).unwrap();
    let mut command = home
        .program("qmail-remote")
        .args(["h", "s@x", "r@h"])
        .into_command();
    let output = command
        .stdin(directory)
        .stdout(std::process::Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(output.stdout, b"r\0ZUnable to read message. (#4.3.0)\n\0");
    let sessions = server.wait_for_sessions(1);
    assert_eq!(sessions[0].commands().last().unwrap(), "DATA");
    assert!(sessions[0].messages.is_empty());
}
