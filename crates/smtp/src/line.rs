//! A bounded buffer between a socket and a protocol: lines are taken from its front, bytes are added at its end.
//!
//! It never grows, and it can be asked whether it is empty: what a peer sent before TLS started must not be
//! believed after (RFC 3207, section 6). It reads nothing itself; the owner of the socket fills [`LineBuffer::space`].

/// Bytes read and not yet used, at most as many as the capacity.
#[derive(Debug)]
pub struct LineBuffer {
    bytes: Box<[u8]>,
    /// 0 ≤ start ≤ end ≤ capacity; `bytes[start..end]` is unused
    start: usize,
    end: usize,
    /// the rest of a line that was too long is thrown away as it comes
    skipping: bool,
}

/// What [`LineBuffer::take_line`] found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Taken {
    /// A line without its LF, and without one CR before that.
    Line(Vec<u8>),
    /// A line that did not fit; all of it is gone, up to and including its LF.
    TooLong,
    /// More bytes are needed.
    Incomplete,
}

impl LineBuffer {
    /// An empty buffer; a line may have as many bytes as this, its line end included.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            bytes: vec![0; capacity].into_boxed_slice(),
            start: 0,
            end: 0,
            skipping: false,
        }
    }

    /// The bytes not used yet.
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// True when everything that was read has been used.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start == self.end && !self.skipping
    }

    /// Forgets everything that was read and not used.
    pub fn clear(&mut self) {
        self.start = 0;
        self.end = 0;
        self.skipping = false;
    }

    /// Uses up the first `count` pending bytes.
    pub fn consume(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
    }

    /// Room for more bytes; empty only when the buffer is full.
    /// Report with [`Self::filled`] how many were put there.
    pub fn space(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        self.bytes.get_mut(self.end..).unwrap_or_default()
    }

    /// `count` bytes were put at the front of [`Self::space`].
    pub fn filled(&mut self, count: usize) {
        self.end = self.end.saturating_add(count).min(self.bytes.len());
    }

    /// Takes the first line. When the buffer is full and holds no line end, what it holds is thrown away, and
    /// so is the rest of that line; then comes one [`Taken::TooLong`].
    pub fn take_line(&mut self) -> Taken {
        let pending = self.pending();
        let Some(length) = pending.iter().position(|&byte| byte == b'\n') else {
            if self.skipping || pending.len() == self.bytes.len() {
                self.skipping = true;
                self.start = self.end;
            }
            return Taken::Incomplete;
        };
        let line = pending.get(..length).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line).to_vec();
        self.consume(length + 1);
        if std::mem::take(&mut self.skipping) {
            return Taken::TooLong;
        }
        Taken::Line(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(buffer: &mut LineBuffer, mut bytes: &[u8]) -> Vec<Taken> {
        let mut taken = Vec::new();
        while !bytes.is_empty() {
            let space = buffer.space();
            let count = space.len().min(bytes.len());
            assert!(count > 0, "the buffer stays full");
            space[..count].copy_from_slice(&bytes[..count]);
            buffer.filled(count);
            bytes = &bytes[count..];
            let lines = std::iter::repeat_with(|| buffer.take_line());
            taken.extend(lines.take_while(|line| *line != Taken::Incomplete));
        }
        taken
    }

    fn line(text: &str) -> Taken {
        Taken::Line(text.as_bytes().to_vec())
    }

    #[test]
    fn a_line_loses_its_line_end_and_nothing_else() {
        let mut buffer = LineBuffer::new(64);
        assert_eq!(
            put(&mut buffer, b"a\r\nb\nc\r\r\n\r\n\nd"),
            [line("a"), line("b"), line("c\r"), line(""), line(""),]
        );
        assert_eq!(buffer.pending(), b"d");
        assert!(!buffer.is_empty());
        buffer.clear();
        assert!(buffer.is_empty());
    }

    #[test]
    fn a_line_that_does_not_fit_is_dropped_whole() {
        let mut buffer = LineBuffer::new(8);
        let taken = put(&mut buffer, b"1234567\n12345678\nok\n");
        assert_eq!(taken, [line("1234567"), Taken::TooLong, line("ok")]);
        let taken = put(
            &mut buffer,
            &[b"x".repeat(1000), b"\nnext\n".to_vec()].concat(),
        );
        assert_eq!(taken, [Taken::TooLong, line("next")]);
    }

    #[test]
    fn a_line_being_skipped_counts_as_unfinished_input() {
        let mut buffer = LineBuffer::new(4);
        put(&mut buffer, b"123456789012");
        assert!(!buffer.is_empty());
    }
}
