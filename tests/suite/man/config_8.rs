//! config(8), config-fast(8) and instcheck(8): the first control files, and whether a home is what
//! it should be.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use harness::home::Home;
use harness::nameserver::{Fault, NameServer, Zone, reverse};
use harness::programs;
use harness::run::Output;

/// The text of a control file.
fn file(home: &Home, name: &str) -> String {
    String::from_utf8(home.read(&format!("control/{name}"))).expect("ASCII")
}

/// This machine's name as config looks it up.
fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").expect("a name");
    name.trim_end().to_ascii_lowercase()
}

fn config(home: &Home, zone: Zone) -> Output {
    let names = NameServer::start(zone);
    home.built("config")
        .env("DNSCACHEIP", names.dnscacheip())
        .output()
}

#[test]
fn config_writes_what_the_dns_says() {
    let home = Home::new();
    home.control("locals", "old.example\n")
        .control("me", "old.example\n");
    let zone = Zone::new()
        .a(&host(), "192.0.2.77")
        .a("mx.b.a.example", "192.0.2.77");
    let done = config(&home, zone.ptr("192.0.2.77", "MX.B.A.example"));
    done.assert_exit(0);
    assert_eq!(done.stderr_text(), "");
    assert_eq!(file(&home, "me"), "mx.b.a.example\n");
    assert_eq!(file(&home, "defaultdomain"), "b.a.example\n");
    assert_eq!(file(&home, "plusdomain"), "a.example\n");
    let locals = file(&home, "locals");
    assert!(locals.lines().any(|line| line == "localhost"), "{locals}");
    assert!(
        locals.lines().any(|line| line == "MX.B.A.example"),
        "{locals}"
    );
    assert!(!locals.contains("old.example"));
    assert_eq!(file(&home, "rcpthosts"), locals);
    let text = done.stdout_text();
    let begin = format!(
        "Your hostname is {}.\n\
         Your host's fully qualified name in DNS is mx.b.a.example.\n\
         Putting mx.b.a.example into control/me...\n\
         Putting b.a.example into control/defaultdomain...\n\
         Putting a.example into control/plusdomain...\n \n\
         Checking local IP addresses:\n\
         0.0.0.0: PTR lookup failed. I assume this address has no DNS name.\n\
         127.0.0.1: Adding localhost to control/locals...\n",
        host()
    );
    assert!(text.starts_with(&begin), "{text}");
    assert!(
        text.contains("192.0.2.77: Adding MX.B.A.example to control/locals...\n"),
        "{text}"
    );
    for name in ["me", "defaultdomain", "plusdomain", "locals", "rcpthosts"] {
        let facts = fs::metadata(home.path().join("control").join(name)).expect("stat");
        assert_eq!(facts.permissions().mode() & 0o7777, 0o644, "{name}");
    }
    assert_eq!(
        fs::read_dir(home.path().join("control"))
            .expect("list")
            .count(),
        5
    );
}

#[track_caller]
fn check_no_name(zone: Zone, code: i32) {
    let home = Home::new();
    home.control("me", "old.example\n");
    let done = config(&home, zone);
    if programs::ours() {
        // The original exits 0.
        done.assert_exit(code);
    }
    let expected = format!(
        "Your hostname is {}.\nSorry, I couldn't find your host's canonical name in DNS.\n\
         You will have to set up control/me yourself.\n",
        host()
    );
    assert_eq!(done.stdout_text(), expected);
    assert_eq!(file(&home, "me"), "old.example\n");
    assert!(!home.path().join("control/locals").exists());
}

#[test]
fn a_host_that_the_dns_does_not_know_must_be_set_up_by_hand() {
    check_no_name(Zone::new(), 100);
    check_no_name(Zone::new().a(&host(), "192.0.2.77"), 100);
    check_no_name(Zone::new().fault(&host(), Fault::ServFail), 111);
    let zone = Zone::new().a(&host(), "192.0.2.77");
    check_no_name(zone.fault(&reverse("192.0.2.77"), Fault::Refused), 111);
}

#[test]
fn config_fast_takes_the_name_it_is_given() {
    let home = Home::new();
    home.control("locals", "old.example")
        .control("plusdomain", "old.example\n");
    let done = home.built("config-fast").args(["mx.b.a.example"]).output();
    done.assert_exit(0);
    let expected = "Your fully qualified host name is mx.b.a.example.\n\
                    Putting mx.b.a.example into control/me...\n\
                    Putting b.a.example into control/defaultdomain...\n\
                    Putting a.example into control/plusdomain...\n\
                    Putting mx.b.a.example into control/locals...\n\
                    Putting mx.b.a.example into control/rcpthosts...\n\
                    Now qmail will refuse to accept SMTP messages except to mx.b.a.example.\n\
                    Make sure to change rcpthosts if you add hosts to locals or virtualdomains!\n";
    assert_eq!(
        (done.stdout_text(), done.stderr_text()),
        (expected.to_owned(), String::new())
    );
    assert_eq!(file(&home, "me"), "mx.b.a.example\n");
    assert_eq!(file(&home, "plusdomain"), "a.example\n");
    assert_eq!(file(&home, "locals"), "old.example\nmx.b.a.example\n");
    assert_eq!(file(&home, "rcpthosts"), "mx.b.a.example\n");
}

