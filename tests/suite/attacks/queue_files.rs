//! The queue as a crashed, hostile or careless writer leaves it: names, kinds and contents of files,
//! requests to qmail-clean, and tools that look at all of it.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, SystemTime};

use harness::home::Home;
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;

use crate::hand_led::HandLed;
use crate::hand_made::{Preprocessed, content, split};

/// Puts something in the place of an envelope.
type Make = fn(&Home, &Path);

const GOOD: &[u8] = b"u0\0p1\0Fs@x.example\0Ta@test.example\0";

#[test]
fn a_name_that_is_no_number_is_no_message() {
    let home = Home::new();
    let id = content(&home);
    let names = [
        "abc".to_owned(),
        format!("{id}x"),
        format!("-{id}"),
        format!("+{id}"),
        format!("0{id}"),
        format!(" {id}"),
        "18446744073709551616".to_owned(),
        // This much more is the same number to whoever lets it overflow.
        (u128::from(id) + (1 << 64)).to_string(),
        "0".to_owned(),
        "\u{661}".to_owned(),
    ];
    for name in &names {
        home.write(&format!("queue/todo/{name}"), GOOD);
    }
    let mut led = HandLed::start(&home);
    led.accept("s@x.example", &["good@test.example"]);
    assert_eq!(led.local.succeed().recipient, "good@test.example");
    assert!(led.local.is_quiet(), "{}", led.log());
    for name in &names {
        assert_eq!(home.read(&format!("queue/todo/{name}")), GOOD, "{name}");
    }
    assert!(home.queue(&split("mess", id)).exists());
}

#[test]
fn an_envelope_that_is_no_file_is_neither_read_nor_followed() {
    let home = Home::new();
    home.write("elsewhere", GOOD);
    let kinds: [Make; 5] = [
        |home, path| {
            fs::create_dir(path).expect("directory");
            home.give(path, 0o700);
        },
        |home, path| {
            nix::unistd::mkfifo(path, Mode::S_IRWXU).expect("pipe");
            home.give(path, 0o600);
        },
        |home, path| {
            symlink(home.path().join("elsewhere"), path).expect("link");
        },
        |home, path| {
            File::create(path).expect("file");
            home.give(path, 0o600);
        },
        |home, path| {
            fs::write(path, GOOD).expect("file");
            home.give(path, 0);
        },
    ];
    let mut ids = Vec::new();
    for make in kinds {
        let id = content(&home);
        make(&home, &home.queue(&format!("todo/{id}")));
        ids.push(id);
    }
    let mut led = HandLed::start(&home);
    for id in &ids {
        led.wait_for_log(&format!("todo/{id}"));
    }
    led.accept("s@x.example", &["good@test.example"]);
    assert_eq!(led.local.succeed().recipient, "good@test.example");
    assert!(led.local.is_quiet(), "{}", led.log());
    for id in ids {
        assert!(home.queue(&split("mess", id)).exists());
        assert!(!home.queue(&split("info", id)).exists());
    }
}

#[test]
fn recipients_beyond_all_measure_are_left_and_hold_nobody_up() {
    let home = Home::new();
    let long = Preprocessed::from(&home, "s@x.example");
    let record = [b"T".as_slice(), &vec![b'x'; 1_000_001], b"@test.example\0"].concat();
    long.file("local", &record);
    let many = Preprocessed::from(&home, "s@x.example");
    many.file("remote", &b"Da@far.example\0".repeat(1_000_000));
    let mut led = HandLed::start(&home);
    led.wait_for_log(&split("local", long.id));
    led.accept("s@x.example", &["good@test.example"]);
    assert_eq!(led.local.succeed().recipient, "good@test.example");
    assert_eq!(long.look("local"), Some(record));
    assert!(led.memory() < 32 << 20, "{} bytes", led.memory());
}

#[test]
fn a_content_of_any_kind_is_delivered_as_it_is() {
    let home = Home::new();
    home.user("alice");
    let bytes: Vec<u8> = (0..=255).collect();
    let contents = [
        Vec::new(),
        b"no header".to_vec(),
        b"\n\nbody\n".to_vec(),
        bytes.repeat(100),
        b"From x\n>From y\n".to_vec(),
    ];
    let mut made = Vec::new();
    for content in &contents {
        let message = Preprocessed::from(&home, "s@x.example");
        let path = home.queue(&split("mess", message.id));
        // The same inode, or it is another message.
        fs::write(&path, content).expect("content");
        message.file("local", b"Talice@test.example\0");
        made.push(message.id);
    }
    let daemons = home.start_daemons();
    for id in made {
        daemons.wait_for_log(&format!("end msg {id}"));
    }
    let delivered = home.maildir("alice");
    assert_eq!(delivered.len(), contents.len());
    for content in &contents {
        let header: &[u8] = b"Return-Path: <s@x.example>\nDelivered-To: alice@test.example\n";
        let expected = [header, content].concat();
        assert!(delivered.contains(&expected), "{}", content.escape_ascii());
    }
}

