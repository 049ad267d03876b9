//! Attacks on local delivery: what stands in .qmail files and homes, what strangers put into
//! addresses, where mailboxes lead, loops.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};

use harness::home::Home;
use nix::sys::stat::Mode;

use crate::man::one_delivery::Alice;

/// Puts something into alice's home.
type Make = fn(&Alice);

/// Runs the delivery: it must defer, and nothing may have come of it.
#[track_caller]
fn check_defers(alice: &Alice, what: &str) {
    let done = alice.delivery().run();
    assert_eq!(done.code(), Some(111), "{what}: {}", done.stderr_text());
    assert!(!alice.path("Mailbox").exists(), "{what}");
    assert!(alice.names("Maildir/new").is_empty(), "{what}");
    let names = alice.names("Maildir");
    assert_eq!(names, ["cur", "new", "tmp"], "{what}");
    assert!(alice.queued().is_empty(), "{what}");
    assert!(!done.stderr_text().contains("panicked"), "{what}");
}

#[test]
fn orders_that_cannot_be_meant_defer() {
    let contents: [&[u8]; 14] = [
        b"\n",
        b"\n./Mailbox\n",
        b" \t \n&x@y.example\n",
        b"\0\n./Mailbox\n",
        b"\0./Mailbox\n",
        b"./Maildir/\r\n",
        b"./Maildir/\r",
        b"./Maildir/\n./Mailbox\r\n",
        b"&x@y.example\r \n",
        b"\r\n./Mailbox\r\n",
        b"|cat\r\n",
        b"+list\r\n&x@y.example\r\n",
        b"# comment\r\n./Mailbox\r\n",
        b"./Maildir/ \r\t\n",
    ];
    for content in contents {
        let alice = Alice::new();
        alice.maildir("Maildir").file(".qmail", content);
        check_defers(&alice, &content.escape_ascii().to_string());
    }
}

#[test]
fn a_comment_may_end_in_a_carriage_return_and_a_line_may_hold_one() {
    let alice = Alice::new();
    alice.file(".qmail", "# comment\r\n|printf 'a\rb' >out\n");
    alice.delivery().run().assert_exit(0);
    assert_eq!(alice.read("out"), b"a\rb");
}

#[test]
fn files_and_homes_that_others_may_write_to_defer() {
    for (name, mode) in [("", 0o757), ("", 0o1757), ("", 0o1755), (".qmail", 0o646)] {
        let alice = Alice::new();
        alice.maildir("Maildir").file(".qmail", "./Maildir/\n");
        alice.mode(name, mode);
        check_defers(&alice, &format!("{name:?} {mode:o}"));
    }
}

#[test]
fn what_is_no_readable_file_never_hangs_and_never_fills_the_memory() {
    let kinds: [(&str, Make); 7] = [
        ("a pipe", |alice| {
            nix::unistd::mkfifo(&alice.path(".qmail"), Mode::S_IRWXU).expect("fifo");
            alice.mode(".qmail", 0o600);
        }),
        ("a directory", |alice| {
            alice.home.mkdir("mail/alice/.qmail");
        }),
        ("an endless device", |alice| {
            symlink("/dev/zero", alice.path(".qmail")).expect("link");
        }),
        ("a link to nothing", |alice| {
            symlink("nowhere", alice.path(".qmail")).expect("link");
        }),
        ("a link to itself", |alice| {
            symlink(".qmail", alice.path(".qmail")).expect("link");
        }),
        ("two gigabytes", |alice| {
            let file = File::create(alice.path(".qmail")).expect("file");
            file.set_len(2 << 30).expect("a hole");
        }),
        ("a closed file", |alice| {
            alice.file(".qmail", "&x@y.example\n").mode(".qmail", 0);
        }),
    ];
    for (what, make) in kinds {
        let alice = Alice::new();
        make(&alice);
        let done = alice.delivery().run();
        // What is no file is not there, as ever: then the default delivery counts.
        let delivered = alice.path("Mailbox").exists();
        let code = if delivered { 0 } else { 111 };
        done.assert_exit(code);
        let is_file = matches!(what, "two gigabytes" | "a closed file");
        assert_eq!(delivered, !is_file, "{what}");
    }
}

