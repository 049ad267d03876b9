//! From todo/ to info/, local/ and remote/: what is there before a message leaves todo/, and what is
//! left alone.

use std::fs;
use std::os::unix::fs::symlink;

use harness::home::Home;
use nix::sys::signal::Signal;

use crate::hand_led::{HandLed, Lead};
use crate::hand_made::{content, enqueue, mode, split};

/// Waits for a request about todo/ and returns the message's number.
#[track_caller]
fn asked(led: &mut HandLed<'_>) -> u64 {
    let request = led.clean.request();
    let id = request.strip_prefix("todo/").expect("a new message");
    id.parse().expect("number")
}

#[test]
fn the_files_are_complete_before_the_message_leaves_todo() {
    let home = Home::new();
    home.control("virtualdomains", "virt.example:u1-v\n");
    let mut led = HandLed::start(&home);
    let recipients = ["a@test.example", "b@far.example", "c@virt.example", "d"];
    enqueue(&home, "s@x.example", &recipients);
    let id = asked(&mut led);
    let read = |directory| fs::read(home.queue(&split(directory, id))).expect("file");
    assert_eq!(read("info"), b"Fs@x.example\0");
    assert_eq!(
        read("local"),
        b"Ta@test.example\0Tu1-v-c@virt.example\0Td@test.example\0"
    );
    assert_eq!(read("remote"), b"Tb@far.example\0");
    for directory in ["info", "local", "remote"] {
        assert_eq!(mode(&home, &split(directory, id)), 0o600, "{directory}");
    }
}

#[test]
fn nothing_is_delivered_before_the_message_has_left_todo() {
    let home = Home::new();
    let mut led = HandLed::start(&home);
    enqueue(&home, "s@x.example", &["a@test.example"]);
    let id = asked(&mut led);
    assert!(led.local.is_quiet());
    led.clean.carry_out(&format!("todo/{id}"));
    assert_eq!(led.local.order().recipient, "a@test.example");
}

#[test]
fn a_new_message_is_logged_with_its_size_sender_and_origin() {
    let home = Home::new();
    let mut led = HandLed::start(&home);
    let id = led.accept("we\"ird user@x.example", &["a@test.example"]);
    let size = fs::metadata(home.queue(&split("mess", id)))
        .expect("stat")
        .len();
    led.wait_for_log(&format!("new msg {id}"));
    let info = led.wait_for_log(&format!("info msg {id}: "));
    let start = format!("info msg {id}: bytes {size} from <we\"ird_user@x.example> qp ");
    assert!(info.starts_with(&start), "{info}");
    assert!(info.ends_with(&format!(" uid {}", home.uid())), "{info}");
}

#[test]
fn a_batch_is_asked_for_without_waiting_for_answers() {
    let home = Home::new();
    for n in 0..5 {
        enqueue(&home, "s@x.example", &[&format!("u{n}@test.example")]);
    }
    let mut led = HandLed::start(&home);
    let requests: Vec<String> = (0..5).map(|_| led.clean.request()).collect();
    assert!(led.local.is_quiet());
    for request in requests {
        led.clean.carry_out(&request);
    }
    let mut recipients: Vec<String> = (0..5).map(|_| led.local.order().recipient).collect();
    recipients.sort();
    assert_eq!(recipients[4], "u4@test.example");
}

#[test]
fn a_message_that_qmail_clean_cannot_take_out_is_not_delivered() {
    let home = Home::new();
    let mut led = HandLed::start(&home);
    enqueue(&home, "s@x.example", &["a@test.example"]);
    let id = asked(&mut led);
    led.clean.answer(b"!");
    led.wait_for_log(&format!(
        "warning: qmail-clean unable to clean up todo/{id}"
    ));
    assert!(led.local.is_quiet());
    assert!(home.queue(&format!("todo/{id}")).exists());
    let other = led.accept("s@x.example", &["b@test.example"]);
    assert_ne!(other, id);
    assert_eq!(led.local.order().recipient, "b@test.example");
}

#[test]
fn what_an_earlier_message_has_left_is_not_used() {
    let home = Home::new();
    let id = content(&home);
    for directory in ["info", "local", "remote"] {
        home.write(
            &format!("queue/{}", split(directory, id)),
            b"Told@x.example\0",
        );
    }
    home.write(
        &format!("queue/bounce/{id}"),
        b"<old@x.example>:\nsecret\n\n",
    );
    home.write(
        &format!("queue/todo/{id}"),
        b"u0\0p1\0Fs@x\0Ta@test.example\0",
    );
    let mut led = HandLed::start(&home);
    assert_eq!(asked(&mut led), id);
    assert_eq!(
        fs::read(home.queue(&split("local", id))).expect("local"),
        b"Ta@test.example\0"
    );
    assert!(!home.queue(&split("remote", id)).exists());
    assert!(!home.queue(&format!("bounce/{id}")).exists());
}

/// Puts this envelope beside a good one, and demands that it is left, with a line that names it.
#[track_caller]
fn check_left_alone(envelope: &[u8]) {
    let home = Home::new();
    let id = content(&home);
    let todo = format!("todo/{id}");
    home.write(&format!("queue/{todo}"), envelope);
    let mut led = HandLed::start(&home);
    led.wait_for_log(&format!("warning: unknown record type in {todo}"));
    led.accept("s@x.example", &["good@test.example"]);
    assert_eq!(led.local.order().recipient, "good@test.example");
    assert_eq!(led.count(&todo), 1, "{}", led.log());
    assert_eq!(fs::read(home.queue(&todo)).expect("todo"), envelope);
    assert!(home.queue(&split("mess", id)).exists());
    assert!(!home.queue(&split("info", id)).exists());
}

