//! qmail-qread(8), qmail-qstat(8) and qmail-upq(8): the queue as it is shown and counted, and put
//! in order.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use harness::home::Home;
use harness::programs;
use nix::fcntl::{Flock, FlockArg};

use crate::hand_made::{Preprocessed, content, enqueue, split, wait_for_file};

/// What qmail-qread prints, the lines sorted by nothing: as they come.
#[track_caller]
fn shown(home: &Home) -> String {
    let done = home.program("qmail-qread").output();
    done.assert_exit(0);
    assert_eq!(done.stderr_text(), "");
    done.stdout_text()
}

/// Makes a message preprocessed in November 2026.
fn message<'a>(home: &'a Home, sender: &str) -> Preprocessed<'a> {
    let made = Preprocessed::from(home, sender);
    let info = home.queue(&split("info", made.id));
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_795_333_805);
    let file = fs::File::open(info).expect("open");
    file.set_modified(time).expect("times");
    made
}

#[test]
fn every_message_has_a_line_and_one_for_each_recipient() {
    let home = Home::new();
    assert_eq!(shown(&home), "");
    let made = message(&home, "u1@test.example");
    made.file("local", b"Tu1-temp@test.example\0Du2@test.example\0");
    made.file("remote", b"Dx@far.example\0Ty@far.example\0");
    let size = fs::metadata(home.queue(&split("mess", made.id)))
        .expect("stat")
        .len();
    let expected = format!(
        "22 Nov 2026 07:50:05 GMT  #{}  {size}  <u1@test.example> \n\
         \tlocal\tu1-temp@test.example\n  done\tlocal\tu2@test.example\n\
         \x20 done\tremote\tx@far.example\n\tremote\ty@far.example\n",
        made.id
    );
    assert_eq!(shown(&home), expected);
    home.write(&format!("queue/bounce/{}", made.id), b"x");
    assert!(shown(&home).contains("  <u1@test.example>  bouncing\n"));
}

