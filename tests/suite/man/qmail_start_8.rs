//! qmail-start(8): four programs, their descriptors and their accounts.

use std::fs;
use std::io::{Read, Write};
use std::os::fd::AsFd;

use harness::daemons::Daemons;
use harness::home::Home;
use harness::{programs, wait};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::hand_fed::{Gate, as_root};

const DAEMONS: [&str; 4] = ["qmail-send", "qmail-lspawn", "qmail-rspawn", "qmail-clean"];

/// What descriptor `number` of a process is, as the kernel names it; empty when it is closed.
fn descriptor(pid: u32, number: u32) -> String {
    let link = fs::read_link(format!("/proc/{pid}/fd/{number}"));
    link.map(|path| path.display().to_string())
        .unwrap_or_default()
}

fn is_stopped(pid: u32, name: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.contains(&format!("({name}) T "))
}

/// The daemons as scripts that stop at their first breath, so that they can be looked at.
fn stopped(home: &Home) -> Daemons<'_> {
    for name in DAEMONS {
        home.replace_program(name, "#!/bin/sh\nkill -STOP $$\n");
    }
    let daemons = home.daemons().default_delivery("|x ./y").start_anyway();
    for name in DAEMONS {
        wait::until(name, || {
            is_stopped(daemons.pid_of(name), name).then_some(())
        });
    }
    daemons
}

#[test]
fn every_program_has_its_descriptors_and_no_others() {
    let home = Home::new();
    let daemons = stopped(&home);
    let [send, lspawn, rspawn, clean] = DAEMONS.map(|name| daemons.pid_of(name));
    assert_eq!(send, daemons.pid());
    assert!(descriptor(send, 0).ends_with("/scratch/log"));
    assert_eq!(descriptor(send, 2), descriptor(lspawn, 1));
    assert_eq!(descriptor(send, 4), descriptor(rspawn, 1));
    assert_eq!(descriptor(send, 5), descriptor(clean, 0));
    assert_eq!(descriptor(send, 6), descriptor(clean, 1));
    let pipes = [2, 4, 5, 6].map(|number| descriptor(send, number));
    assert!(
        pipes.iter().all(|name| name.starts_with("pipe:")),
        "{pipes:?}"
    );
    if programs::ours() {
        let sockets = [(send, 1), (send, 3), (lspawn, 0), (rspawn, 0)];
        for (pid, number) in sockets {
            assert!(descriptor(pid, number).starts_with("socket:"));
        }
    }
    for (pid, first) in [(send, 7), (lspawn, 2), (rspawn, 2), (clean, 2)] {
        // 10 is where the shell keeps the script.
        for number in (first..32).filter(|number| *number != 10) {
            assert_eq!(descriptor(pid, number), "", "descriptor {number}");
        }
    }
}

#[test]
fn they_start_in_the_root_directory_with_a_closed_umask() {
    let home = Home::new();
    let daemons = stopped(&home);
    for name in DAEMONS {
        let pid = daemons.pid_of(name);
        assert_eq!(
            fs::read_link(format!("/proc/{pid}/cwd"))
                .expect("cwd")
                .display()
                .to_string(),
            "/"
        );
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("status");
        assert!(status.contains("Umask:\t0077\n"), "{status}");
        assert!(status.contains("SigBlk:\t0000000000000000\n"), "{status}");
    }
    let lspawn = daemons.pid_of("qmail-lspawn");
    let called = fs::read(format!("/proc/{lspawn}/cmdline")).expect("cmdline");
    assert!(
        called.ends_with(b"qmail-lspawn\0|x ./y\0"),
        "{}",
        called.escape_ascii()
    );
}

#[test]
fn the_default_delivery_is_mailbox() {
    let home = Home::new();
    for name in DAEMONS {
        home.replace_program(name, "#!/bin/sh\nexit 0\n");
    }
    home.replace_program(
        "qmail-lspawn",
        "#!/bin/sh\necho \"$#$1\" >\"$QMAILHOME/called\"\n",
    );
    home.program("qmail-start").output().assert_exit(0);
    let called = home.path().join("called");
    let text = wait::until("qmail-lspawn", || {
        fs::read(&called).ok().filter(|t| t.ends_with(b"\n"))
    });
    assert_eq!(text, b"1./Mailbox\n");
}

