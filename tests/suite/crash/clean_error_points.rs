//! qmail-clean, whose every system call fails once in each of nine ways: it says `+` only when what
//! it was asked to remove is gone, and never removes what was accepted.

use std::fs;

use harness::crash::{strike, trace};
use harness::home::Home;
use harness::run::{Output, Run};
use harness::tree::{self, State};

use super::blows;

#[test]
fn todo_of_a_preprocessed_message() {
    every_call(
        "todo",
        &["mess", "intd", "todo", "info"],
        |state, answer| match answer {
            Some(b'+') => state == Some(State::S5),
            _ => matches!(state, Some(State::S4 | State::S5)),
        },
    );
}

#[test]
fn foop_of_an_unfinished_message() {
    every_call("foop", &["mess", "intd"], |state, answer| match answer {
        Some(b'+') => state.is_none(),
        _ => matches!(state, Some(State::S2 | State::S3) | None),
    });
}

#[test]
fn foop_of_an_accepted_message() {
    every_call("foop", &["mess", "intd", "todo"], |state, answer| {
        state == Some(State::S4) && answer != Some(b'+')
    });
}

/// Strikes everywhere while it carries out one request on a message that has these files.
fn every_call(word: &str, parts: &[&str], right: impl Fn(Option<State>, Option<u8>) -> bool) {
    let home = Home::new();
    let id = plant(&home, parts);
    let (calls, output) = trace(request(&home, word, id));
    output.assert_exit(0);
    check(&home, id, &output, &right, "undisturbed");
    for call in &calls {
        for blow in blows(call) {
            let what = format!(
                "{blow:?} at call {} {} {:?}",
                call.number, call.name, call.path
            );
            let id = plant(&home, parts);
            let output = strike(request(&home, word, id), call.number, blow);
            // 0 at the end of requests, 100 and 111 as documented; 127 and signals: the loader's
            // and the language's start-up.
            let ended = matches!(output.code(), None | Some(0 | 100 | 111 | 127));
            assert!(ended, "{what}: {}", output.status);
            check(&home, id, &output, &right, &what);
        }
    }
}

fn request<'a>(home: &'a Home, word: &str, id: u64) -> Run<'a> {
    home.program("qmail-clean").stdin(format!("{word}/{id}\0"))
}

#[track_caller]
fn check(
    home: &Home,
    id: u64,
    output: &Output,
    right: &impl Fn(Option<State>, Option<u8>) -> bool,
    what: &str,
) {
    let tree = tree::look(home.path());
    tree.assert_documented();
    assert!(
        output.stdout.len() <= 1,
        "{what}: one request, answers {:?}",
        output.stdout_text()
    );
    let state = tree.messages.get(&id).copied();
    let answer = output.stdout.first().copied();
    let shown = output.stdout_text();
    assert!(
        right(state, answer),
        "{what}: {state:?} after the answer {shown:?}"
    );
    for path in PARTS {
        let _ = fs::remove_file(home.queue(&place(path, id)));
    }
}

/// Makes a message of these files and gives its number.
fn plant(home: &Home, parts: &[&str]) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let birth = home.queue("pid/birth");
    home.write("queue/pid/birth", b"content\n");
    let id = fs::metadata(&birth).expect("birth").ino();
    fs::rename(&birth, home.queue(&place("mess", id))).expect("mess");
    if parts.contains(&"intd") {
        home.write(&format!("queue/intd/{id}"), b"u0\0p1\0Fs\0Tr\0");
    }
    if parts.contains(&"todo") {
        let intd = home.queue(&place("intd", id));
        fs::hard_link(intd, home.queue(&place("todo", id))).expect("todo");
    }
    if parts.contains(&"info") {
        home.write(&format!("queue/{}", place("info", id)), b"Fs\0");
    }
    id
}

fn place(part: &str, id: u64) -> String {
    match part {
        "mess" | "info" => format!("{part}/{}/{id}", id % 23),
        _ => format!("{part}/{id}"),
    }
}

const PARTS: [&str; 4] = ["intd", "todo", "mess", "info"];
