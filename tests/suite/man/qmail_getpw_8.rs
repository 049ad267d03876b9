//! qmail-getpw(8): whose address it is, by the password database.

use std::os::unix::fs::chown;

use harness::home::Home;
use harness::programs;

use super::hand_fed::as_root;

fn answer(fields: [&str; 6]) -> String {
    fields.map(|field| format!("{field}\0")).concat()
}

#[test]
fn without_root_everything_is_for_alias_which_is_ourselves() {
    if !programs::ours() {
        return;
    }
    let home = Home::new();
    let (uid, gid) = (home.uid().to_string(), home.gid().to_string());
    let alias = format!("{}/alias", home.path().display());
    for local in [
        "no-such-user",
        "MAILER-DAEMON",
        "root",
        "root-x",
        "",
        "-",
        "-x",
        "a/b",
        "../x",
    ] {
        let done = home.program("qmail-getpw").args([local]).output();
        let expected = answer(["alias", &uid, &gid, &alias, "-", local]);
        assert_eq!(done.assert_exit(0).stdout_text(), expected);
    }
}

#[test]
fn a_call_without_address_exits_100() {
    let home = Home::new();
    let done = home.program("qmail-getpw").output();
    assert!(done.assert_exit(100).stdout.is_empty());
}

/// Accounts as in the recorded answers of the original.
fn accounts(home: &Home) -> String {
    chown(home.path().join("alias"), Some(7790), None).expect("chown");
    let mut lines = String::new();
    let mut account = |name: &str, uid: u32, owner: u32| {
        let path = home.mkdir(name);
        chown(&path, Some(owner), None).expect("chown");
        lines += &format!("{name}:x:{uid}:{uid}::{}:/bin/sh\n", path.display());
    };
    account("hoalice", 6001, 6001);
    account("hobob", 6002, 6002);
    account("HoUpper", 6005, 6005);
    account("horoot", 0, 0);
    account("hobadown", 6007, 0);
    account("ho-dash", 6008, 6008);
    account("ho.dot", 6009, 6009);
    account("holonglonglonglonglonglonglong1", 6010, 6010);
    account("holonglonglonglonglonglonglong12", 6011, 6011);
    lines + "honohome:x:6006:6006::/nonexistent:/bin/sh\n"
}

#[test]
fn the_longest_name_that_owns_its_home_wins() {
    let home = Home::new();
    if !nix::unistd::getuid().is_root() {
        eprintln!("not root: no accounts to be had");
        return;
    }
    let accounts = accounts(&home);
    let check = |local: &str, user: &str, uid: u32, dash: &str, ext: &str| {
        let Some(run) = as_root(&home, "qmail-getpw", &accounts) else {
            return;
        };
        let gid = if user == "alias" { 2108 } else { uid };
        let directory = format!("{}/{user}", home.path().display());
        let expected = answer([
            user,
            &uid.to_string(),
            &gid.to_string(),
            &directory,
            dash,
            ext,
        ]);
        let done = run.args([local]).output();
        assert_eq!(done.assert_exit(0).stdout_text(), expected);
    };
    check("hoalice", "hoalice", 6001, "", "");
    check("HOALICE", "hoalice", 6001, "", "");
    check("hoalice-", "hoalice", 6001, "-", "");
    check("HoAlice-List-A", "hoalice", 6001, "-", "List-A");
    check(
        &format!("hoalice-{}", "y".repeat(300)),
        "hoalice",
        6001,
        "-",
        &"y".repeat(300),
    );
    check("ho-dash", "ho-dash", 6008, "", "");
    check("ho-dash-ext-2", "ho-dash", 6008, "-", "ext-2");
    check("ho.dot-x", "ho.dot", 6009, "-", "x");
    check("hobob-hoalice", "hobob", 6002, "-", "hoalice");
    check(
        "holonglonglonglonglonglonglong1-x",
        "holonglonglonglonglonglonglong1",
        6010,
        "-",
        "x",
    );
    check("alias", "alias", 7790, "", "");
    check("alias-x", "alias", 7790, "-", "x");
    for local in [
        "HoUpper",
        "horoot-x",
        "root",
        "honohome",
        "hobadown-x",
        "ho",
        "ho-other",
        "hoalice+x",
        "holonglonglonglonglonglonglong12",
        "nobodyatall-x",
        "qmaild",
    ] {
        check(local, "alias", 7790, "-", local);
    }
}

#[test]
fn a_database_that_cannot_be_read_is_no_reason_to_say_that_there_is_no_user() {
    let home = Home::new();
    let script = "#!/bin/sh\nexec setpriv --reuid 7793 --clear-groups \"$@\"\n";
    home.replace_program("as-qmailp", script);
    let Some(run) = as_root(&home, "as-qmailp", "") else {
        return;
    };
    let run = run.args([home.bin("qmail-getpw")]).args(["joe"]);
    home.give(&home.path().join("passwd"), 0o600);
    let done = run.output();
    assert!(done.assert_exit(118).stdout.is_empty());
}
