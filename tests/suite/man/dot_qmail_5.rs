//! dot-qmail(5): which file answers, what its lines mean, when it is not to be trusted.

use std::os::unix::fs::symlink;

use nix::sys::stat::Mode;

use super::one_delivery::Alice;

/// What qmail-local -n says of the instructions in alice's `.qmail`.
#[track_caller]
fn check(content: &[u8], expected: &str) {
    let alice = Alice::new();
    alice.file(".qmail", content);
    let done = alice.delivery().describe().run();
    done.assert_exit(0);
    let (instructions, did) = done
        .stdout
        .split_at(done.stdout.len() - "did n+n+n\n".len());
    assert!(did.starts_with(b"did "), "{}", done.stdout_text());
    assert_eq!(
        String::from_utf8(instructions.to_vec()).expect("text"),
        expected
    );
}

#[track_caller]
fn check_deferred(content: &str, mode: u32, text: &str) {
    let alice = Alice::new();
    alice.file(".qmail", content).mode(".qmail", mode);
    let done = alice.delivery().run();
    done.assert_exit(111);
    assert_eq!(done.stderr_text(), format!("{text}\n"));
    assert_eq!(alice.names(""), [".qmail"]);
}

/// Which of the files answers for an extension; each says its own name.
#[track_caller]
fn check_found(files: &[&str], ext: &str, expected: &str) {
    let alice = Alice::new();
    for name in files {
        alice.file(name, format!("|{name}\n"));
    }
    let done = alice.delivery().ext(ext).describe().run();
    done.assert_exit(0);
    assert_eq!(
        done.stdout_text(),
        format!("program {expected}\ndid 0+0+1\n")
    );
}

#[test]
fn each_line_is_one_instruction() {
    check(
        b"# note\n./Maildir/\n/tmp/mbox\n|command \n&a@b\nc@d\n+other\n\n./last",
        "maildir ./Maildir/\nmbox /tmp/mbox\nprogram command\nforward a@b\nforward c@d\nmbox ./last\n",
    );
}

#[test]
fn only_blanks_at_the_end_of_a_line_are_dropped() {
    check(b"./Mailbox \t\n a@b\n", "mbox ./Mailbox\nforward  a@b\n");
    check(b"&\n", "forward \n");
}

#[test]
fn a_carriage_return_at_the_end_of_a_line_defers() {
    let text = "Uh-oh: a line of .qmail ends in a carriage return. (#4.2.1)";
    check_deferred("./Maildir/\r\n", 0o644, text);
    check_deferred("./Mailbox\n&a@b \r", 0o644, text);
    check(b"# note\r\n./a\rb\n", "mbox ./a\rb\n");
}

#[test]
fn a_zero_byte_ends_its_line() {
    check(
        b"./Maildir/\0rubbish\n&a@b\0c\n|x\0y",
        "maildir ./Maildir/\nforward a@b\nprogram x\n",
    );
}

#[test]
fn a_comment_alone_throws_mail_away() {
    let alice = Alice::new();
    alice.file(".qmail", "#\n");
    let done = alice.delivery().run();
    assert_eq!(done.assert_exit(0).stdout_text(), "did 0+0+0\n");
    assert_eq!(alice.names(""), [".qmail"]);
}

#[test]
fn a_blank_first_line_defers_and_a_later_one_does_not() {
    let text = "Uh-oh: first line of .qmail file is blank. (#4.2.1)";
    check_deferred("\n./Mailbox\n", 0o644, text);
    check_deferred(" \t\n./Mailbox\n", 0o644, text);
    check(b"./Mailbox\n\n \n&a@b\n", "mbox ./Mailbox\nforward a@b\n");
}

#[test]
fn an_empty_or_missing_file_means_the_default_delivery() {
    let alice = Alice::new();
    let done = alice.delivery().default("./a\n|b").describe().run();
    assert_eq!(
        done.assert_exit(0).stdout_text(),
        "mbox ./a\nprogram b\ndid 1+0+1\n"
    );
    // Empty, the file is not forward-only either.
    alice.file(".qmail", "").mode(".qmail", 0o744);
    let done = alice.delivery().default("./a\n|b").describe().run();
    assert_eq!(
        done.assert_exit(0).stdout_text(),
        "mbox ./a\nprogram b\ndid 1+0+1\n"
    );
    let done = alice.delivery().default("").run();
    assert_eq!(
        done.assert_exit(111).stderr_text(),
        "Uh-oh: first line of .qmail file is blank. (#4.2.1)\n"
    );
}

