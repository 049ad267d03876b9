//! Deliveries: who gets a slot, what the pipes carry, what a report does to the recipient.

use harness::home::Home;
use nix::sys::signal::Signal;

use crate::hand_led::{HandLed, Lead, orders};
use crate::hand_made::{Preprocessed, content, split, wait_for_file};

#[test]
fn one_local_delivery_leaves_the_log_of_the_guide() {
    let home = Home::new();
    let mut led = HandLed::start(&home);
    let id = led.accept("sender@test.example", &["u1@test.example"]);
    let order = led.local.order();
    assert_eq!(order.number, 0);
    assert_eq!(order.message, format!("{}/{id}", id % 23));
    assert_eq!(
        (&*order.sender, &*order.recipient),
        ("sender@test.example", "u1@test.example")
    );
    led.local.report(0, "Kdid 1+0+0\n");
    assert_eq!(led.clean.obey(), format!("foop/{id}"));
    let log = led.log();
    let info = log.lines().nth(2).expect("info").to_owned();
    let expected = format!(
        "status: local 0/10 remote 0/20\n\
         new msg {id}\n\
         {info}\n\
         starting delivery 1: msg {id} to local u1@test.example\n\
         status: local 1/10 remote 0/20\n\
         delivery 1: success: did_1+0+0/\n\
         status: local 0/10 remote 0/20\n\
         end msg {id}\n"
    );
    assert_eq!(log, expected);
    led.stop();
}

#[test]
fn every_free_slot_is_filled_and_the_lowest_number_is_used_again() {
    let home = Home::new();
    home.control("concurrencyremote", "3\n");
    let mut led = HandLed::start(&home);
    let recipients: Vec<String> = (0..6).map(|n| format!("u{n}@far.example")).collect();
    let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
    led.accept("s@x.example", &recipients);
    let numbers: Vec<u16> = orders(&mut led.remote, 3)
        .iter()
        .map(|order| order.number)
        .collect();
    assert_eq!(numbers, [0, 1, 2]);
    assert!(led.remote.is_quiet());
    led.remote.send(b"\x02K\0\x00K\0");
    let next = orders(&mut led.remote, 2);
    assert_eq!((next[0].number, &*next[0].recipient), (0, "u3@far.example"));
    assert_eq!((next[1].number, &*next[1].recipient), (2, "u4@far.example"));
    led.wait_for_log("status: local 0/10 remote 3/3");
}

#[test]
fn a_long_list_does_not_hold_up_other_messages() {
    let home = Home::new();
    home.control("concurrencylocal", "2\n");
    let mut led = HandLed::start(&home);
    let list: Vec<String> = (0..500).map(|n| format!("list{n}@test.example")).collect();
    let list: Vec<&str> = list.iter().map(String::as_str).collect();
    led.accept("s@x.example", &list);
    let mut under_way = orders(&mut led.local, 2);
    for n in 0..5 {
        led.accept("s@x.example", &[&format!("single{n}@test.example")]);
    }
    let mut singles = 0;
    for _ in 0..20 {
        let done = under_way.pop_front().expect("under way");
        led.local.report(done.number, "K");
        let next = led.local.order();
        singles += usize::from(next.recipient.starts_with("single"));
        under_way.push_back(next);
    }
    assert_eq!(singles, 5, "{}", led.log());
}

#[test]
fn a_recipient_that_is_done_is_marked_and_the_others_are_tried_again() {
    let home = Home::new();
    let mut led = HandLed::start(&home);
    let id = led.accept("s@x.example", &["a@test.example", "b@test.example"]);
    let pair = orders(&mut led.local, 2);
    led.local.report(pair[0].number, "Kok\n");
    led.local.report(pair[1].number, "Zlater\n");
    led.wait_for_log("delivery 2: deferral: later/");
    assert_eq!(
        home.read(&format!("queue/{}", split("local", id))),
        b"Da@test.example\0Tb@test.example\0"
    );
    assert!(led.local.is_quiet());
    led.signal(Signal::SIGALRM);
    let again = led.local.order();
    assert_eq!(again.recipient, "b@test.example");
    led.local.report(again.number, "K");
    led.wait_for_log(&format!("end msg {id}"));
    wait_for_file(&home, &split("local", id), false);
}

