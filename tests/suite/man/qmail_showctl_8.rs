//! qmail-showctl(8): every control file in words, the original's in its own.

use std::fs;

use harness::home::Home;
use harness::programs;

use crate::hand_made::age;

/// What it prints, the lines about the system itself cut off.
#[track_caller]
fn shown(home: &Home) -> String {
    let done = home.program("qmail-showctl").output();
    done.assert_exit(0);
    assert_eq!(done.stderr_text(), "");
    let text = done.stdout_text();
    let (_, rest) = text.split_once("group ids: ").expect("ids");
    rest.split_once('\n').expect("a line").1.to_owned()
}

/// The paragraph about one file.
#[track_caller]
fn about(home: &Home, name: &str) -> String {
    let text = shown(home);
    let begin = format!("\n{name}: ");
    let (_, rest) = text.split_once(&begin).expect("a paragraph");
    rest.split("\n\n")
        .next()
        .expect("text")
        .trim_end_matches('\n')
        .to_owned()
}

#[track_caller]
fn check(name: &str, content: &str, expected: &str) {
    let home = Home::new();
    home.control(name, content);
    assert_eq!(about(&home, name), expected);
}

#[test]
fn the_system_comes_first() {
    let home = Home::new();
    let done = home.program("qmail-showctl").output();
    let (uid, gid) = (home.uid(), home.gid());
    let uids = vec![uid.to_string(); 8].join(", ");
    let expected = format!(
        "qmail home directory: {}.\nuser-ext delimiter: -.\npaternalism (in decimal): 2.\n\
         silent concurrency limit: 120.\nsubdirectory split: 23.\nuser ids: {uids}.\n\
         group ids: {gid}, {gid}.\n\nbadmailfrom: ",
        home.path().display()
    );
    assert!(
        done.stdout_text().starts_with(&expected),
        "{}",
        done.stdout_text()
    );
}

#[test]
fn a_host_with_nothing_but_a_name_is_explained() {
    if !programs::ours() {
        return;
    }
    let text = shown(&Home::new());
    let expected = include_str!("../data/showctl/me-alone");
    // Our own files follow.
    assert_eq!(text.get(..expected.len()), Some(expected), "{text}");
}

#[test]
fn without_a_name_defaults_are_what_they_are() {
    let home = Home::new();
    home.no_control("me");
    assert_eq!(
        about(&home, "me"),
        "(Default.) My name is undefined! Uh-oh."
    );
    let expected = "(Default.) SMTP client HELO host name is helohost.";
    assert_eq!(about(&home, "helohost"), expected);
    let expected = "(Default.) Message-ID host name is idhost.";
    assert_eq!(about(&home, "idhost"), expected);
}

#[test]
fn values_stand_in_their_sentences() {
    check("me", "mx.example \t\nrest\n", "My name is mx.example.");
    check("bouncefrom", "robot", "Bounce user name is robot.");
    check(
        "bouncehost",
        "b.example\n",
        "Bounce host name is b.example.",
    );
    check("concurrencylocal", "7\n", "Local concurrency is 7.");
    check("databytes", "1000x\n", "SMTP DATA limit is 1000 bytes.");
    check(
        "databytes",
        "none\n",
        "(Default.) SMTP DATA limit is 0 bytes.",
    );
    check("doublebounceto", "\n", "2B recipient user: .");
    check(
        "smtpgreeting",
        "mx no spam\n",
        "SMTP greeting: 220 mx no spam.",
    );
    check(
        "timeoutsmtpd",
        "60\n",
        "SMTP server data timeout is 60 seconds.",
    );
}

#[test]
fn lists_have_a_line_for_each_entry() {
    check(
        "badmailfrom",
        "a@b\n# comment\n\n@c \n",
        "\na@b not accepted in MAIL FROM.\n@c not accepted in MAIL FROM.",
    );
    check(
        "locals",
        "a.example\nb.example",
        "\nMessages for a.example are delivered locally.\n\
         Messages for b.example are delivered locally.",
    );
    check("locals", "", "");
    check(
        "percenthack",
        "h\n",
        "\nThe percent hack is allowed for user%host@h.",
    );
    check("qmqpservers", "192.0.2.1\n", "\nQMQP server: 192.0.2.1.");
    check("smtproutes", ":relay:26\n", "\nSMTP route: :relay:26");
    check(
        "virtualdomains",
        "v.example:joe\n",
        "\nVirtual domain: v.example:joe",
    );
    let accepted = "\nSMTP clients may send messages to recipients at h.example.";
    check("rcpthosts", "h.example\n", accepted);
}

