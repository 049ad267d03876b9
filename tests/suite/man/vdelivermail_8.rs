//! vdelivermail(8): who gets the message, what becomes of mail for nobody, quotas, and what it says.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use harness::run::Output;

use super::vpopmail_domain::{Domain, MESSAGE, delivered};

/// "Sorry, no mailbox here by that name. vpopmail (#5.1.1)"
const NOBODY: &str = "Sorry, no mailbox here by that name. vpopmail (#5.1.1)\n";
pub const BOUNCE: &str = "bounce-no-mailbox";

#[track_caller]
pub fn check(done: &Output, code: i32, said: &str) {
    done.assert_exit(code);
    assert_eq!(done.stdout_text(), said);
}

/// "Any other message goes to Maildir"; "Names of files end in ,S= and their size."
#[test]
fn a_user_of_the_database_has_the_message_in_the_maildir() {
    let domain = Domain::new();
    check(&domain.delivery("joe", BOUNCE).output(), 0, "");
    assert_eq!(domain.mail("joe"), [delivered("joe")]);
    let name = domain.only_name("joe/Maildir/new");
    assert!(
        name.ends_with(&format!(",S={}", delivered("joe").len())),
        "{name}"
    );
    assert_eq!(domain.names("joe/Maildir/tmp").len(), 0);
    let facts = fs::metadata(domain.path("joe/Maildir/new").join(name)).expect("the message");
    assert_eq!(facts.permissions().mode() & 0o777, 0o600);
}

/// "The user is looked up in vpasswd.cdb, or in vpasswd if there is no database."
#[test]
fn the_text_serves_when_there_is_no_database() {
    let domain = Domain::new();
    fs::remove_file(domain.path("vpasswd.cdb")).expect("unlink");
    check(&domain.delivery("JOE", BOUNCE).output(), 0, "");
    check(&domain.delivery("jo", BOUNCE).output(), 100, NOBODY);
    assert_eq!(domain.mail("joe"), [delivered("joe")]);
}

#[test]
fn many_accounts_are_told_apart() {
    let domain = Domain::new();
    let names: Vec<String> = (0..300).map(|number| format!("user{number}")).collect();
    let lines: Vec<String> = names
        .iter()
        .map(|name| format!("x:1:0::{}:NOQUOTA", domain.path(name).display()))
        .collect();
    let all: Vec<(&str, &str)> = names
        .iter()
        .map(String::as_str)
        .zip(lines.iter().map(String::as_str))
        .collect();
    domain.accounts(&all);
    for user in ["user0", "user77", "user299"] {
        check(&domain.delivery(user, BOUNCE).output(), 0, "");
        assert_eq!(domain.mail(user), [delivered(user)]);
    }
    check(&domain.delivery("user300", BOUNCE).output(), 100, NOBODY);
}

/// "Accounts that are kept in an SQL or LDAP server cannot be read; deferred."
#[test]
fn without_either_file_nobody_is_said_not_to_exist() {
    let domain = Domain::new();
    for name in ["vpasswd.cdb", "vpasswd"] {
        fs::remove_file(domain.path(name)).expect("unlink");
    }
    for fallback in [BOUNCE, "delete", "a@b"] {
        let said = "vdelivermail: unable to read vpasswd: file does not exist\n";
        check(&domain.delivery("joe", fallback).output(), 111, said);
    }
    domain.file("vpasswd.cdb", "short");
    domain.delivery("joe", "delete").output().assert_exit(111);
    domain.accounts(&[("joe", "x:1:0:joe:/d")]);
    let said = "vdelivermail: malformed vpasswd entry\n";
    check(&domain.delivery("joe", "delete").output(), 111, said);
}

/// "The account names the user's directory, wherever vpopmail has put it."
#[test]
fn a_user_in_a_divided_directory_is_found_there() {
    let domain = Domain::new();
    domain.mkdir("0").mkdir("0/A");
    let directory = domain.path("0/A/ann").display().to_string();
    domain.accounts(&[("ann", &format!("x:1:0:Ann:{directory}:NOQUOTA"))]);
    check(&domain.delivery("ann", BOUNCE).output(), 0, "");
    assert_eq!(domain.mail("0/A/ann"), [delivered("ann")]);
    let mode = |name| {
        fs::metadata(domain.path(name))
            .expect("made")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode("0/A/ann"), 0o700);
    assert_eq!(mode("0/A/ann/Maildir/cur"), 0o700);
}

