//! qmail-tcpto(8) and qmail-tcpok(8): the table of hosts that timed out is shown, and cleared.

use std::fs::{self, File};
use std::os::fd::AsFd;

use harness::home::Home;
use nix::fcntl::{Flock, FlockArg};

/// A table with these records: address, count, seconds ago.
fn table(home: &Home, records: &[([u8; 4], u8, u64)]) {
    let since = std::time::UNIX_EPOCH.elapsed().expect("after 1970");
    let mut bytes = vec![0; 1024];
    for (record, (ip, count, ago)) in bytes.chunks_mut(16).zip(records) {
        let last = u32::try_from(since.as_secs() - ago).expect("32 bits");
        record[..4].copy_from_slice(ip);
        record[4] = *count;
        record[8..12].copy_from_slice(&last.to_le_bytes());
    }
    home.write("queue/lock/tcpto", &bytes);
}

/// The lines without the seconds, which may have become one more meanwhile.
#[track_caller]
fn shown(home: &Home, ago: u64) -> String {
    let done = home.program("qmail-tcpto").output();
    done.assert_exit(0);
    assert_eq!(done.stderr_text(), "");
    let mut text = done.stdout_text();
    for seconds in ago..ago + 30 {
        text = text.replace(&format!(" {seconds} seconds"), " N seconds");
    }
    text
}

#[track_caller]
fn check_failure(home: &Home, tcpto: &str, tcpok: &str) {
    let done = home.program("qmail-tcpto").output();
    done.assert_exit(111);
    assert_eq!(
        (done.stdout_text(), done.stderr_text()),
        (format!("fatal: {tcpto}\n"), String::new())
    );
    let done = home.program("qmail-tcpok").output();
    done.assert_exit(111);
    let tcpok = tcpok.replace('@', &home.path().display().to_string());
    assert_eq!(done.stderr_text(), format!("qmail-tcpok: fatal: {tcpok}\n"));
}

#[test]
fn a_line_for_every_host_that_timed_out() {
    let home = Home::new();
    assert_eq!(shown(&home, 0), "");
    table(
        &home,
        &[
            ([192, 0, 2, 7], 1, 100),
            ([0; 4], 0, 0),
            ([10, 0, 0, 1], 0, 100),
            ([10, 0, 0, 255], 10, 100),
        ],
    );
    assert_eq!(
        shown(&home, 100),
        "192.0.2.7 timed out N seconds ago; # recent timeouts: 1\n\
         10.0.0.255 timed out N seconds ago; # recent timeouts: 10\n"
    );
}

#[test]
fn a_table_of_any_size_is_shown_as_far_as_it_goes() {
    let home = Home::new();
    home.write("queue/lock/tcpto", b"");
    assert_eq!(shown(&home, 0), "");
    table(&home, &[([10, 0, 0, 1], 1, 100); 64]);
    assert_eq!(shown(&home, 100).lines().count(), 64);
    let mut bytes = home.read("queue/lock/tcpto");
    bytes.truncate(16 * 3 + 5);
    home.write("queue/lock/tcpto", &bytes);
    assert_eq!(shown(&home, 100).lines().count(), 3);
    home.write("queue/lock/tcpto", &[0xff; 5000]);
    assert_eq!(
        home.program("qmail-tcpto")
            .output()
            .stdout_text()
            .lines()
            .count(),
        64
    );
}

#[test]
fn qmail_tcpok_clears_it() {
    let home = Home::new();
    table(&home, &[([192, 0, 2, 7], 2, 100); 64]);
    let done = home.program("qmail-tcpok").output();
    done.assert_exit(0);
    assert!(done.stdout.is_empty() && done.stderr.is_empty());
    assert_eq!(home.read("queue/lock/tcpto"), vec![0; 1024]);
    assert_eq!(shown(&home, 0), "");
}

/// "the table is locked meanwhile"
#[test]
fn both_wait_for_the_lock() {
    for name in ["qmail-tcpto", "qmail-tcpok"] {
        let home = Home::new();
        table(&home, &[([192, 0, 2, 7], 2, 100)]);
        let file = File::open(home.queue("lock/tcpto")).expect("open");
        let lock = Flock::lock(file, FlockArg::LockExclusive).expect("lock");
        let running = home.program(name).start();
        let waits = || {
            let locks = fs::read_to_string("/proc/locks").expect("/proc/locks");
            let ours = format!(" {} ", running.pid());
            locks
                .lines()
                .any(|line| line.contains("->") && line.contains(&ours))
                .then_some(())
        };
        harness::wait::until("somebody who waits for the lock", waits);
        assert_eq!(home.read("queue/lock/tcpto")[4], 2);
        assert!(lock.as_fd().try_clone_to_owned().is_ok(), "held until here");
        drop(lock);
        running.finish().assert_exit(0);
    }
}

#[test]
fn what_goes_wrong_is_named() {
    let home = Home::new();
    fs::remove_file(home.queue("lock/tcpto")).expect("remove");
    check_failure(
        &home,
        "unable to open tcpto: file does not exist",
        "unable to write @/queue/lock/tcpto: file does not exist",
    );
    fs::remove_dir_all(home.queue("lock")).expect("remove");
    check_failure(
        &home,
        "unable to chdir: file does not exist",
        "unable to chdir to @/queue/lock: file does not exist",
    );
}
