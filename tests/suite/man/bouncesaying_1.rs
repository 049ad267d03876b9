//! bouncesaying(1) and except(1): refusing the message, always or as a program says.

use std::os::unix::ffi::OsStrExt;

use harness::run::Output;

use super::one_delivery::Alice;

fn deliver(alice: &Alice, command: &str) -> Output {
    alice.file(".qmail", format!("|{command}\n./Mailbox\n"));
    alice.delivery().run()
}

#[track_caller]
fn check(command: &str, code: i32, stderr: &str) {
    let alice = Alice::new();
    let done = deliver(&alice, command);
    assert_eq!(done.assert_exit(code).stderr_text(), stderr, "{command}");
    assert_eq!(alice.path("Mailbox").exists(), code == 0, "{command}");
}

#[test]
fn without_a_program_the_message_bounces_with_the_text() {
    check(
        "bouncesaying 'Gone away. (#5.1.6)'",
        100,
        "Gone away. (#5.1.6)\n",
    );
    check("bouncesaying ''", 100, "\n");
}

#[test]
fn a_program_decides_whether_it_bounces() {
    check("bouncesaying 'No.' grep -q Subject", 100, "No.\n");
    check("bouncesaying 'No.' grep -q Nothing", 0, "");
    check("bouncesaying 'No.' sh -c 'exit 99'", 0, "");
    check("bouncesaying 'No.' ./nowhere", 0, "");
}

#[test]
fn doubt_defers() {
    let temporary = "fatal: temporary child error\n";
    let crashed = "fatal: child crashed\n";
    for (program, said) in [("bouncesaying 'No.'", "bouncesaying"), ("except", "except")] {
        let asks = |script: &str| format!("{program} sh -c '{script}'");
        check(&asks("exit 111"), 111, &format!("{said}: {temporary}"));
        check(&asks("kill -9 $$"), 111, &format!("{said}: {crashed}"));
    }
}

#[test]
fn except_turns_the_answer_round() {
    check("except grep -q Nothing", 0, "");
    check("except grep -q Subject", 100, "");
    check("except ./nowhere", 0, "");
    check("except sh -c 'exit 100'", 0, "");
}

#[test]
fn a_wrong_call_is_refused() {
    let text = "bouncesaying: usage: bouncesaying error [ program [ arg ... ] ]\n";
    check("bouncesaying", 100, text);
    check("except", 100, "except: usage: except program [ arg ... ]\n");
}

#[test]
fn a_script_that_names_no_interpreter_is_run_by_the_shell() {
    for name in ["./yes", "yes-in-path"] {
        let alice = Alice::new();
        let file = name.trim_start_matches("./");
        alice.file(file, "[ \"$1\" = 'a  b' ]\n").mode(file, 0o755);
        let command = format!("PATH=\"$PATH:$HOME\"; bouncesaying 'No.' {name} 'a  b'");
        let done = deliver(&alice, &command);
        assert_eq!(done.assert_exit(100).stderr_text(), "No.\n", "{name}");
    }
}

#[test]
fn a_text_may_have_any_bytes() {
    let alice = Alice::new();
    let text = std::ffi::OsStr::from_bytes(b"\xe4\xff 100% \x1b");
    let done = alice.home.program("bouncesaying").args([text]).output();
    assert_eq!(done.assert_exit(100).stderr, b"\xe4\xff 100% \x1b\n");
}
