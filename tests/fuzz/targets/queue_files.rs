//! The envelope as qmail-queue reads it and the files that it becomes (INTERNALS section 3).

use std::fs;
use std::os::unix::fs::MetadataExt;

use os::disk::RealDisk;
use queue::channel::{self, Channel, Head};
use queue::clean::Request;
use queue::envelope::{self, ADDRESS_BYTES_MAX, EnvelopeReader};
use queue::layout::{MessageId, Queue};
use queue::{info, preprocess};

use super::scratch::with_home;

/// Envelopes are the same in pieces; one that is taken is a sender and recipients, and nothing else.
pub fn envelope(data: &[u8]) {
    let mut reader = EnvelopeReader::new();
    let taken = reader.take(data);
    let mut parts = EnvelopeReader::new();
    let mut count = Ok(0);
    for piece in super::pieces(data) {
        count = match (count, parts.take(piece)) {
            (Ok(so_far), Ok(more)) => Ok(so_far + more),
            (Err(error), _) | (_, Err(error)) => Err(error),
        };
        if count.is_err() {
            break;
        }
    }
    assert_eq!(count, taken);
    let Ok(count) = taken else {
        return;
    };
    assert_eq!(parts.is_done(), reader.is_done());
    if !reader.is_done() {
        return;
    }
    assert_eq!(data[count], 0);
    let file = [&envelope::origin(7, 8), &data[..count]].concat();
    let records: Vec<&[u8]> = envelope::records(&file).collect();
    assert_eq!(records.join(&0).len() + 1, file.len());
    assert!(records[2].starts_with(b"F"));
    for (index, record) in records.iter().enumerate().skip(2) {
        assert!(record.len() <= ADDRESS_BYTES_MAX + 1);
        assert_eq!(record.starts_with(b"T"), index > 2);
    }
}

/// Senders, recipients and message numbers have one spelling each.
pub fn info_and_recipients(data: &[u8]) {
    if let Some(sender) = info::decode(data) {
        assert!(data.starts_with(&info::encode(sender)));
    }
    match channel::head(data) {
        Head::Record(record) => {
            assert!(!record.address.contains(&0));
            assert_eq!(data[record.size() - 1], 0);
            assert_eq!(data[0], if record.done { b'D' } else { b'T' });
            let anew = channel::encode(record.address);
            assert_eq!(anew[1..], data[1..record.size()]);
        }
        Head::Part => assert!(!data.contains(&0) && data.len() <= channel::RECORD_MAX),
        Head::Unknown => {
            let is_letter = matches!(data[0], b'T' | b'D');
            assert!(!is_letter || data.len() > channel::RECORD_MAX);
        }
    }
    if !data.contains(&0) {
        assert_eq!(info::decode(&info::encode(data)), Some(data));
    }
    if let Some(id) = MessageId::parse(data) {
        assert_eq!(id.to_string().as_bytes(), data);
        assert!(id.bucket() < queue::layout::SPLIT);
    }
}

/// A request that is carried out names one file of one message.
pub fn clean_request(data: &[u8]) {
    let Some(request) = Request::parse(data) else {
        return;
    };
    let written = request.to_bytes();
    assert_eq!(written.strip_suffix(b"\0"), Some(data));
    assert!(data[5..].iter().all(u8::is_ascii_digit));
}

/// A todo file is laid out with all its recipients and its sender, or not at all.
pub fn todo(data: &[u8]) {
    with_home(|home| {
        let queue = Queue::new(home);
        let born = home.join("queue/born");
        fs::write(&born, b"Subject: x\n\n").expect("a message");
        let id = MessageId::new(fs::metadata(&born).expect("it is there").ino());
        fs::rename(&born, queue.mess(id)).expect("a message");
        fs::write(queue.todo(id), data).expect("an envelope");
        let laid_out = preprocess::lay_out(&mut RealDisk, &queue, id, |recipient| {
            let is_local = recipient.len().is_multiple_of(2);
            let channel = if is_local {
                Channel::Local
            } else {
                Channel::Remote
            };
            (channel, recipient.to_vec())
        });
        let expected = understand(data);
        match (laid_out, expected) {
            (Ok(laid_out), Some((sender, recipients))) => {
                assert_eq!(laid_out.message.sender, sender);
                let info = fs::read(queue.info(id)).expect("info");
                assert_eq!(info::decode(&info), Some(sender));
                check_recipients(&queue, id, &recipients);
            }
            (Err(_), None) => {}
            (Ok(_), None) => panic!("laid out, but it is no envelope"),
            (Err(trouble), Some(_)) => panic!("{trouble}"),
        }
        let paths = [queue.mess(id), queue.todo(id), queue.info(id)];
        for path in paths
            .into_iter()
            .chain(Channel::ALL.map(|c| c.path(&queue, id)))
        {
            let _ = fs::remove_file(path);
        }
    });
}

/// Sender and recipients, by the words of INTERNALS section 3: `u` and `p` with numbers anywhere, one
/// `F`, and `T` behind it.
fn understand(data: &[u8]) -> Option<(&[u8], Vec<&[u8]>)> {
    let mut sender = None;
    let mut recipients = Vec::new();
    for record in data.strip_suffix(b"\0")?.split(|byte| *byte == 0) {
        match record.split_first()? {
            (b'u' | b'p', digits) => {
                let _: u32 = std::str::from_utf8(digits).ok()?.parse().ok()?;
            }
            (b'F', address) if sender.is_none() => sender = Some(address),
            (b'T', address) if sender.is_some() => recipients.push(address),
            _ => return None,
        }
    }
    Some((sender?, recipients))
}

#[track_caller]
fn check_recipients(queue: &Queue, id: MessageId, recipients: &[&[u8]]) {
    for channel in Channel::ALL {
        let is_here =
            |address: &&&[u8]| address.len().is_multiple_of(2) == (channel == Channel::Local);
        let expected: Vec<u8> = recipients
            .iter()
            .filter(is_here)
            .flat_map(|address| channel::encode(address))
            .collect();
        let file = fs::read(channel.path(queue, id)).unwrap_or_default();
        assert_eq!(file, expected);
    }
}