#[test]
fn a_forward_only_file_may_only_forward() {
    let mailbox = "Uh-oh: .qmail has file delivery but has x bit set. (#4.7.0)";
    let program = "Uh-oh: .qmail has prog delivery but has x bit set. (#4.7.0)";
    check_deferred("./Mailbox\n", 0o744, mailbox);
    check_deferred("./Maildir/\n", 0o744, mailbox);
    check_deferred("|touch ran\n", 0o744, program);
    check_deferred("+list\n./Mailbox\n", 0o644, mailbox);
    check_deferred("&a@b\n+list \n|touch ran\n", 0o644, program);
    let alice = Alice::new();
    alice.file(".qmail", "./Mailbox\n+list\n&a@b\n");
    alice.delivery().run().assert_exit(0);
    assert!(alice.path("Mailbox").exists());
    assert_eq!(alice.queued().len(), 1);
}

#[test]
fn a_file_that_anybody_may_write_to_defers() {
    check_deferred(
        "./Mailbox\n",
        0o646,
        "Uh-oh: .qmail file is writable. (#4.7.0)",
    );
}

#[test]
fn a_file_that_cannot_be_opened_now_defers() {
    check_deferred(
        "./Mailbox\n",
        0o200,
        "Unable to open .qmail: access denied. (#4.3.0)",
    );
}

#[test]
fn what_is_not_a_file_is_not_there() {
    let alice = Alice::new();
    alice.home.mkdir("mail/alice/.qmail-dir");
    nix::unistd::mkfifo(&alice.path(".qmail-fifo"), Mode::S_IRWXU).expect("fifo");
    alice.mode(".qmail-fifo", 0o644);
    symlink(".qmail-loop", alice.path(".qmail-loop")).expect("link");
    alice.file(".qmail-default", "|found\n");
    for ext in ["dir", "fifo", "loop"] {
        let done = alice.delivery().ext(ext).describe().run();
        assert_eq!(
            done.assert_exit(0).stdout_text(),
            "program found\ndid 0+0+1\n",
            "{ext}"
        );
    }
}

#[test]
fn a_link_to_a_file_is_followed() {
    let alice = Alice::new();
    alice.file("elsewhere", "|found\n");
    symlink("elsewhere", alice.path(".qmail")).expect("link");
    let done = alice.delivery().describe().run();
    assert_eq!(
        done.assert_exit(0).stdout_text(),
        "program found\ndid 0+0+1\n"
    );
}

#[test]
fn the_longest_match_answers() {
    let all = [
        ".qmail-a-b-c",
        ".qmail-a-b-default",
        ".qmail-a-default",
        ".qmail-default",
    ];
    check_found(&all, "a-b-c", ".qmail-a-b-c");
    check_found(&all, "A-B-C", ".qmail-a-b-c");
    check_found(&all, "a-b-d", ".qmail-a-b-default");
    check_found(&all, "a-b-", ".qmail-a-b-default");
    check_found(&all, "a-b", ".qmail-a-default");
    check_found(&all, "a", ".qmail-default");
    check_found(&all, "ab-c", ".qmail-default");
}

#[test]
fn a_dot_in_an_extension_is_a_colon_in_a_name() {
    check_found(&[".qmail-a:b"], "a.b", ".qmail-a:b");
    check_found(&[".qmail-::::etc"], "....etc", ".qmail-::::etc");
    check_found(&[".qmail-default"], "../../etc/passwd", ".qmail-default");
}

#[test]
fn an_unknown_extension_bounces() {
    let alice = Alice::new();
    alice
        .file(".qmail", "./Mailbox\n")
        .file(".qmail-other", "./Mailbox\n");
    let done = alice.delivery().ext("x").run();
    done.assert_exit(100);
    assert_eq!(
        done.stderr_text(),
        "Sorry, no mailbox here by that name. (#5.1.1)\n"
    );
    let long = "x".repeat(900);
    alice.delivery().ext(&long).run().assert_exit(100);
}

#[test]
fn the_main_address_falls_back_on_qmaildefault() {
    let alice = Alice::new();
    alice.file(".qmaildefault", "|printf %s \"$DEFAULT.\" >got\n");
    alice.delivery().run().assert_exit(0);
    assert_eq!(alice.read("got"), b".");
}
