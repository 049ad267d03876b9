//! The harness itself: a test tool that lies is worse than none.

use harness::home::{Home, hier};
use harness::programs;
use std::os::unix::fs::MetadataExt;

#[test]
fn a_home_holds_everything_in_hier() {
    let home = Home::new();
    for entry in hier().iter().filter(|entry| entry.kind != 'x') {
        let facts = std::fs::metadata(home.path().join(&entry.path)).expect("exists");
        assert_eq!(
            facts.mode() & 0o7777,
            entry.mode,
            "{}",
            entry.path.display()
        );
        assert_eq!(facts.uid(), home.uid(), "{}", entry.path.display());
    }
    assert!(home.queue("mess/22").is_dir() && !home.queue("mess/23").exists());
    assert_eq!(
        std::fs::metadata(home.queue("lock/tcpto"))
            .expect("tcpto")
            .len(),
        1024
    );
}

#[test]
fn a_home_is_removed_with_its_value() {
    let home = Home::new();
    let path = home.path().to_owned();
    drop(home);
    assert!(!path.exists());
}

#[test]
fn a_run_passes_descriptors_arguments_and_environment() {
    let home = Home::new();
    let script = "cat; cat <&1 >&2; cat <&3 >&6; echo \"$1 $NAME $QMAILHOME\" >&7; exit 7";
    let run = home
        .foreign("/bin/sh")
        .args(["-c", script, "sh", "argument"])
        .env("NAME", "value");
    let done = run
        .fd(1, "one\n")
        .fd(3, "three\n")
        .capture(6)
        .capture(7)
        .output();
    done.assert_exit(7);
    assert_eq!(done.stderr, b"one\n");
    assert_eq!(done.fd(6), b"three\n");
    assert_eq!(
        done.fd(7),
        format!("argument value {}\n", home.path().display()).as_bytes()
    );
}

#[test]
fn a_run_is_not_root_and_sees_closed_descriptors() {
    let home = Home::new();
    let script = "id -u; test -e /proc/self/fd/6 && exit 1; exit 0";
    let done = home
        .foreign("/bin/sh")
        .args(["-c", script])
        .stdin("x")
        .close(6)
        .output();
    assert_eq!(
        done.assert_exit(0).stdout_text(),
        format!("{}\n", home.uid())
    );
    assert_ne!(home.uid(), 0);
}

#[test]
fn hier_names_every_program_the_workspace_builds() {
    if !programs::ours() {
        return;
    }
    let listed: Vec<_> = hier()
        .into_iter()
        .filter(|entry| entry.kind == 'x')
        .collect();
    // Benchmarks are programs of the workspace, but not of a qmail home.
    let installed = |name: &&str| !name.starts_with("bench-") && !SETUP_TOOLS.contains(name);
    for name in programs::names().filter(installed) {
        let named = listed.iter().any(|entry| entry.path.ends_with(name));
        assert!(named, "{name} is not in queue-layout/hier");
    }
}

/// Built for whoever sets a home up, and never installed in its bin/, as in the original.
const SETUP_TOOLS: [&str; 10] = [
    "config",
    "config-fast",
    "dnsfq",
    "dnsip",
    "dnsmxip",
    "dnsptr",
    "hostname",
    "instcheck",
    "ipmeprint",
    "qmail-upq",
];
