//! What is checked before a child is started, and the report each finding becomes.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::Delivery;
use crate::protocol::Command;

/// Why a delivery does not even begin. The text is the report, letter and all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// The command is longer than we keep.
    #[error("Zqmail-spawn out of memory. (#4.3.0)\n")]
    Memory,
    /// There are fewer slots.
    #[error("ZInternal error: delnum too big. (#4.3.5)\n")]
    NumberTooBig,
    /// The slot has a delivery.
    #[error("ZInternal error: delnum in use. (#4.3.5)\n")]
    NumberInUse,
    #[error("DInternal error: messid has nonnumerics. (#5.3.5)\n")]
    IdNonnumeric,
    #[error("DInternal error: messid too long. (#5.3.5)\n")]
    IdTooLong,
    #[error("DInternal error: messid too short. (#5.3.5)\n")]
    IdTooShort,
    #[error("DSorry, address must include host name. (#5.1.3)\n")]
    NoHost,
    #[error("Zqmail-spawn unable to open message. (#4.3.0)\n")]
    Open,
    #[error("Zqmail-spawn unable to fstat message. (#4.3.0)\n")]
    Stat,
    #[error("ZSorry, message has wrong type. (#4.3.5)\n")]
    WrongType,
    #[error("ZSorry, message has wrong owner. (#4.3.5)\n")]
    WrongOwner,
}

/// Checks id and recipient and opens the message.
pub(crate) fn examine(
    command: &Command,
    directory: &Path,
    owner: u32,
) -> Result<(Delivery, File), Refusal> {
    check_id(&command.id)?;
    let delivery = split(command)?;
    let path = directory.join(OsStr::from_bytes(&command.id));
    let message = os::file::open_read_no_link(&path).map_err(|_| Refusal::Open)?;
    let stat = message.metadata().map_err(|_| Refusal::Stat)?;
    if !stat.is_file() {
        return Err(Refusal::WrongType);
    }
    if stat.uid() != owner {
        return Err(Refusal::WrongOwner);
    }
    Ok((delivery, message))
}

/// Digits, and slashes but for the first byte: such a name stays below a directory it is joined to.
fn check_id(id: &[u8]) -> Result<(), Refusal> {
    let is_sound =
        |(index, byte): (usize, &u8)| byte.is_ascii_digit() || (index > 0 && *byte == b'/');
    if !id.iter().enumerate().all(is_sound) {
        return Err(Refusal::IdNonnumeric);
    }
    if id.len() >= ID_BYTES_MAX {
        return Err(Refusal::IdTooLong);
    }
    if id.is_empty() {
        return Err(Refusal::IdTooShort);
    }
    Ok(())
}

fn split(command: &Command) -> Result<Delivery, Refusal> {
    let recipient = &command.recipient;
    let at = recipient
        .iter()
        .rposition(|&byte| byte == b'@')
        .ok_or(Refusal::NoHost)?;
    let (local, rest) = recipient.split_at(at);
    Ok(Delivery {
        sender: command.sender.clone(),
        local: local.to_vec(),
        host: rest.get(1..).unwrap_or_default().to_vec(),
    })
}

/// With its NUL the name of a message fits in this; qmail-send's are 20-odd bytes.
const ID_BYTES_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(id: &str, recipient: &str, expected: Refusal) {
        let command = Command {
            id: id.into(),
            recipient: recipient.into(),
            ..Command::default()
        };
        assert_eq!(
            examine(&command, Path::new("/nonexistent"), 0).unwrap_err(),
            expected
        );
    }

    #[test]
    fn an_id_is_digits_and_inner_slashes() {
        check("12a/3", "a@b", Refusal::IdNonnumeric);
        check("/12", "a@b", Refusal::IdNonnumeric);
        check("../12", "a@b", Refusal::IdNonnumeric);
        check("-1", "a@b", Refusal::IdNonnumeric);
        check("", "a@b", Refusal::IdTooShort);
    }

    #[test]
    fn an_id_has_at_most_ninety_nine_bytes() {
        check(&"1".repeat(100), "a@b", Refusal::IdTooLong);
        check(&"1".repeat(99), "a@b", Refusal::Open);
    }

    #[test]
    fn the_id_is_looked_at_before_the_recipient_and_that_before_the_file() {
        check("x", "nohost", Refusal::IdNonnumeric);
        check("99/99", "nohost", Refusal::NoHost);
        check("99/99", "a@b", Refusal::Open);
    }

    #[test]
    fn the_host_begins_after_the_last_at() {
        let command = Command {
            recipient: b"a@b@c".to_vec(),
            ..Command::default()
        };
        let delivery = split(&command).unwrap();
        assert_eq!(
            (&*delivery.local, &*delivery.host),
            (&b"a@b"[..], &b"c"[..])
        );
    }
}
