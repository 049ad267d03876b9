//! A bounded buffer between a socket and a protocol: bytes are used from its front and added at its end.
//!
//! It never grows, and it can be asked whether it is empty: what a peer sent before TLS started must not be
//! believed after (RFC 3207, section 6). It reads nothing itself; the owner of the socket fills
//! [`LineBuffer::space`]. Where a line ends is for the parsers in `command` and `reply` to say.

/// Bytes read and not yet used, at most as many as the capacity.
#[derive(Debug)]
pub struct LineBuffer {
    bytes: Box<[u8]>,
    /// 0 ≤ start ≤ end ≤ capacity; `bytes[start..end]` is unused
    start: usize,
    end: usize,
}

impl LineBuffer {
    /// An empty buffer.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            bytes: vec![0; capacity].into_boxed_slice(),
            start: 0,
            end: 0,
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
        self.start == self.end
    }

    /// Uses up the first `count` pending bytes.
    pub fn consume(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
    }

    /// Room for more bytes; empty only when the buffer is full of unused ones.
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
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Puts as much of `bytes` into the buffer as fits.
    fn put(buffer: &mut LineBuffer, bytes: &[u8]) -> usize {
        let space = buffer.space();
        let count = space.len().min(bytes.len());
        space[..count].copy_from_slice(&bytes[..count]);
        buffer.filled(count);
        count
    }

    #[test]
    fn bytes_leave_in_the_order_they_came() {
        let mut buffer = LineBuffer::new(8);
        assert_eq!(put(&mut buffer, b"abcdef"), 6);
        buffer.consume(4);
        assert_eq!(buffer.pending(), b"ef");
        assert_eq!(put(&mut buffer, b"ghijklmn"), 6);
        assert_eq!(buffer.pending(), b"efghijkl");
        assert!(buffer.space().is_empty());
    }

    #[test]
    fn it_is_empty_when_all_is_used() {
        let mut buffer = LineBuffer::new(4);
        assert!(buffer.is_empty());
        put(&mut buffer, b"abc");
        buffer.consume(2);
        assert!(!buffer.is_empty());
        buffer.consume(100);
        assert!(buffer.is_empty());
        assert_eq!(buffer.space().len(), 4);
    }

    #[test]
    fn no_more_is_pending_than_was_put_there() {
        let mut buffer = LineBuffer::new(4);
        buffer.filled(100);
        assert_eq!(buffer.pending().len(), 4);
    }
}
