//! The whole pipeline: each of its programs killed before each call that changes something, then
//! everything started again and drained. Nothing is lost, nothing torn, and a copy comes twice at
//! most where its delivery was under way.

use harness::home::Home;
use harness::hunt::{Hunt, Victim, hunt};
use harness::peer::{Script, Server};
use harness::{tree, wait};
use nix::sys::signal::Signal;

/// What is queued, and how it can be told to have arrived.
struct Scene<'a> {
    prepare: &'a dyn Fn(&Home),
    sender: &'a str,
    recipients: &'a [&'a str],
    /// How many messages come of it, each of the later ones made by a delivery of an earlier one.
    ends: usize,
    /// The programs that are killed.
    programs: &'a [&'a str],
    /// How often each thing that must arrive has arrived.
    arrivals: &'a dyn Fn(&Home) -> Vec<usize>,
}

#[test]
fn two_local_recipients() {
    check(&Scene {
        prepare: &|_| {},
        sender: "s@test.example",
        recipients: &["u-one@test.example", "u-two@test.example"],
        ends: 1,
        programs: &ALL_LOCAL,
        arrivals: &|home| {
            vec![
                whole_copies(home, "u-one@test.example"),
                whole_copies(home, "u-two@test.example"),
            ]
        },
    });
}

#[test]
fn an_mbox() {
    check(&Scene {
        prepare: &|home| {
            home.dot_qmail("u", "box", "./Mailbox\n");
        },
        sender: "s@test.example",
        recipients: &["u-box@test.example"],
        ends: 1,
        programs: &ALL_LOCAL,
        arrivals: &|home| {
            let messages = home.mbox("u");
            vec![
                messages
                    .iter()
                    .filter(|message| message.ends_with(BODY))
                    .count(),
            ]
        },
    });
}

#[test]
fn a_forward() {
    check(&Scene {
        prepare: &|home| {
            home.dot_qmail("u", "away", "&u-one@test.example\n");
        },
        sender: "s@test.example",
        recipients: &["u-away@test.example"],
        ends: 2,
        programs: &[
            "qmail-send",
            "qmail-clean",
            "qmail-lspawn",
            "qmail-local",
            "qmail-queue",
        ],
        arrivals: &|home| vec![whole_copies(home, "u-one@test.example")],
    });
}

#[test]
fn a_bounce() {
    check(&Scene {
        prepare: &|_| {},
        sender: "u-sender@test.example",
        recipients: &["nobody@test.example"],
        ends: 2,
        programs: &[
            "qmail-send",
            "qmail-clean",
            "qmail-lspawn",
            "qmail-getpw",
            "qmail-queue",
        ],
        arrivals: &|home| {
            let notices = home.maildir("u").into_iter().filter(|message| {
                let text = String::from_utf8_lossy(message);
                text.contains("<nobody@test.example>:\nSorry") && message.ends_with(BODY)
            });
            vec![notices.count()]
        },
    });
}

#[test]
fn a_remote_recipient() {
    let server = Server::start(Script::new());
    let relay = format!(":{}\n", server.relay());
    let seen = std::cell::Cell::new(0);
    check(&Scene {
        prepare: &|home| {
            home.control("smtproutes", &relay);
            seen.set(server.messages().len());
        },
        sender: "s@test.example",
        recipients: &["r@far.example"],
        ends: 1,
        programs: &["qmail-send", "qmail-clean", "qmail-rspawn", "qmail-remote"],
        arrivals: &|_| {
            let body = String::from_utf8_lossy(BODY).replace('\n', "\r\n");
            let messages = server.messages().split_off(seen.get());
            let whole = |message: &&Vec<u8>| message.ends_with(body.as_bytes());
            vec![messages.iter().filter(whole).count()]
        },
    });
}

fn check(scene: &Scene<'_>) {
    let (home, undisturbed) = play(scene, None);
    let arrived = (scene.arrivals)(&home);
    assert!(
        arrived.iter().all(|count| *count == 1),
        "undisturbed: {arrived:?}"
    );
    let (mut planned, mut struck) = (0, 0);
    for program in scene.programs {
        let calls = undisturbed.calls.get(*program).copied().unwrap_or_default();
        assert!(
            calls > 0,
            "{program} changes nothing: {:?}",
            undisturbed.calls
        );
        for number in 0..calls {
            let victim = Victim {
                program: (*program).to_owned(),
                number,
            };
            let (home, hunt) = play(scene, Some(&victim));
            let what = hunt
                .struck
                .clone()
                .unwrap_or_else(|| format!("{victim:?} not met"));
            planned += 1;
            struck += usize::from(hunt.struck.is_some());
            drain(&home, &what, &hunt.log);
            let arrived = (scene.arrivals)(&home);
            // Under way at the death was at most one delivery of each message; each may be done
            // again.
            let right = arrived
                .iter()
                .all(|count| (1..=1 + scene.ends).contains(count));
            assert!(right, "{what}: arrived {arrived:?} times\n{}", hunt.log);
        }
    }
    // The order of events is not the same every time, so a late call may not come.
    assert!(
        struck * 10 >= planned * 8,
        "{struck} of {planned} calls were struck"
    );
}

/// Queues the message in a fresh home and lets the daemons work on it, one of them with an end.
fn play(scene: &Scene<'_>, victim: Option<&Victim>) -> (Home, Hunt) {
    let home = Home::new();
    home.user("u").dot_qmail("u", "default", "./Maildir/\n");
    (scene.prepare)(&home);
    let mut envelope = format!("F{}\0", scene.sender);
    for recipient in scene.recipients {
        envelope.push_str(&format!("T{recipient}\0"));
    }
    envelope.push('\0');
    home.program("qmail-queue")
        .stdin(BODY)
        .fd(1, envelope)
        .output()
        .assert_exit(0);
    let hunt = hunt(&home, victim, |log| {
        log.matches("\nend msg ").count() >= scene.ends
    });
    tree::look(home.path()).assert_documented();
    (home, hunt)
}

/// Starts everything again and lets it do what is left, without waiting for the usual times.
#[track_caller]
fn drain(home: &Home, what: &str, before: &str) {
    let mut daemons = home.start_daemons();
    // A look is not done in an instant: a message that becomes another one meanwhile (a bounce, a
    // forward) can hide from one look, but not from two.
    let is_empty = || tree::look(home.path()).in_queue().is_empty();
    let empty = wait::within(wait::PATIENCE, || {
        daemons.signal("qmail-send", Signal::SIGALRM);
        (is_empty() && is_empty()).then_some(())
    });
    assert!(
        empty.is_some(),
        "{what}: does not drain\n{before}--\n{}",
        daemons.log()
    );
    let status = daemons.term();
    assert_eq!(status.code(), Some(0), "{what}: {}", daemons.log());
}

/// How many messages for this recipient in u's Maildir end with the body as it was sent.
fn whole_copies(home: &Home, recipient: &str) -> usize {
    let line = format!("Delivered-To: {recipient}\n");
    let messages = home.maildir("u");
    let mine = messages
        .iter()
        .filter(|message| String::from_utf8_lossy(message).contains(&line));
    mine.inspect(|message| assert!(message.ends_with(BODY), "torn: {}", message.escape_ascii()))
        .count()
}

const ALL_LOCAL: [&str; 5] = [
    "qmail-start",
    "qmail-send",
    "qmail-clean",
    "qmail-lspawn",
    "qmail-local",
];
const BODY: &[u8] = b"Subject: x\n\nthe last line\n";
