//! qmail-lspawn(8): checks, users, exit codes and reports, with the test in qmail-send's place.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{chown, symlink};
use std::time::Duration;

use harness::home::Home;
use harness::{programs, wait};

use super::hand_fed::{Gate, HandFed, ID, as_root, message};

/// Everybody is the home's user; `qmail-local` is a script.
fn home_with_local(script: &str) -> Home {
    let home = Home::new();
    message(&home);
    let (uid, gid) = (home.uid(), home.gid());
    home.assign(&format!(
        "=u1:u1:{uid}:{gid}:/home/u1:::\n+u1-:u1:{uid}:{gid}:/home/u1:-:pre-:\n"
    ));
    home.replace_program("qmail-local", &format!("#!/bin/sh\n{script}\n"));
    home
}

fn start(home: &Home) -> HandFed {
    HandFed::on_pipes(home.program("qmail-lspawn").args(["./Mailbox"]))
}

#[track_caller]
fn check(script: &str, recipient: &str, expected: &str) {
    let home = home_with_local(script);
    assert_eq!(start(&home).deliver(recipient), expected);
}

#[test]
fn orders_that_make_no_sense_are_reported_as_the_original_does() {
    let home = home_with_local("echo wrong");
    let mut spawner = start(&home);
    let mut check = |number: u16, id: &str, recipient: &str, expected: &str| {
        spawner.order(number, id, "s@x", recipient);
        assert_eq!(spawner.report(), (number, expected.to_owned()));
    };
    check(
        5,
        ID,
        "nohost",
        r"DSorry, address must include host name. (#5.1.3)\n",
    );
    check(
        200,
        ID,
        "a@b",
        r"ZInternal error: delnum too big. (#4.3.5)\n",
    );
    check(
        120,
        ID,
        "a@b",
        r"ZInternal error: delnum too big. (#4.3.5)\n",
    );
    check(
        6,
        "12a/3",
        "a@b",
        r"DInternal error: messid has nonnumerics. (#5.3.5)\n",
    );
    check(
        6,
        "/12",
        "a@b",
        r"DInternal error: messid has nonnumerics. (#5.3.5)\n",
    );
    check(
        6,
        "../../control/me",
        "a@b",
        r"DInternal error: messid has nonnumerics. (#5.3.5)\n",
    );
    check(
        6,
        &"1".repeat(100),
        "a@b",
        r"DInternal error: messid too long. (#5.3.5)\n",
    );
    check(
        6,
        "",
        "a@b",
        r"DInternal error: messid too short. (#5.3.5)\n",
    );
    check(
        7,
        "99/99",
        "a@b",
        r"Zqmail-spawn unable to open message. (#4.3.0)\n",
    );
    check(4, ID, "@x", "K");
    assert_eq!(spawner.finish(), (vec![], Some(0)));
}

#[test]
fn what_is_not_a_message_is_not_delivered() {
    let home = home_with_local("echo wrong");
    let at = |name: &str| home.queue("mess").join(name);
    nix::unistd::mkfifo(&at("1/1"), nix::sys::stat::Mode::S_IRWXU).expect("fifo");
    home.give(&at("1/1"), 0o644);
    symlink(at(ID), at("1/2")).expect("link");
    let mut spawner = start(&home);
    let mut check = |id: &str, expected: &str| {
        spawner.order(1, id, "s@x", "u1@x");
        assert_eq!(spawner.report().1, expected);
    };
    check("1/1", r"ZSorry, message has wrong type. (#4.3.5)\n");
    check("1", r"ZSorry, message has wrong type. (#4.3.5)\n");
    if programs::ours() {
        check("1/2", r"Zqmail-spawn unable to open message. (#4.3.0)\n");
    }
    if nix::unistd::getuid().is_root() {
        chown(at(ID), Some(0), None).expect("chown");
        check(ID, r"ZSorry, message has wrong owner. (#4.3.5)\n");
    } else {
        eprintln!("not root: no file with a wrong owner to be had");
    }
}