/// Differs from the original, whose words for this are those of an open relay.
#[test]
fn without_rcpthosts_it_says_what_is_taken() {
    if !programs::ours() {
        return;
    }
    assert_eq!(
        about(&Home::new(), "rcpthosts"),
        "(Default.) SMTP clients may send messages to recipients in locals and virtualdomains."
    );
}

#[test]
fn morercpthosts_means_something_beside_rcpthosts_alone() {
    let home = Home::new();
    let shown = |home: &Home| about(home, "morercpthosts");
    assert_eq!(
        shown(&home),
        "(Default.) No rcpthosts; morercpthosts is irrelevant."
    );
    home.control("morercpthosts", "m.example\n");
    let useless = "\nNo rcpthosts; doesn't matter that morercpthosts has m.example.";
    assert_eq!(shown(&home), useless);
    home.control("rcpthosts", "");
    let accepted = "\nSMTP clients may send messages to recipients at m.example.";
    assert_eq!(shown(&home), accepted);
    home.no_control("morercpthosts");
    assert_eq!(shown(&home), "(Default.) No effect.");
}

#[test]
fn the_database_is_compared_with_its_source() {
    let home = Home::new();
    let shown = |home: &Home| about(home, "morercpthosts.cdb");
    assert_eq!(shown(&home), "(Default.) No effect.");
    home.control("morercpthosts", "m.example\n");
    let lacking = "Oops! morercpthosts exists but morercpthosts.cdb doesn't.";
    assert_eq!(shown(&home), lacking);
    home.program("qmail-newmrh").output().assert_exit(0);
    let good = "Modified recently enough; hopefully up to date.";
    assert_eq!(shown(&home), good);
    age(&home.path().join("control/morercpthosts.cdb"), 100);
    let old = "Oops! morercpthosts.cdb is older than morercpthosts.";
    assert_eq!(shown(&home), old);
    home.no_control("morercpthosts");
    let orphan = "Oops! morercpthosts.cdb exists but morercpthosts doesn't.";
    assert_eq!(shown(&home), orphan);
}

#[test]
fn our_own_files_are_explained_as_well() {
    if !programs::ours() {
        return;
    }
    check(
        "concurrencyincoming",
        "3\n",
        "Incoming SMTP concurrency is 3.",
    );
    check(
        "defaultdelivery",
        "./Mailbox\n",
        "Default delivery instruction is ./Mailbox.",
    );
    check(
        "relayclients",
        "10.0.0.0/8\n",
        "\nSMTP clients at 10.0.0.0/8 may send messages to any recipient.",
    );
    let text = shown(&Home::new());
    for entry in control::catalog::CATALOG {
        let count = text.matches(&format!("\n{}: ", entry.name)).count();
        assert_eq!(count, 1, "{}", entry.name);
    }
}

#[test]
fn a_file_that_nobody_reads_is_named() {
    let home = Home::new();
    home.control("rcpthost", "typo.example\n")
        .control("me~", "");
    let idea = "I have no idea what this file does.";
    assert_eq!(about(&home, "rcpthost"), idea);
    assert_eq!(about(&home, "me~"), idea);
}

#[test]
fn a_file_that_cannot_be_read_does_not_end_it() {
    let home = Home::new();
    home.mkdir("control/badmailfrom");
    home.mkdir("control/databytes");
    home.mkdir("control/helohost");
    let trouble = "Oops! Trouble reading this file.";
    for name in ["badmailfrom", "databytes", "helohost"] {
        assert_eq!(about(&home, name), trouble);
    }
    home.no_control("me").mkdir("control/me");
    let done = home.program("qmail-showctl").output();
    done.assert_exit(111);
    assert!(
        done.stdout_text()
            .ends_with("Oops! Trouble reading control/me.\n")
    );
}

#[test]
fn what_others_wrote_reaches_the_terminal_as_printable_text() {
    check(
        "helohost",
        "a\x1b[2J\u{e9}",
        "SMTP client HELO host name is a?[2J??.",
    );
    check("badmailfrom", "\x07@x", "\n?@x not accepted in MAIL FROM.");
    let home = Home::new();
    home.control("odd\x1b", "");
    assert!(shown(&home).contains("\nodd?: I have no idea"));
}

#[test]
fn a_home_that_is_not_there_is_named() {
    let home = Home::new();
    fs::remove_dir_all(home.path().join("control")).expect("remove");
    let done = home.program("qmail-showctl").output();
    done.assert_exit(111);
    assert!(
        done.stdout_text()
            .ends_with("Oops! Unable to chdir to control.\n")
    );
}
