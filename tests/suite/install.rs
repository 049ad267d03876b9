//! scripts/install: owners and modes, staged and in place, and the installation at work under
//! supervise.

use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use harness::home::hier;
use harness::programs;
use nix::unistd::getuid;

/// A directory to stage in, removed on drop.
struct Stage(PathBuf);

impl Stage {
    fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("qmail-stage.{}.{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).expect("a directory to stage in");
        Self(path)
    }

    fn run(&self, script: &str, more: &[&str]) -> Output {
        let script = programs::source().join("scripts").join(script);
        let mut command = Command::new(script);
        command.arg("--root").arg(&self.0).args(more);
        command.output().expect("the script runs")
    }

    fn install(&self, hostname: &str) -> Output {
        self.run("install", &["--hostname", hostname, "--profile", "debug"])
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Owners are root's to give; without root there is nothing to test, which is said.
fn is_root() -> bool {
    let root = getuid().is_root();
    if !root {
        eprintln!("skipped: needs root");
    }
    root
}

#[track_caller]
fn assert_done(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{}\n{text}\n{complaints}",
        output.status
    );
    text
}

/// The number of an account (column 2) or group in a file like /etc/passwd.
fn number(file: &Path, name: &str) -> u32 {
    let text = fs::read_to_string(file).expect("passwd or group");
    let line = text
        .lines()
        .find(|line| line.starts_with(&format!("{name}:")));
    let field = line
        .and_then(|line| line.split(':').nth(2))
        .expect("an account");
    field.parse().expect("a number")
}

#[test]
fn a_staged_tree_has_the_owners_and_modes_of_hier() {
    if !is_root() {
        return;
    }
    let stage = Stage::new("modes");
    assert_done(&stage.install("mx.test.example"));
    let uid = |name: &str| {
        if name == "root" {
            0
        } else {
            number(&stage.path("etc/passwd"), name)
        }
    };
    let home = stage.path("var/qmail");
    for entry in hier() {
        let path = home.join(&entry.path);
        let facts =
            fs::metadata(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let found = (facts.uid(), facts.gid(), facts.mode() & 0o7777);
        let gid = number(&stage.path("etc/group"), &entry.group);
        assert_eq!(
            found,
            (uid(&entry.owner), gid, entry.mode),
            "{}",
            path.display()
        );
        if entry.kind == 'd' && entry.count > 0 {
            let last = fs::metadata(path.join((entry.count - 1).to_string())).expect("split");
            assert_eq!(
                (last.uid(), last.gid(), last.mode() & 0o7777),
                found,
                "{}",
                path.display()
            );
        }
    }
    let control =
        |name: &str| fs::read_to_string(home.join("control").join(name)).expect("control");
    assert_eq!(control("me"), "mx.test.example\n");
    assert_eq!(control("rcpthosts"), "mx.test.example\n");
    assert_eq!(control("defaultdomain"), "test.example\n");
    assert_eq!(control("plusdomain"), "test.example\n");
    for service in ["qmail-send", "qmail-smtpd"] {
        let run = home.join("supervise").join(service).join("log/run");
        assert_eq!(fs::metadata(run).expect("log/run").mode() & 0o7777, 0o755);
    }
}

#[test]
fn a_second_install_keeps_control_files_and_the_queue() {
    if !is_root() {
        return;
    }
    let stage = Stage::new("again");
    assert_done(&stage.install("mx.test.example"));
    let me = stage.path("var/qmail/control/me");
    fs::write(&me, "changed.example\n").expect("me");
    let queued = stage.path("var/qmail/queue/todo/12");
    fs::write(&queued, "mail").expect("todo");
    fs::write(stage.path("var/qmail/bin/qmail-send"), "an older program").expect("qmail-send");
    let text = assert_done(&stage.install("other.example"));
    assert!(
        text.contains("kept") && text.contains("control/me"),
        "{text}"
    );
    assert!(
        text.contains("bin/qmail-send"),
        "an old program must be replaced: {text}"
    );
    assert_eq!(fs::read_to_string(&me).expect("me"), "changed.example\n");
    assert_eq!(fs::read_to_string(&queued).expect("todo"), "mail");
}

#[test]
fn nothing_is_done_while_qmail_send_runs_on_the_queue() {
    if !is_root() {
        return;
    }
    let stage = Stage::new("locked");
    assert_done(&stage.install("mx.test.example"));
    let mutex = fs::File::open(stage.path("var/qmail/queue/lock/sendmutex")).expect("sendmutex");
    mutex.lock().expect("lock");
    for output in [
        stage.install("mx.test.example"),
        stage.run("uninstall", &[]),
    ] {
        assert_eq!(output.status.code(), Some(111));
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(text.contains("qmail-send is running"), "{text}");
    }
    drop(mutex);
    assert_done(&stage.run("uninstall", &[]));
    assert!(!stage.path("var/qmail/bin/qmail-queue").exists());
    assert!(stage.path("var/qmail/queue/mess/22").is_dir());
    assert!(stage.path("var/qmail/control/me").exists());
}

#[test]
fn a_wrong_call_changes_nothing() {
    if !is_root() {
        return;
    }
    let stage = Stage::new("wrong");
    for more in [
        ["--hostname", "a b"],
        ["--profile", "fast"],
        ["--colour", "red"],
    ] {
        assert_eq!(
            stage.run("install", &more).status.code(),
            Some(100),
            "{more:?}"
        );
        assert!(!stage.path("var").exists(), "{more:?}");
    }
}

#[test]
fn an_installation_works_under_supervise() {
    let needed = [
        "svscan",
        "multilog",
        "tai64nlocal",
        "setuidgid",
        "unshare",
        "ip",
        "pgrep",
    ];
    let missing: Vec<_> = needed.iter().filter(|name| !is_in_path(name)).collect();
    if !is_root() || !missing.is_empty() {
        eprintln!("skipped: not installed: {missing:?}");
        return;
    }
    if !may_unshare() {
        eprintln!("skipped: this container may not make namespaces");
        return;
    }
    let top = programs::source();
    let output = Command::new("unshare")
        .args([
            "--mount",
            "--net",
            "--pid",
            "--fork",
            "--kill-child",
            "--propagation",
            "private",
        ])
        .arg("bash")
        .arg(top.join("tests/suite/install/supervised.sh"))
        .arg(&top)
        .output()
        .expect("unshare");
    let text = assert_done(&output);
    assert!(text.ends_with("all steps done\n"), "{text}");
    assert_is_the_guide(&text);
}

/// The six kinds of lines that the life of a message has in the log, in their order.
#[track_caller]
fn assert_is_the_guide(text: &str) {
    let (_, log) = text.split_once("log:\n").expect("a log");
    // 2026-11-24 10:58:14.126289500 new msg 901268
    let lines: Vec<&str> = log
        .lines()
        .take(6)
        .map(|line| line.get(30..).unwrap_or(line))
        .collect();
    let beginnings = [
        "new msg ",
        "info msg ",
        "starting delivery 1: msg ",
        "status: local 1/10 remote 0/20",
        "delivery 1: success: did_1+0+0/",
        "end msg ",
    ];
    for (line, beginning) in lines.iter().zip(beginnings) {
        assert!(
            line.starts_with(beginning),
            "{line:?} is not {beginning:?}: {lines:#?}"
        );
    }
    assert_eq!(lines.len(), beginnings.len());
}

fn is_in_path(name: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|directory| directory.join(name).exists())
}

fn may_unshare() -> bool {
    let mut command = Command::new("unshare");
    command.args([
        "--mount", "--net", "--pid", "--fork", "mount", "-t", "tmpfs", "x", "/mnt",
    ]);
    command.output().is_ok_and(|output| output.status.success())
}