#[test]
fn an_extension_never_leads_out_of_the_home() {
    let alice = Alice::new();
    alice.home.mkdir("mail/alice/.qmail-a");
    alice.home.mkdir("mail/alice/.qmail-");
    alice.file("secret", "|touch pwned\n");
    alice.home.write("mail/outside", b"|touch pwned\n");
    alice.file(".qmail-a/b", "|touch \"found$EXT\"\n");
    for ext in [
        "../../etc/passwd",
        "/../secret",
        "a/../secret",
        "/../../outside",
        "..",
        "/",
    ] {
        let done = alice.delivery().ext(ext).run();
        assert_eq!(done.code(), Some(100), "{ext} {}", done.stderr_text());
    }
    assert!(!alice.path("pwned").exists());
    // Below the home a slash is a slash.
    alice.delivery().ext("a/b").run();
    alice.file(".qmail-a:b", "|touch dot\n");
    alice.delivery().ext("A.B").run().assert_exit(0);
    assert!(alice.path("dot").exists());
    let long = alice.delivery().ext(&"x".repeat(100_000)).run();
    assert!(matches!(long.code(), Some(100 | 111)), "{long:?}");
}

/// What strangers call themselves.
const STRANGERS: [&str; 9] = [
    "() { :; }; touch pwned",
    "$(touch pwned)",
    "`touch pwned`",
    "; touch pwned",
    "-n",
    "a\nBcc: x@y.example",
    "a\n\n|touch pwned",
    "'\"*?[",
    "%s%n\u{9b}\u{1b}[2J",
];

#[test]
fn addresses_of_strangers_are_bytes_to_commands_and_one_line_to_mailboxes() {
    for name in STRANGERS {
        let alice = Alice::new();
        let address = format!("{name}@x.example");
        alice.maildir("Maildir");
        let order = "|printf %s \"$SENDER/$EXT/$HOST/$RECIPIENT\" >out\n./Maildir/\n./Mailbox\n";
        alice.file(".qmail-default", order);
        let delivery = alice.delivery().sender(&address).ext(name).domain(name);
        delivery.run().assert_exit(0);
        let seen = format!("{address}/{name}/{name}/alice-{name}@{name}");
        assert_eq!(alice.read("out"), seen.as_bytes());
        assert!(!alice.path("pwned").exists(), "{name:?}");
        let file = alice
            .path("Maildir/new")
            .join(&alice.names("Maildir/new")[0]);
        let text = fs::read(file).expect("a message");
        let header = text.split(|byte| *byte == b'\n').take(3);
        let header: Vec<_> = header.map(|line| String::from_utf8_lossy(line)).collect();
        assert!(header[0].starts_with("Return-Path: <"), "{header:?}");
        assert!(header[1].starts_with("Delivered-To: "), "{header:?}");
        assert_eq!(header[2], "Subject: test");
        assert_eq!(alice.home.mbox("alice").len(), 1, "{name:?}");
    }
}

#[test]
fn our_helpers_take_no_address_for_an_option() {
    let alice = Alice::new();
    let order = "|forward \"$EXT2\"\n";
    alice.file(".qmail-default", order);
    let delivery = alice.delivery().ext("to--n@y.example");
    let done = delivery.prepare().env("NEWSENDER", "-f").output();
    done.assert_exit(0);
    let (_, envelope) = &alice.queued()[0];
    let text = String::from_utf8_lossy(envelope);
    assert!(text.contains("\0T-n@y.example\0"), "{text:?}");
}

#[test]
fn mailboxes_that_lead_elsewhere_defer_and_harm_nothing() {
    let kinds: [(&str, Make); 4] = [
        ("a pipe nobody reads", |alice| {
            nix::unistd::mkfifo(&alice.path("Mailbox"), Mode::S_IRWXU).expect("fifo");
            alice.home.give(&alice.path("Mailbox"), 0o600);
        }),
        ("a full device", |alice| {
            symlink("/dev/full", alice.path("Mailbox")).expect("link");
        }),
        ("a directory", |alice| {
            alice.home.mkdir("mail/alice/Mailbox");
        }),
        ("another's file", |alice| {
            let other = alice.home.path().join("other");
            fs::write(&other, "kept").expect("file");
            fs::set_permissions(&other, fs::Permissions::from_mode(0o400)).expect("mode");
            symlink(&other, alice.path("Mailbox")).expect("link");
        }),
    ];
    for (what, make) in kinds {
        let alice = Alice::new();
        make(&alice);
        let done = alice.delivery().run();
        assert_eq!(done.code(), Some(111), "{what} {}", done.stderr_text());
    }
}

#[test]
fn a_command_that_dies_defers_whatever_kills_it() {
    for signal in [1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 31] {
        let alice = Alice::new();
        alice.file(".qmail", format!("|kill -{signal} $$\n./Mailbox\n"));
        let done = alice.delivery().run();
        assert_eq!(done.code(), Some(111), "signal {signal}");
        assert!(!alice.path("Mailbox").exists());
    }
}

