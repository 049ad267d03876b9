//! qmail-send between two messages: it waits for the trigger, and does nothing else.

use std::fs;
use std::time::Duration;

use harness::home::Home;
use harness::wait;

#[test]
fn a_daemon_that_has_nothing_to_do_rests() {
    let home = Home::new();
    home.user("u");
    let daemons = home.start_daemons();
    for _ in 0..3 {
        let run = home.program("qmail-queue").stdin("Subject: x\n\n");
        run.fd(1, "Fs@test.example\0Tu@test.example\0\0")
            .output()
            .assert_exit(0);
    }
    daemons.wait_for_lines("end msg", 3);
    daemons.wait_until_empty();
    for role in ["qmail-send", "qmail-clean", "qmail-lspawn", "qmail-rspawn"] {
        let pid = daemons.pid_of(role);
        let before = ticks(pid);
        let _ = wait::within(Duration::from_millis(400), || None::<()>);
        let used = ticks(pid) - before;
        assert!(
            used <= 5,
            "{role} used {used} of 40 ticks with nothing to do"
        );
    }
}

/// Processor time used, in hundredths of a second.
fn ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("stat");
    let (_, fields) = stat.rsplit_once(')').expect("a name");
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let number = |index: usize| fields[index].parse::<u64>().expect("a number");
    number(11) + number(12)
}
