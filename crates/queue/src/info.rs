//! info/: the envelope sender of a preprocessed message; the file's modification time is the
//! message's birth. Format: `F`, sender, NUL (queue-layout/README.md).

use os::disk::Disk;

use crate::layout::{MessageId, Queue};
use crate::trouble::{Attempt, Trouble, on};

/// What info/ says about a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// Envelope sender; may be empty, or `#@[]`.
    pub sender: Vec<u8>,
    /// When the message was preprocessed, seconds since 1970. `touch` makes it younger.
    pub birth: u64,
}

/// The bytes of the file.
#[must_use]
pub fn encode(sender: &[u8]) -> Vec<u8> {
    [b"F", sender, b"\0"].concat()
}

/// The sender in the bytes of the file; `None` when they are something else. As ever, what follows
/// the first record is ignored.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<&[u8]> {
    let record = bytes.strip_prefix(b"F")?;
    let end = record.iter().position(|&byte| byte == 0)?;
    record.get(..end)
}

/// Reads the file of a message.
///
/// # Errors
/// When it is missing, unreadable or not an info file.
pub fn read<D: Disk>(disk: &mut D, queue: &Queue, id: MessageId) -> Result<Info, Trouble> {
    let path = queue.info(id);
    let stat = disk.stat(&path).map_err(on(Attempt::Stat, &path))?;
    let Some(stat) = stat else {
        return Err(on(Attempt::Open, &path)(
            std::io::ErrorKind::NotFound.into(),
        ));
    };
    if !stat.is_file {
        return Err(Trouble::new(Attempt::Match, &path));
    }
    let bytes = disk
        .read(&path, BYTES_MAX)
        .map_err(on(Attempt::Read, &path))?;
    match decode(&bytes) {
        Some(sender) => Ok(Info {
            sender: sender.to_vec(),
            birth: stat.mtime,
        }),
        None => Err(Trouble::new(Attempt::Understand, &path)),
    }
}

/// One record; far above the 1002 bytes that qmail-queue accepts in an address.
const BYTES_MAX: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_one_record() {
        assert_eq!(encode(b"s@x"), b"Fs@x\0");
        assert_eq!(decode(b"Fs@x\0"), Some(b"s@x".as_slice()));
        assert_eq!(decode(b"F\0"), Some(b"".as_slice()));
    }

    #[test]
    fn anything_else_is_not_a_sender() {
        for bytes in [b"".as_slice(), b"F", b"Fs@x", b"Ts@x\0", b"\0", b"fs@x\0"] {
            assert_eq!(decode(bytes), None, "{}", bytes.escape_ascii());
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_encoded_is_decoded(
            sender in proptest::collection::vec(1_u8..=255, 0..100),
        ) {
            let bytes = encode(&sender);
            proptest::prop_assert_eq!(decode(&bytes), Some(&sender[..]));
        }
    }
}