#[test]
fn the_log_goes_through_the_logger() {
    let home = Home::new();
    for name in DAEMONS {
        home.replace_program(name, "#!/bin/sh\nexit 0\n");
    }
    home.replace_program("qmail-send", "#!/bin/sh\necho \"I am $$\" >&0\n");
    let args = ["./Mailbox", "/bin/sh", "-c", "sed s/^/$0:/", "log"];
    let running = home.program("qmail-start").args(args).start();
    let expected = format!("log:I am {}\n", running.pid());
    wait::until("the log", || {
        (running.stdout() == expected.as_bytes()).then_some(())
    });
    running.finish().assert_exit(0);
}

#[test]
fn any_failure_is_a_silent_111() {
    let home = Home::new();
    let check = |run: harness::run::Run<'_>| {
        let done = run.output();
        done.assert_exit(111);
        assert!(done.stdout.is_empty() && done.stderr.is_empty());
    };
    check(home.program("qmail-start").env("PATH", "/usr/bin:/bin"));
    fs::remove_file(home.path().join("bin/qmail-send")).expect("remove");
    check(home.program("qmail-start"));
    if programs::ours() {
        home.replace_program("qmail-send", "#!/bin/sh\nexit 0\n");
        check(
            home.program("qmail-start")
                .args(["./Mailbox", "no-such-logger"]),
        );
    }
    if nix::unistd::getuid().is_root() {
        check(home.program("qmail-start").uid(home.uid() - 1));
    }
}

#[test]
fn a_daemon_that_is_missing_is_for_qmail_send_to_report() {
    let home = Home::new();
    for name in DAEMONS {
        home.replace_program(name, "#!/bin/sh\nexit 0\n");
    }
    fs::remove_file(home.path().join("bin/qmail-lspawn")).expect("remove");
    home.replace_program("qmail-send", "#!/bin/sh\nread x <&2 || echo closed >&0\n");
    assert_eq!(
        home.program("qmail-start").output().assert_exit(0).stdout,
        b"closed\n"
    );
}

#[test]
fn with_root_everybody_has_an_account_of_their_own() {
    let home = Home::new();
    home.give(&home.mkdir("who"), 0o777);
    let script = "#!/bin/sh\nw=$QMAILHOME/who/${0##*/}; \
                  echo $(id -u) $(id -g) $(id -G) >$w.new; mv $w.new $w\n";
    for name in DAEMONS.into_iter().chain(["a-logger"]) {
        home.replace_program(name, script);
    }
    let Some(run) = as_root(&home, "qmail-start", "") else {
        return;
    };
    run.args(["./Mailbox", "a-logger"]).output().assert_exit(0);
    let check = |name: &str, expected: &str| {
        let path = home.path().join("who").join(name);
        let ids = wait::until(name, || fs::read_to_string(&path).ok());
        assert_eq!(ids.trim_end(), expected, "{name}");
    };
    check("qmail-send", "7796 2107 2107");
    check("qmail-lspawn", "0 2107 2107");
    check("qmail-rspawn", "7795 2107 2107 2109");
    check("qmail-clean", &format!("{} 2107 2107", home.uid()));
    check("a-logger", "7792 2108 2108");
}

/// The two ends are ours, so they agree on more than the 120 of the classic form.
#[test]
fn our_own_programs_run_more_deliveries_at_once_than_the_classic_form_has_numbers() {
    if !programs::ours() {
        return;
    }
    const COUNT: usize = 400;
    let home = Home::new();
    let (uid, gid) = (home.uid(), home.gid());
    home.assign(&format!("+u-:u:{uid}:{gid}:/:-::\n"));
    home.control("concurrencylocal", &format!("{COUNT}\n"));
    home.replace_program(
        "qmail-local",
        "#!/bin/sh\n: >\"began/$6\"; read x <gate; echo ok\n",
    );
    let began = home.mkdir("began");
    let mut gate = Gate::new(&home, "gate");
    let mut daemons = home.start_daemons();
    let recipients: String = (0..COUNT)
        .map(|n| format!("Tu-{n}@test.example\0"))
        .collect();
    let envelope = format!("Fs@test.example\0{recipients}\0");
    home.program("qmail-queue")
        .stdin("test\n")
        .fd(1, envelope)
        .output()
        .assert_exit(0);
    wait::until("all deliveries at once", || {
        (fs::read_dir(&began).expect("directory").count() == COUNT).then_some(())
    });
    daemons.wait_for_log(&format!("status: local {COUNT}/{COUNT} "));
    gate.let_through(COUNT);
    daemons.wait_for_log("end msg");
    assert_eq!(daemons.count(": success: ok/"), COUNT);
    assert_eq!(daemons.term().code(), Some(0));
}

