//! Envelopes: what qmail-queue reads on descriptor 1 (qmail-queue(8)) and what it leaves in intd/
//! and todo/ (INTERNALS section 3). Pure.

/// Reads `F` sender NUL { `T` recipient NUL } NUL as it comes in and turns it into the records of
/// intd/: the same without the last NUL. Holds no more than it is given at a time.
#[derive(Debug, Default)]
pub struct EnvelopeReader {
    state: State,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// `F` must come.
    #[default]
    Start,
    /// Inside an address that has so many bytes yet.
    Address(usize),
    /// `T` or the final NUL must come.
    Between,
    /// The final NUL has come; nothing after it counts.
    Done,
}

/// Why an envelope is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// A record began with another letter.
    #[error("envelope has a record that is neither a sender nor a recipient")]
    Format,
    /// An address has more than [`ADDRESS_BYTES_MAX`] bytes.
    #[error("envelope has an address longer than {ADDRESS_BYTES_MAX} bytes")]
    AddressTooLong,
}

impl EnvelopeReader {
    /// Nothing read yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes; returns how many of them belong into intd/.
    ///
    /// # Errors
    /// See [`EnvelopeError`]. The reader must not be used after one.
    pub fn take(&mut self, bytes: &[u8]) -> Result<usize, EnvelopeError> {
        for (position, &byte) in bytes.iter().enumerate() {
            self.state = match (self.state, byte) {
                (State::Start, b'F') | (State::Between, b'T') => State::Address(0),
                (State::Start, _) => return Err(EnvelopeError::Format),
                (State::Between, 0) => State::Done,
                (State::Between, _) => return Err(EnvelopeError::Format),
                (State::Address(_), 0) => State::Between,
                (State::Address(length), _) if length >= ADDRESS_BYTES_MAX => {
                    return Err(EnvelopeError::AddressTooLong);
                }
                (State::Address(length), _) => State::Address(length + 1),
                (State::Done, _) => State::Done,
            };
            if self.state == State::Done {
                return Ok(position);
            }
        }
        Ok(bytes.len())
    }

    /// Whether the final NUL has come.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }
}

/// The records before the sender: who called qmail-queue, and its process id.
#[must_use]
pub fn origin(uid: u32, qp: u32) -> Vec<u8> {
    format!("u{uid}\0p{qp}\0").into_bytes()
}

/// The records of a queue file: everything up to each NUL; an unterminated rest is left out.
pub fn records(file: &[u8]) -> impl Iterator<Item = &[u8]> {
    let end = file.iter().rposition(|&byte| byte == 0);
    let complete = end.and_then(|end| file.get(..end));
    complete
        .into_iter()
        .flat_map(|complete| complete.split(|&byte| byte == 0))
}

/// The longest address, without its letter and its NUL. The manual says 1000; 1002 is what the
/// original takes and its clients may have learnt.
pub const ADDRESS_BYTES_MAX: usize = 1002;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(input: &[u8], expected: Result<(&[u8], bool), EnvelopeError>) {
        for step in [1, 3, input.len().max(1)] {
            let mut reader = EnvelopeReader::new();
            let kept: Result<Vec<&[u8]>, _> = input
                .chunks(step)
                .map(|piece| reader.take(piece).map(|count| &piece[..count]))
                .collect();
            let kept = kept.map(|kept| kept.concat());
            let got = kept
                .as_deref()
                .map(|kept| (kept, reader.is_done()))
                .map_err(|error| *error);
            assert_eq!(got, expected);
        }
    }

    #[test]
    fn the_final_nul_is_not_kept() {
        check(b"Fs@x\0Ta@y\0Tb@z\0\0", Ok((b"Fs@x\0Ta@y\0Tb@z\0", true)));
    }

    #[test]
    fn nothing_after_the_final_nul_counts() {
        check(b"Fs@x\0\0Tc@x\0\0", Ok((b"Fs@x\0", true)));
    }

    #[test]
    fn an_envelope_that_ends_early_is_not_done() {
        check(b"", Ok((b"", false)));
        check(b"Fs@x\0Ta@y\0", Ok((b"Fs@x\0Ta@y\0", false)));
    }

    #[test]
    fn another_letter_is_refused() {
        check(b"X", Err(EnvelopeError::Format));
        check(b"\0", Err(EnvelopeError::Format));
        check(b"Fs\0Xa\0\0", Err(EnvelopeError::Format));
        check(b"Fs\0Fs\0\0", Err(EnvelopeError::Format));
    }

    #[test]
    fn an_address_may_have_1002_bytes() {
        let envelope = |length| [b"F".as_slice(), &vec![b's'; length], b"\0\0"].concat();
        let kept = envelope(1002);
        check(&kept, Ok((&kept[..kept.len() - 1], true)));
        check(&envelope(1003), Err(EnvelopeError::AddressTooLong));
    }

    #[test]
    fn an_unterminated_record_is_left_out() {
        let all: Vec<_> = records(b"Fs\0Ta\0Tb").collect();
        assert_eq!(all, [b"Fs", b"Ta"]);
        assert_eq!(records(b"Fs").count(), 0);
    }

    proptest! {
        #[test]
        fn what_is_kept_are_the_records_that_came_in(
            sender in prop::collection::vec(1_u8.., 0..40),
            recipients in prop::collection::vec(prop::collection::vec(1_u8.., 0..40), 0..9),
        ) {
            let letters = std::iter::once((b'F', &sender)).chain(recipients.iter().map(|one| (b'T', one)));
            let sent: Vec<Vec<u8>> = letters.map(|(letter, one)| [&[letter], one.as_slice()].concat()).collect();
            let mut wire = sent.join(&0);
            wire.extend_from_slice(b"\0\0");
            let mut reader = EnvelopeReader::new();
            let kept = reader.take(&wire).unwrap();
            prop_assert!(reader.is_done());
            prop_assert_eq!(records(&wire[..kept]).map(<[u8]>::to_vec).collect::<Vec<_>>(), sent);
        }

        #[test]
        fn any_bytes_can_be_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _either = EnvelopeReader::new().take(&bytes);
        }
    }
}
