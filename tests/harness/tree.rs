//! The judge: which of the states S1 to S5 of INTERNALS section 2 each message of a queue is in,
//! and whether anything lies there that no state explains.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A documented state of a message that exists (S1 is: it does not).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Content only: being written, or being eliminated.
    S2,
    /// Content and envelope under construction.
    S3,
    /// Queued: accepted.
    S4,
    /// Preprocessed: deliverable.
    S5,
}

/// A queue directory as found.
#[derive(Debug, Default)]
pub struct Tree {
    /// The messages by number.
    pub messages: BTreeMap<u64, State>,
    /// How many files wait under `pid/`.
    pub births: usize,
    /// What no state explains, in words.
    pub strange: Vec<String>,
}

impl Tree {
    /// The messages in one state.
    pub fn in_state(&self, state: State) -> Vec<u64> {
        let found = self.messages.iter().filter(|(_, at)| **at == state);
        found.map(|(id, _)| *id).collect()
    }

    /// The messages that are not done: accepted or deliverable. What is left of an unfinished or
    /// finished one waits for the 36-hour cleaner.
    pub fn in_queue(&self) -> Vec<u64> {
        [self.in_state(State::S4), self.in_state(State::S5)].concat()
    }

    /// Fails the test if anything is not in a documented state.
    #[track_caller]
    pub fn assert_documented(&self) -> &Self {
        assert!(
            self.strange.is_empty(),
            "undocumented state: {:#?}",
            self.strange
        );
        self
    }
}

/// Looks at `queue/` of a home.
pub fn look(home: &Path) -> Tree {
    let queue = home.join("queue");
    let mut tree = Tree::default();
    let mut found: BTreeMap<u64, BTreeSet<&str>> = BTreeMap::new();
    for part in FLAT {
        for name in names(&queue.join(part)) {
            note(&mut tree, &mut found, part, &name, None);
        }
    }
    for part in SPLIT {
        for bucket in names(&queue.join(part)) {
            for name in names(&queue.join(part).join(&bucket)) {
                note(&mut tree, &mut found, part, &name, Some(&bucket));
            }
        }
    }
    tree.births = names(&queue.join("pid")).len();
    for (id, parts) in found {
        match state(&parts) {
            Some(state) => {
                tree.messages.insert(id, state);
                check_links(&queue, id, &parts, &mut tree.strange);
            }
            None => tree.strange.push(format!("message {id} is in {parts:?}")),
        }
    }
    tree
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

fn note<'a>(
    tree: &mut Tree,
    found: &mut BTreeMap<u64, BTreeSet<&'a str>>,
    part: &'a str,
    name: &str,
    bucket: Option<&str>,
) {
    let Ok(id) = name.parse::<u64>() else {
        tree.strange.push(format!("{part} holds {name}"));
        return;
    };
    if bucket.is_some_and(|bucket| bucket != (id % BUCKETS).to_string()) {
        tree.strange.push(format!(
            "{part}/{} holds {name}",
            bucket.unwrap_or_default()
        ));
    }
    found.entry(id).or_default().insert(part);
}

/// The table of INTERNALS section 2.
fn state(parts: &BTreeSet<&str>) -> Option<State> {
    let has = |part| parts.contains(part);
    match (
        has("mess"),
        has("intd"),
        has("todo"),
        has("info"),
        has("bounce"),
    ) {
        (true, _, true, _, false) => Some(State::S4),
        (true, false, false, true, _) => Some(State::S5),
        _ if has("local") || has("remote") => None,
        (true, true, false, false, false) => Some(State::S3),
        (true, false, false, false, false) => Some(State::S2),
        _ => None,
    }
}

/// A message's number is the inode of its content; `intd` and `todo` are one file.
fn check_links(queue: &Path, id: u64, parts: &BTreeSet<&str>, strange: &mut Vec<String>) {
    let inode = |path: &str| fs::metadata(queue.join(path)).map_or(0, |facts| facts.ino());
    let mess = format!("mess/{}/{id}", id % BUCKETS);
    if inode(&mess) != id {
        strange.push(format!("{mess} has inode {}", inode(&mess)));
    }
    let (intd, todo) = (format!("intd/{id}"), format!("todo/{id}"));
    if parts.contains("intd") && parts.contains("todo") && inode(&intd) != inode(&todo) {
        strange.push(format!("{intd} and {todo} are two files"));
    }
}

const FLAT: [&str; 3] = ["intd", "todo", "bounce"];
const SPLIT: [&str; 4] = ["mess", "info", "local", "remote"];
/// As in `queue-layout/hier`.
const BUCKETS: u64 = 23;
