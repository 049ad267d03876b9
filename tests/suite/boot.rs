//! boot/: each script becomes qmail-start with its default delivery (qmail-start(8)).

use std::fs;

use harness::home::Home;
use harness::programs;

/// Runs a script with a qmail-start that shows its arguments, one to a line.
#[track_caller]
fn check(name: &str, expected: &[&str]) {
    let home = Home::new();
    home.replace_program("qmail-start", "#!/bin/sh\nprintf '[%s]\\n' \"$@\"\n");
    let text = fs::read_to_string(programs::source().join("boot").join(name)).expect("script");
    let here = text.replace("/var/qmail", &home.path().display().to_string());
    let done = home.foreign("/bin/sh").args(["-c", &here]).output();
    let shown = format!("[{}]\n[splogger]\n[qmail]\n", expected.join("\n"));
    assert_eq!(done.assert_exit(0).stdout_text(), shown, "{name}");
}

#[test]
fn each_script_has_its_default_delivery_and_one_after_forward_files() {
    let sender = r#""${SENDER:-MAILER-DAEMON}" -d "$USER""#;
    let deliveries = [
        ("home", "./Mailbox".to_owned()),
        ("proc", "|preline procmail".to_owned()),
        (
            "binm1",
            format!("|preline -f /usr/libexec/mail.local -r {sender}"),
        ),
        ("binm2", format!("|preline -f /bin/mail -r {sender}")),
        ("binm3", format!("|preline -f /bin/mail -f {sender}")),
    ];
    for (name, delivery) in deliveries {
        check(name, &[&delivery]);
        check(&format!("{name}+df"), &["|dot-forward .forward", &delivery]);
    }
    assert_eq!(
        fs::read_dir(programs::source().join("boot"))
            .expect("boot")
            .count(),
        10
    );
}
