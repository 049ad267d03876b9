//! Reads what deliveries left behind: a Maildir's `new/` and `cur/`, an mbox's messages.

use std::fs;
use std::path::Path;

/// The messages of a Maildir, oldest name first; empty when it has none or is missing.
pub fn maildir(path: &Path) -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for part in ["new", "cur"] {
        let Ok(entries) = fs::read_dir(path.join(part)) else {
            continue;
        };
        files.extend(entries.flatten().map(|entry| entry.path()));
    }
    files.sort_by_key(|path| path.file_name().map(std::ffi::OsStr::to_owned));
    files
        .iter()
        .filter_map(|path| fs::read(path).ok())
        .collect()
}

/// The messages of an mbox, each beginning with its `From ` line, still quoted, without the empty
/// line that ends it.
pub fn mbox(path: &Path) -> Vec<Vec<u8>> {
    let Ok(content) = fs::read(path) else {
        return Vec::new();
    };
    let mut messages: Vec<Vec<u8>> = Vec::new();
    let mut after_empty = true;
    for line in content.split_inclusive(|&byte| byte == b'\n') {
        if after_empty && line.starts_with(b"From ") {
            messages.push(Vec::new());
        }
        after_empty = line == b"\n";
        if let Some(message) = messages.last_mut() {
            message.extend_from_slice(line);
        }
    }
    for message in &mut messages {
        if message.ends_with(b"\n\n") {
            message.pop();
        }
    }
    messages
}
