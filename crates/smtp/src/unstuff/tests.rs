//! Every short input, against a decoder written the other way round: find the end first, then cut into lines.

use super::*;

fn decode_whole(input: &[u8]) -> (Progress, Vec<u8>) {
    let mut message = Vec::new();
    let progress = Unstuffer::default().feed(input, &mut message);
    (progress, message)
}

fn decode_bytewise(input: &[u8]) -> (Progress, Vec<u8>) {
    let (mut unstuffer, mut message) = (Unstuffer::default(), Vec::new());
    for (done, byte) in input.iter().enumerate() {
        match unstuffer.feed(&[*byte], &mut message) {
            Progress::More => {}
            Progress::End(used) => return (Progress::End(done + used), message),
            Progress::BareLf => return (Progress::BareLf, message),
        }
    }
    (Progress::More, message)
}

/// The message that must come out of a complete one, or why there is none.
fn model(input: &[u8]) -> (Progress, Vec<u8>) {
    let mut framed = b"\r\n".to_vec();
    framed.extend_from_slice(input);
    let end = framed.windows(5).position(|w| w == b"\r\n.\r\n");
    let bare = (0..framed.len()).find(|&i| framed[i] == b'\n' && framed[i - 1] != b'\r');
    match (end, bare) {
        (None, None) => (Progress::More, Vec::new()),
        (None, Some(_)) => (Progress::BareLf, Vec::new()),
        (Some(end), Some(bare)) if bare < end => (Progress::BareLf, Vec::new()),
        (Some(end), _) => {
            let body = if end == 0 {
                &[][..]
            } else {
                &framed[2..end + 2]
            };
            (Progress::End(end + 3), kept(body))
        }
    }
}

/// Complete lines as they are stored.
fn kept(body: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    let mut rest = body;
    while let Some(at) = rest.windows(2).position(|w| w == b"\r\n") {
        let line = &rest[..at];
        let is_dot_cr = line.starts_with(b".\r");
        message.extend_from_slice(if is_dot_cr {
            line
        } else {
            line.strip_prefix(b".").unwrap_or(line)
        });
        message.push(b'\n');
        rest = &rest[at + 2..];
    }
    assert!(rest.is_empty());
    message
}

fn for_every_string(length_max: usize, mut visit: impl FnMut(&[u8])) {
    let alphabet = b"\r\n.\0a";
    for length in 0..=length_max {
        for number in 0..alphabet.len().pow(u32::try_from(length).unwrap()) {
            let mut left = number;
            let string: Vec<u8> = (0..length)
                .map(|_| {
                    let byte = alphabet[left % alphabet.len()];
                    left /= alphabet.len();
                    byte
                })
                .collect();
            visit(&string);
        }
    }
}

#[track_caller]
fn check(input: &[u8], progress: Progress, message: &[u8]) {
    assert_eq!(decode_whole(input), (progress, message.to_vec()));
    assert_eq!(decode_bytewise(input), (progress, message.to_vec()));
}

#[test]
fn every_string_up_to_eight_bytes_ends_where_cr_lf_dot_cr_lf_is_and_nowhere_else() {
    let mut ends = 0;
    for_every_string(8, |string| {
        let (whole, message) = decode_whole(string);
        let (expected, stored) = model(string);
        assert_eq!(whole, expected, "{string:?}");
        if let Progress::End(_) = whole {
            assert_eq!(message, stored, "{string:?}");
            ends += 1;
        }
        assert_eq!(decode_bytewise(string), (whole, message), "{string:?}");
    });
    assert!(ends > 4000, "the sweep must see messages end: {ends}");
}

#[test]
fn every_string_inside_a_line_and_after_one_is_decoded_the_same() {
    for_every_string(6, |string| {
        for before in [&b"x"[..], b"x\r\n", b"x\r", b".", b".\r", b"..\r\n"] {
            let input = [before, string, b"\r\n.\r\n"].concat();
            let (progress, message) = decode_whole(&input);
            let (expected, stored) = model(&input);
            assert_eq!(progress, expected, "{input:?}");
            if let Progress::End(_) = progress {
                assert_eq!(message, stored, "{input:?}");
            }
        }
    });
}

#[test]
fn a_lone_dot_ends_the_message_and_what_follows_is_left() {
    check(b"a\r\n.\r\nQUIT\r\n", Progress::End(6), b"a\n");
    check(b".\r\n", Progress::End(3), b"");
}

#[test]
fn one_leading_dot_goes() {
    check(
        b"..one\r\n...two\r\n. three\r\n.four\r\na.\r\n.\r\n",
        Progress::End(38),
        b".one\n..two\n three\nfour\na.\n",
    );
}

#[test]
fn the_smuggling_forms_never_end_a_message() {
    for form in [
        &b"\n.\n"[..],
        b"\n.\r\n",
        b"\r.\n",
        b"\r\n.\n",
        b".\n",
        b"\r\n.\r\r\n\n",
    ] {
        let input = [b"a", form, b"MAIL FROM:<x@y>\r\n"].concat();
        assert_eq!(decode_whole(&input).0, Progress::BareLf, "{form:?}");
    }
    for form in [
        &b"\r.\r"[..],
        b"\r.\r\n",
        b"\r\n.\r",
        b"\r\n.\0\r\n",
        b"\r\n.\r\r\n",
        b"\r\n. \r\n",
        b"\r\n..\r\n",
    ] {
        let input = [b"a", form, b"MAIL FROM:<x@y>\r\n"].concat();
        assert_eq!(decode_whole(&input).0, Progress::More, "{form:?}");
    }
}