#[test]
fn qmail_local_gets_its_arguments_and_the_message() {
    let home = home_with_local("printf '%s|' \"$@\"; cat; pwd");
    let mut spawner = start(&home);
    let here = home.path().display();
    let message = r"Subject: test\n\nbody\n";
    assert_eq!(
        spawner.deliver("U1@test.example"),
        format!(
            "K--|u1|/home/u1|U1|||test.example|sender@test.example|./Mailbox|{message}{here}\\n"
        )
    );
    assert_eq!(
        spawner.deliver("u1-Some-List@test.example"),
        format!(
            "K--|u1|/home/u1|u1-Some-List|-|pre-Some-List|test.example|sender@test.example|\
             ./Mailbox|{message}{here}\\n"
        )
    );
    // Only the last @ counts; what nobody is called goes to alias.
    assert_eq!(
        spawner.deliver("a@b@test.example"),
        format!(
            "K--|alias|{here}/alias|a@b|-|a@b|test.example|sender@test.example|\
             ./Mailbox|{message}{here}\\n"
        )
    );
}

#[test]
fn what_users_cdb_does_not_know_is_left_to_qmail_getpw() {
    let home = home_with_local("printf '%s|' \"$@\"");
    let (uid, gid) = (home.uid(), home.gid());
    let script = format!(
        "#!/bin/sh\n[ $# = 1 ] || exit 100\nprintf 'joe\\000{uid}\\000{gid}\\000/home/joe\\000-\\000%s\\000' \"$1\"\n"
    );
    home.replace_program("qmail-getpw", &script);
    assert_eq!(
        start(&home).deliver("Joe-X@h"),
        "K--|joe|/home/joe|Joe-X|-|Joe-X|h|sender@test.example|./Mailbox|"
    );
}

#[test]
fn trouble_with_qmail_getpw_is_temporary() {
    let home = home_with_local("echo wrong");
    let check = |script: &str, expected: &str| {
        home.replace_program("qmail-getpw", &format!("#!/bin/sh\n{script}\n"));
        assert_eq!(start(&home).deliver("joe@h"), expected);
    };
    check("exit 115", r"ZNFS failure in qmail-local.\n");
    check("exit 116", r"ZUnable to find alias user!\n");
    check("exit 118", r"ZTemporary failure in qmail-lspawn.\n");
    check("exit 111", "Z");
    check("kill -SEGV $$", r"ZTemporary failure in qmail-lspawn.\n");
    check("printf 'joe\\0007'", r"ZInternal qmail-lspawn bug.\n");
    check("exit 0", r"ZInternal qmail-lspawn bug.\n");
    check(
        "cat /dev/zero | head -c 100000",
        r"ZInternal qmail-lspawn bug.\n",
    );
    fs::remove_file(home.path().join("bin/qmail-getpw")).expect("remove");
    assert_eq!(
        start(&home).deliver("joe@h"),
        r"ZUnable to run qmail-getpw.\n"
    );
}

#[test]
fn a_slow_lookup_stops_nobody_else() {
    let home = home_with_local("echo done");
    let mut gate = Gate::new(&home, "gate");
    let (uid, gid, gate_at) = (home.uid(), home.gid(), home.path().join("gate"));
    let answer = format!("printf 'joe\\000{uid}\\000{gid}\\000/home/joe\\000-\\000x\\000'");
    let script = format!("#!/bin/sh\nread x <'{}'\n{answer}\n", gate_at.display());
    home.replace_program("qmail-getpw", &script);
    let mut spawner = start(&home);
    for number in 0..60 {
        spawner.order(number, ID, "s@x", "slow@h");
    }
    spawner.order(77, ID, "s@x", "u1@h");
    assert_eq!(spawner.report(), (77, r"Kdone\n".to_owned()));
    gate.let_through(60);
    let mut seen: Vec<_> = (0..60).map(|_| spawner.report()).collect();
    seen.sort_unstable();
    let expected = (0..60).map(|number| (number, r"Kdone\n".to_owned()));
    assert_eq!(seen, expected.collect::<Vec<_>>());
}

