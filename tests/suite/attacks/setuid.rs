//! Attacks on qmail-queue by whoever starts it: descriptors, limits, signals, envelopes, files in its
//! way. It queues the whole message or nothing, and leaves nothing behind.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use harness::home::Home;
use harness::run::Run;
use harness::tree;

const ENVELOPE: &[u8] = b"Fs@x.example\0Tr@y.example\0\0";

/// Nothing was accepted, and no file tells of the attempt.
#[track_caller]
fn check_nothing_queued(home: &Home, what: &str) {
    let tree = tree::look(home.path());
    assert!(tree.messages.is_empty(), "{what}: {tree:?}");
    assert_eq!(tree.births, 0, "{what}");
    tree.assert_documented();
}

/// qmail-queue, started by a shell in the way that the script says.
fn through_shell<'a>(home: &'a Home, script: &str) -> Run<'a> {
    let program = home.bin("qmail-queue");
    let words = [OsStr::new("-c"), OsStr::new(script), program.as_os_str()];
    home.foreign("/bin/sh").args(words)
}

#[test]
fn closed_and_strange_descriptors_queue_nothing() {
    let home = Home::new();
    home.write("message", b"Subject: x\n\nbody\n");
    home.write("envelope", ENVELOPE);
    let ways = [
        ("0 closed", "exec \"$0\" <&- 1<envelope"),
        ("1 closed", "exec \"$0\" <message >&-"),
        ("all closed", "exec \"$0\" <&- >&- 2>&-"),
        ("0 a directory", "exec \"$0\" <. 1<envelope"),
        ("1 a directory", "exec \"$0\" <message 1<."),
        ("0 for writing only", "exec \"$0\" 0>out 1<envelope"),
        ("1 for writing only", "exec \"$0\" <message 1>out"),
        ("1 at its end", "exec \"$0\" <message 1</dev/null"),
    ];
    for (what, script) in ways {
        let done = through_shell(&home, script).output();
        assert!(
            matches!(done.code(), Some(53 | 54)),
            "{what}: {}",
            done.status
        );
        check_nothing_queued(&home, what);
    }
}

#[test]
fn without_descriptor_2_nothing_goes_into_the_message() {
    let home = Home::new();
    home.write("message", b"Subject: x\n\nbody\n");
    home.write("envelope", ENVELOPE);
    let script = "exec \"$0\" <message 1<envelope 2>&-";
    through_shell(&home, script).output().assert_exit(0);
    let tree = tree::look(home.path());
    let queued = tree.in_queue();
    assert_eq!(queued.len(), 1);
    let id = queued[0];
    let text = home.read(&format!("queue/mess/{}/{id}", id % 23));
    let text = String::from_utf8(text).expect("text");
    let (received, rest) = text.split_once('\n').expect("a line");
    assert!(received.starts_with("Received: (qmail "), "{received}");
    assert_eq!(rest, "Subject: x\n\nbody\n");
}

#[test]
fn without_a_name_it_works() {
    let home = Home::new();
    // This is what Linux makes of an empty list of arguments.
    let program = home.bin("qmail-queue");
    let words = [
        OsStr::new("-c"),
        OsStr::new("exec -a '' \"$0\""),
        program.as_os_str(),
    ];
    let run = home.foreign("/bin/bash").args(words);
    let done = run.stdin("Subject: x\n\n").fd(1, ENVELOPE).output();
    done.assert_exit(0);
    assert_eq!(tree::look(home.path()).in_queue().len(), 1);
}

#[test]
fn limits_of_the_caller_make_no_short_message() {
    let home = Home::new();
    let mut message = b"Subject: x\n\n".to_vec();
    message.resize(200_000, b'x');
    home.write("message", &message);
    home.write("envelope", ENVELOPE);
    for limit in [
        "-f 1",
        "-n 3",
        "-n 4",
        "-v 4096",
        "-v 8192",
        "-t 1",
        "-u 0",
        "-c unlimited",
        "-s 64",
        "-l 0",
    ] {
        let script = format!("ulimit -S {limit}; ulimit {limit}; exec \"$0\" <message 1<envelope");
        let words = ["-c", &script];
        let program = home.bin("qmail-queue");
        let run = home
            .foreign("/bin/bash")
            .args(words)
            .args([program.as_os_str()]);
        let done = run.output();
        let tree = tree::look(home.path());
        let queued = tree.in_queue();
        assert_eq!(
            queued.len(),
            usize::from(done.code() == Some(0)),
            "{limit}: {done:?}"
        );
        for id in queued {
            let name = format!("mess/{}/{id}", id % 23);
            let content = fs::read(home.queue(&name)).expect("content");
            assert!(content.ends_with(&message), "{limit}");
            for name in [name, format!("todo/{id}"), format!("intd/{id}")] {
                fs::remove_file(home.queue(&name)).expect("a file of the message");
            }
        }
        // Death by a limit may leave a birth or S2, for the cleaner.
        tree.assert_documented();
        for id in tree.in_state(tree::State::S2) {
            let _ = fs::remove_file(home.queue(&format!("mess/{}/{id}", id % 23)));
        }
    }
}