#[test]
fn reports_that_come_together_are_told_one_after_the_other() {
    let home = Home::new();
    let mut led = HandLed::start(&home);
    led.accept("s@x.example", &["a@test.example", "b@test.example"]);
    orders(&mut led.local, 2);
    led.local.send(b"\x00Kok\0\x01Kok\0");
    led.wait_for_log("end msg");
    let told = "delivery 1: success: ok\nstatus: local 1/10 remote 0/20\n\
                delivery 2: success: ok\nstatus: local 0/10 remote 0/20\n";
    assert!(led.log().contains(told), "{}", led.log());
}

#[test]
fn a_report_that_makes_no_sense_is_a_deferral() {
    let home = Home::new();
    let mut led = HandLed::start(&home);
    led.accept("s@x.example", &["a@test.example", "b@test.example"]);
    orders(&mut led.local, 2);
    led.local.send(b"\x00xyz\0\x01\0");
    led.wait_for_log("delivery 1: report mangled, will defer");
    led.wait_for_log("delivery 2: report mangled, will defer");
    led.signal(Signal::SIGALRM);
    assert_eq!(orders(&mut led.local, 2).len(), 2);
}

#[test]
fn a_report_about_no_delivery_changes_nothing() {
    let home = Home::new();
    let mut led = HandLed::start(&home);
    let id = led.accept("s@x.example", &["a@test.example"]);
    led.local.order();
    led.local.send(b"\x05K\0\xffDno\0");
    led.remote.send(b"\x00K\0");
    let line = "warning: internal error: delivery report out of range";
    harness::wait::until("three warnings", || (led.count(line) == 3).then_some(()));
    assert_eq!(
        home.read(&format!("queue/{}", split("local", id))),
        b"Ta@test.example\0"
    );
    led.local.report(0, "K");
    led.wait_for_log(&format!("end msg {id}"));
}

#[test]
fn a_long_report_is_cut() {
    let home = Home::new();
    let mut led = HandLed::start(&home);
    led.accept("s@x.example", &["a@test.example"]);
    led.local.order();
    led.local.report(0, &format!("Z{}", "x".repeat(100_000)));
    let line = led.wait_for_log("delivery 1: deferral: ");
    assert_eq!(line.len(), "delivery 1: deferral: ".len() + 9_999);
}

#[test]
fn a_sender_names_each_recipient_when_it_asks_for_it() {
    let home = Home::new();
    home.control("virtualdomains", "virt.example:u1-v\n");
    let mut led = HandLed::start(&home);
    led.accept(
        "u1-@test.example-@[]",
        &["u1@test.example", "u1-v-a@virt.example"],
    );
    let pair = orders(&mut led.local, 2);
    assert_eq!(pair[0].sender, "u1-u1=test.example@test.example");
    assert_eq!(pair[1].recipient, "u1-v-u1-v-a@virt.example");
    assert_eq!(pair[1].sender, "u1-u1-v-u1-v-a=virt.example@test.example");
}

#[test]
fn a_spawner_of_ours_gets_wide_numbers_over_a_socket() {
    let home = Home::new();
    home.control("concurrencylocal", "400\n");
    let mut led = Lead::new(&home).greeting("qmail-spawn/1 300\n").start();
    led.expect_wide();
    led.wait_for_log("status: local 0/300 remote 0/20");
    let recipients: Vec<String> = (0..301).map(|n| format!("u{n}@test.example")).collect();
    let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
    led.accept("s@x.example", &recipients);
    let last = orders(&mut led.local, 300).pop_back().expect("300");
    assert_eq!((last.number, &*last.recipient), (299, "u299@test.example"));
    led.local.report(256, "K");
    assert_eq!(led.local.order().number, 256);
}

#[test]
fn a_foreign_spawner_on_a_socket_gets_the_classic_form() {
    let home = Home::new();
    let mut led = Lead::new(&home).greeting("").start();
    led.accept("s@x.example", &["a@test.example"]);
    assert_eq!(led.local.succeed().number, 0);
    led.wait_for_log("end msg");
}

