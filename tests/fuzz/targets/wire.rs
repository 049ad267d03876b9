//! Message bodies and netstrings on the wire.

use netstring::NetstringError;
use smtp::stuff::Stuffer;
use smtp::unstuff::{LineEnds, Progress, Unstuffer};

/// A message that is sent is received as it was, in pieces of any size, and ends once.
pub fn data_sent(data: &[u8]) {
    let mut wire = Vec::new();
    let mut stuffer = Stuffer::new();
    for piece in super::pieces(data) {
        stuffer.encode(piece, &mut wire);
    }
    let mut at_once = Vec::new();
    let mut other = Stuffer::new();
    other.encode(data, &mut at_once);
    assert_eq!(wire, at_once);
    if stuffer.finish(&mut wire).is_err() {
        assert!(!matches!(data.last(), None | Some(b'\n' | b'\r')));
        return;
    }
    let mut received = Vec::new();
    let mut unstuffer = Unstuffer::default();
    let progress = unstuffer.feed(&wire, &mut received);
    assert_eq!(progress, Progress::End(wire.len()));
    assert!(!unstuffer.has_bare_cr());
    assert_eq!(received, with_lf(data));
}

/// Every CR, LF and CR LF as LF.
fn with_lf(data: &[u8]) -> Vec<u8> {
    let mut lines = Vec::new();
    let mut after_cr = false;
    for byte in data {
        match byte {
            b'\n' if after_cr => {}
            b'\r' => lines.push(b'\n'),
            other => lines.push(*other),
        }
        after_cr = *byte == b'\r';
    }
    lines
}

/// What is received is the same in pieces; it ends at CR LF dot CR LF and nowhere else, and what was
/// taken without complaint is sent on as it came.
pub fn data_received(data: &[u8]) {
    for line_ends in [LineEnds::Strict, LineEnds::Normalised] {
        let mut message = Vec::new();
        let mut whole = Unstuffer::new(line_ends);
        let progress = whole.feed(data, &mut message);
        let (in_parts, progress_in_parts, hops) = in_pieces(data, line_ends);
        assert_eq!((&in_parts, progress_in_parts), (&message, progress));
        assert_eq!(hops, whole.hops());
        let Progress::End(used) = progress else {
            continue;
        };
        let taken = [b"\r\n", &data[..used]].concat();
        assert_eq!(end(&taken), Some(taken.len()));
        assert!(message.is_empty() || message.ends_with(b"\n"));
        if line_ends == LineEnds::Strict && !whole.has_bare_cr() {
            let mut wire = Vec::new();
            let mut stuffer = Stuffer::new();
            stuffer.encode(&message, &mut wire);
            stuffer.finish(&mut wire).expect("it ends with a line end");
            // A dot too few is taken, and sent with the one that it lacked.
            assert_eq!(without_dots(&wire), without_dots(&data[..used]));
        }
    }
}

fn in_pieces(data: &[u8], line_ends: LineEnds) -> (Vec<u8>, Progress, u32) {
    let mut message = Vec::new();
    let mut unstuffer = Unstuffer::new(line_ends);
    let mut before = 0;
    for piece in super::pieces(data) {
        match unstuffer.feed(piece, &mut message) {
            Progress::More => before += piece.len(),
            Progress::End(used) => {
                return (message, Progress::End(before + used), unstuffer.hops());
            }
            Progress::BareLf => return (message, Progress::BareLf, unstuffer.hops()),
        }
    }
    (message, Progress::More, unstuffer.hops())
}

/// Where the first end of data ends.
fn end(wire: &[u8]) -> Option<usize> {
    let mark = b"\r\n.\r\n";
    let at = wire.windows(mark.len()).position(|window| window == mark)?;
    Some(at + mark.len())
}

/// One leading dot less in every line.
fn without_dots(wire: &[u8]) -> Vec<&[u8]> {
    let lines = wire.split_inclusive(|byte| *byte == b'\n');
    lines
        .map(|line| line.strip_prefix(b".").unwrap_or(line))
        .collect()
}

/// What is read has one spelling; what is written is read; a beginning is never refused.
pub fn netstring(data: &[u8]) {
    let mut written = Vec::new();
    netstring::write(&mut written, data);
    assert_eq!(written.len(), netstring::encoded_length(data.len()));
    let read = netstring::read(&written, data.len());
    assert_eq!(read, Ok(Some((data, written.len()))));
    for end in [0, 1, written.len() / 2, written.len() - 1] {
        assert_eq!(netstring::read(&written[..end], data.len()), Ok(None));
    }
    if let Some(less) = data.len().checked_sub(1) {
        let read = netstring::read(&written, less);
        assert_eq!(read, Err(NetstringError::TooLong));
    }
    if let Ok(Some((bytes, used))) = netstring::read(data, 1000) {
        let mut again = Vec::new();
        netstring::write(&mut again, bytes);
        assert_eq!(again, data[..used]);
        assert!(bytes.len() <= 1000);
    }
}
