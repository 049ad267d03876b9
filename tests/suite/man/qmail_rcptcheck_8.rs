//! qmail-rcptcheck(8), and what qmail-smtpd makes of its answers and those of others.

use std::path::Path;

use harness::home::Home;
use harness::programs;

use crate::smtp_dialogue::{Dialogue, codes};

const EXISTS: i32 = 0;
const MISSING: i32 = 100;
const LATER: i32 = 111;

#[track_caller]
fn check(home: &Home, recipient: &str, code: i32) {
    let output = home
        .program("qmail-rcptcheck")
        .env("RECIPIENT", recipient)
        .env("SENDER", "s@h")
        .output();
    assert_eq!(
        output.code(),
        Some(code),
        "{recipient}: {}",
        output.stderr_text()
    );
}

/// "A user's own address exists; an extension exists when a .qmail file answers for it."
#[test]
fn users_exist_and_extensions_with_a_file_do() {
    if !programs::ours() {
        return;
    }
    let home = Home::new();
    home.user("joe")
        .dot_qmail("joe", "list", "&a@b\n")
        .dot_qmail("joe", "lists-default", "&a@b\n")
        .dot_qmail("joe", "dotted:name", "&a@b\n")
        .write("alias/.qmail-postmaster", b"");
    for (recipient, code) in [
        ("joe@test.example", EXISTS),
        ("JOE@TEST.example", EXISTS),
        ("joe", EXISTS),
        ("joe-list@test.example", EXISTS),
        ("joe-LIST@test.example", EXISTS),
        ("joe-lists-any@test.example", EXISTS),
        ("joe-lists-a-b@test.example", EXISTS),
        ("joe-dotted.name@test.example", EXISTS),
        ("joe-other@test.example", MISSING),
        ("joe-@test.example", MISSING),
        ("joe-lists@test.example", MISSING),
        ("postmaster@test.example", EXISTS),
        ("nobody-at-all@test.example", MISSING),
        ("@test.example", MISSING),
        ("joe@elsewhere.example", EXISTS),
        ("joe-../../alias/.qmail-postmaster@test.example", MISSING),
    ] {
        check(&home, recipient, code);
    }
    home.write("alias/.qmail-default", b"");
    check(&home, "nobody-at-all@test.example", EXISTS);
    check(&home, "joe-other@test.example", MISSING);
}

#[test]
fn virtual_domains_lead_to_their_owner() {
    if !programs::ours() {
        return;
    }
    let home = Home::new();
    home.user("joe")
        .dot_qmail("joe", "info", "&a@b\n")
        .control("virtualdomains", "virt.example:joe\nout.virt.example:\n");
    check(&home, "info@virt.example", EXISTS);
    check(&home, "sales@virt.example", MISSING);
    check(&home, "sales@out.virt.example", EXISTS);
}

/// "In a home directory that is closed to others it cannot see which files exist."
#[test]
fn what_cannot_be_seen_counts_as_there() {
    if !programs::ours() || !nix::unistd::getuid().is_root() {
        return;
    }
    let home = Home::new();
    home.user("joe");
    let private = home.user_home("joe");
    std::os::unix::fs::chown(&private, Some(0), Some(0)).expect("chown");
    close(&private);
    check(&home, "joe-other@test.example", EXISTS);
    home.give(&private, 0o755);
    check(&home, "joe-other@test.example", MISSING);
}

fn close(directory: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o700)).expect("chmod");
}

#[test]
fn what_fails_is_asked_again_later() {
    if !programs::ours() {
        return;
    }
    let home = Home::new();
    home.program("qmail-rcptcheck").output().assert_exit(LATER);
    home.write("users/cdb", b"damaged");
    check(&home, "joe@test.example", LATER);
    home.write("users/cdb", b"");
    check(&home, "joe@test.example", LATER);
    let home = Home::new();
    home.replace_program("qmail-getpw", "#!/bin/sh\nexit 118\n");
    check(&home, "joe@test.example", LATER);
    home.replace_program("qmail-getpw", "#!/bin/sh\nprintf x\n");
    check(&home, "joe@test.example", LATER);
}