#[test]
fn a_message_that_is_too_old_fails_for_good() {
    let home = Home::new();
    let old = Preprocessed::from(&home, "s@far.example");
    old.file("local", b"Ta@test.example\0")
        .age(700_000)
        .time("local", 10);
    let mut led = HandLed::start(&home);
    led.local.order();
    led.local.report(0, "Zsoft\n");
    led.wait_for_log(
        "delivery 1: failure: soft/I'm_not_going_to_try_again;\
         _this_message_has_been_in_the_queue_too_long./",
    );
    led.wait_for_log(&format!("bounce msg {} qp ", old.id));
    led.wait_for_log(&format!("end msg {}", old.id));
}

#[test]
fn recipients_that_were_done_before_a_restart_are_not_tried() {
    let home = Home::new();
    let message = Preprocessed::from(&home, "s@x.example");
    message.file(
        "remote",
        b"Da@far.example\0Tb@far.example\0Dc@far.example\0",
    );
    let mut led = HandLed::start(&home);
    assert_eq!(led.remote.succeed().recipient, "b@far.example");
    led.wait_for_log(&format!("end msg {}", message.id));
}

#[test]
fn damaged_files_are_named_and_left_and_the_rest_goes_on() {
    let home = Home::new();
    let damaged = |directory: &str, bytes: &[u8]| {
        let message = Preprocessed::from(&home, "s@x.example");
        message.file(directory, bytes).time(directory, 10);
        (message, directory.to_owned(), bytes.to_vec())
    };
    let files = [
        damaged("local", b"garbage"),
        damaged("remote", b"\0\0\0"),
        damaged("local", b""),
        damaged("remote", b"Dbad@far.exam"),
    ];
    let no_sender = Preprocessed::from(&home, "");
    no_sender
        .file("info", b"no sender at all")
        .file("local", b"Tb@test.example\0");
    let mut led = HandLed::start(&home);
    for (message, directory, bytes) in &files {
        led.wait_for_log(&format!(
            "warning: unknown record type in {}!",
            split(directory, message.id)
        ));
        assert_eq!(message.look(directory).as_ref(), Some(bytes));
    }
    led.wait_for_log(&format!(
        "warning: unknown record type in {}; will try again later",
        split("info", no_sender.id)
    ));
    led.accept("s@x.example", &["good@test.example"]);
    assert_eq!(led.local.succeed().recipient, "good@test.example");
    assert!(led.local.is_quiet() && led.remote.is_quiet());
    assert!(no_sender.look("local").is_some());
}

#[test]
fn a_message_whose_number_is_not_its_inode_is_not_delivered() {
    let home = Home::new();
    let wrong = Preprocessed::from(&home, "s@x.example");
    wrong.file("local", b"Ta@test.example\0");
    // Under the number of one message lies the content of another.
    let other = content(&home);
    let [from, to] = [other, wrong.id].map(|id| home.queue(&split("mess", id)));
    std::fs::rename(from, to).expect("rename");
    let mut led = HandLed::start(&home);
    led.wait_for_log(&format!(
        "warning: wrong inode number or type of {}; will try again later",
        split("mess", wrong.id)
    ));
    assert!(led.local.is_quiet());
    assert!(wrong.look("local").is_some());
}

#[test]
fn a_birth_in_the_far_future_neither_waits_nor_bounces() {
    let home = Home::new();
    let message = Preprocessed::from(&home, "s@x.example");
    message.file("local", b"Ta@test.example\0");
    let future = std::time::SystemTime::now() + std::time::Duration::from_secs(315_000_000);
    for directory in ["info", "local"] {
        let path = home.queue(&split(directory, message.id));
        let file = std::fs::File::open(path).expect("open");
        file.set_modified(future).expect("times");
    }
    let mut led = HandLed::start(&home);
    assert!(led.local.is_quiet(), "due at most one gap from now");
    led.signal(Signal::SIGALRM);
    led.local.order();
    led.local.report(0, "Zlater\n");
    led.wait_for_log("delivery 1: deferral: later/");
    led.stop();
    let due = std::fs::metadata(home.queue(&split("local", message.id)))
        .and_then(|facts| facts.modified())
        .expect("time");
    let wait = due
        .duration_since(std::time::SystemTime::now())
        .expect("later");
    assert!((80..=100).contains(&wait.as_secs()), "{wait:?}");
}
