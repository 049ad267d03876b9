//! predate(1) and datemail(1): a Date field in local time before a message.

use harness::home::Home;
use harness::programs;

/// The date and minute in a time zone, as date(1) has them, and the zone.
fn now(home: &Home, zone: &str) -> String {
    let date = home.foreign("/bin/date").env("TZ", zone).env("LC_ALL", "C");
    let done = date.args(["+%-d %b %Y %H:%M %z"]).output();
    done.assert_exit(0).stdout_text().trim_end().to_owned()
}

/// The line that predate writes, without its seconds.
#[track_caller]
fn line(home: &Home, zone: &str) -> String {
    let done = home
        .program("predate")
        .env("TZ", zone)
        .args(["cat"])
        .stdin("rest")
        .output();
    let text = done.assert_exit(0).stdout_text();
    let (line, rest) = text.split_once('\n').expect("a line");
    assert_eq!(rest, "rest");
    let date = line.strip_prefix("Date: ").expect("Date");
    let (time, zone) = date.rsplit_once(' ').expect("zone");
    let (minute, second) = time.rsplit_once(':').expect("seconds");
    assert_eq!(second.len(), 2);
    format!("{minute} {zone}")
}

#[test]
fn the_date_is_local_time_with_its_zone() {
    let home = Home::new();
    for zone in ["UTC", "XXX-1", "XXX+3:30", "XXX-14", "XXX+11:45"] {
        let before = now(&home, zone);
        let said = line(&home, zone);
        let after = now(&home, zone);
        assert!(said == before || said == after, "{said} is not {before}");
    }
}

#[test]
fn the_programs_exit_code_is_predates() {
    let home = Home::new();
    let predate = |script: &str| home.program("predate").args(["sh", "-c", script]).output();
    predate("cat >/dev/null; exit 42").assert_exit(42);
    let done = predate("kill -9 $$");
    assert_eq!(
        done.assert_exit(111).stderr_text(),
        "predate: fatal: child crashed\n"
    );
}

#[test]
fn arguments_reach_the_program_as_they_are() {
    let home = Home::new();
    let arguments = ["printf", "[%s]", "a  b", "$(c)", "-x"];
    let done = home
        .program("predate")
        .args(arguments)
        .stdin("rest")
        .output();
    assert_eq!(done.assert_exit(0).stdout_text(), "[a  b][$(c)][-x]");
}

#[test]
fn a_wrong_call_is_refused_and_a_missing_program_may_come() {
    let home = Home::new();
    let done = home.program("predate").output();
    assert_eq!(
        done.assert_exit(100).stderr_text(),
        "predate: usage: predate child\n"
    );
    let done = home.program("predate").args(["/nowhere/x"]).output();
    let text = "predate: fatal: unable to run /nowhere/x: file does not exist\n";
    assert_eq!(done.assert_exit(111).stderr_text(), text);
}

#[test]
fn datemail_is_sendmail_with_a_date() {
    if !programs::ours() {
        return;
    }
    let home = Home::new();
    home.replace_program(
        "sendmail",
        "#!/bin/sh\nprintf '[%s]' \"$@\"\necho; cat\nexit 7\n",
    );
    let run = home
        .program("datemail")
        .args(["-t", "a  b", "$x"])
        .env("PATH", "/usr/bin:/bin");
    let done = run.stdin("Subject: x\n\nbody\n").output();
    let text = done.assert_exit(7).stdout_text();
    let rest = text.strip_prefix("[-t][a  b][$x]\nDate: ").expect("Date");
    let (_, rest) = rest.split_once('\n').expect("a line");
    assert_eq!(rest, "Subject: x\n\nbody\n");
}

#[test]
fn datemail_says_when_predate_is_missing() {
    if !programs::ours() {
        return;
    }
    let home = Home::new();
    std::fs::remove_file(home.bin("predate")).expect("unlink");
    let predate = home.path().join("bin/predate");
    let done = home.program("datemail").output();
    let path = predate.display();
    let text = format!("datemail: fatal: unable to run {path}: file does not exist\n");
    assert_eq!(done.assert_exit(111).stderr_text(), text);
}

#[test]
fn a_dated_message_is_queued_with_that_date() {
    let home = Home::new();
    home.user("alice").dot_qmail("alice", "", "./Maildir/\n");
    let daemons = home.start_daemons();
    let datemail = home
        .program("datemail")
        .args(["alice@test.example"])
        .env("TZ", "XXX-5");
    datemail
        .stdin("Subject: x\n\nbody\n")
        .output()
        .assert_exit(0);
    daemons.wait_for_log("end msg");
    let [message] = home.maildir("alice").try_into().expect("one message");
    let message = String::from_utf8(message).expect("text");
    let dates: Vec<&str> = message
        .lines()
        .filter(|line| line.starts_with("Date:"))
        .collect();
    assert!(
        matches!(dates.as_slice(), [date] if date.ends_with(" +0500")),
        "{dates:?}"
    );
}