/// The next byte of a fifo that both sides keep open; it does not come for ever.
#[track_caller]
fn byte(from: &mut fs::File) -> u8 {
    let mut fds = [PollFd::new(from.as_fd(), PollFlags::POLLIN)];
    let patience = PollTimeout::try_from(wait::PATIENCE).expect("timeout");
    assert_eq!(poll(&mut fds, patience), Ok(1), "no order came");
    let mut byte = [0];
    from.read_exact(&mut byte).expect("order");
    byte[0]
}

/// One string up to its zero byte.
#[track_caller]
fn string(from: &mut fs::File) -> String {
    let mut bytes = Vec::new();
    while let Some(next) = Some(byte(from)).filter(|&next| next != 0) {
        bytes.push(next);
    }
    String::from_utf8(bytes).expect("text")
}

/// A spawner that knows only the classic bytes works under our qmail-start and qmail-send: here it
/// is the test, behind a script that passes its bytes on.
#[test]
fn a_foreign_spawner_is_spoken_to_in_the_classic_form() {
    let home = Home::new();
    home.control("concurrencylocal", "300\n");
    let relay = "#!/bin/sh\ncat <\"$QMAILHOME/reports\" &\nexec cat >\"$QMAILHOME/orders\"\n";
    home.replace_program("qmail-lspawn", relay);
    for name in ["orders", "reports"] {
        let path = home.path().join(name);
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("fifo");
        home.give(&path, 0o600);
    }
    // Both ends are opened here, so that opening waits for nobody.
    let open = |name: &str| {
        let path = home.path().join(name);
        fs::File::options()
            .read(true)
            .write(true)
            .open(path)
            .expect("fifo")
    };
    let (mut orders, mut reports) = (open("orders"), open("reports"));
    reports.write_all(&[2]).expect("limit");
    let mut daemons = home.start_daemons();
    daemons.wait_for_log("status: local 0/2 ");
    let envelope = "Fs@test.example\0Ta@test.example\0Tb@test.example\0Tc@test.example\0\0";
    home.program("qmail-queue")
        .stdin("test\n")
        .fd(1, envelope)
        .output()
        .assert_exit(0);
    let line = daemons.wait_for_log("new msg ");
    let id: u64 = line
        .rsplit(' ')
        .next()
        .expect("id")
        .parse()
        .expect("number");
    let mut order = || {
        let number = byte(&mut orders);
        assert_eq!(string(&mut orders), format!("{}/{id}", id % 23));
        assert_eq!(string(&mut orders), "s@test.example");
        (number, string(&mut orders))
    };
    let mut first = [order(), order()];
    first.sort_unstable_by(|left, right| left.1.cmp(&right.1));
    assert_eq!(
        first.each_ref().map(|(_, recipient)| recipient.as_str()),
        ["a@test.example", "b@test.example"]
    );
    let [(a, _), (b, _)] = first;
    assert!(a < 2 && b < 2 && a != b, "{a} {b}");
    reports
        .write_all(&[&[a][..], b"Kdid 1+0+0\n\0"].concat())
        .expect("report");
    daemons.wait_for_log(": success: did_1+0+0/");
    assert_eq!(order(), (a, "c@test.example".to_owned()));
    reports
        .write_all(&[&[b][..], b"Dno\n\0", &[a], b"Zlater\n\0"].concat())
        .expect("report");
    daemons.wait_for_log(": failure: no/");
    daemons.wait_for_log(": deferral: later/");
    drop(reports);
    daemons.kill();
}
