//! Every short message, read back by every kind of peer, is the message and nothing more.

use super::*;

/// Which byte sequences a receiving server takes for the end of a line.
#[derive(Clone, Copy, Debug)]
enum Peer {
    Strict,
    LfLenient,
    CrLenient,
}

impl Peer {
    /// The length of the line end at the front of `wire`, if there is one.
    fn line_end(self, wire: &[u8]) -> Option<usize> {
        match (self, wire) {
            (_, [b'\r', b'\n', ..]) => Some(2),
            (Self::LfLenient, [b'\n', ..]) | (Self::CrLenient, [b'\r', ..]) => Some(1),
            _ => None,
        }
    }

    /// The lines of the message, and what comes after its end of data (None: it never ended).
    fn receive(self, wire: &[u8]) -> (Vec<Vec<u8>>, Option<&[u8]>) {
        let mut lines = Vec::new();
        let mut line = Vec::new();
        let mut at = 0;
        while at < wire.len() {
            let Some(length) = self.line_end(&wire[at..]) else {
                line.push(wire[at]);
                at += 1;
                continue;
            };
            at += length;
            if line == b"." {
                return (lines, Some(&wire[at..]));
            }
            let ended = std::mem::take(&mut line);
            lines.push(
                ended
                    .strip_prefix(b".")
                    .map_or(ended.clone(), <[u8]>::to_vec),
            );
        }
        (lines, None)
    }
}

/// What the file means: CR LF, LF and CR each end a line. None: the last line has no end.
fn lines_of(file: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut lines = vec![Vec::new()];
    let mut at = 0;
    while at < file.len() {
        match &file[at..] {
            [b'\r', b'\n', ..] => {
                lines.push(Vec::new());
                at += 1;
            }
            [b'\r' | b'\n', ..] => lines.push(Vec::new()),
            [byte, ..] => lines.last_mut().unwrap().push(*byte),
            [] => {}
        }
        at += 1;
    }
    lines.pop().unwrap().is_empty().then_some(lines)
}

fn encode(chunks: &[&[u8]]) -> Result<Vec<u8>, PartialLine> {
    let mut stuffer = Stuffer::new();
    let mut wire = Vec::new();
    for chunk in chunks {
        let before = wire.len();
        stuffer.encode(chunk, &mut wire);
        assert!(
            wire.len() - before <= 2 * chunk.len(),
            "{chunk:?} grew too much"
        );
    }
    stuffer.finish(&mut wire).map(|()| wire)
}

#[track_caller]
fn check(file: &[u8], expected: &[u8]) {
    assert_eq!(encode(&[file]).unwrap(), expected, "{file:?}");
}

/// Calls `each` with every string over the alphabet of up to `length_max` bytes.
fn every_string(length_max: usize, mut each: impl FnMut(&[u8])) {
    const ALPHABET: [u8; 5] = [b'\r', b'\n', b'.', 0, b'a'];
    for length in 0..=length_max {
        let mut digits = vec![0; length];
        loop {
            let string: Vec<u8> = digits
                .iter()
                .map(|&digit: &usize| ALPHABET[digit])
                .collect();
            each(&string);
            let Some(at) = digits.iter().position(|&digit| digit + 1 < ALPHABET.len()) else {
                break;
            };
            digits[..at].fill(0);
            digits[at] += 1;
        }
    }
}

#[test]
fn an_empty_message_is_just_the_end_of_data() {
    check(b"", b".\r\n");
}

#[test]
fn lines_get_cr_lf_and_their_leading_dot_is_doubled() {
    check(b"a\n.b\n..\n.\n\n", b"a\r\n..b\r\n...\r\n..\r\n\r\n.\r\n");
}

#[test]
fn cr_lf_in_the_file_is_not_doubled() {
    check(b"a\r\n.b\r\n", b"a\r\n..b\r\n.\r\n");
}

#[test]
fn a_dot_after_a_bare_cr_is_doubled() {
    check(
        b"a\r.\nMAIL FROM:<evil@x>\n",
        b"a\r\n..\r\nMAIL FROM:<evil@x>\r\n.\r\n",
    );
}

#[test]
fn a_cr_at_the_end_of_the_file_ends_its_line() {
    check(b"a\r", b"a\r\n.\r\n");
}

#[test]
fn a_last_line_without_line_end_cannot_be_sent() {
    assert_eq!(encode(&[b"a\nb"]), Err(PartialLine));
}

#[test]
fn every_short_message_reaches_every_kind_of_peer_unchanged() {
    let mut count = 0_usize;
    every_string(8, |file| {
        count += 1;
        let (wire, lines) = match (encode(&[file]), lines_of(file)) {
            (Ok(wire), Some(lines)) => (wire, lines),
            (Err(PartialLine), None) => return,
            (wire, lines) => panic!("{file:?}: sent {wire:?}, means {lines:?}"),
        };
        for peer in [Peer::Strict, Peer::LfLenient, Peer::CrLenient] {
            let received = peer.receive(&wire);
            assert_eq!(
                received,
                (lines.clone(), Some(&b""[..])),
                "{file:?} at {peer:?}"
            );
        }
    });
    assert_eq!(count, (0..=8).map(|length| 5_usize.pow(length)).sum());
}

#[test]
fn chunk_borders_do_not_matter() {
    every_string(6, |file| {
        let whole = encode(&[file]);
        let single: Vec<&[u8]> = file.chunks(1).collect();
        assert_eq!(encode(&single), whole, "{file:?} byte by byte");
        for border in 0..file.len() {
            let (first, second) = file.split_at(border);
            assert_eq!(encode(&[first, second]), whole, "{file:?} cut at {border}");
        }
    });
}

/// The models must be able to see an attack, or the proof above proves nothing.
#[test]
fn the_peer_models_notice_a_wrong_encoder() {
    let smuggled = b"a\r\n.\r\nMAIL\r\n.\r\n";
    for peer in [Peer::Strict, Peer::LfLenient, Peer::CrLenient] {
        assert_eq!(peer.receive(smuggled).1, Some(&b"MAIL\r\n.\r\n"[..]));
    }
    assert_eq!(
        Peer::LfLenient.receive(b"a\n.\nMAIL\r\n.\r\n").1,
        Some(&b"MAIL\r\n.\r\n"[..])
    );
    assert_eq!(
        Peer::CrLenient.receive(b"a\r.\rMAIL\r\n.\r\n").1,
        Some(&b"MAIL\r\n.\r\n"[..])
    );
    assert_eq!(
        Peer::Strict.receive(b"a\n.\nMAIL\r\n.\r\n").1,
        Some(&b""[..])
    );
}
