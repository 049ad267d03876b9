//! The key file by itself: made, kept, rotated, refused.

use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tickets-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        Self(path)
    }

    fn at(&self, now: u64) -> Vec<TicketKey> {
        current(&self.0, now).unwrap()
    }

    fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.0.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_first_process_makes_a_key_and_the_others_find_it() {
    let directory = Directory::new();
    let made = directory.at(1_000_000);
    assert_eq!(made.len(), 1);
    assert!(directory.at(1_000_001) == made);
    assert!(directory.at(1_003_599) == made);
    let mode = fs::metadata(directory.0.join("keys")).unwrap().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn after_an_hour_a_new_key_seals_and_the_old_one_still_opens() {
    let directory = Directory::new();
    let first = directory.at(1_000_000);
    let second = directory.at(1_003_600);
    assert_eq!(second.len(), 2);
    assert!(second[1] == first[0] && second[0] != first[0]);
    let third = directory.at(1_007_200);
    assert_eq!(third.len(), 2, "the first key is of no more use");
    assert!(third[1] == second[0]);
}

#[test]
fn a_clock_set_back_makes_new_keys() {
    let directory = Directory::new();
    let future = directory.at(2_000_000);
    let now = directory.at(1_000_000);
    assert!(now[0] != future[0]);
    assert_eq!(now.len(), 1);
}

#[test]
fn damage_is_no_key() {
    let directory = Directory::new();
    let name = "0".repeat(32);
    let secret = "f".repeat(64);
    for text in [
        String::new(),
        "\n\n".to_owned(),
        format!("1000000 {name}\n"),
        format!("1000000 {name} {secret}0\n"),
        format!("1000000 {name} {secret} x\n"),
        format!("x {name} {secret}\n"),
        format!("1000000 +{} {secret}\n", &name[1..]),
        "\0".repeat(10_000),
    ] {
        let mut file = create(&directory.0.join("keys"), true).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let keys = directory.at(1_000_000);
        assert_eq!(keys.len(), 1, "{text}");
        assert_ne!(to_hex(&keys[0].secret), secret);
    }
}

#[test]
fn one_process_rotates_while_the_others_use_what_is_there() {
    let directory = Directory::new();
    let old = directory.at(1_000_000);
    let lock = create(&directory.0.join("lock"), false).unwrap();
    assert!(os::lock::try_exclusive(&lock).unwrap());
    assert!(directory.at(1_004_000) == old);
    drop(lock);
    assert_eq!(directory.at(1_004_000).len(), 2);
}

#[test]
fn what_others_can_read_or_write_is_refused() {
    let directory = Directory::new();
    directory.at(1_000_000);
    directory.mode("keys", 0o640);
    let refused = current(&directory.0, 1_000_000).err().unwrap();
    assert!(
        refused
            .to_string()
            .contains("keys must belong to the account"),
        "{refused}"
    );
    directory.mode("keys", 0o600);
    directory.mode("", 0o770);
    assert!(matches!(
        current(&directory.0, 1_000_000),
        Err(TicketError::Rights { mode: "700", .. })
    ));
}

#[test]
fn a_link_in_the_place_of_the_file_is_not_followed() {
    let directory = Directory::new();
    std::os::unix::fs::symlink("/dev/zero", directory.0.join("keys")).unwrap();
    assert!(current(&directory.0, 1_000_000).is_err());
}

#[test]
fn without_a_directory_there_are_no_tickets() {
    let keys = current(Path::new("/nonexistent/tickets"), 1_000_000).unwrap();
    assert!(keys.is_empty());
}