/// "what is above the directory must be there."
#[test]
fn a_store_that_is_not_mounted_is_not_made_anew() {
    let domain = Domain::new();
    domain.accounts(&[("ann", "x:1:0:Ann:/nowhere/at/all:NOQUOTA")]);
    let done = domain.delivery("ann", "delete").output();
    check(
        &done,
        111,
        "vdelivermail: unable to use /nowhere/at/all: file does not exist\n",
    );
    domain.accounts(&[("ann", "x:1:0:Ann::NOQUOTA")]);
    let done = domain.delivery("ann", "delete").output();
    check(&done, 111, "vdelivermail: account has no directory\n");
}

/// "An account whose flags include 16 is locked"
#[test]
fn a_locked_account_takes_no_mail() {
    let domain = Domain::new();
    domain.account("joe", "17", "NOQUOTA");
    let said = "vdelivermail: account is locked email bounced joe@dom.example\n";
    check(&domain.delivery("joe", BOUNCE).output(), 100, said);
    domain.account("joe", "15", "NOQUOTA");
    check(&domain.delivery("joe", BOUNCE).output(), 0, "");
    assert_eq!(domain.mail("joe").len(), 1);
}

/// "bounce-no-mailbox", "delete", "address", "/directory"
#[test]
fn mail_for_nobody_goes_where_the_second_argument_says() {
    let domain = Domain::new();
    check(&domain.delivery("nobody", BOUNCE).output(), 100, NOBODY);
    check(&domain.delivery("nobody", "delete").output(), 0, "");
    check(&domain.delivery("", "delete").output(), 0, "");
    assert_eq!(domain.queued(), []);
    check(&domain.delivery("nobody", "boss@x.example").output(), 0, "");
    let message = format!("Delivered-To: nobody@dom.example\n{MESSAGE}");
    let envelope = "Fs@x.example\0Tboss@x.example\0\0".to_owned();
    assert_eq!(domain.queued(), [(message, envelope)]);
    let joe = domain.path("joe").display().to_string();
    for path in [joe.clone(), format!("{joe}/"), format!("{joe}/Maildir/")] {
        let said = format!("user does not exist, but will deliver to {path}\n");
        check(&domain.delivery("nobody", &path).output(), 0, &said);
    }
    assert_eq!(domain.mail("joe"), vec![delivered("nobody"); 3]);
}

#[test]
fn a_directory_for_nobody_is_followed_as_a_users() {
    let domain = Domain::new();
    domain.file("joe/.qmail", "&boss@x.example\n");
    let joe = domain.path("joe").display().to_string();
    domain.delivery("nobody", &joe).output().assert_exit(0);
    assert_eq!(domain.queued().len(), 1);
    assert_eq!(domain.mail("joe").len(), 0);
    domain
        .delivery("nobody", "/nowhere")
        .output()
        .assert_exit(111);
}

/// "its lines are followed in the user's directory", "addresses wait"
#[test]
fn a_users_own_dot_qmail_is_followed() {
    let domain = Domain::new();
    domain.maildir("joe/other").file(
        "joe/.qmail",
        "# note\n&a@x\n./Maildir/\n\n|cat >got; pwd >where\nb@x\n./other/Maildir/\n",
    );
    check(&domain.delivery("joe", BOUNCE).output(), 0, "");
    assert_eq!(domain.mail("joe"), [delivered("joe")]);
    assert_eq!(domain.mail("joe/other"), [delivered("joe")]);
    assert_eq!(
        fs::read_to_string(domain.path("joe/got")).expect("got"),
        MESSAGE
    );
    let place = fs::read_to_string(domain.path("joe/where")).expect("where");
    assert_eq!(place.trim_end(), domain.path("joe").display().to_string());
    let message = format!("Delivered-To: joe@dom.example\n{MESSAGE}");
    assert_eq!(
        domain.queued(),
        [(message, "Fs@x.example\0Ta@x\0Tb@x\0\0".to_owned())]
    );
}

/// "A comment alone delivers nowhere"; "if there is a .qmail file ..., and it is not empty"
#[test]
fn a_comment_is_not_an_empty_file() {
    let domain = Domain::new();
    domain.file("joe/.qmail", "# nothing\n");
    check(&domain.delivery("joe", BOUNCE).output(), 0, "");
    assert_eq!(domain.mail("joe").len(), 0);
    domain.file("joe/.qmail", "");
    check(&domain.delivery("joe", BOUNCE).output(), 0, "");
    assert_eq!(domain.mail("joe").len(), 1);
}

