//! What programs are linked from, as cargo sees it: the privileged ones by name, and nobody the
//! queue who should not.

use std::collections::BTreeSet;
use std::env;
use std::process::Command;

use harness::programs;

use super::{Layer, crates};

/// Everything a package is linked from, itself left out, macros that run in the compiler left out.
fn linked(package: &str) -> BTreeSet<String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "tree",
            "--offline",
            "-e",
            "normal,no-proc-macro",
            "--prefix",
            "none",
        ])
        .args(["--format", "{p}", "-p", package])
        .current_dir(programs::source())
        .output()
        .expect("cargo tree");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).expect("text");
    let names = text.lines().filter_map(|line| line.split(' ').next());
    names
        .filter(|name| !name.is_empty() && *name != package)
        .map(str::to_owned)
        .collect()
}

#[track_caller]
fn check(package: &str, allowed: &[&str]) {
    assert!(
        allowed.len() <= PRIVILEGED_MAX,
        "{package}: the list itself is too long"
    );
    let strangers: Vec<String> = linked(package)
        .into_iter()
        .filter(|name| !allowed.contains(&name.as_str()))
        .collect();
    assert!(strangers.is_empty(), "{package} links {strangers:?}");
}

/// What crate `os` brings.
const SYSTEM: [&str; 6] = ["bitflags", "cfg-if", "fs2", "libc", "memoffset", "nix"];

fn with_system<'a>(ours: &[&'a str]) -> Vec<&'a str> {
    SYSTEM.iter().chain(ours).copied().collect()
}

#[test]
fn qmail_queue_links_only_what_is_listed() {
    check(
        "qmail-queue",
        &with_system(&[
            "datetime",
            "diag",
            "os",
            "queue",
            "queue-client",
            "thiserror",
        ]),
    );
}

#[test]
fn qmail_start_links_only_what_is_listed() {
    check("qmail-start", &with_system(&["os", "thiserror"]));
}

#[test]
fn qmail_lspawn_links_only_what_is_listed() {
    check(
        "qmail-lspawn",
        &with_system(&["cdb", "os", "report", "spawner", "thiserror", "users"]),
    );
}

#[test]
fn qmail_tcpserver_is_root_until_bound_and_links_only_what_is_listed() {
    check(
        "qmail-tcpserver",
        &with_system(&["cdb", "control", "diag", "os", "thiserror"]),
    );
}

#[test]
fn only_the_queues_own_programs_link_it() {
    const OWN: [&str; 3] = ["qmail-queue", "qmail-send", "tools-admin"];
    for each in crates()
        .iter()
        .filter(|each| each.layer() == Layer::Program)
    {
        let links_it = linked(&each.name).contains("queue");
        assert!(
            !links_it || OWN.contains(&each.name.as_str()),
            "{} links queue",
            each.name
        );
    }
}

/// All told, so that the list can be reviewed like code.
const PRIVILEGED_MAX: usize = 12;
