//! A message as it is sent (RFC 1939 section 3): lines end CR LF, a dot that begins one is doubled;
//! and of a message, its beginning (TOP). No I/O here.
//!
//! Only LF ends a line of a file, and only here a CR LF is made: whatever a message holds, the
//! sequence that ends it comes once, at its end.

/// Turns a file into what is sent, in chunks of any size.
#[derive(Debug)]
pub(crate) struct Dots {
    is_line_start: bool,
    in_header: bool,
    /// Lines of the body still to be sent; nothing: all.
    lines: Option<u64>,
}

impl Dots {
    /// At the start of a message of which the header and so many lines are wanted, or all.
    pub(crate) fn new(lines: Option<u64>) -> Self {
        Self {
            is_line_start: true,
            in_header: true,
            lines,
        }
    }

    /// Appends to `out` what `file` becomes, at most twice its length; false when no more is wanted.
    pub(crate) fn encode(&mut self, file: &[u8], out: &mut Vec<u8>) -> bool {
        for part in file.split_inclusive(|b| *b == b'\n') {
            if self.is_line_start && !self.begin_line(part, out) {
                return false;
            }
            match part.strip_suffix(b"\n") {
                Some(text) => {
                    out.extend_from_slice(text);
                    out.extend_from_slice(b"\r\n");
                    self.is_line_start = true;
                }
                None => {
                    out.extend_from_slice(part);
                    self.is_line_start = false;
                }
            }
        }
        true
    }

    fn begin_line(&mut self, part: &[u8], out: &mut Vec<u8>) -> bool {
        if !self.in_header
            && let Some(lines) = &mut self.lines
        {
            if *lines == 0 {
                return false;
            }
            *lines -= 1;
        }
        if part == b"\n" {
            self.in_header = false;
        }
        if part.first() == Some(&b'.') {
            out.push(b'.');
        }
        true
    }

    /// Ends the last line if need be.
    pub(crate) fn finish(self, out: &mut Vec<u8>) {
        if !self.is_line_start {
            out.extend_from_slice(b"\r\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In chunks of any size.
    #[track_caller]
    fn check(lines: Option<u64>, file: &[u8], expected: &str) {
        for size in [1, 2, 3, file.len().max(1)] {
            let mut dots = Dots::new(lines);
            let mut out = Vec::new();
            let _all = file.chunks(size).all(|chunk| dots.encode(chunk, &mut out));
            dots.finish(&mut out);
            assert_eq!(
                out.escape_ascii().to_string(),
                expected.as_bytes().escape_ascii().to_string()
            );
        }
    }

    #[test]
    fn lines_end_cr_lf_and_dots_are_doubled() {
        check(
            None,
            b"a\n\n.\n..\n.x\nb.\n",
            "a\r\n\r\n..\r\n...\r\n..x\r\nb.\r\n",
        );
        check(None, b"", "");
    }

    #[test]
    fn a_last_line_without_end_gets_one() {
        check(None, b"a", "a\r\n");
        check(None, b"a\n.", "a\r\n..\r\n");
    }

    #[test]
    fn a_cr_is_a_byte_like_others() {
        check(None, b".\r\na\r.\rb\n\r\n", "..\r\r\na\r.\rb\r\n\r\r\n");
    }

    #[test]
    fn top_is_the_header_and_some_lines() {
        let file = b"h: 1\nh: 2\n\na\n\nb\n";
        check(Some(0), file, "h: 1\r\nh: 2\r\n\r\n");
        check(Some(1), file, "h: 1\r\nh: 2\r\n\r\na\r\n");
        check(Some(2), file, "h: 1\r\nh: 2\r\n\r\na\r\n\r\n");
        check(Some(u64::MAX), file, "h: 1\r\nh: 2\r\n\r\na\r\n\r\nb\r\n");
        check(Some(0), b"h: 1\n", "h: 1\r\n");
    }

    proptest::proptest! {
        #[test]
        fn a_client_gets_the_file_back(file in proptest::collection::vec(
            proptest::prop_oneof![proptest::num::u8::ANY, proptest::sample::select(b".\r\n".to_vec())], 0..80
        )) {
            let mut dots = Dots::new(None);
            let mut out = Vec::new();
            proptest::prop_assert!(dots.encode(&file, &mut out));
            dots.finish(&mut out);
            out.extend_from_slice(b".\r\n");
            let mut whole = file.clone();
            if whole.last().is_some_and(|b| *b != b'\n') {
                whole.push(b'\n');
            }
            // The client of section 3: lines up to CR LF, the first dot away, a lone dot is the end.
            let mut got = Vec::new();
            let mut rest = out.as_slice();
            loop {
                let end = rest.windows(2).position(|pair| pair == b"\r\n").unwrap();
                let (line, tail) = rest.split_at(end);
                rest = &tail[2..];
                if line == b"." {
                    break;
                }
                got.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
                got.push(b'\n');
            }
            proptest::prop_assert!(rest.is_empty());
            proptest::prop_assert_eq!(got, whole);
        }
    }
}