/// "A command that exits 99 ends the list."
#[test]
fn a_commands_exit_code_decides() {
    let domain = Domain::new();
    domain.file("joe/.qmail", "&a@x\n|exit 99\n./Maildir/\n&b@x\n");
    domain.delivery("joe", BOUNCE).output().assert_exit(99);
    assert_eq!(domain.queued().len(), 1);
    assert_eq!(domain.queued()[0].1, "Fs@x.example\0Ta@x\0\0");
    for (code, ours) in [
        (100, 100),
        (64, 100),
        (77, 100),
        (112, 100),
        (75, 111),
        (69, 111),
        (1, 111),
        (111, 111),
    ] {
        domain.file("joe/.qmail", format!("&a@x\n|exit {code}\n"));
        domain.delivery("joe", BOUNCE).output().assert_exit(ours);
    }
    domain.file("joe/.qmail", "|kill -9 $$\n");
    let done = domain.delivery("joe", BOUNCE).output();
    check(&done, 111, "vdelivermail: command crashed\n");
    assert_eq!(
        domain.queued().len(),
        1,
        "a failure after it must not repeat a forward"
    );
    assert_eq!(domain.mail("joe").len(), 0);
}

#[test]
fn a_dot_qmail_that_cannot_be_trusted_defers() {
    let domain = Domain::new();
    domain.file("joe/.qmail", "\n&a@x\n");
    let said = "Uh-oh: first line of .qmail file is blank. (#4.2.1)\n";
    check(&domain.delivery("joe", BOUNCE).output(), 111, said);
    domain.file("joe/.qmail", "./Mailbox\n");
    let said = "can't handle mbox delivery for ./Mailbox\n";
    check(&domain.delivery("joe", BOUNCE).output(), 111, said);
    domain.file("joe/.qmail", "&a@x\n");
    domain.home.give(&domain.path("joe/.qmail"), 0o666);
    let said = "vdelivermail: .qmail file: writable by others\n";
    check(&domain.delivery("joe", BOUNCE).output(), 111, said);
    domain.home.give(&domain.path("joe/.qmail"), 0o000);
    domain.delivery("joe", BOUNCE).output().assert_exit(111);
    assert_eq!(domain.queued(), []);
    assert_eq!(domain.mail("joe").len(), 0);
}

#[test]
fn what_qmail_queue_says_is_passed_on() {
    let domain = Domain::new();
    let run = || domain.delivery("nobody", "a@x");
    let done = run().env("QUEUE_EXITS", "31").output();
    let said = "Unable to forward message: mail server permanently rejected message (#5.3.0).\n";
    check(&done, 100, said);
    let done = run().env("QUEUE_EXITS", "53").output();
    check(
        &done,
        111,
        "Unable to forward message: qq write error or disk full (#4.3.0).\n",
    );
}

/// "A message whose header says Delivered-To: user@domain is going in circles"
#[test]
fn a_message_that_was_here_before_is_refused() {
    let domain = Domain::new();
    for line in [
        "Delivered-To: joe@dom.example",
        "delivered-to: JOE@Dom.Example",
    ] {
        let run = domain
            .delivery("joe", BOUNCE)
            .stdin(format!("X: y\n{line}\n\nbody\n"));
        check(&run.output(), 100, "mail is looping\n");
    }
    let run = domain
        .delivery("joe", BOUNCE)
        .stdin("X: y\n\nDelivered-To: joe@dom.example\n");
    check(&run.output(), 0, "");
}

/// "A name with a byte that vpopmail's names cannot have is refused"
#[test]
fn an_address_that_could_be_something_else_is_refused() {
    let domain = Domain::new();
    domain.accounts(&[
        ("../joe", "x:1:0:joe:/d:NOQUOTA"),
        ("a/b", "x:1:0:joe:/d:NOQUOTA"),
    ]);
    for user in [
        "../joe",
        "a/b",
        "..",
        "a b",
        "a\nBcc: x",
        "$(touch x)",
        "a;b",
        "a%s",
        "a:b",
    ] {
        let done = domain.delivery(user, "delete").output();
        check(&done, 100, "invalid username\n");
    }
    let done = domain
        .delivery("joe", "delete")
        .env("HOST", "a/../b")
        .output();
    check(&done, 100, "invalid domain name\n");
}

#[test]
fn a_return_path_of_two_lines_is_left_out() {
    let domain = Domain::new();
    let run = domain
        .delivery("joe", BOUNCE)
        .env("RPLINE", "Return-Path: <a>\nX: y\n");
    run.output().assert_exit(0);
    assert_eq!(
        domain.mail("joe"),
        [format!("Delivered-To: joe@dom.example\n{MESSAGE}")]
    );
}

