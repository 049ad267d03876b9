//! qmail-queue, struck by each of eleven signals at each of its system calls after exec, for nine
//! shapes of message.

use harness::crash::{Blow, strike, trace};
use harness::run::Output;
use harness::syscalls::Call;
use nix::sys::signal::Signal;

use super::judge::{Court, Shape};

#[test]
fn an_ordinary_message_from_the_very_first_call() {
    every_call(Shape::new("Subject: x\n\nbody\n", 1), 0);
}

#[test]
fn an_empty_message() {
    after_the_prologue(Shape::new("", 1));
}

#[test]
fn one_byte_without_a_line_end() {
    after_the_prologue(Shape::new("x", 1));
}

#[test]
fn two_kilobytes_to_two_recipients() {
    after_the_prologue(Shape::new("0123456789abcde\n".repeat(128), 2));
}

#[test]
fn more_than_one_buffer() {
    after_the_prologue(Shape::new("0123456789abcde\n".repeat(10_000), 1));
}

#[test]
fn many_recipients() {
    after_the_prologue(Shape::new("Subject: many\n\n", 40));
}

#[test]
fn a_bounce() {
    after_the_prologue(Shape::new("Subject: bounce\n\n", 1).sender(""));
}

#[test]
fn nobody_to_deliver_to() {
    after_the_prologue(Shape::new("Subject: nobody\n\n", 0));
}

#[test]
fn bytes_that_are_no_text() {
    let body: Vec<u8> = (0..=255).cycle().take(5000).collect();
    after_the_prologue(Shape::new(body, 1).sender("#@[]"));
}

/// The calls before the first umask are those of the C library and of the signal settings: the same
/// for every message, and one test strikes there.
fn after_the_prologue(shape: Shape) {
    let court = Court::new(shape.clone());
    let (calls, _) = trace(shape.run(&court.home));
    every_call(shape, hardened(&calls));
}

fn every_call(shape: Shape, first: usize) {
    let mut court = Court::new(shape);
    let (calls, output) = trace(court.shape.run(&court.home));
    output.assert_exit(0);
    court.judge(&output, "undisturbed");
    for call in &calls[first..] {
        for signal in SIGNALS {
            let what = format!("{signal} at call {}, {}", call.number, call.name);
            let run = court.shape.run(&court.home);
            let output = strike(run, call.number, Blow::Signal(signal));
            assert_ended_rightly(&calls, call, signal, &output, &what);
            court.judge(&output, &what);
        }
    }
    court.drain();
}

/// Where qmail-queue has put its signals in order: its first umask.
fn hardened(calls: &[Call]) -> usize {
    calls
        .iter()
        .position(|call| call.name == "umask")
        .expect("umask")
}

/// qmail-queue(8): what it ignores, what it dies of, what it exits with.
#[track_caller]
fn assert_ended_rightly(calls: &[Call], call: &Call, signal: Signal, output: &Output, what: &str) {
    let killed = output.signal() == Some(signal as i32);
    let exited = |code| output.code() == Some(code);
    let alarm = calls
        .iter()
        .position(|call| call.name == "alarm")
        .expect("alarm");
    let is_hardened = call.number >= hardened(calls);
    let right = match signal {
        Signal::SIGKILL => killed,
        // It was about to exit: too late for anything else.
        _ if call.name == "exit_group" => exited(0),
        Signal::SIGTERM | Signal::SIGUSR1 => killed,
        Signal::SIGALRM if call.number >= alarm => exited(52),
        Signal::SIGALRM => killed || exited(52),
        Signal::SIGSEGV | Signal::SIGBUS if is_hardened => exited(81),
        // Before: the C library's or the language's own handling.
        Signal::SIGSEGV | Signal::SIGBUS => killed || exited(81) || exited(0),
        _ if is_hardened => exited(0),
        _ => killed || exited(0),
    };
    assert!(right, "{what}: {}", output.status);
}

const SIGNALS: [Signal; 11] = [
    Signal::SIGKILL,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGALRM,
    Signal::SIGXCPU,
    Signal::SIGXFSZ,
    Signal::SIGSEGV,
    Signal::SIGBUS,
    Signal::SIGPIPE,
    Signal::SIGUSR1,
];
