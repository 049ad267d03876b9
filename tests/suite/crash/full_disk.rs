//! A queue on a disk that is full, or has no inodes left: whoever hands in mail hears of a temporary
//! failure or of success, and what was acknowledged arrives once there is room again.

use std::path::PathBuf;
use std::process::Command;

use harness::home::Home;
use harness::{tree, wait};
use nix::sys::signal::Signal;
use nix::sys::statvfs::statvfs;
use nix::unistd::getuid;

/// A home of which one directory is a small tmpfs; unmounted on drop.
struct Small {
    home: Home,
    dir: PathBuf,
}

impl Small {
    /// The queue. None, with a line that says so, where nothing may be mounted.
    fn queue() -> Option<Self> {
        let home = Home::new();
        home.user("u").dot_qmail("u", "default", "./Maildir/\n");
        std::fs::remove_dir_all(home.queue("")).expect("the first queue");
        home.mkdir("queue");
        let dir = home.queue("");
        let small = Self::mount(home, dir)?;
        small.home.make_queue();
        Some(small)
    }

    fn mount(home: Home, dir: PathBuf) -> Option<Self> {
        let owner = format!("uid={},gid={}", home.uid(), home.gid());
        let mounted = getuid().is_root()
            && Command::new("mount")
                .args(["-t", "tmpfs", "-o", &format!("mode=750,size=1g,{owner}")])
                .arg("tmpfs")
                .arg(&dir)
                .status()
                .is_ok_and(|status| status.success());
        if !mounted {
            eprintln!("skipped: needs root, and the right to mount");
            return None;
        }
        Some(Self { home, dir })
    }

    /// Leaves room for this many more pages, or inodes, or for everything.
    fn limit(&self, room: Room) {
        let facts = statvfs(&self.dir).expect("statvfs");
        let used = (facts.blocks() - facts.blocks_free()) * facts.fragment_size();
        let inodes = facts.files() - facts.files_free();
        let option = match room {
            Room::Pages(pages) => format!("remount,size={}", used + pages * 4096),
            Room::Inodes(more) => format!("remount,nr_inodes={}", inodes + more),
            Room::Plenty => "remount,size=1g,nr_inodes=100k".to_owned(),
        };
        let status = Command::new("mount")
            .args(["-o", &option])
            .arg(&self.dir)
            .status();
        assert!(status.expect("mount").success(), "{option}");
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.dir).status();
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
    let Some(small) = Small::queue() else { return };
    check(&small, (0..24).map(Room::Pages));
}

#[test]
fn no_inodes() {
    let Some(small) = Small::queue() else { return };
    check(&small, (0..24).map(Room::Inodes));
}

/// Half a paragraph must not stand before the whole one: whoever reads the notice by program takes
/// it for another recipient.
#[test]
fn a_failure_that_was_not_written_whole_is_told_once() {
    let home = Home::new();
    home.user("u");
    for extension in ["a", "b"] {
        home.dot_qmail(
            "u",
            extension,
            "|head -c 2900 /dev/zero | tr '\\0' X; exit 100\n",
        );
    }
    let dir = home.queue("bounce");
    let Some(small) = Small::mount(home, dir) else {
        return;
    };
    small.limit(Room::Pages(1));
    let home = &small.home;
    let daemons = home.start_daemons();
    let envelope = "Fu@test.example\0Tu-a@test.example\0Tu-b@test.example\0\0";
    let handed_in = home.program("qmail-queue").stdin("\n").fd(1, envelope);
    handed_in.output().assert_exit(0);
    daemons.wait_for_log("HELP!");
    small.limit(Room::Plenty);
    wait::until("the notice", || {
        daemons.signal("qmail-send", Signal::SIGALRM);
        (!home.maildir("u").is_empty()).then_some(())
    });
    let notice = String::from_utf8(home.maildir("u").remove(0)).expect("text");
    let text = "X".repeat(2900);
    for extension in ["a", "b"] {
        let paragraph = format!("\n\n<u-{extension}@test.example>:\n{text}\n\n");
        assert_eq!(notice.matches(&paragraph).count(), 1, "{notice}");
    }
    assert_eq!(notice.matches("XX<").count(), 0, "{notice}");
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
