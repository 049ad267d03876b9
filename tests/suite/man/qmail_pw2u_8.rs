//! qmail-pw2u(8): a password file becomes a `users/assign`.

use std::fs;

use harness::home::Home;
use harness::run::Output;

/// A home, and accounts with homes in it: those of `joe`, `Ann` and `alias` are there and their
/// own.
struct Accounts {
    home: Home,
    joe: String,
    ann: String,
    alias: String,
}

impl Accounts {
    fn new() -> Self {
        let home = Home::new();
        let line = |name: &str| {
            home.mkdir(&format!("mail/{name}"));
            let (uid, gid) = (home.uid(), home.gid());
            let path = home.path().join("mail").join(name);
            format!("{name}:x:{uid}:{gid}:Person:{}:/bin/sh\n", path.display())
        };
        let (joe, ann, alias) = (line("joe"), line("Ann"), line("alias"));
        Self {
            home,
            joe,
            ann,
            alias,
        }
    }

    /// What the output says in the middle of a line about this user.
    fn middle(&self, name: &str) -> String {
        let (uid, gid) = (self.home.uid(), self.home.gid());
        let path = self.home.path().join("mail").join(name);
        format!(":{name}:{uid}:{gid}:{}:", path.display())
    }

    fn run(&self, options: &[&str], passwd: &str) -> Output {
        self.home
            .program("qmail-pw2u")
            .args(options)
            .stdin(passwd)
            .output()
    }

    /// Checks the output for this password file; in `expected`, `{name}` is the middle of a line.
    #[track_caller]
    fn check(&self, options: &[&str], passwd: &str, expected: &str) {
        let done = self.run(options, passwd);
        done.assert_exit(0);
        assert_eq!(done.stderr_text(), "");
        assert_eq!(done.stdout_text(), self.filled(expected));
    }

    #[track_caller]
    fn check_failure(&self, options: &[&str], passwd: &str, code: i32, expected: &str) {
        let done = self.run(options, passwd);
        done.assert_exit(code);
        assert_eq!(done.stderr_text(), format!("{expected}\n"));
    }

    fn filled(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for name in ["joe", "Ann", "alias"] {
            text = text.replace(&format!("{{{name}}}"), &self.middle(name));
        }
        text
    }

    fn both(&self) -> String {
        format!("{}{}", self.joe, self.alias)
    }
}

const JOE: &str = "=joe{joe}::\n+joe-{joe}-::\n";
const ALIAS: &str = "+{alias}-::\n=alias{alias}::\n+alias-{alias}-::\n";

#[test]
fn every_account_gets_its_name_and_its_extensions() {
    let a = Accounts::new();
    a.check(&[], &a.both(), &format!("{JOE}{ALIAS}.\n"));
    let unended = format!("{}{}", a.alias, a.joe.trim_end());
    a.check(&[], &unended, &format!("{ALIAS}{JOE}.\n"));
    let done = a.run(&[], &a.both());
    a.home.write("users/assign", &done.stdout);
    a.home.program("qmail-newu").output().assert_exit(0);
}

#[test]
fn lines_that_are_no_accounts_get_nothing() {
    let a = Accounts::new();
    let odd = "root:x:0:0::/root:/bin/sh\n\nshort:x:1:1::/\n+::::::\nnul\0:x:1:1::/:/bin/sh\n\
               word:x:no:1::/:/bin/sh\n";
    a.check(
        &["-H"],
        &format!("{odd}{}", a.alias),
        &format!("{ALIAS}.\n"),
    );
}

#[test]
fn homes_decide_who_gets_mail() {
    let a = Accounts::new();
    let gone = "gone:x:12:12::/nonexistent:/bin/sh\n";
    let foreign = "foreign:x:12:12::/:/bin/sh\n";
    let all = format!("{gone}{foreign}{}", a.alias);
    let unchecked = "=gone:gone:12:12:/nonexistent:::\n+gone-:gone:12:12:/nonexistent:-::\n\
                     =foreign:foreign:12:12:/:::\n+foreign-:foreign:12:12:/:-::\n";
    a.check(&[], &all, &format!("{ALIAS}.\n"));
    a.check(&["-H"], &all, &format!("{unchecked}{ALIAS}.\n"));
    a.check(&["-Ho"], &all, &format!("{ALIAS}.\n"));
    a.check(
        &["-h"],
        &format!("{foreign}{}", a.alias),
        &format!("{ALIAS}.\n"),
    );
    let complaint = "qmail-pw2u: fatal: unable to stat /nonexistent";
    a.check_failure(&["-h"], &all, 111, complaint);
    // What cannot be looked at may be somebody's home.
    fs::write(a.home.path().join("mail/file"), "").expect("write");
    let strange = format!(
        "strange:x:12:12::{}/mail/file/x:\n",
        a.home.path().display()
    );
    let complaint = format!(
        "qmail-pw2u: fatal: unable to stat {}/mail/file/x",
        a.home.path().display()
    );
    a.check_failure(&[], &strange, 111, &complaint);
}

