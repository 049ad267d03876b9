//! qmail-rspawn(8): which program runs, and what becomes of its report.

use std::fs;
use std::io::Read;

use harness::home::Home;
use harness::{programs, wait};

use super::hand_fed::{Gate, HandFed, ID, as_root, message};

fn home_with_remote(script: &str) -> Home {
    let home = Home::new();
    message(&home);
    home.replace_program("qmail-remote", &format!("#!/bin/sh\n{script}\n"));
    home
}

fn start(home: &Home) -> HandFed {
    HandFed::on_pipes(home.program("qmail-rspawn"))
}

#[track_caller]
fn check(script: &str, expected: &str) {
    let home = home_with_remote(script);
    assert_eq!(start(&home).deliver("joe@there"), expected);
}

#[test]
fn tcpto_is_cleared_at_the_start_and_keeps_its_length() {
    let home = Home::new();
    home.write("queue/lock/tcpto", &[7; 1100]);
    assert_eq!(start(&home).finish(), (vec![], Some(0)));
    assert_eq!(
        home.read("queue/lock/tcpto"),
        [vec![0; 1024], vec![7; 76]].concat()
    );
    fs::remove_file(home.queue("lock/tcpto")).expect("remove");
    assert_eq!(start(&home).finish(), (vec![], Some(0)));
    assert!(!home.queue("lock/tcpto").exists());
}

#[test]
fn qmail_remote_gets_host_sender_recipient_and_the_message() {
    let home = home_with_remote("printf 'r\\0K%s|%s|%s|' \"$@\"; cat; pwd; printf '\\0'");
    let expected = format!(
        r"Kthere|sender@test.example|joe@x@there|Subject: test\n\nbody\n{}\n",
        home.queue("mess").display()
    );
    assert_eq!(start(&home).deliver("joe@x@there"), expected);
}

#[test]
fn the_program_is_the_first_in_the_path_or_what_qmailremote_names() {
    let home = home_with_remote("printf 'r\\0Kusual\\0'");
    home.mkdir("early");
    home.write(
        "early/qmail-remote",
        b"#!/bin/sh\nprintf 'r\\0Kwrapper\\0'\n",
    );
    home.give(&home.path().join("early/qmail-remote"), 0o755);
    let here = home.path().display();
    let path = format!("{here}/early:{here}/bin:/usr/bin:/bin");
    let run = || home.program("qmail-rspawn").env("PATH", &path);
    assert_eq!(HandFed::on_pipes(run()).deliver("joe@there"), "Kwrapper");
    if programs::ours() {
        let run = run().env("QMAILREMOTE", home.bin("qmail-remote"));
        assert_eq!(HandFed::on_pipes(run).deliver("joe@there"), "Kusual");
    }
}

#[test]
fn a_report_is_merged() {
    check(
        "printf 'r\\0K1.2.3.4 accepted message.\\n\\0'",
        r"K1.2.3.4 accepted message.\n",
    );
    check("printf 'hno\\n\\0DGiving up.\\n\\0'", r"Dno\nGiving up.\n");
    check("printf 'sno\\n\\0DGiving up.\\n\\0'", r"Zno\nGiving up.\n");
    check(
        "printf 'ZConnected but died.\\n\\0'",
        r"ZConnected but died.\n",
    );
    check("printf 'hno\\n\\0Kyes\\n\\0'", r"Dno\n");
}

#[test]
fn an_end_without_report_is_reported() {
    check("kill -SEGV $$", r"Zqmail-remote crashed.\n");
    check(
        "printf 'r\\0Kyes\\0'; kill -ABRT $$",
        r"Zqmail-remote crashed.\n",
    );
    check("exit 111", r"ZUnable to run qmail-remote.\n");
    check("exit 100", r"DUnable to run qmail-remote.\n");
    check(
        "printf 'r\\0Kyes\\0'; exit 1",
        r"DUnable to run qmail-remote.\n",
    );
    check("exit 0", r"Zqmail-remote produced no output.\n");
}

#[test]
fn a_report_that_is_cut_off_is_no_failure() {
    if programs::ours() {
        check("printf 'Kye'", "Z");
        check("printf 'r\\0'", "Z");
        check("printf 'hno such us'", "Z");
    }
}