#[test]
fn a_command_that_reads_nothing_decides_by_its_exit_code() {
    let alice = Alice::new();
    let mut message = b"Subject: x\n\n".to_vec();
    message.resize(3_000_000, b'x');
    for (order, code) in [
        ("exec <&-; exit 0", 0),
        ("exit 100", 100),
        ("exit 111", 111),
    ] {
        alice.file(".qmail", format!("|{order}\n"));
        alice.delivery().message(&message).run().assert_exit(code);
    }
}

#[test]
fn only_our_own_line_in_the_header_is_a_loop() {
    let cases = [
        ("Delivered-To: alice@test.example\n\nbody\n", 100),
        ("delivered-to: alice@test.example\n\nbody\n", 0),
        ("Delivered-To: ALICE@test.example\n\nbody\n", 0),
        ("Delivered-To:\n alice@test.example\n\nbody\n", 0),
        ("Delivered-To: alice@test.example \n\nbody\n", 0),
        ("Delivered-To: \u{e4}lice@test.example\n\nbody\n", 0),
        ("Subject: x\n\nDelivered-To: alice@test.example\n", 0),
    ];
    for (message, code) in cases {
        let alice = Alice::new();
        alice.file(".qmail", "#\n");
        let done = alice.delivery().message(message).run();
        assert_eq!(done.code(), Some(code), "{message:?}");
    }
}

#[test]
fn circles_of_forwards_end() {
    let home = Home::new();
    home.user("a").user("b").user("fan").user("postmaster");
    home.control("doublebounceto", "postmaster\n");
    home.dot_qmail("a", "", "&b@test.example\n");
    home.dot_qmail("b", "", "&a@test.example\n");
    home.dot_qmail("fan", "", "&fan@test.example\n&fan@test.example\n");
    let daemons = home.start_daemons();
    for recipient in ["a", "fan"] {
        let run = home.program("qmail-inject").stdin("Subject: x\n\nbody\n");
        let address = format!("{recipient}@test.example");
        run.args(["-fpostmaster@test.example", &address])
            .output()
            .assert_exit(0);
    }
    daemons.wait_for_lines("delivery", 10);
    daemons.wait_until_empty();
    let bounces = home.maildir("postmaster");
    assert_eq!(bounces.len(), 2, "{}", daemons.log());
    for bounce in bounces {
        assert!(String::from_utf8_lossy(&bounce).contains("This message is looping"));
    }
    assert!(daemons.count("starting delivery") < 20, "{}", daemons.log());
}

#[test]
fn assignments_that_make_no_sense_leave_the_old_database() {
    let home = Home::new();
    home.user("alice");
    let old = home.read("users/cdb");
    let line = "=bob:bob:1:1:/home/bob:::\n";
    let texts: [Vec<u8>; 5] = [
        line.into(),
        b"=bob\n.\n".to_vec(),
        b"=:\n.\n".to_vec(),
        b"=bob:bob:1:1:/home/b\0ob:::\n.\n".to_vec(),
        format!("{line}\n.\n").into(),
    ];
    for text in texts {
        home.write("users/assign", &text);
        home.program("qmail-newu").output().assert_exit(111);
        assert_eq!(home.read("users/cdb"), old, "{}", text.escape_ascii());
    }
    let huge = File::create(home.path().join("users/assign")).expect("file");
    huge.set_len(2 << 30).expect("a hole");
    home.program("qmail-newu").output().assert_exit(111);
    assert_eq!(home.read("users/cdb"), old, "two gigabytes");
}

#[test]
fn a_recipient_is_never_an_option() {
    let home = Home::new();
    home.user("postmaster");
    let daemons = home.start_daemons();
    let long = "x".repeat(33);
    let names = ["-", "--help", "-n", "-N", &long, "root", "ROOT", "Root"];
    let mut envelope = b"Fpostmaster@test.example\0".to_vec();
    for name in names {
        envelope.extend_from_slice(format!("T{name}@test.example\0").as_bytes());
    }
    envelope.extend_from_slice(b"T@test.example\0\0");
    let run = home.program("qmail-queue").stdin("Subject: x\n\n");
    run.fd(1, envelope).output().assert_exit(0);
    // Nobody at all is what a notice about a notice is sent to: it ends there.
    daemons.wait_for_log(": success: ");
    let wanted = names.len();
    let lines = (1..=wanted).map(|count| daemons.wait_for_lines(": failure: ", count));
    let lines: BTreeSet<String> = lines.collect();
    assert_eq!(lines.len(), wanted, "{}", daemons.log());
    let own: Vec<String> = daemons.lines();
    let successes = own.iter().filter(|line| line.ends_with(": success: "));
    assert_eq!(successes.count(), 1, "{}", daemons.log());
}