#[test]
fn a_damaged_users_cdb_defers() {
    let home = home_with_local("echo wrong");
    home.write("users/cdb", b"short");
    assert_eq!(
        start(&home).deliver("u1@h"),
        r"ZTrouble reading users/cdb in qmail-lspawn.\n"
    );
}

#[test]
fn root_gets_no_mail_and_neither_do_others_without_root() {
    let home = home_with_local("echo wrong");
    home.assign("=root:root:0:0:/root:::\n=other:other:12345:12345:/:::\n");
    let mut spawner = start(&home);
    assert_eq!(
        spawner.deliver("root@h"),
        r"ZNot allowed to perform deliveries as root.\n"
    );
    let text = spawner.deliver("other@h");
    assert!(text.starts_with("ZThis qmail runs without root"), "{text}");
}

#[test]
fn exit_codes_become_verdicts() {
    let home = home_with_local("echo text; exit ${6#pre-}");
    let mut spawner = start(&home);
    let mut check = |code: u8, expected: &str| {
        assert_eq!(
            spawner.deliver(&format!("u1-{code}@h")),
            expected,
            "exit {code}"
        );
    };
    check(0, r"Ktext\n");
    check(100, r"Dtext\n");
    for code in [111, 71, 74, 75] {
        check(code, r"Ztext\n");
    }
    for code in [1, 99, 101, 110, 114, 125, 127, 255] {
        check(code, r"Dtext\n");
    }
    check(112, r"ZInternal qmail-lspawn bug.\n");
    check(113, r"ZNot allowed to perform deliveries as root.\n");
    check(115, r"ZNFS failure in qmail-local.\n");
    check(116, r"ZUnable to find alias user!\n");
    check(117, r"ZTrouble reading users/cdb in qmail-lspawn.\n");
    check(118, r"ZTemporary failure in qmail-lspawn.\n");
    check(119, r"ZOut of memory in qmail-lspawn.\n");
    check(120, r"ZUnable to run qmail-local.\n");
    check(121, r"ZUnable to run qmail-getpw.\n");
    check(126, r"DUnable to run qmail-local.\n");
}

#[test]
fn a_crash_defers_whatever_was_said() {
    check(
        "echo did 1+0+0; kill -SEGV $$",
        "u1@h",
        r"Zqmail-local crashed.\n",
    );
    check(
        "echo did 1+0+0; kill -ABRT $$",
        "u1@h",
        r"Zqmail-local crashed.\n",
    );
}

#[test]
fn a_qmail_local_that_cannot_be_run_fails() {
    let home = home_with_local("");
    fs::remove_file(home.path().join("bin/qmail-local")).expect("remove");
    assert_eq!(
        start(&home).deliver("u1@h"),
        r"DUnable to run qmail-local.\n"
    );
}

#[test]
fn output_ends_before_its_first_nul_and_comes_from_both_descriptors() {
    check(
        "echo out; echo err >&2; printf 'a\\0b'; exit 100",
        "u1@h",
        r"Dout\nerr\na",
    );
}

#[test]
fn output_that_is_too_long_is_cut_with_a_note() {
    let note = r"\nError report too long, sorry.\n";
    let script = "head -c 200000 /dev/zero | tr '\\0' a; exit 100";
    check(script, "u1@h", &format!("D{}{note}", "a".repeat(2966)));
    let script = "head -c 3000 /dev/zero | tr '\\0' a; exit 100";
    check(script, "u1@h", &format!("D{}", "a".repeat(3000)));
}

