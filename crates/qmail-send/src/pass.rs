//! Reading the recipients of one message on one channel, a block at a time, so that a list of a
//! million recipients takes no more memory than any other message.

use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use queue::channel::{Head, RECORD_MAX, head};
use queue::trouble::{Attempt, Trouble};
use queue::{Channel, MessageId, Queue};

use crate::job::JobNumber;

/// A recipients' file being read.
pub(crate) struct Pass {
    /// The job that this pass is for.
    pub job: JobNumber,
    /// The message.
    pub id: MessageId,
    channel: Channel,
    block: Vec<u8>,
    /// 0 <= position <= block.len()
    position: usize,
    /// Where `block` begins in the file.
    block_offset: u64,
    has_last_block: bool,
}

/// A recipient to be tried.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Recipient {
    /// Where its record begins.
    pub offset: u64,
    /// Its address.
    pub address: Vec<u8>,
}

impl Pass {
    /// Begins before the first recipient.
    pub(crate) fn new(job: JobNumber, id: MessageId, channel: Channel) -> Self {
        Self {
            job,
            id,
            channel,
            block: Vec::new(),
            position: 0,
            block_offset: 0,
            has_last_block: false,
        }
    }

    /// The next recipient that is not done; `None` at the end of the file.
    ///
    /// # Errors
    /// When the file cannot be read, or is no file of recipients: one with no record at all, or with
    /// an unfinished one, is not, since nobody leaves such a file.
    pub(crate) fn next(&mut self, queue: &Queue) -> Result<Option<Recipient>, Trouble> {
        let path = self.channel.path(queue, self.id);
        loop {
            match head(self.rest()) {
                Head::Record(record) if record.done => self.position += record.size(),
                Head::Record(record) => {
                    let address = record.address.to_vec();
                    let recipient = Recipient {
                        offset: self.offset(),
                        address,
                    };
                    self.position += record.size();
                    return Ok(Some(recipient));
                }
                Head::Part if !self.has_last_block => self.read_block(&path)?,
                Head::Part if self.is_at_end() => return Ok(None),
                Head::Part | Head::Unknown => return Err(unknown_record(path)),
            }
        }
    }

    /// Whether it is known, without another read, that nothing follows.
    pub(crate) fn is_at_end(&self) -> bool {
        self.has_last_block && self.rest().is_empty() && self.offset() > 0
    }

    fn rest(&self) -> &[u8] {
        self.block.get(self.position..).unwrap_or_default()
    }

    fn offset(&self) -> u64 {
        self.block_offset
            .saturating_add(u64::try_from(self.position).unwrap_or(u64::MAX))
    }

    /// Keeps what is unread and puts the next block behind it. The file is open only here: hundreds
    /// of lists may be under way.
    fn read_block(&mut self, path: &Path) -> Result<(), Trouble> {
        let trouble = |attempt| {
            let path = path.to_owned();
            move |source| Trouble {
                attempt,
                path,
                source: Some(source),
            }
        };
        let file = os::file::open_read(path).map_err(trouble(Attempt::Open))?;
        self.block_offset = self.offset();
        self.block.drain(..self.position);
        self.position = 0;
        let unread = self.block.len();
        self.block.resize(unread + BLOCK, 0);
        let target = self.block.get_mut(unread..).unwrap_or_default();
        let offset = self
            .block_offset
            .saturating_add(u64::try_from(unread).unwrap_or(u64::MAX));
        let count = read_fully(&file, target, offset).map_err(trouble(Attempt::Read))?;
        self.block.truncate(unread + count);
        self.block.shrink_to_fit();
        self.has_last_block = count < BLOCK;
        Ok(())
    }
}

fn unknown_record(path: PathBuf) -> Trouble {
    Trouble {
        attempt: Attempt::Understand,
        path,
        source: None,
    }
}

/// Reads until the buffer is full or the file ends.
fn read_fully(file: &std::fs::File, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
    let mut count = 0;
    while let Some(rest) = buffer.get_mut(count..).filter(|rest| !rest.is_empty()) {
        let at = offset.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        match file.read_at(rest, at) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}

/// One read for almost every message, and a few hundred recipients of a list.
const BLOCK: usize = 16 << 10;
const _: () = assert!(BLOCK < RECORD_MAX, "a record may take several blocks");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Job, Jobs};

    /// Reads a file with this content as local/0/0 of a queue of its own.
    fn read(content: &[u8]) -> (Vec<(u64, Vec<u8>)>, bool) {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("qmail-send-pass.{}.{number}", os::account::pid());
        let home = std::env::temp_dir().join(name);
        let queue = Queue::new(&home);
        let id = MessageId::new(0);
        let path = queue.local(id);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::io::Write::write_all(&mut std::fs::File::create(&path).unwrap(), content).unwrap();
        let mut jobs = Jobs::default();
        let job = jobs.open(Job {
            id,
            channel: Channel::Local,
            sender: Vec::new(),
            is_dying: false,
            retry: 0,
            running: 0,
            undone: 0,
            end: None,
        });
        let mut pass = Pass::new(job, id, Channel::Local);
        let mut found = Vec::new();
        let is_whole = loop {
            match pass.next(&queue) {
                Ok(Some(recipient)) => found.push((recipient.offset, recipient.address)),
                Ok(None) => break true,
                Err(_) => break false,
            }
        };
        std::fs::remove_dir_all(&home).unwrap();
        (found, is_whole)
    }

    #[test]
    fn recipients_that_are_done_are_passed_over() {
        let (found, is_whole) = read(b"Ta@b\0Dc@d\0Te@f\0");
        assert_eq!(found, [(0, b"a@b".to_vec()), (10, b"e@f".to_vec())]);
        assert!(is_whole);
        assert_eq!(read(b"Dc@d\0"), (Vec::new(), true));
    }

    #[test]
    fn a_long_list_is_read_in_blocks() {
        let address = |n: u32| format!("user{n}@some.where.example").into_bytes();
        let content: Vec<u8> = (0..5000)
            .flat_map(|n| queue::channel::encode(&address(n)))
            .collect();
        let (found, is_whole) = read(&content);
        assert!(is_whole);
        assert_eq!(found.len(), 5000);
        for (n, (offset, found)) in (0..).zip(found) {
            assert_eq!(found, address(n));
            assert_eq!(content[usize::try_from(offset).unwrap()], b'T');
        }
    }

    #[test]
    fn a_damaged_file_is_not_read_to_its_end() {
        for (content, recipients) in [
            (b"".as_slice(), 0),
            (b"Ta@b\0Tc@", 1),
            (b"Ta@b\0X\0", 1),
            (b"\0", 0),
            (b"garbage", 0),
        ] {
            let (found, is_whole) = read(content);
            assert_eq!(
                (found.len(), is_whole),
                (recipients, false),
                "{}",
                content.escape_ascii()
            );
        }
    }
}
