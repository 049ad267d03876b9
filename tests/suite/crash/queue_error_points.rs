//! qmail-queue, whose every system call fails once in each of nine ways: it never acknowledges a
//! message that is not complete in the queue, and its exit code names the step that failed.

use std::collections::BTreeMap;

use harness::crash::{Blow, strike, trace};
use harness::run::Output;
use harness::syscalls::Call;
use nix::errno::Errno;

use super::blows;
use super::judge::{Court, Shape};

#[test]
fn two_recipients() {
    every_call(Shape::new("Subject: x\n\nbody\n", 2));
}

#[test]
fn more_than_one_buffer() {
    every_call(Shape::new("0123456789abcde\n".repeat(10_000), 1));
}

fn every_call(shape: Shape) {
    let mut court = Court::new(shape);
    let (calls, output) = trace(court.shape.run(&court.home));
    output.assert_exit(0);
    court.judge(&output, "undisturbed");
    let codes = expected_codes(&calls);
    for call in &calls {
        for blow in blows(call) {
            let what = format!("{blow:?} at call {}", describe(call));
            let output = strike(court.shape.run(&court.home), call.number, blow);
            assert_ended_rightly(codes.get(&call.number).copied(), blow, &output, &what);
            court.judge(&output, &what);
        }
    }
    court.drain();
}

/// After its preparations, the exit code that the failure of each step has (qmail-queue(8)). A
/// call that is not listed may fail without harm, or fails the preparations.
fn expected_codes(calls: &[Call]) -> BTreeMap<usize, Step> {
    let hardened = calls
        .iter()
        .position(|call| call.name == "umask")
        .expect("umask");
    let mut files = BTreeMap::from([(0, "stdin".to_owned()), (1, "envelope".to_owned())]);
    let mut codes = BTreeMap::new();
    for call in &calls[hardened..] {
        let file = call
            .fd
            .and_then(|fd| files.get(&fd))
            .map_or("", String::as_str);
        let code = step(call, file);
        codes.insert(call.number, code);
        if call.name == "openat" {
            let fd = i32::try_from(call.result).unwrap_or(-1);
            files.insert(fd, call.path.clone().unwrap_or_default());
        }
    }
    codes
}

/// What the failure of a call means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// A step of the work; exactly this code.
    Code(i32),
    /// Something that is done for safety's sake: done without, or refused with 54 when it is about
    /// the descriptors, 111 when accounts cannot be told, 81 otherwise.
    Preparation,
}

fn step(call: &Call, file: &str) -> Step {
    let directory = |path: &str| path.split('/').next().unwrap_or_default().to_owned();
    let path = directory(call.path.as_deref().unwrap_or_default());
    let to = directory(call.to.as_deref().unwrap_or_default());
    let file = directory(file);
    match (call.name, path.as_str(), to.as_str(), file.as_str()) {
        ("chdir", "queue", _, _) => Step::Code(62),
        ("chdir", _, _, _) => Step::Code(61),
        ("openat" | "unlinkat", "pid", _, _) => Step::Code(63),
        ("statx" | "newfstatat" | "fstat", "", _, "pid") => Step::Code(63),
        ("linkat", _, "mess", _) => Step::Code(64),
        ("linkat", _, "todo", _) => Step::Code(66),
        ("openat", "intd", _, _) => Step::Code(65),
        ("openat", "mess", _, _) => Step::Code(53),
        ("openat", "todo", _, _) => Step::Code(66),
        ("write" | "fsync", _, _, "pid" | "intd" | "mess") => Step::Code(53),
        ("fsync", _, _, "todo") => Step::Code(66),
        ("read", _, _, "stdin" | "envelope") => Step::Code(54),
        _ => Step::Preparation,
    }
}

#[track_caller]
fn assert_ended_rightly(step: Option<Step>, blow: Blow, output: &Output, what: &str) {
    // What was interrupted or cut short may be done again, and then all is well.
    let may_retry = matches!(blow, Blow::OneByte | Blow::Error(Errno::EINTR));
    let right = match (output.code(), step) {
        // The loader and the language's start-up end a process as they like.
        (None | Some(127 | 134), None) => true,
        (Some(0 | 54 | 81 | 111), None | Some(Step::Preparation)) => true,
        (Some(0), Some(Step::Code(_))) => may_retry,
        (code, Some(Step::Code(expected))) => code == Some(expected),
        _ => false,
    };
    assert!(right, "{what}: {}, expected {step:?}", output.status);
}

fn describe(call: &Call) -> String {
    let path = call.path.as_deref().unwrap_or_default();
    let to = call.to.as_deref().unwrap_or_default();
    format!("{} {} {path} {to} {:?}", call.number, call.name, call.fd)
}
