//! local/ and remote/: the recipients of a preprocessed message, each a record `T`, address, NUL.
//! A recipient that needs no more attempts is marked by overwriting its `T` with `D`.

use std::path::PathBuf;

use os::disk::Disk;

use crate::layout::{MessageId, Queue};
use crate::trouble::{Attempt, Trouble, on};

/// The two kinds of delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// On this machine, through qmail-lspawn.
    Local,
    /// Elsewhere, through qmail-rspawn.
    Remote,
}

impl Channel {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Local, Self::Remote];

    /// The word in log lines, and the name of the directory.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Remote => "remote",
        }
    }

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Local => Self::Remote,
            Self::Remote => Self::Local,
        }
    }

    /// The file of a message's recipients.
    #[must_use]
    pub fn path(self, queue: &Queue, id: MessageId) -> PathBuf {
        match self {
            Self::Local => queue.local(id),
            Self::Remote => queue.remote(id),
        }
    }
}

/// One recipient, as it stands at the beginning of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Whether it is marked `D`.
    pub done: bool,
    /// The address.
    pub address: &'a [u8],
}

impl Record<'_> {
    /// The bytes it takes in the file.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.address.len() + 2
    }
}

/// What some bytes of the file begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head<'a> {
    /// A whole record.
    Record(Record<'a>),
    /// The beginning of one.
    Part,
    /// Something else.
    Unknown,
}

/// Looks at the beginning of some bytes.
#[must_use]
pub fn head(bytes: &[u8]) -> Head<'_> {
    let Some((&letter, rest)) = bytes.split_first() else {
        return Head::Part;
    };
    if letter != TODO && letter != DONE {
        return Head::Unknown;
    }
    match rest.iter().position(|&byte| byte == 0) {
        Some(end) => {
            let address = rest.get(..end).unwrap_or_default();
            Head::Record(Record {
                done: letter == DONE,
                address,
            })
        }
        None if bytes.len() > RECORD_MAX => Head::Unknown,
        None => Head::Part,
    }
}

/// The record of a recipient to be tried.
#[must_use]
pub fn encode(address: &[u8]) -> Vec<u8> {
    [&[TODO], address, b"\0"].concat()
}

/// Marks the recipient whose record begins at `offset`: it will not be tried again. Not synced;
/// what a crash takes away here is tried twice.
///
/// # Errors
/// When the byte could not be written.
pub fn mark_done<D: Disk>(
    disk: &mut D,
    queue: &Queue,
    (id, channel): (MessageId, Channel),
    offset: u64,
) -> Result<(), Trouble> {
    let path = channel.path(queue, id);
    disk.mark(&path, offset, DONE)
        .map_err(on(Attempt::Write, &path))
}

const TODO: u8 = b'T';
const DONE: u8 = b'D';
/// A record that is longer than this is none of ours: an address has at most 1002 bytes when
/// qmail-queue accepts it, and virtualdomains puts the name of a user in front.
pub const RECORD_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: Option<(bool, &[u8])>) {
        let found = match head(bytes) {
            Head::Record(record) => Some((record.done, record.address)),
            Head::Part | Head::Unknown => None,
        };
        assert_eq!(found, expected, "{}", bytes.escape_ascii());
    }

    #[test]
    fn a_record_is_open_or_done() {
        check(b"Ta@b\0Dc@d\0", Some((false, b"a@b")));
        check(b"Dc@d\0", Some((true, b"c@d")));
        check(b"T\0", Some((false, b"")));
    }

    #[test]
    fn a_record_without_its_end_is_a_part() {
        assert_eq!(head(b"Ta@b"), Head::Part);
        assert_eq!(head(b""), Head::Part);
    }

    #[test]
    fn other_letters_and_endless_records_are_unknown() {
        assert_eq!(head(b"Xa@b\0"), Head::Unknown);
        assert_eq!(head(b"\0"), Head::Unknown);
        let mut endless = b"T".to_vec();
        endless.resize(RECORD_MAX + 1, b'x');
        assert_eq!(head(&endless), Head::Unknown);
    }

    proptest::proptest! {
        #[test]
        fn what_is_encoded_is_found(
            address in proptest::collection::vec(1_u8..=255, 0..100),
        ) {
            let bytes = encode(&address);
            let record = Record { done: false, address: &address };
            proptest::prop_assert_eq!(record.size(), bytes.len());
            proptest::prop_assert_eq!(head(&bytes), Head::Record(record));
        }
    }
}
