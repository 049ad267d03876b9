//! sendmail(8): the options of that program, turned into calls of ours.

use super::injected::{Linked, Recorded, Recorder};

#[test]
fn calls_do_what_they_did_with_the_original() {
    Recorded::parse(include_str!("../data/sendmail/recorded")).check(17, &[], "sendmail", "q");
}

#[test]
fn harmless_options_are_ignored() {
    let recorder = Recorder::new();
    for options in [
        "-i",
        "-oi",
        "-o i",
        "-odb",
        "-oem",
        "-em",
        "-v",
        "-m",
        "-n",
        "-U",
        "-G",
        "-bm",
        "-B8BITMIME",
        "-N never",
        "-Nsuccess,failure",
        "-R full",
        "-V id",
        "-x",
        "-Jwhatever",
        "-Ewhatever",
        "-p SMTP",
    ] {
        let args = options.split(' ').chain(["a@b.c"]);
        recorder
            .program("sendmail")
            .args(args)
            .stdin("\n")
            .output()
            .assert_exit(0);
        let envelope = recorder.envelope();
        assert_eq!(
            envelope.as_deref(),
            Some("Fhoclient@test.example ~ Ta@b.c ~  ~ "),
            "{options}"
        );
    }
}

#[test]
fn options_that_mean_something_else_are_refused() {
    let recorder = Recorder::new();
    for option in [
        "-X/tmp/log",
        "-C/tmp/x.cf",
        "-OQueueDirectory=/tmp",
        "-D/tmp/x",
        "-q",
        "-d0",
    ] {
        let output = recorder
            .program("sendmail")
            .args([option, "a@b.c"])
            .stdin("\n")
            .output();
        output.assert_exit(100);
        let letter = option.chars().nth(1).expect("letter");
        let complaint = format!("sendmail: illegal option -- {letter}\nsendmail: usage: ");
        assert!(
            output.stderr_text().starts_with(&complaint),
            "{}",
            output.stderr_text()
        );
        assert_eq!(recorder.message(), None, "{option}");
    }
    for option in ["-be", "-bd", "-bt", "-bi", "-bv"] {
        let output = recorder
            .program("sendmail")
            .args([option, "a@b.c"])
            .stdin("\n")
            .output();
        output.assert_exit(100);
        assert!(
            output.stderr_text().starts_with("sendmail: usage: "),
            "{option}"
        );
        assert_eq!(recorder.message(), None, "{option}");
    }
}

#[test]
fn the_full_name_is_kept_beside_a_sender() {
    let recorder = Recorder::new();
    for args in [
        ["-fs@h.example", "-FJoe Doe"],
        ["-FJoe Doe", "-fs@h.example"],
    ] {
        let run = recorder
            .program("sendmail")
            .env("NAME", "Wrong")
            .env("QMAILHOST", "wrong");
        run.args(args)
            .args(["a@b.c"])
            .stdin("\n")
            .output()
            .assert_exit(0);
        let message = String::from_utf8(recorder.message().expect("queued")).expect("text");
        assert!(
            message.contains("From: \"Joe Doe\" <s@h.example>\n"),
            "{message}"
        );
    }
}

#[test]
fn other_programs_are_called_by_option_or_name() {
    let recorder = Recorder::new();
    let home = &recorder.home;
    home.replace_program("qmail-qread", "#!/bin/sh\necho qread $#\n");
    let by_option = recorder
        .program("sendmail")
        .args(["-bp", "ignored"])
        .output();
    assert_eq!(by_option.assert_exit(0).stdout_text(), "qread 0\n");
    let by_name = recorder
        .dress(home.foreign(home.linked("sendmail", "mailq")))
        .output();
    assert_eq!(by_name.assert_exit(0).stdout_text(), "qread 0\n");
}

#[test]
fn smtp_is_served_to_a_local_client() {
    let recorder = Recorder::new();
    let script = "#!/bin/sh\necho \"$PROTO $TCPREMOTEINFO $TCPREMOTEIP ${RELAYCLIENT-unset}\"\n";
    recorder.home.replace_program("qmail-smtpd", script);
    let ours = recorder.program("sendmail").args(["-bs"]).output();
    assert_eq!(
        ours.assert_exit(0).stdout_text(),
        "TCP sendmail-bs 127.0.0.1 \n"
    );
    let theirs = recorder
        .program("sendmail")
        .env("PROTO", "TCP")
        .args(["-bs"])
        .output();
    assert_eq!(theirs.assert_exit(0).stdout_text(), "TCP   unset\n");
}

#[test]
fn a_local_client_may_send_to_everybody() {
    let recorder = Recorder::new();
    recorder.home.control("rcpthosts", "test.example\n");
    let session =
        "HELO x\r\nMAIL FROM:<s@h>\r\nRCPT TO:<a@far.example>\r\nDATA\r\nhi\r\n.\r\nQUIT\r\n";
    let run = recorder.program("sendmail").args(["-bs"]).stdin(session);
    let replies = run.output().assert_exit(0).stdout_text();
    assert!(replies.contains("250 ok "), "{replies}");
    assert_eq!(
        recorder.envelope().as_deref(),
        Some("Fs@h ~ Ta@far.example ~  ~ ")
    );
    let message = String::from_utf8(recorder.message().expect("queued")).expect("text");
    assert!(
        message.starts_with(
            "Received: from localhost (HELO x) (sendmail-bs@127.0.0.1)\n  by localhost with SMTP; "
        ),
        "{message}"
    );
}

#[test]
fn a_program_that_is_not_there_is_temporary() {
    let recorder = Recorder::new();
    let nowhere = recorder.home.mkdir("nowhere");
    let run = recorder
        .program("sendmail")
        .env("QMAILHOME", nowhere)
        .args(["a@b.c"]);
    let output = run.output();
    output.assert_exit(111);
    assert_eq!(
        output.stderr_text(),
        "sendmail: fatal: unable to run qmail-inject\n"
    );
    let run = recorder
        .program("sendmail")
        .env("QMAILHOME", "/nonexistent")
        .args(["a@b.c"]);
    let output = run.output();
    output.assert_exit(111);
    assert_eq!(
        output.stderr_text(),
        "sendmail: fatal: unable to switch to qmail home directory\n"
    );
}
