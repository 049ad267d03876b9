//! qmail-command(8): what a command is given, and what its exit code means.

use harness::programs;
use harness::run::Output;

use super::one_delivery::Alice;

#[track_caller]
fn check(done: &Output, code: i32, stderr: &str) {
    done.assert_exit(code);
    assert_eq!(done.stderr_text(), stderr);
}

#[test]
fn commands_find_the_delivery_in_their_environment() {
    let alice = Alice::new();
    alice.file(".qmail-e-default", "|env -0 >got\n");
    alice.file(".qmail-e-a:b-owner", "");
    let run = alice
        .delivery()
        .ext("e-A.b")
        .domain("host.a.b.c")
        .sender("s x@y")
        .prepare();
    run.env("KEPT", "1")
        .env("DEFAULT", "stale")
        .output()
        .assert_exit(0);
    let got = String::from_utf8(alice.read("got")).expect("text");
    let all: Vec<&str> = got.split('\0').collect();
    let home = format!("HOME={}", alice.path("").display());
    for expected in [
        "USER=alice",
        &home,
        "LOCAL=alice-e-A.b",
        "HOST=host.a.b.c",
        "HOST2=host.a.b",
        "HOST3=host.a",
        "HOST4=host",
        "EXT=e-A.b",
        "EXT2=A.b",
        "EXT3=",
        "EXT4=",
        "DEFAULT=A.b",
        "SENDER=s x@y",
        "NEWSENDER=alice-e-A.b-owner@host.a.b.c",
        "RECIPIENT=alice-e-A.b@host.a.b.c",
        "DTLINE=Delivered-To: alice-e-A.b@host.a.b.c\n",
        "RPLINE=Return-Path: <\"s x\"@y>\n",
        "KEPT=1",
    ] {
        let name = expected.split_once('=').expect("name=value").0;
        let found: Vec<_> = all
            .iter()
            .filter(|one| one.split_once('=').is_some_and(|(key, _)| key == name))
            .collect();
        assert_eq!(found, [&expected]);
    }
    let from = all
        .iter()
        .find_map(|one| one.strip_prefix("UFLINE="))
        .expect("UFLINE");
    assert!(
        from.starts_with("From s-x@y ") && from.ends_with('\n'),
        "{from}"
    );
}

#[test]
fn default_is_not_inherited() {
    if !programs::ours() {
        // The original leaves a variable of its caller alone.
        return;
    }
    let alice = Alice::new();
    alice.file(".qmail", "|printf %s \"${DEFAULT-unset}\" >got\n");
    alice
        .delivery()
        .prepare()
        .env("DEFAULT", "stale")
        .output()
        .assert_exit(0);
    assert_eq!(alice.read("got"), b"unset");
}

#[test]
fn what_strangers_write_is_never_shell_text() {
    let alice = Alice::new();
    alice.file(
        ".qmail-default",
        "|printf %s \"$SENDER $EXT $DEFAULT\" >got\n",
    );
    let evil = "$(touch pwned)`touch pwned`;touch pwned;\"|touch pwned";
    let done = alice.delivery().ext(evil).sender(evil).run();
    done.assert_exit(0);
    assert_eq!(
        alice.read("got"),
        format!("{evil} {evil} {evil}").as_bytes()
    );
    assert!(!alice.path("pwned").exists());
}

#[test]
fn commands_start_in_the_home_with_a_private_umask_and_a_fresh_message() {
    let alice = Alice::new();
    alice.file(
        ".qmail",
        "|head -c 3 >one; pwd >where; umask >mask\n|cat >two\n",
    );
    let done = alice.delivery().run();
    check(&done, 0, "");
    assert_eq!(done.stdout_text(), "did 0+0+2\n");
    assert_eq!(alice.read("two"), b"Subject: test\n\nbody\n");
    assert!(alice.read("two").starts_with(&alice.read("one")));
    assert_eq!(alice.read("mask"), b"0077\n");
    let home = format!("{}\n", alice.path("").display()).replace("alice/\n", "alice\n");
    assert_eq!(alice.read("where"), home.as_bytes());
}

#[test]
fn commands_have_no_descriptors_but_three_and_default_signals() {
    if !programs::ours() {
        // The original passes on what it was started with.
        return;
    }
    let alice = Alice::new();
    alice.file(".qmail", "|ls /proc/self/fd >open\n");
    let run = alice.delivery().prepare().fd(5, "a secret");
    run.output().assert_exit(0);
    // 3 is the directory that ls is reading.
    assert_eq!(alice.read("open"), b"0\n1\n2\n3\n");
    alice.file(".qmail", "|kill -PIPE $$; exit 0\n");
    check(
        &alice.delivery().run(),
        111,
        "Aack, child crashed. (#4.3.0)\n",
    );
}

#[test]
fn exit_codes_of_commands_are_those_of_qmail_command() {
    for (command, own) in [
        (0, 0),
        (99, 0),
        (100, 100),
        (64, 100),
        (65, 100),
        (70, 100),
        (76, 100),
        (77, 100),
        (78, 100),
        (112, 100),
        (1, 111),
        (66, 111),
        (71, 111),
        (75, 111),
        (98, 111),
        (111, 111),
        (127, 111),
        (255, 111),
    ] {
        let alice = Alice::new();
        alice.file(
            ".qmail",
            format!("|echo said; echo why >&2; exit {command}\n./Mailbox\n"),
        );
        let done = alice.delivery().run();
        check(&done, own, "why\n");
        let summary = match command {
            0 => "said\ndid 1+0+1\n",
            99 => "said\ndid 0+0+1\n",
            _ => "said\n",
        };
        assert_eq!(done.stdout_text(), summary, "exit {command}");
        assert_eq!(
            alice.path("Mailbox").exists(),
            command == 0,
            "exit {command}"
        );
    }
}

#[test]
fn a_command_too_long_for_the_system_defers() {
    let alice = Alice::new();
    alice.file(".qmail", format!("|: {}\n", "x".repeat(200_000)));
    check(
        &alice.delivery().run(),
        111,
        "Unable to run /bin/sh: argument list too long. (#4.3.0)\n",
    );
}
