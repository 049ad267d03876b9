//! The steps of a maildir delivery over a disk that is only a list of what was asked of it.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use os::disk::{Disk, Stat};

use super::{Draft, MaildirError, Names, Patience, deliver};

/// Remembers each step and fails the one it is told to fail.
#[derive(Default)]
struct Recorder {
    steps: Vec<String>,
    fails: Option<(&'static str, io::ErrorKind, usize)>,
    is_entered: bool,
}

impl Recorder {
    fn step(&mut self, name: &'static str, path: &Path) -> io::Result<()> {
        let shown = path.to_str().unwrap();
        let shown = shown
            .split_once("/17")
            .map_or(shown, |(directory, _)| directory);
        self.steps.push(format!("{name} {shown}"));
        match &mut self.fails {
            Some((failing, kind, times)) if *failing == name && *times > 0 => {
                *times -= 1;
                Err(io::Error::from(*kind))
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl Disk for Recorder {
    type File = Vec<u8>;

    fn create(&mut self, path: &Path, _mode: u32) -> io::Result<Vec<u8>> {
        self.step("create", path).map(|()| Vec::new())
    }

    fn open_append(&mut self, _path: &Path, _mode: u32) -> io::Result<(Vec<u8>, bool)> {
        unreachable!("a maildir delivery appends to nothing")
    }

    fn write(&mut self, file: &mut Vec<u8>, bytes: &[u8]) -> io::Result<()> {
        file.extend_from_slice(bytes);
        self.step("write", Path::new(&bytes.len().to_string()))
    }

    fn inode(&mut self, _file: &Vec<u8>) -> io::Result<u64> {
        unreachable!("a maildir file's number means nothing")
    }

    fn sync(&mut self, file: &mut Vec<u8>) -> io::Result<()> {
        self.step("sync", Path::new(&file.len().to_string()))
    }

    fn sync_dir(&mut self, dir: &Path) -> io::Result<()> {
        self.step("sync_dir", dir)
    }

    fn link(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        assert_eq!(from.file_name(), to.file_name());
        self.step("link", to)
    }

    fn unlink(&mut self, path: &Path) -> io::Result<()> {
        self.step("unlink", path)
    }

    fn stat(&mut self, path: &Path) -> io::Result<Option<Stat>> {
        self.step("stat", path)?;
        Ok(self.is_entered.then_some(Stat {
            inode: 1,
            size: 0,
            uid: 0,
            mode: 0o700,
            mtime: 0,
            atime: 0,
            ctime: 0,
            is_file: false,
        }))
    }

    fn read(&mut self, _path: &Path, _bytes_max: u64) -> io::Result<Vec<u8>> {
        unreachable!("a maildir delivery reads nothing back")
    }

    fn mark(&mut self, _path: &Path, _offset: u64, _byte: u8) -> io::Result<()> {
        unreachable!("a maildir delivery marks nothing")
    }

    fn set_times(&mut self, _path: &Path, _seconds: u64) -> io::Result<()> {
        unreachable!("a maildir delivery sets no times")
    }

    fn list(&mut self, _dir: &Path) -> io::Result<Vec<OsString>> {
        unreachable!("a maildir delivery lists nothing")
    }
}

fn run(disk: &mut Recorder) -> Result<PathBuf, MaildirError> {
    let mut names = Names::new(b"h.example", 7);
    deliver(
        disk,
        Path::new("M/"),
        &mut names,
        &[b"A: 1\n", b"B: 2\n"],
        &mut &b"\nbody\n"[..],
    )
}

#[track_caller]
fn check_failure(fails: &'static str, steps: &[&str]) -> MaildirError {
    let fails = Some((fails, io::ErrorKind::StorageFull, 1));
    let mut disk = Recorder {
        fails,
        is_entered: true,
        ..Recorder::default()
    };
    let error = run(&mut disk).unwrap_err();
    assert_eq!(disk.steps, steps);
    error
}

#[test]
fn the_steps_are_write_sync_link_sync_unlink() {
    let mut disk = Recorder::default();
    let new = run(&mut disk).unwrap();
    assert!(new.starts_with("M/new"));
    assert_eq!(
        disk.steps,
        [
            "create M/tmp",
            "write 16",
            "sync 16",
            "link M/new",
            "sync_dir M/new",
            "unlink M/tmp"
        ]
    );
}

#[test]
fn a_large_message_goes_through_a_small_buffer() {
    let mut disk = Recorder::default();
    let body = vec![b'x'; 100_000];
    let mut names = Names::new(b"h", 7);
    deliver(
        &mut disk,
        Path::new("M"),
        &mut names,
        &[b"A: 1\n"],
        &mut &*body,
    )
    .unwrap();
    let writes: Vec<_> = disk
        .steps
        .iter()
        .filter(|step| step.starts_with("write"))
        .collect();
    assert_eq!(
        writes,
        ["write 32768", "write 32768", "write 32768", "write 1701"]
    );
    assert!(disk.steps.contains(&"sync 100005".to_owned()));
}

#[test]
fn a_message_of_exactly_one_buffer_is_not_written_twice() {
    let mut disk = Recorder::default();
    let body = vec![b'x'; 32768 * 2];
    deliver(
        &mut disk,
        Path::new("M"),
        &mut Names::new(b"h", 7),
        &[],
        &mut &*body,
    )
    .unwrap();
    assert!(disk.steps.contains(&"sync 65536".to_owned()));
}

#[test]
fn a_failure_removes_the_file_under_tmp() {
    let tried = ["create M/tmp", "write 16"];
    let error = check_failure("write", &[&tried[..], &["unlink M/tmp"]].concat());
    assert!(matches!(error, MaildirError::Write { .. }));
    let tried = ["create M/tmp", "write 16", "sync 16"];
    let error = check_failure("sync", &[&tried[..], &["unlink M/tmp"]].concat());
    assert!(matches!(error, MaildirError::Write { .. }));
    let tried = ["create M/tmp", "write 16", "sync 16", "link M/new"];
    let error = check_failure("link", &[&tried[..], &["unlink M/tmp"]].concat());
    assert!(matches!(error, MaildirError::Link { .. }));
}

#[test]
fn an_uncertain_name_under_new_is_taken_back() {
    let steps = [
        "create M/tmp",
        "write 16",
        "sync 16",
        "link M/new",
        "sync_dir M/new",
        "unlink M/new",
        "unlink M/tmp",
    ];
    assert!(matches!(
        check_failure("sync_dir", &steps),
        MaildirError::Link { .. }
    ));
}

#[test]
fn a_taken_name_is_tried_again_twice() {
    let fails = Some(("create", io::ErrorKind::AlreadyExists, 2));
    let mut disk = Recorder {
        fails,
        ..Recorder::default()
    };
    run(&mut disk).unwrap();
    let fails = Some(("create", io::ErrorKind::AlreadyExists, 3));
    let mut disk = Recorder {
        fails,
        is_entered: true,
        ..Recorder::default()
    };
    assert!(matches!(run(&mut disk), Err(MaildirError::Create { .. })));
    assert_eq!(
        disk.steps,
        ["create M/tmp"; 3]
            .into_iter()
            .chain(["stat M/."])
            .collect::<Vec<_>>()
    );
}

#[test]
fn a_maildir_that_cannot_be_entered_is_told_apart() {
    let fails = Some(("create", io::ErrorKind::NotFound, 1));
    let mut disk = Recorder {
        fails,
        is_entered: false,
        ..Recorder::default()
    };
    assert!(matches!(run(&mut disk), Err(MaildirError::Enter { .. })));
    let fails = Some(("create", io::ErrorKind::NotFound, 1));
    let mut disk = Recorder {
        fails,
        is_entered: true,
        ..Recorder::default()
    };
    assert!(matches!(run(&mut disk), Err(MaildirError::Create { .. })));
}

#[test]
fn a_delivery_that_takes_a_day_is_given_up_before_its_name_appears() {
    fn clock() -> Duration {
        os::clock::monotonic()
    }
    let patience = Patience {
        clock,
        limit: Duration::ZERO,
    };
    let mut disk = Recorder::default();
    let mut names = Names::new(b"h", 7);
    let mut draft = Draft::create(&mut disk, Path::new("M"), &mut names, patience).unwrap();
    let filled = draft.fill(&mut disk, &[b"A: 1\n"], &mut &b""[..]);
    assert!(matches!(filled, Err(MaildirError::Timeout)));
    assert!(matches!(
        draft.publish(&mut disk),
        Err(MaildirError::Timeout)
    ));
    assert_eq!(disk.steps, ["create M/tmp"]);
}

#[test]
fn a_message_that_cannot_be_read_is_not_delivered() {
    struct Broken;
    impl io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::from(io::ErrorKind::Other))
        }
    }
    let mut disk = Recorder::default();
    let mut names = Names::new(b"h", 7);
    let error = deliver(
        &mut disk,
        Path::new("M"),
        &mut names,
        &[b"A: 1\n"],
        &mut Broken,
    );
    assert!(matches!(error, Err(MaildirError::Read(_))));
    assert_eq!(disk.steps, ["create M/tmp", "unlink M/tmp"]);
}

#[track_caller]
fn check_name(host: &[u8], expected: &str) {
    let name = Names::new(host, 99).next(1_795_333_776, 12_345_678);
    assert_eq!(name.to_str().unwrap(), expected);
}

#[test]
fn a_name_is_time_process_count_and_host() {
    check_name(b"mx.example", "1795333776.M012345P99Q1.mx.example");
}

#[test]
fn a_host_name_cannot_leave_the_directory_or_fake_flags() {
    check_name(b"../a:2,S", "1795333776.M012345P99Q1...\\057a\\0722,S");
}

#[test]
fn names_differ_within_one_tick_and_fit_a_directory() {
    let mut names = Names::new(&[b'/'; 255], u32::MAX);
    let (first, second) = (
        names.next(u64::MAX, 999_999_999),
        names.next(u64::MAX, 999_999_999),
    );
    assert_ne!(first, second);
    assert!(first.len() <= 255);
}