#[test]
fn a_report_waits_for_everybody_who_holds_the_output() {
    let home = home_with_local("[ -z \"$6\" ] && { (read x <gate; echo late) & }; exit 0");
    let mut gate = Gate::new(&home, "gate");
    let mut spawner = start(&home);
    spawner
        .order(1, ID, "s@x", "u1@h")
        .order(2, ID, "s@x", "u1-other@h");
    assert_eq!(spawner.report(), (2, "K".to_owned()));
    // The slot is taken for as long.
    spawner.order(1, ID, "s@x", "u1-other@h");
    let in_use = r"ZInternal error: delnum in use. (#4.3.5)\n";
    assert_eq!(spawner.report(), (1, in_use.to_owned()));
    gate.let_through(1);
    assert_eq!(spawner.report(), (1, r"Klate\n".to_owned()));
}

#[test]
fn a_hundred_deliveries_run_at_once() {
    let home = home_with_local(": >\"began/$6\"; read x <gate; echo \"$6\"");
    let began = home.mkdir("began");
    let mut gate = Gate::new(&home, "gate");
    let mut spawner = start(&home);
    for number in 0..100 {
        spawner.order(number, ID, "s@x", &format!("u1-{number}@h"));
    }
    wait::until("a hundred children", || {
        (fs::read_dir(&began).expect("directory").count() == 100).then_some(())
    });
    gate.let_through(100);
    let mut seen: Vec<_> = (0..100).map(|_| spawner.report()).collect();
    seen.sort_unstable();
    let expected = (0..100).map(|number| (number, format!("Kpre-{number}\\n")));
    assert_eq!(seen, expected.collect::<Vec<_>>());
}

#[test]
fn at_the_end_of_orders_it_waits_for_its_deliveries() {
    let home = home_with_local("read x <gate; echo done");
    let mut gate = Gate::new(&home, "gate");
    let mut spawner = start(&home);
    spawner
        .order(9, ID, "s@x", "u1@h")
        .send(b"\x0a6/29\0never fini")
        .hang_up();
    gate.let_through(1);
    assert_eq!(spawner.finish(), (b"\x09Kdone\n\0".to_vec(), Some(0)));
}

#[test]
fn deliveries_are_finished_when_nobody_reads_reports() {
    let home = home_with_local("echo did; read x <gate; echo >\"done$6\"");
    let mut gate = Gate::new(&home, "gate");
    let mut spawner = start(&home);
    for number in 0..3 {
        spawner.order(number, ID, "s@x", &format!("u1-{number}@h"));
    }
    spawner.stop_reading();
    gate.let_through(3);
    assert_eq!(spawner.finish().1, Some(0));
    for number in 0..3 {
        assert!(home.path().join(format!("donepre-{number}")).exists());
    }
}

#[test]
fn orders_may_come_in_any_pieces() {
    let home = home_with_local("echo \"$4\"");
    let mut spawner = start(&home);
    for byte in b"\x016/29\0s@x\0u1@h\0\x026/29\0\0u1-b@h\0" {
        spawner.send(&[*byte]);
    }
    let mut seen = [spawner.report(), spawner.report()];
    seen.sort_unstable();
    assert_eq!(seen, [(1, r"Ku1\n".to_owned()), (2, r"Ku1-b\n".to_owned())]);
}

#[test]
fn an_order_without_end_is_refused_and_the_next_one_obeyed() {
    let home = home_with_local("echo done");
    let mut spawner = start(&home);
    spawner.order(1, ID, &"s".repeat(1 << 20), "u1@h");
    let text = r"Zqmail-spawn out of memory. (#4.3.0)\n";
    assert_eq!(spawner.report(), (1, text.to_owned()));
    assert_eq!(spawner.deliver("u1@h"), r"Kdone\n");
}

#[test]
fn a_wrong_call_exits_100_and_a_missing_queue_111() {
    let home = Home::new();
    let done = home.program("qmail-lspawn").output();
    assert!(done.assert_exit(100).stdout.is_empty());
    fs::rename(home.queue("mess"), home.queue("gone")).expect("rename");
    let done = home.program("qmail-lspawn").args(["./Mailbox"]).output();
    assert!(done.assert_exit(111).stdout.is_empty());
}