#[test]
fn a_birth_at_any_time_neither_spins_nor_waits_for_ever() {
    // The year 9999 is beyond what some file systems keep.
    for seconds in [0, (1 << 31) - 1, 1 << 32, 253_402_300_799] {
        let home = Home::new();
        let message = Preprocessed::from(&home, "s@x.example");
        message.file("local", b"Ta@test.example\0");
        let info = home.queue(&split("info", message.id));
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let file = File::open(info).expect("info");
        file.set_modified(time).expect("times");
        let mut led = HandLed::start(&home);
        // Even what is too old is tried once.
        led.local.order();
        led.local.report(0, "Zlater\n");
        if seconds == 0 {
            led.wait_for_log("delivery 1: failure: later/I'm_not_going_to_try_again");
            continue;
        }
        led.wait_for_log("delivery 1: deferral: later/");
        assert!(led.local.is_quiet(), "{seconds}");
        led.signal(Signal::SIGALRM);
        assert_eq!(
            led.local.order().message,
            format!("{}/{}", message.id % 23, message.id),
            "{seconds}"
        );
    }
}

#[test]
fn qmail_clean_removes_two_kinds_of_files_and_no_others() {
    let home = Home::new();
    let id = content(&home);
    home.write("queue/x", b"kept");
    home.write("queue/todo/x", b"kept");
    home.write("outside", b"kept");
    let requests = [
        "foop/../../outside".to_owned(),
        "foop/../x".to_owned(),
        "todo/x".to_owned(),
        format!("todo/{id}/../x"),
        format!("mess/{id}"),
        format!("FOOP/{id}"),
        format!("foop/ {id}"),
        format!("foop/{id} "),
        format!("foop/0{id}"),
        format!("foop/+{id}"),
        format!("foop//{id}"),
        format!("/foop/{id}"),
        format!("foop/{}", u128::from(id) + (1 << 64)),
        String::new(),
        "foop/".to_owned(),
        "f".repeat(200),
        format!("foop/{}", "1".repeat(1000)),
    ];
    let mut input: Vec<u8> = requests
        .iter()
        .flat_map(|text| [text.as_bytes(), b"\0"].concat())
        .collect();
    // The last one is not ended, so it is no request.
    input.extend_from_slice(format!("foop/{id}").as_bytes());
    let done = home.program("qmail-clean").stdin(input).output();
    done.assert_exit(0);
    assert_eq!(done.stdout_text(), "x".repeat(requests.len()));
    assert!(home.queue(&split("mess", id)).exists());
    for name in ["queue/x", "queue/todo/x", "outside"] {
        assert_eq!(home.read(name), b"kept");
    }
}

#[test]
fn many_requests_are_answered_one_by_one() {
    let home = Home::new();
    let input = b"todo/1\0nonsense\0".repeat(20_000);
    let done = home.program("qmail-clean").stdin(input).output();
    done.assert_exit(0);
    assert_eq!(done.stdout_text(), "+x".repeat(20_000));
}

#[test]
fn a_report_without_end_fills_no_memory_and_no_log_line() {
    let home = Home::new();
    let mut led = HandLed::start(&home);
    led.accept("s@x.example", &["a@far.example"]);
    let order = led.remote.order();
    let before = led.memory();
    led.remote
        .send(&[u8::try_from(order.number).expect("small"), b'Z']);
    for _ in 0..64 {
        led.remote.send(&[b'x'; 1 << 20]);
    }
    led.remote.send(b"\0");
    let line = led.wait_for_log("delivery 1: deferral: ");
    assert!(line.len() < 11_000, "{}", line.len());
    assert!(led.memory() < before + (4 << 20), "{}", led.memory());
}

#[test]
fn the_list_of_a_damaged_queue_shows_only_printable_text() {
    let home = Home::new();
    let senders = [
        "a\x1b[2J@x",
        "\u{9b}31m@x",
        "",
        "#@[]",
        "x\r\nend msg 7@x",
        "%n%s@x",
    ];
    for sender in senders {
        let made = Preprocessed::from(&home, sender);
        made.file("local", b"T\x07bell@x\0Xnothing\0");
        made.file("remote", b"\0\0\0");
    }
    let broken = Preprocessed::from(&home, "s@x");
    broken.file("info", b"garbage");
    let empty = Preprocessed::from(&home, "s@x");
    empty.file("info", b"");
    home.write("queue/info/0/abc", b"Fx\0");
    home.mkdir(&format!("queue/{}", split("info", 23_000_000)));
    for program in ["qmail-qread", "qmail-qstat"] {
        let done = home.program(program).output();
        assert_eq!(done.signal(), None, "{program}");
        let text = [done.stdout.clone(), done.stderr.clone()].concat();
        let is_shown = |byte: &u8| matches!(byte, b'\n' | b'\t' | 32..=126);
        assert!(
            text.iter().all(is_shown),
            "{program}: {}",
            text.escape_ascii()
        );
        assert!(!done.stdout_text().contains("\nend msg"), "{program}");
        assert!(!done.stderr_text().contains("panicked"), "{program}");
    }
}