#[test]
fn a_bare_cr_is_noticed() {
    check(
        b"b\r\rc\r\n.\rfive\r\n.\r\n",
        Progress::End(17),
        b"b\r\rc\n.\rfive\n",
    );
    for (input, has_bare_cr) in [
        (&b"a\r\n.\r\n"[..], false),
        (b"a\r\n\r\n.\r\n", false),
        (b"a\rb\r\n.\r\n", true),
        (b"a\r\r\n.\r\n", true),
        (b".\rx\r\n.\r\n", true),
        (b"a\r", false),
    ] {
        let mut unstuffer = Unstuffer::default();
        unstuffer.feed(input, &mut Vec::new());
        assert_eq!(unstuffer.has_bare_cr(), has_bare_cr, "{input:?}");
        let mut unstuffer = Unstuffer::new(LineEnds::Normalised);
        unstuffer.feed(input, &mut Vec::new());
        assert!(!unstuffer.has_bare_cr());
    }
}

#[track_caller]
fn check_normalised(input: &[u8], progress: Progress, message: &[u8]) {
    for pieces in [input.len(), 1] {
        let mut unstuffer = Unstuffer::new(LineEnds::Normalised);
        let mut decoded = Vec::new();
        let ends = input
            .chunks(pieces)
            .map(|piece| unstuffer.feed(piece, &mut decoded));
        let last = ends.last().unwrap();
        if pieces > 1 {
            assert_eq!(last, progress, "{input:?}");
        }
        assert_eq!(
            decoded.escape_ascii().to_string(),
            message.escape_ascii().to_string()
        );
    }
}

#[test]
fn bare_cr_and_lf_become_line_ends_where_told_and_end_nothing() {
    check_normalised(b"a\nb\rc\r\n.\r\n", Progress::End(10), b"a\nb\nc\n");
    check_normalised(b"a\n.\n.\r\n", Progress::More, b"a\n.\n.\n");
    check_normalised(b"a\r.\r", Progress::More, b"a\n.");
    check_normalised(b"a\r\n.\nb", Progress::More, b"a\n\nb");
    check_normalised(b"a\r\n.\rb\r\n.\r\n", Progress::End(11), b"a\n.\nb\n");
    check_normalised(b"a\r\r\n.\r\n", Progress::End(7), b"a\n\n");
    check_normalised(b"\n\r\n..\r\n.\r\n", Progress::End(10), b"\n\n.\n");
}

#[test]
fn hops_are_counted_in_normalised_lines_too() {
    let mut unstuffer = Unstuffer::new(LineEnds::Normalised);
    unstuffer.feed(
        b"Received: x\nReceived: y\r\nReceived: z\r\n\nReceived: no\n",
        &mut Vec::new(),
    );
    assert_eq!(unstuffer.hops(), 3);
}

#[track_caller]
fn check_hops(input: &[u8], hops: u32) {
    for pieces in [input.len(), 1, 7] {
        let mut unstuffer = Unstuffer::default();
        for piece in input.chunks(pieces) {
            unstuffer.feed(piece, &mut Vec::new());
        }
        assert_eq!(unstuffer.hops(), hops, "in pieces of {pieces}");
    }
}

#[test]
fn received_and_delivered_to_lines_are_hops_in_any_case() {
    check_hops(
        b"Received: x\r\nrEcEiVeD:\r\nDELIVERED-TO: y\r\nDelivered-To:z\r\n\r\n",
        4,
    );
}

#[test]
fn lines_that_only_begin_like_a_hop_are_none() {
    check_hops(
        b"Received-SPF: x\r\nDelivered: y\r\n Received: z\r\nx: Received: y\r\nreceived\r\n",
        0,
    );
}

#[test]
fn body_lines_are_no_hops() {
    check_hops(b"Received: x\r\n\r\nReceived: y\r\n", 1);
    check_hops(b"\r\nReceived: y\r\n", 0);
}

/// Through the server, the queue and the client: one message stays one message, and only a bare CR
/// is not what it was: the client makes a line end of it.
#[test]
fn what_is_accepted_leaves_again_as_one_message() {
    for_every_string(7, |string| {
        let input = [string, b"\r\n.\r\n"].concat();
        let (Progress::End(used), stored) = decode_whole(&input) else {
            return;
        };
        let mut wire = Vec::new();
        let mut stuffer = crate::stuff::Stuffer::new();
        stuffer.encode(&stored, &mut wire);
        stuffer.finish(&mut wire).unwrap();
        let (progress, arrived) = decode_whole(&wire);
        assert_eq!(progress, Progress::End(wire.len()), "{string:?}");
        assert_eq!(arrived, normal(&stored), "{string:?}");
        assert!(used <= input.len());
    });
}

/// CR and CR LF become LF.
fn normal(stored: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    for (at, byte) in stored.iter().enumerate() {
        let follows_cr = at > 0 && stored[at - 1] == b'\r';
        match byte {
            b'\r' => message.push(b'\n'),
            b'\n' if follows_cr => {}
            other => message.push(*other),
        }
    }
    message
}