#[test]
fn a_program_that_is_missing_fails() {
    let home = home_with_remote("");
    fs::remove_file(home.path().join("bin/qmail-remote")).expect("remove");
    assert_eq!(
        start(&home).deliver("joe@there"),
        r"DUnable to run qmail-remote.\n"
    );
}

#[test]
fn a_long_answer_of_a_server_keeps_its_verdict() {
    if programs::ours() {
        let home =
            home_with_remote("head -c 100000 \"$QMAILHOME/long\"; printf '\\0DGiving up.\\n\\0'");
        let long = |first: u8| [&[first], &*vec![b'a'; 100_000]].concat();
        home.write("long", &long(b's'));
        let text = start(&home).deliver("joe@there");
        assert!(text.starts_with("Zaaa") && text.len() < 3100, "{text}");
        assert!(text.contains("Error report too long, sorry."), "{text}");
        home.write("long", &long(b'K'));
        assert!(start(&home).deliver("joe@there").starts_with("Kaaa"));
    }
}

#[test]
fn everything_ordered_runs_at_once_and_is_reported_as_it_ends() {
    let script =
        ": >\"$QMAILHOME/began/$3\"; read x <\"$QMAILHOME/gate\"; printf 'r\\0K%s\\0' \"$3\"";
    let home = home_with_remote(script);
    let began = home.mkdir("began");
    let mut gate = Gate::new(&home, "gate");
    let (mut spawner, channel) = HandFed::on_socket(home.program("qmail-rspawn"));
    let mut count = 120;
    if programs::ours() {
        let mut greeting = [0; 19];
        (&channel).read_exact(&mut greeting).expect("greeting");
        spawner.send(b"\xffqmail-send/1\n").is_wide();
        count = 300;
    }
    drop(channel);
    for number in 0..count {
        spawner.order(number, ID, "s@x", &format!("{number}@there"));
    }
    wait::until("all children", || {
        (fs::read_dir(&began).expect("directory").count() == usize::from(count)).then_some(())
    });
    gate.let_through(usize::from(count));
    let mut seen: Vec<_> = (0..count).map(|_| spawner.report()).collect();
    seen.sort_unstable();
    assert_eq!(
        seen,
        (0..count)
            .map(|n| (n, format!("K{n}@there")))
            .collect::<Vec<_>>()
    );
    assert_eq!(spawner.finish(), (vec![], Some(0)));
}

#[test]
fn orders_are_checked() {
    let home = home_with_remote("echo wrong");
    let mut spawner = start(&home);
    spawner.order(1, "6/30", "s@x", "joe@there");
    assert_eq!(
        spawner.report().1,
        r"Zqmail-spawn unable to open message. (#4.3.0)\n"
    );
    spawner.order(1, ID, "s@x", "joe");
    assert_eq!(
        spawner.report().1,
        r"DSorry, address must include host name. (#5.1.3)\n"
    );
    spawner.order(255, ID, "s@x", "joe@there");
    assert_eq!(
        spawner.report(),
        (
            255,
            r"ZInternal error: delnum too big. (#4.3.5)\n".to_owned()
        )
    );
}

#[test]
fn messages_must_belong_to_qmailq() {
    let home = home_with_remote("printf 'r\\0Kyes\\0'");
    let Some(run) = as_root(&home, "qmail-rspawn", "") else {
        return;
    };
    let mut spawner = HandFed::on_pipes(run);
    assert_eq!(spawner.deliver("joe@there"), "Kyes");
    std::os::unix::fs::chown(home.queue("mess").join(ID), Some(7796), None).expect("chown");
    assert_eq!(
        spawner.deliver("joe@there"),
        r"ZSorry, message has wrong owner. (#4.3.5)\n"
    );
}

#[test]
fn no_more_deliveries_are_announced_than_there_are_descriptors_for() {
    if !programs::ours() {
        return;
    }
    let home = Home::new();
    let script = "ulimit -n 64; exec qmail-rspawn";
    let done = home.foreign("/bin/sh").args(["-c", script]).output();
    assert_eq!(done.assert_exit(0).stdout, [20]);
}