#[test]
fn called_by_somebody_else_it_defers() {
    let domain = Domain::new();
    let syntax = "vdelivermail: invalid syntax in .qmail-default file\n";
    for words in [&[][..], &[""], &["", ""], &["", "delete", "x"]] {
        let done = domain.bare(words.iter().copied()).output();
        check(&done, 111, syntax);
    }
    let done = domain.delivery("joe", "delete").no_env("EXT").output();
    check(&done, 111, "vdelivermail: no EXT environment variable\n");
}

/// "The message may come through a pipe"; "An empty message is never delivered"
#[test]
fn a_pipe_will_do_and_a_filter_that_failed_is_noticed() {
    let domain = Domain::new();
    let default = |filter: &str| {
        let command = domain.delivery("joe", BOUNCE).into_command();
        let program = domain.home.bin("vdelivermail");
        let mut shell = Command::new("/bin/sh");
        let line = format!("{filter} | {} '' {BOUNCE}", program.display());
        shell.arg("-c").arg(line).env_clear();
        shell.envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        shell.current_dir(domain.path("")).stdin(Stdio::null());
        if nix::unistd::getuid().is_root() {
            use std::os::unix::process::CommandExt;
            shell.uid(domain.home.uid()).gid(domain.home.gid());
        }
        shell.output().expect("sh")
    };
    let done = default(r"printf 'Subject: test\n\nbody\n'");
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    assert_eq!(domain.mail("joe"), [delivered("joe")]);
    let done = default("false");
    assert_eq!(done.status.code(), Some(111));
    assert_eq!(done.stdout, b"vdelivermail: no message\n");
    domain
        .delivery("joe", BOUNCE)
        .stdin("")
        .output()
        .assert_exit(111);
    domain
        .delivery("joe", BOUNCE)
        .close(0)
        .output()
        .assert_exit(111);
    assert_eq!(domain.mail("joe").len(), 1);
}

#[test]
fn the_domain_has_its_own_words_for_nobody() {
    let domain = Domain::new();
    domain
        .home
        .write("mail/domains/.no-user.msg", b"Not here.\n");
    check(
        &domain.delivery("nobody", BOUNCE).output(),
        100,
        "Not here.\n",
    );
    domain.file(".no-user.msg", "Not in this domain.\n");
    check(
        &domain.delivery("nobody", BOUNCE).output(),
        100,
        "Not in this domain.\n",
    );
}

/// The whole way: qmail-send, virtualdomains, users/cdb, qmail-local, .qmail-default.
#[test]
fn a_domain_set_up_as_vpopmail_does_it_gets_its_mail() {
    let domain = Domain::new();
    let home = &domain.home;
    let program = home.bin("vdelivermail");
    domain.receive(&format!("| {} '' bounce-no-mailbox\n", program.display()));
    home.control(
        "virtualdomains",
        "dom.example:dom.example\nalias.example:alias.example\n",
    );
    domain.assign("alias.example");
    domain.file(".qmail-sales", "&joe@dom.example\n");
    let daemons = home.start_daemons();
    let send = |recipient: &str| {
        let run = home
            .program("qmail-inject")
            .args(["-fs@test.example", recipient]);
        run.stdin("Subject: hello\n\nhi\n").output().assert_exit(0);
    };
    send("Joe@dom.example");
    daemons.wait_for_lines("end msg", 1);
    let mail = domain.mail("joe");
    assert_eq!(mail.len(), 1);
    let begin = "Return-Path: <s@test.example>\nDelivered-To: joe@dom.example\nReceived: (qmail ";
    assert!(mail[0].starts_with(begin), "{}", mail[0]);
    send("joe@alias.example");
    daemons.wait_for_lines("end msg", 2);
    assert!(
        domain
            .mail("joe")
            .iter()
            .any(|mail| mail.contains("\nDelivered-To: joe@alias.example\n"))
    );
    // A .qmail-USER of the domain comes first; it forwards to joe.
    send("sales@dom.example");
    daemons.wait_for_lines("end msg", 4);
    assert_eq!(domain.mail("joe").len(), 3);
    send("nobody@dom.example");
    let line = daemons.wait_for_log("failure: ");
    assert!(
        line.contains("Sorry,_no_mailbox_here_by_that_name._vpopmail_(#5.1.1)/"),
        "{line}"
    );
}
