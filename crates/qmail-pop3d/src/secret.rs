//! Bytes that are wiped when they are no longer needed: lines that may hold a password.

/// A buffer that never moves its content to another place.
#[derive(Default)]
pub(crate) struct Secret(Vec<u8>);

impl Secret {
    /// Room for so many bytes.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// Several parts as one.
    pub(crate) fn concat(parts: &[&[u8]]) -> Self {
        let mut whole = Self::with_capacity(parts.iter().map(|part| part.len()).sum());
        for part in parts {
            whole.0.extend_from_slice(part);
        }
        whole
    }

    /// Adds a byte; false when there is no room.
    pub(crate) fn push(&mut self, byte: u8) -> bool {
        let has_room = self.0.len() < self.0.capacity();
        if has_room {
            self.0.push(byte);
        }
        has_room
    }

    /// What is in it.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.fill(0);
        // The compiler must believe that somebody looks at the zeros.
        std::hint::black_box(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_as_much_as_it_has_room_for() {
        let mut secret = Secret::with_capacity(8);
        let place = secret.as_bytes().as_ptr();
        let taken = (0..100).filter(|_| secret.push(b'x')).count();
        assert_eq!(secret.as_bytes(), b"xxxxxxxx");
        assert_eq!((taken, secret.as_bytes().as_ptr()), (8, place));
    }

    #[test]
    fn parts_are_put_together() {
        assert_eq!(Secret::concat(&[b"a", b"\0", b"bc"]).as_bytes(), b"a\0bc");
    }
}
