//! A queue on a disk that is full, or has no inodes left: whoever hands in mail hears of a temporary
//! failure or of success, and what was acknowledged arrives once there is room again.

use std::process::Command;

use harness::home::Home;
use harness::{tree, wait};
use nix::sys::signal::Signal;
use nix::sys::statvfs::statvfs;
use nix::unistd::getuid;

/// A home whose queue is a small tmpfs; unmounted on drop.
struct Small {
    home: Home,
}

impl Small {
    /// None, with a line that says so, where nothing may be mounted.
    fn new() -> Option<Self> {
        let home = Home::new();
        home.user("u").dot_qmail("u", "default", "./Maildir/\n");
        std::fs::remove_dir_all(home.queue("")).expect("the first queue");
        home.mkdir("queue");
        let mounted = getuid().is_root()
            && Command::new("mount")
                .args(["-t", "tmpfs", "-o", "mode=750,size=1g", "tmpfs"])
                .arg(home.queue(""))
                .status()
                .is_ok_and(|status| status.success());
        if !mounted {
            eprintln!("skipped: needs root, and the right to mount");
            return None;
        }
        let small = Self { home };
        small.home.make_queue();
        Some(small)
    }

    /// Leaves room for this many more pages, or inodes, or for everything.
    fn limit(&self, room: Room) {
        let facts = statvfs(&self.home.queue("")).expect("statvfs");
        let used = (facts.blocks() - facts.blocks_free()) * facts.fragment_size();
        let inodes = facts.files() - facts.files_free();
        let option = match room {
            Room::Pages(pages) => format!("remount,size={}", used + pages * 4096),
            Room::Inodes(more) => format!("remount,nr_inodes={}", inodes + more),
            Room::Plenty => "remount,size=1g,nr_inodes=100k".to_owned(),
        };
        let status = Command::new("mount")
            .args(["-o", &option])
            .arg(self.home.queue(""))
            .status();
        assert!(status.expect("mount").success(), "{option}");
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount")
            .arg("--lazy")
            .arg(self.home.queue(""))
            .status();
    }
}

#[derive(Debug, Clone, Copy)]
enum Room {
    Pages(u64),
    Inodes(u64),
    Plenty,
}

#[test]
fn no_space() {
    let Some(small) = Small::new() else { return };
    check(&small, (0..24).map(Room::Pages));
}

#[test]
fn no_inodes() {
    let Some(small) = Small::new() else { return };
    check(&small, (0..24).map(Room::Inodes));
}

/// In rounds: little room, messages handed in while the daemons work, room again, and everything
/// acknowledged arrives.
fn check(small: &Small, rooms: impl Iterator<Item = Room>) {
    let (mut acknowledged, mut refused) = (Vec::new(), Vec::new());
    let mut log = String::new();
    for (round, room) in rooms.enumerate() {
        let mut daemons = small.home.start_daemons();
        small.limit(room);
        for number in 0..MESSAGES {
            let name = format!("message-{round}-{number}");
            match hand_in(&small.home, &name) {
                0 => acknowledged.push(name),
                // qmail-queue(8): everything else is for good.
                code @ (51..=81 | 111) => refused.push((name, code)),
                code => panic!("{room:?}: exit {code}"),
            }
        }
        assert_eq!(
            daemons.term().code(),
            Some(0),
            "{room:?}: {}",
            daemons.log()
        );
        log.push_str(&daemons.log());
        small.limit(Room::Plenty);
        log.push_str(&drain(&small.home));
    }
    assert!(!acknowledged.is_empty(), "there was never room");
    assert!(!refused.is_empty(), "there was always room");
    assert!(
        !log.contains("failure"),
        "nobody may bounce for want of room:\n{log}"
    );
    let copies = small.home.maildir("u");
    for name in &acknowledged {
        assert_eq!(count(&copies, name), 1, "copies of {name}\n{log}");
    }
    for (name, code) in &refused {
        // Refused at the very last step it may have arrived all the same; its sender tries again.
        let most = usize::from(*code == 66);
        assert!(
            count(&copies, name) <= most,
            "{name} was refused with {code}"
        );
    }
}

fn hand_in(home: &Home, name: &str) -> i32 {
    let body = format!("Subject: {name}\n\n{}", "0123456789abcde\n".repeat(300));
    let envelope = format!("Fs@test.example\0Tu-{name}@test.example\0\0");
    let output = home
        .program("qmail-queue")
        .stdin(body)
        .fd(1, envelope)
        .output();
    output.code().expect("no signal")
}

/// Waits until every message has been delivered by a qmail-send that starts now: one that met the
/// full disk waits some minutes before it tries again.
#[track_caller]
fn drain(home: &Home) -> String {
    let mut daemons = home.start_daemons();
    let drained = wait::within(wait::PATIENCE, || {
        daemons.signal("qmail-send", Signal::SIGALRM);
        let quiet = || tree::look(home.path()).in_queue().is_empty();
        (quiet() && quiet()).then_some(())
    });
    let log = daemons.log();
    assert!(
        drained.is_some(),
        "the queue does not drain: {:?}\n{log}",
        tree::look(home.path())
    );
    assert_eq!(daemons.term().code(), Some(0), "{log}");
    log
}

fn count(copies: &[Vec<u8>], name: &str) -> usize {
    let line = format!("Delivered-To: u-{name}@test.example\n");
    let end = "0123456789abcde\n".repeat(300);
    let mine = copies
        .iter()
        .filter(|copy| String::from_utf8_lossy(copy).contains(&line));
    mine.inspect(|copy| assert!(copy.ends_with(end.as_bytes()), "{name} is torn"))
        .count()
}

/// Handed in while there is little room.
const MESSAGES: usize = 4;