#[test]
fn blocked_and_ignored_signals_are_its_own_again() {
    let home = Home::new();
    let script = "import os,signal,sys\n\
        for s in (signal.SIGALRM, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ, signal.SIGTERM):\n\
        \x20signal.signal(s, signal.SIG_IGN)\n\
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\n\
        os.execv(sys.argv[1], [sys.argv[1]])";
    let program = home.bin("qmail-queue");
    let words = [OsStr::new("-c"), OsStr::new(script), program.as_os_str()];
    let mut command = home.foreign("/usr/bin/python3").args(words).into_command();
    let envelope = home.write("envelope", ENVELOPE).path().join("envelope");
    command
        .stdin(Stdio::piped())
        .stdout(File::open(envelope).expect("envelope"));
    let mut child = command.spawn().expect("python3");
    let pid = child.id();
    // It waits for the message, with its own mask and its alarm running.
    harness::wait::until("its message file", || {
        (tree::look(home.path()).in_state(tree::State::S2).len() == 1).then_some(())
    });
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("status");
    let set = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        u64::from_str_radix(line.expect("a set").trim(), 16).expect("hexadecimal")
    };
    let alarm = 1 << (14 - 1);
    assert_eq!(set("SigBlk:") & alarm, 0, "SIGALRM is not blocked");
    assert_eq!(set("SigIgn:") & alarm, 0, "SIGALRM is not ignored");
    let raw = nix::unistd::Pid::from_raw(i32::try_from(pid).expect("pid"));
    nix::sys::signal::kill(raw, nix::sys::signal::Signal::SIGALRM).expect("kill");
    let ended = child.wait().expect("wait");
    assert_eq!(ended.code(), Some(52));
    // Its content is left to the cleaner.
    let tree = tree::look(home.path());
    assert!(tree.assert_documented().in_queue().is_empty());
}

#[test]
fn envelopes_that_are_none_queue_nothing() {
    let home = Home::new();
    let long = |count: usize| [b"F".as_slice(), &vec![b'a'; count], b"\0Tr@y\0\0"].concat();
    let mut cases: Vec<(Vec<u8>, i32)> = vec![
        (b"Tr@y\0\0".to_vec(), 91),
        (b"\0".to_vec(), 91),
        (b"Fs@x\0Xr@y\0\0".to_vec(), 91),
        (b"Fs@x\0Fr@y\0\0".to_vec(), 91),
        (b"fs@x\0Tr@y\0\0".to_vec(), 91),
        (b"Fs@x".to_vec(), 54),
        (long(1003), 11),
        (long(1_000_000), 11),
    ];
    cases.extend((0..ENVELOPE.len() - 1).map(|end| (ENVELOPE[..end].to_vec(), 54)));
    for (envelope, code) in cases {
        let run = home.program("qmail-queue").stdin("Subject: x\n\n");
        let done = run.fd(1, &envelope).output();
        let shown = envelope[..envelope.len().min(60)]
            .escape_ascii()
            .to_string();
        assert_eq!(done.code(), Some(code), "{shown}");
        check_nothing_queued(&home, &shown);
    }
}

#[test]
fn whatever_the_callers_mask_and_directory_the_files_are_the_same() {
    let home = Home::new();
    home.write("envelope", ENVELOPE);
    let gone = home.mkdir("gone");
    let envelope = home.path().join("envelope");
    let envelope = envelope.display();
    let script = format!("umask 0777; rmdir ../gone; exec \"$0\" 1<'{envelope}'");
    through_shell(&home, &script)
        .cwd(gone)
        .output()
        .assert_exit(0);
    let id = tree::look(home.path()).in_queue()[0];
    for name in [format!("mess/{}/{id}", id % 23), format!("todo/{id}")] {
        let facts = fs::metadata(home.queue(&name)).expect("a file of the message");
        assert_eq!(facts.permissions().mode() & 0o7777, 0o644, "{name}");
    }
}

#[test]
fn without_new_privileges_nothing_is_gained() {
    if !nix::unistd::getuid().is_root() {
        eprintln!("not root: there is no other user");
        return;
    }
    let home = Home::new();
    let program = home.bin("qmail-queue");
    let run = home.foreign("/usr/bin/setpriv").args(["--no-new-privs"]);
    let run = run.args([program.as_os_str()]).uid(65533);
    let done = run.stdin("Subject: x\n\n").fd(1, ENVELOPE).output();
    // Somebody else's queue, and no accounts to know it by: temporary in any case.
    let is_temporary = |code| code == 111 || (51..=81).contains(&code);
    assert!(done.code().is_some_and(is_temporary), "{}", done.status);
    check_nothing_queued(&home, "no new privileges");
}