#[test]
fn capitals_are_passed_over_unless_wanted() {
    let a = Accounts::new();
    let all = format!("{}{}", a.ann, a.alias);
    a.check(&[], &all, &format!("{ALIAS}.\n"));
    a.check(
        &["-u"],
        &all,
        &format!("=Ann{{Ann}}::\n+Ann-{{Ann}}-::\n{ALIAS}.\n"),
    );
    a.check(&["-uU"], &all, &format!("{ALIAS}.\n"));
}

#[test]
fn the_break_character_and_the_dash_can_be_chosen() {
    let a = Accounts::new();
    let plus = format!("{JOE}{ALIAS}")
        .replace("joe-", "joe+")
        .replace("alias-", "alias+");
    a.check(&["-c+"], &a.both(), &format!("{plus}.\n"));
    a.check(&["-c", "+"], &a.both(), &format!("{plus}.\n"));
    let none = "=joe{joe}::\n+{alias}-::\n=alias{alias}::\n.\n";
    a.check(&["-C"], &a.both(), none);
    let slash = format!("{JOE}{ALIAS}").replace("}-::", "}-/::");
    a.check(&["-/"], &a.both(), &format!("{slash}.\n"));
}

#[test]
fn include_and_exclude_choose_accounts() {
    let a = Accounts::new();
    a.home.write("users/include", b"# only\nALIAS\n");
    a.check(&[], &a.both(), &format!("{ALIAS}.\n"));
    a.home.write("users/include", b"alias\njoe\n");
    a.home.write("users/exclude", b"Joe \n");
    a.check(&[], &a.both(), &format!("{ALIAS}.\n"));
    a.home.write("users/include", b"");
    a.check_failure(
        &[],
        &a.both(),
        111,
        "qmail-pw2u: fatal: unable to find alias user",
    );
}

#[test]
fn mailnames_replace_a_name() {
    let a = Accounts::new();
    a.home
        .write("users/mailnames", b"joe:joseph::j.doe:\nalias:\n");
    let expected =
        "=joseph{joe}::\n+joseph-{joe}-::\n=j.doe{joe}::\n+j.doe-{joe}-::\n+{alias}-::\n.\n";
    a.check(&[], &a.both(), expected);
}

#[test]
fn subusers_and_append_come_last() {
    let a = Accounts::new();
    a.home.write(
        "users/subusers",
        b"www:joe:web:\nshort:nobody\ncut:joe:x\n#c:joe:y:",
    );
    a.home.write("users/append", b"=x:x:1:1:/x:::\n# as it is");
    let subs = "=www{joe}-:web:\n+www-{joe}-:web-:\n=#c{joe}-:y:\n+#c-{joe}-:y-:\n";
    let expected = format!("{JOE}{ALIAS}{subs}=x:x:1:1:/x:::\n# as it is.\n");
    a.check(&[], &a.both(), &expected);
    a.home.write("users/subusers", b"www:nobody:web:\n");
    let complaint = "qmail-pw2u: fatal: unable to find nobody user for subuser";
    a.check_failure(&[], &a.both(), 111, complaint);
}

#[test]
fn without_alias_the_output_is_of_no_use() {
    let a = Accounts::new();
    let complaint = "qmail-pw2u: fatal: unable to find alias user";
    a.check_failure(&[], &a.joe, 111, complaint);
    a.check_failure(&[], "", 111, complaint);
}

#[test]
fn a_wrong_call_or_a_list_that_cannot_be_read_is_refused() {
    let a = Accounts::new();
    a.check_failure(&["-x"], "", 100, "qmail-pw2u: illegal option -- x");
    let complaint = "qmail-pw2u: option requires an argument -- c";
    a.check_failure(&["-c"], "", 100, complaint);
    for name in ["include", "exclude", "mailnames"] {
        a.home.mkdir(&format!("users/{name}"));
        let complaint = "qmail-pw2u: fatal: unable to read controls";
        a.check_failure(&[], &a.both(), 111, complaint);
        fs::remove_dir(a.home.path().join("users").join(name)).expect("rmdir");
    }
    let full = a.home.foreign("/bin/sh").args(["-c", "\"$0\" >/dev/full"]);
    let full = full
        .args([a.home.bin("qmail-pw2u")])
        .stdin(a.both())
        .output();
    full.assert_exit(111);
    assert_eq!(
        full.stderr_text(),
        "qmail-pw2u: fatal: unable to write output\n"
    );
}