#[test]
fn an_envelope_that_makes_no_sense_is_left_alone() {
    check_left_alone(b"");
    check_left_alone(b"garbage");
    check_left_alone(b"u0\0p1\0Ta@test.example\0");
    check_left_alone(b"u0\0p1\0Ta@test.example\0Fs@x\0");
    check_left_alone(b"u0\0p1\0Fs@x\0Fs@y\0Ta@test.example\0");
    check_left_alone(b"u0\0p1\0Fs@x\0Ta@test.example\0Xb@test.example\0");
    check_left_alone(b"u0\0p1\0Fs@x\0Ta@test.example\0Tb@test");
    check_left_alone(b"u0\0p1\0Fs@x\0\0\0Ta@test.example\0");
}

#[test]
fn an_envelope_whose_message_is_another_one_is_left_alone() {
    let home = Home::new();
    let id = content(&home);
    let (missing, wrong) = (id + 1_000_000, id + 2_000_000);
    let envelope = b"u0\0p1\0Fs@x\0Ta@test.example\0";
    home.write(&format!("queue/todo/{missing}"), envelope);
    home.write(&format!("queue/todo/{wrong}"), envelope);
    home.write(
        &format!("queue/{}", split("mess", wrong)),
        b"somebody else's\n",
    );
    let mut led = HandLed::start(&home);
    led.wait_for_log(&format!(
        "warning: unable to stat {}",
        split("mess", missing)
    ));
    led.wait_for_log(&format!(
        "warning: wrong inode number or type of {}",
        split("mess", wrong)
    ));
    assert!(led.local.is_quiet() && led.clean.is_quiet());
    assert!(home.queue(&format!("todo/{missing}")).exists());
    assert!(home.queue(&format!("todo/{wrong}")).exists());
}

#[test]
fn what_is_no_envelope_at_all_is_left_alone() {
    let home = Home::new();
    fs::create_dir(home.queue("todo/123")).expect("mkdir");
    nix::unistd::mkfifo(&home.queue("todo/124"), nix::sys::stat::Mode::S_IRWXU).expect("fifo");
    symlink("/etc/passwd", home.queue("todo/125")).expect("symlink");
    for name in ["abc", "12x", "-1", "007", "18446744073709551616"] {
        home.write(
            &format!("queue/todo/{name}"),
            b"u0\0p1\0Fs@x\0Ta@test.example\0",
        );
    }
    let mut led = HandLed::start(&home);
    for id in [123, 124, 125] {
        led.wait_for_log(&format!("warning: wrong inode number or type of todo/{id}"));
    }
    for name in ["007", "18446744073709551616"] {
        led.wait_for_log(&format!("warning: unknown file todo/{name}"));
    }
    led.accept("s@x.example", &["good@test.example"]);
    assert_eq!(led.local.succeed().recipient, "good@test.example");
    assert_eq!(led.count("warning: "), 5, "{}", led.log());
}

#[test]
fn an_envelope_that_cannot_be_read_is_tried_again_later() {
    let home = Home::new();
    let id = content(&home);
    home.write(
        &format!("queue/todo/{id}"),
        b"u0\0p1\0Fs@x\0Ta@test.example\0",
    );
    home.give(&home.queue(&format!("todo/{id}")), 0o000);
    let mut led = HandLed::start(&home);
    led.wait_for_log(&format!("warning: trouble reading todo/{id}"));
    led.accept("s@x.example", &["good@test.example"]);
    assert_eq!(led.local.order().recipient, "good@test.example");
}

#[test]
fn a_full_directory_or_a_missing_one_leaves_the_message() {
    let home = Home::new();
    let id = content(&home);
    let part = home.queue(&format!("local/{}", id % 23));
    fs::remove_dir(&part).expect("rmdir");
    home.write(
        &format!("queue/todo/{id}"),
        b"u0\0p1\0Fs@x\0Ta@test.example\0",
    );
    let mut led = HandLed::start(&home);
    led.wait_for_log(&format!("warning: unable to create {}", split("local", id)));
    assert!(led.clean.is_quiet());
    led.stop();
    home.mkdir(&format!("queue/local/{}", id % 23));
    let mut led = Lead::new(&home).start();
    assert_eq!(asked(&mut led), id);
}

#[test]
fn an_alarm_tries_again_at_once_what_could_not_be_preprocessed() {
    let home = Home::new();
    let id = content(&home);
    let part = home.queue(&format!("local/{}", id % 23));
    fs::remove_dir(&part).expect("rmdir");
    home.write(
        &format!("queue/todo/{id}"),
        b"u0\0p1\0Fs@x\0Ta@test.example\0",
    );
    let mut led = HandLed::start(&home);
    led.wait_for_log(&format!("warning: unable to create {}", split("local", id)));
    home.mkdir(&format!("queue/local/{}", id % 23));
    led.signal(Signal::SIGALRM);
    assert_eq!(asked(&mut led), id);
}

#[test]
fn a_message_without_recipients_ends_at_once() {
    let home = Home::new();
    let mut led = HandLed::start(&home);
    let id = led.accept("s@x.example", &[]);
    led.wait_for_log(&format!("end msg {id}"));
    assert_eq!(led.clean.obey(), format!("foop/{id}"));
}
