//! A directory of this process for parsers that open their file themselves.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

/// Removed with the thread that made it.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

thread_local! {
    static SCRATCH: RefCell<Option<Scratch>> = const { RefCell::new(None) };
}

/// Calls `act` with a home that has the directories a parser here looks into.
pub fn with_home(act: impl FnOnce(&Path)) {
    SCRATCH.with_borrow_mut(|scratch| {
        let Scratch(path) = scratch.get_or_insert_with(make);
        act(path);
    });
}

/// Writes a file below the home.
pub fn write(home: &Path, name: &str, content: &[u8]) -> PathBuf {
    let path = home.join(name);
    fs::write(&path, content).expect("a scratch file");
    path
}

fn make() -> Scratch {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let memory = Path::new("/dev/shm");
    let above = if memory.is_dir() {
        memory.to_owned()
    } else {
        std::env::temp_dir()
    };
    let path = above.join(format!("qmail-fuzz.{}.{number}", process::id()));
    for part in [
        "control",
        "users",
        "queue/lock",
        "queue/todo",
        "queue/bounce",
    ] {
        fs::create_dir_all(path.join(part)).expect("a scratch directory");
    }
    for part in ["mess", "info", "local", "remote"] {
        for bucket in 0..queue::layout::SPLIT {
            let bucket = path.join(format!("queue/{part}/{bucket}"));
            fs::create_dir_all(bucket).expect("a scratch directory");
        }
    }
    Scratch(path)
}