#[test]
fn short_names_stay_whole() {
    let home = Home::new();
    for (name, default, plus) in [
        ("a.example", "a.example", "a.example"),
        ("host", "host", "host"),
    ] {
        home.built("config-fast")
            .args([name])
            .output()
            .assert_exit(0);
        assert_eq!(file(&home, "defaultdomain"), format!("{default}\n"));
        assert_eq!(file(&home, "plusdomain"), format!("{plus}\n"));
    }
}

#[test]
fn what_is_no_name_or_cannot_be_written_is_refused() {
    let home = Home::new();
    for arguments in [&[][..], &[""], &["two words"], &["line\nend"]] {
        let done = home.built("config-fast").args(arguments).output();
        done.assert_exit(100);
        assert_eq!(file(&home, "me"), "test.example\n");
    }
    home.mkdir("control/locals");
    let done = home.built("config-fast").args(["a.example"]).output();
    done.assert_exit(111);
    let expected = "config-fast: fatal: unable to write control/locals: is a directory\n";
    assert_eq!(done.stderr_text(), expected);
    fs::remove_dir_all(home.path().join("control")).expect("remove");
    let done = home.built("config-fast").args(["a.example"]).output();
    done.assert_exit(111);
    let expected = "config-fast: fatal: unable to write control/me: file does not exist\n";
    assert_eq!(done.stderr_text(), expected);
}

/// Puts a copy of each program in the place of the link that a test home has.
fn settle_programs(home: &Home) {
    for entry in harness::home::hier() {
        let path = home.path().join(&entry.path);
        if entry.kind == 'x' && path.exists() {
            fs::remove_file(&path).expect("remove");
            home.write(&entry.path.display().to_string(), b"");
            home.give(&path, entry.mode);
        } else if entry.kind == 'd' && path.is_dir() {
            home.give(&path, entry.mode);
        }
    }
}

/// Checks the warnings, the home left out.
#[track_caller]
fn check_warnings(home: &Home, arguments: &[&str], expected: &[&str]) {
    let done = home.built("instcheck").args(arguments).output();
    done.assert_exit(0);
    assert!(done.stdout.is_empty());
    let text = done
        .stderr_text()
        .replace(&home.path().display().to_string(), "HOME");
    let warnings: Vec<&str> = text
        .lines()
        .map(|line| {
            line.strip_prefix("instcheck: warning: ")
                .expect("a warning")
        })
        .collect();
    assert_eq!(warnings, expected);
}

#[test]
fn instcheck_has_nothing_to_say_of_a_good_home() {
    let home = Home::new();
    settle_programs(&home);
    check_warnings(&home, &[], &[]);
    check_warnings(&home, &["queue-only"], &[]);
}

#[test]
fn instcheck_names_what_is_not_as_it_was_made() {
    let home = Home::new();
    settle_programs(&home);
    let chmod = |name: &str, mode| {
        fs::set_permissions(home.path().join(name), Permissions::from_mode(mode)).expect("chmod");
    };
    fs::remove_dir(home.path().join("boot")).expect("remove");
    chmod("bin/qmail-queue", 0o711);
    chmod("queue/mess/5", 0o755);
    fs::remove_file(home.queue("lock/trigger")).expect("remove");
    home.write("queue/lock/trigger", b"");
    home.give(&home.queue("lock/trigger"), 0o622);
    fs::remove_dir(home.queue("bounce")).expect("remove");
    let queue = [
        "HOME/queue/mess/5 has wrong permissions",
        "HOME/queue/bounce does not exist",
        "HOME/queue/lock/trigger has wrong type",
    ];
    let programs = [".../bin/qmail-queue has wrong permissions"];
    let all = [&["HOME/boot does not exist"], &queue[..], &programs[..]].concat();
    check_warnings(&home, &[], &all);
    check_warnings(&home, &["queue-only"], &queue);
    fs::remove_dir_all(home.path().join("bin")).expect("remove");
    let done = home.built("instcheck").output();
    done.assert_exit(111);
    let expected = format!(
        "instcheck: fatal: unable to switch to {}/bin: file does not exist\n",
        home.path().display()
    );
    assert!(
        done.stderr_text().ends_with(&expected),
        "{}",
        done.stderr_text()
    );
}

#[test]
fn instcheck_knows_whose_each_file_is() {
    if !nix::unistd::getuid().is_root() {
        return;
    }
    let home = Home::new();
    settle_programs(&home);
    let control = home.path().join("control");
    std::os::unix::fs::chown(&control, Some(0), Some(0)).expect("chown");
    let expected = [
        "HOME/control has wrong owner",
        "HOME/control has wrong group",
    ];
    check_warnings(&home, &[], &expected);
}