#[test]
fn over_a_socket_the_wide_form_is_offered() {
    if !programs::ours() {
        return;
    }
    let home = home_with_local("echo \"$6\"");
    let run = home.program("qmail-lspawn").args(["./Mailbox"]);
    let (mut spawner, mut channel) = HandFed::on_socket(run);
    let mut greeting = [0; 19];
    channel.read_exact(&mut greeting).expect("greeting");
    assert_eq!(&greeting, b"qmail-spawn/1 1000\n");
    drop(channel);
    spawner.send(b"\xffqmail-send/1\n").is_wide();
    for number in [0, 255, 256, 600, 999, 1000] {
        spawner.order(number, ID, "s@x", &format!("u1-{number}@h"));
    }
    let mut seen: Vec<_> = (0..6).map(|_| spawner.report()).collect();
    seen.sort_unstable();
    let mut expected: Vec<_> = [0, 255, 256, 600, 999]
        .map(|n| (n, format!("Kpre-{n}\\n")))
        .into();
    expected.push((
        1000,
        r"ZInternal error: delnum too big. (#4.3.5)\n".to_owned(),
    ));
    assert_eq!(seen, expected);
    assert_eq!(spawner.finish(), (vec![], Some(0)));
}

#[test]
fn a_foreign_qmail_send_on_a_socket_is_served_in_the_classic_form() {
    let home = home_with_local("echo done");
    let run = home.program("qmail-lspawn").args(["./Mailbox"]);
    let (mut spawner, channel) = HandFed::on_socket(run);
    spawner.order(119, ID, "s@x", "u1@h");
    assert_eq!(spawner.report(), (119, r"Kdone\n".to_owned()));
    spawner.order(120, ID, "s@x", "u1@h");
    assert_eq!(
        spawner.report(),
        (
            120,
            r"ZInternal error: delnum too big. (#4.3.5)\n".to_owned()
        )
    );
    // It goes without ever having read the offer.
    drop(channel);
    assert_eq!(spawner.finish(), (vec![], Some(0)));
}

#[test]
fn a_peer_that_reads_nothing_does_not_fill_the_memory() {
    let home = home_with_local("echo wrong");
    let run = home.program("qmail-lspawn").args(["./Mailbox"]);
    let (spawner, mut channel) = HandFed::on_socket(run);
    channel
        .set_write_timeout(Some(Duration::from_secs(1)))
        .expect("timeout");
    let orders = b"\x01x\0s\0r\0".repeat(100_000);
    let mut sent = 0;
    while sent < 64 << 20 {
        match channel.write(&orders) {
            Ok(count) => sent += count,
            Err(_) => break,
        }
    }
    assert!(
        sent < 64 << 20,
        "{sent} bytes of orders were taken without a report being read"
    );
    drop(channel);
    let (reports, code) = spawner.finish();
    assert!(reports.starts_with(b"\x01DInternal error: messid has nonnumerics. (#5.3.5)\n\0"));
    assert_eq!(code, Some(0));
}

/// With root every delivery runs as its user and every lookup as qmailp, groups and all.
#[test]
fn with_root_a_delivery_has_its_users_rights_and_no_others() {
    let home = home_with_local("echo $2; id -u; id -g; id -G");
    let Some(run) = as_root(&home, "qmail-lspawn", "") else {
        return;
    };
    home.assign("=joe:joe:7001:7002:/:::\n");
    home.replace_program(
        "qmail-getpw",
        "#!/bin/sh\nprintf \"$(id -u).$(id -G)\\0007003\\0007004\\000/\\000-\\000x\\000\"\n",
    );
    let mut spawner = HandFed::on_pipes(run.args(["./Mailbox"]));
    assert_eq!(spawner.deliver("joe@h"), r"Kjoe\n7001\n7002\n7002\n");
    assert_eq!(spawner.deliver("jim@h"), r"K7793.2108\n7003\n7004\n7004\n");
}
