//! A tiny file system in a user's home, for tests of what happens when it is full.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use nix::unistd::getuid;

use super::one_delivery::Alice;

/// A mounted tmpfs; unmounted on drop.
pub struct FullDisk {
    path: PathBuf,
}

impl FullDisk {
    /// A file system of so many kilobytes at `name` in alice's home; says why when there is none.
    pub fn mount(alice: &Alice, name: &str, kilobytes: u32) -> Option<Self> {
        if !getuid().is_root() {
            eprintln!("skipped: only root can mount a small file system");
            return None;
        }
        let path = alice.home.mkdir(&format!("mail/alice/{name}"));
        let size = format!("size={kilobytes}k");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(&path)
            .stderr(Stdio::inherit())
            .status();
        if !mounted.is_ok_and(|status| status.success()) {
            eprintln!("skipped: a small file system cannot be mounted here");
            return None;
        }
        alice.mode(name, 0o755);
        Some(Self { path })
    }
}

impl Drop for FullDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.path).status();
    }
}
