//! Messages in the queue, made through qmail-queue or by hand, file by file.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::{Duration, SystemTime};

use harness::home::Home;
use harness::wait;

/// Puts a message into the queue through qmail-queue.
#[track_caller]
pub(crate) fn enqueue(home: &Home, sender: &str, recipients: &[&str]) {
    let recipients: String = recipients.iter().map(|one| format!("T{one}\0")).collect();
    let envelope = format!("F{sender}\0{recipients}\0");
    let queued = home
        .program("qmail-queue")
        .stdin("Subject: test\n\nbody\n")
        .fd(1, envelope);
    queued.output().assert_exit(0);
}

/// The name of a message's file in a split directory.
pub(crate) fn split(directory: &str, id: u64) -> String {
    format!("{directory}/{}/{id}", id % 23)
}

/// A message in the queue that has been preprocessed, made by hand.
pub(crate) struct Preprocessed<'a> {
    home: &'a Home,
    pub(crate) id: u64,
}

/// Makes the content of a message and nothing else (state S2).
pub(crate) fn content(home: &Home) -> u64 {
    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let birth = format!("queue/pid/made.{count}");
    home.write(
        &birth,
        b"Received: (qmail 1 invoked by uid 0); 1 Jan 2026 00:00:00 -0000\nSubject: old\n\nbody\n",
    );
    let path = home.path().join(birth);
    let id = fs::metadata(&path).expect("stat").ino();
    fs::rename(&path, home.queue(&split("mess", id))).expect("rename");
    id
}

impl<'a> Preprocessed<'a> {
    /// From this sender.
    pub(crate) fn from(home: &'a Home, sender: &str) -> Self {
        let id = content(home);
        let made = Self { home, id };
        made.file("info", format!("F{sender}\0").as_bytes());
        made
    }

    /// With a file of recipients, as `Ta@b\0`.
    pub(crate) fn file(&self, directory: &str, bytes: &[u8]) -> &Self {
        let name = format!("queue/{}", split(directory, self.id));
        self.home.write(&name, bytes);
        self.home.give(&self.home.path().join(name), 0o600);
        self
    }

    /// Born so many seconds ago.
    pub(crate) fn age(&self, seconds: u64) -> &Self {
        self.time("info", seconds)
    }

    /// One of its files was modified so many seconds ago.
    pub(crate) fn time(&self, directory: &str, seconds: u64) -> &Self {
        age(&self.home.queue(&split(directory, self.id)), seconds);
        self
    }

    /// The content of one of its files; `None` when it is not there.
    pub(crate) fn look(&self, directory: &str) -> Option<Vec<u8>> {
        fs::read(self.home.queue(&split(directory, self.id))).ok()
    }
}

/// Sets access and modification time of a file back.
pub(crate) fn age(path: &std::path::Path, seconds: u64) {
    let time = SystemTime::now() - Duration::from_secs(seconds);
    let times = fs::FileTimes::new().set_accessed(time).set_modified(time);
    File::open(path)
        .expect("open")
        .set_times(times)
        .expect("times");
}

/// Waits until a file is or is not there.
#[track_caller]
pub(crate) fn wait_for_file(home: &Home, name: &str, is_there: bool) {
    wait::until(name, || {
        (home.queue(name).exists() == is_there).then_some(())
    });
}

/// The permission bits of a file of the queue.
pub(crate) fn mode(home: &Home, name: &str) -> u32 {
    fs::metadata(home.queue(name))
        .expect("stat")
        .permissions()
        .mode()
        & 0o7777
}
