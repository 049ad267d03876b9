//! Children that really run.

use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd};

use super::*;

fn output(spawn: Spawn<'_>) -> (Vec<u8>, Status) {
    let (mut reader, writer) = crate::fd::pipe().unwrap();
    let child = spawn.fd(1, writer.as_fd()).start().unwrap();
    drop(writer);
    let mut text = Vec::new();
    reader.read_to_end(&mut text).unwrap();
    (text, child.wait().unwrap())
}

#[test]
fn a_program_gets_its_arguments_and_nothing_of_our_environment() {
    let spawn = Spawn::new(b"/bin/sh")
        .args([
            b"-c".as_slice(),
            b"echo \"$1$X\"; env | wc -l; exit 3",
            b"sh",
            b"a b",
        ])
        .env(vec![
            (b"X".to_vec(), b"y".to_vec()),
            (b"PATH".to_vec(), b"/usr/bin:/bin".to_vec()),
        ]);
    let (text, status) = output(spawn);
    let text = String::from_utf8(text).unwrap();
    assert!(text.starts_with("a by\n"), "{text}");
    assert_eq!(status, Status::Exited(3));
}

#[test]
fn a_missing_program_is_an_error_of_start() {
    let error = Spawn::new(b"/nonexistent/program").start().unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ENOENT));
}

#[test]
fn a_name_is_searched_in_path() {
    let spawn = Spawn::new(b"sh")
        .search_path()
        .args([b"-c".as_slice(), b"echo found"]);
    assert_eq!(output(spawn).0, b"found\n");
    let nowhere = Spawn::new(b"no-such-program-anywhere")
        .search_path()
        .start()
        .unwrap_err();
    assert_eq!(nowhere.raw_os_error(), Some(libc::ENOENT));
}

#[test]
fn descriptors_can_change_places() {
    let (first_reader, mut first) = crate::fd::pipe().unwrap();
    let (second_reader, mut second) = crate::fd::pipe().unwrap();
    first.write_all(b"first").unwrap();
    second.write_all(b"second").unwrap();
    drop((first, second));
    let target = |reader: &io::PipeReader| reader.as_raw_fd();
    let (one, two) = (target(&first_reader), target(&second_reader));
    let script = format!("cat <&{two}; cat <&{one}");
    let spawn = Spawn::new(b"/bin/bash")
        .args([b"-c".as_slice(), script.as_bytes()])
        .fd(two, first_reader.as_fd())
        .fd(one, second_reader.as_fd());
    assert_eq!(output(spawn).0, b"firstsecond");
}

#[test]
fn descriptors_not_named_are_not_inherited() {
    let spawn = Spawn::new(b"/bin/sh")
        .args([b"-c".as_slice(), b"ls /proc/self/fd | wc -l"])
        .fd(0, crate::fd::stdin())
        .close_from(3);
    // 0, 1, 2 and the directory that ls has open.
    assert_eq!(output(spawn).0.trim_ascii(), b"4");
}

#[test]
fn a_broken_pipe_kills_a_child_as_its_author_expects() {
    let spawn = Spawn::new(b"/bin/sh").args([b"-c".as_slice(), b"kill -PIPE $$; echo alive"]);
    let (text, status) = output(spawn);
    assert_eq!(
        (text.as_slice(), status),
        (b"".as_slice(), Status::Signaled(libc::SIGPIPE))
    );
}

#[test]
fn a_nul_in_an_argument_is_refused() {
    let error = Spawn::new(b"/bin/true")
        .args([b"a\0b"])
        .start()
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn a_directory_that_is_not_there_is_an_error_of_start() {
    let error = Spawn::new(b"/bin/true")
        .cwd(Path::new("/nonexistent"))
        .start()
        .unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ENOENT));
}

#[test]
fn a_realtime_signal_is_an_end_like_any_other() {
    let child = Spawn::new(b"/bin/sh")
        .args([b"-c".as_slice(), b"kill -40 $$"])
        .start()
        .unwrap();
    assert_eq!(child.wait().unwrap(), Status::Signaled(40));
}

#[test]
fn an_unwatched_child_tells_by_its_exit_code_what_it_could_not_do() {
    let end = |spawn: Spawn<'_>| spawn.unwatched().start().unwrap().wait().unwrap();
    let code = |code| Status::Exited(code);
    assert_eq!(
        end(Spawn::new(b"/bin/sh").args([b"-c".as_slice(), b"exit 7"])),
        code(7)
    );
    assert_eq!(end(Spawn::new(b"/nonexistent/program")), code(NOT_RUN_EVER));
    let nowhere = Spawn::new(b"/bin/true").cwd(Path::new("/nonexistent"));
    assert_eq!(end(nowhere), code(NOT_BECOME));
}