#[test]
fn messages_come_by_subdirectory() {
    let home = Home::new();
    let made: Vec<_> = (0..40).map(|_| message(&home, "").id).collect();
    let text = shown(&home);
    let number = |line: &str| -> u64 {
        let (_, rest) = line.split_once(" GMT  #").expect("a number");
        rest.split(' ')
            .next()
            .and_then(|word| word.parse().ok())
            .expect("digits")
    };
    let found: Vec<u64> = text.lines().map(number).collect();
    assert!(found.is_sorted_by_key(|id| id % 23), "{found:?}");
    let (mut found, mut expected) = (found, made);
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn what_strangers_wrote_is_shown_as_printable_text() {
    let home = Home::new();
    let made = message(&home, "a\nb\x1b[2J\u{e9}@x");
    made.file("remote", b"Tc\x9b\r@x\0");
    let text = shown(&home);
    assert!(text.contains("  <a_b_[2J__@x> \n"), "{text}");
    assert!(text.ends_with("\tremote\tc__@x\n"), "{text}");
}

#[test]
fn a_message_in_pieces_is_a_warning_and_the_next_one_follows() {
    let home = Home::new();
    let broken = Preprocessed::from(&home, "s@x");
    // Not removed: the next message would get its number.
    let elsewhere = home.path().join("elsewhere");
    fs::rename(home.queue(&split("mess", broken.id)), elsewhere).expect("rename");
    let closed = message(&home, "s@x");
    fs::remove_file(home.queue(&split("info", closed.id))).expect("remove");
    home.mkdir(&format!("queue/{}", split("info", closed.id)));
    let whole = message(&home, "s@x");
    whole.file("local", b"Tu@x\0");
    let text = shown(&home);
    let warning = format!(
        "warning: trouble with #{}: file does not exist\n",
        broken.id
    );
    assert!(text.contains(&warning), "{text}");
    assert!(
        text.contains(&format!("warning: trouble with #{}: ", closed.id)),
        "{text}"
    );
    assert!(text.contains("\tlocal\tu@x\n"), "{text}");
}

#[test]
fn records_that_are_none_are_passed_over() {
    let home = Home::new();
    let made = message(&home, "s@x");
    made.file("local", b"Ta@x\0Xb@x\0\0Tc@x\0Tcut");
    let text = shown(&home);
    assert!(text.ends_with("\n\tlocal\ta@x\n\tlocal\tc@x\n"), "{text}");
    let endless = [b"Ta@x\0T".as_slice(), &vec![b'x'; 3 << 20], b"\0"].concat();
    made.file("local", &endless);
    let text = shown(&home);
    assert!(text.ends_with("\n\tlocal\ta@x\n"), "{}", text.len());
}

#[test]
fn both_agree_with_the_daemons() {
    let home = Home::new();
    home.control("concurrencylocal", "0\n");
    enqueue(&home, "s@x.example", &["a@test.example"]);
    let counted = |home: &Home| home.program("qmail-qstat").output().stdout_text();
    assert_eq!(
        counted(&home),
        "messages in queue: 1\nmessages in queue but not yet preprocessed: 1\n"
    );
    assert_eq!(shown(&home), "", "nobody has looked at it");
    let id = names(&home.queue("todo")).remove(0);
    let mut daemons = home.start_daemons();
    wait_for_file(&home, &format!("todo/{id}"), false);
    daemons.term();
    assert_eq!(
        counted(&home),
        "messages in queue: 1\nmessages in queue but not yet preprocessed: 0\n"
    );
    let text = shown(&home);
    assert!(
        text.ends_with("  <s@x.example> \n\tlocal\ta@test.example\n"),
        "{text}"
    );
}

#[test]
fn who_may_not_look_sees_nothing() {
    let home = Home::new();
    message(&home, "secret@x").file("local", b"Tsecret@x\0");
    let close = |name: &str, mode| {
        fs::set_permissions(home.queue(name), fs::Permissions::from_mode(mode)).expect("chmod");
    };
    close("info/0", 0);
    let done = home.program("qmail-qread").output();
    done.assert_exit(111);
    assert_eq!(
        done.stdout_text(),
        "fatal: unable to opendir info/0: access denied\n"
    );
    close("info/0", 0o700);
    close("", 0);
    let done = home.program("qmail-qread").output();
    done.assert_exit(111);
    assert_eq!(
        done.stdout_text(),
        "fatal: unable to chdir: access denied\n"
    );
    // The original counts -1.
    if programs::ours() {
        let done = home.program("qmail-qstat").output();
        done.assert_exit(111);
        assert_eq!(done.stdout_text(), "");
        assert!(
            done.stderr_text()
                .starts_with("qmail-qstat: fatal: unable to list ")
        );
    }
    close("", 0o750);
}

#[test]
fn output_that_cannot_be_written_is_no_success() {
    let home = Home::new();
    message(&home, "s@x");
    for name in ["qmail-qread", "qmail-qstat"] {
        let command = home.foreign("/bin/sh").args(["-c", "\"$0\" >/dev/full"]);
        command.args([home.bin(name)]).output().assert_exit(111);
    }
}

/// A queue with everything in the wrong place, as another qmail would have it.
#[track_caller]
fn check_resplit(from: impl Fn(u64) -> String) {
    let home = Home::new();
    let made = message(&home, "s@x");
    made.file("remote", b"Ta@far.example\0");
    content(&home);
    let before = shown(&home);
    let mut places = Vec::new();
    for part in ["mess", "info", "local", "remote"] {
        let buckets = (0..23).map(|number| home.queue(&format!("{part}/{number}")));
        let files = buckets.flat_map(|bucket| {
            names(&bucket)
                .into_iter()
                .map(move |name| bucket.join(name))
        });
        places.extend(files.map(|place| (part, place)));
    }
    let mut inodes = Vec::new();
    for (part, place) in places {
        let name = place
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a name");
        let away = home.queue(&format!("{part}/{}", from(name.parse().expect("a number"))));
        let parent = away.parent().expect("a directory");
        fs::create_dir_all(parent).expect("mkdir");
        home.give(parent, 0o700);
        fs::rename(&place, &away).expect("rename");
        inodes.push((place, fs::metadata(&away).expect("stat").ino()));
    }
    assert_eq!(inodes.len(), 4);
    let done = home.built("qmail-upq").output();
    done.assert_exit(0);
    assert!(done.stdout.is_empty() && done.stderr.is_empty());
    for (place, inode) in inodes {
        assert_eq!(fs::metadata(&place).expect("moved").ino(), inode);
    }
    assert_eq!(shown(&home), before);
    home.built("qmail-upq").output().assert_exit(0);
    assert_eq!(shown(&home), before);
}

fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).expect("list").flatten();
    entries
        .map(|entry| entry.file_name().into_string().expect("ASCII"))
        .collect()
}

#[test]
fn files_of_another_split_find_their_places() {
    check_resplit(|id| id.to_string());
    check_resplit(|id| format!("{}/{id}", 23 + id % 7));
    check_resplit(|id| format!("{}/{id}", (id + 1) % 23));
}

#[test]
fn nothing_moves_under_a_running_qmail_send_or_over_another_file() {
    if !programs::ours() {
        return;
    }
    let home = Home::new();
    let made = message(&home, "s@x");
    let wrong = home.queue(&format!("info/{}", made.id));
    fs::copy(home.queue(&split("info", made.id)), &wrong).expect("copy");
    let mutex = fs::File::options()
        .write(true)
        .open(home.queue("lock/sendmutex"))
        .expect("sendmutex");
    let lock = Flock::lock(mutex, FlockArg::LockExclusiveNonblock).expect("nobody has it");
    let done = home.built("qmail-upq").output();
    done.assert_exit(111);
    let expected = "qmail-upq: fatal: unable to take the queue: qmail-send is already running\n";
    assert_eq!(done.stderr_text(), expected);
    drop(lock);
    let done = home.built("qmail-upq").output();
    done.assert_exit(111);
    assert!(
        done.stderr_text()
            .ends_with(": there is another file in its place\n")
    );
    assert!(wrong.exists() && made.look("info").is_some());
}