/// The replies of qmail-smtpd to recipients, with this in control/rcptcheck.
fn replies(dialogue: &Dialogue, program: &str, recipients: &[&str]) -> String {
    dialogue.home.control("rcptcheck", &format!("{program}\n"));
    let rcpts: String = recipients
        .iter()
        .map(|r| format!("RCPT TO:<{r}>\r\n"))
        .collect();
    dialogue.send(format!("MAIL FROM:<s@h>\r\n{rcpts}QUIT\r\n"), 0)
}

#[test]
fn qmail_smtpd_refuses_mail_for_nobody_in_local_domains_only() {
    if !programs::ours() {
        return;
    }
    let dialogue = Dialogue::new();
    dialogue
        .home
        .user("joe")
        .control("rcpthosts", "test.example\nbackup.example\n");
    let recipients = [
        "joe@test.example",
        "nobody-at-all@test.example",
        "any@backup.example",
        "joe",
    ];
    let said = replies(&dialogue, "bin/qmail-rcptcheck", &recipients);
    assert_eq!(
        codes(&said),
        ["220", "250", "250", "550", "250", "250", "221"]
    );
    assert!(said.contains("\r\n550 sorry, no mailbox here by that name (#5.1.1)\r\n"));
    dialogue.home.write("users/cdb", b"damaged");
    let output = dialogue
        .server()
        .stdin("MAIL FROM:<s@h>\r\nRCPT TO:<joe@test.example>\r\nQUIT\r\n")
        .output();
    assert_eq!(codes(&output.stdout_text()), ["220", "250", "451", "221"]);
    assert!(
        output
            .stderr_text()
            .starts_with("qmail-rcptcheck: warning: ")
    );
    dialogue.home.no_control("rcptcheck");
    let said = dialogue.send(
        "MAIL FROM:<s@h>\r\nRCPT TO:<nobody-at-all@test.example>\r\nQUIT\r\n",
        0,
    );
    assert_eq!(codes(&said), ["220", "250", "250", "221"]);
}

const CUSTOM: &str = r#"#!/bin/sh
printf '%s %s\n' "$SENDER" "$RECIPIENT" >>"$RECORD/asked"
[ ! -t 0 ] && read -r line && exit 3
case $RECIPIENT in
yes@*) exit 0 ;;
no@*) exit 100 ;;
later@*) exit 111 ;;
crash@*) kill -9 $$ ;;
odd@*) exit 1 ;;
esac
"#;

/// "Any other status, a crash ... count as 111"; the addresses come as they are.
#[test]
fn any_program_can_take_its_place() {
    if !programs::ours() {
        return;
    }
    let dialogue = Dialogue::new();
    let home = &dialogue.home;
    home.control("locals", "local.example\n")
        .replace_program("custom", CUSTOM);
    let recipients = [
        "yes@local.example",
        "no@local.example",
        "later@local.example",
        "crash@local.example",
        "odd@local.example",
    ];
    for program in ["bin/custom", &home.bin("custom").display().to_string()] {
        let said = replies(&dialogue, program, &recipients);
        assert_eq!(
            codes(&said),
            ["220", "250", "250", "550", "451", "451", "451", "221"],
            "{program}"
        );
    }
    let asked = String::from_utf8(home.read("record/asked")).expect("text");
    assert_eq!(asked.lines().next(), Some("s@h yes@local.example"));
    assert_eq!(asked.lines().count(), 10);
    let said = replies(&dialogue, "bin/no-such-program", &recipients[..1]);
    assert_eq!(codes(&said)[2], "451");
    dialogue.send(
        "MAIL FROM:<s@h>\r\nRCPT TO:<\"yes\\\"; $(id)\"@local.example>\r\nQUIT\r\n",
        0,
    );
    home.control("rcptcheck", "bin/custom\n");
    dialogue.send(
        "MAIL FROM:<s@h>\r\nRCPT TO:<\"yes\\\"; $(id)\"@local.example>\r\nQUIT\r\n",
        0,
    );
    let asked = String::from_utf8(home.read("record/asked")).expect("text");
    assert_eq!(asked.lines().last(), Some("s@h yes\"; $(id)@local.example"));
}
