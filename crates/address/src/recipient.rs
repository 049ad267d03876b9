//! Envelope recipients.

use crate::{AddressError, checked, domain_split};

/// An envelope recipient; it may lack a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient(Vec<u8>);

impl Recipient {
    /// Takes an address as it stands between `T` and NUL.
    pub fn parse(address: &[u8]) -> Result<Self, AddressError> {
        checked(address).map(Self)
    }

    /// The bytes of the envelope.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// What stands before the last `@`.
    pub fn local(&self) -> &[u8] {
        domain_split(&self.0).0
    }

    /// What stands after the last `@`, if there is one.
    pub fn domain(&self) -> Option<&[u8]> {
        domain_split(&self.0).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ENVELOPE_MAX;

    #[test]
    fn an_address_has_a_length_limit_and_no_nul() {
        assert!(Recipient::parse(&[b'x'; ENVELOPE_MAX]).is_ok());
        assert_eq!(
            Recipient::parse(&[b'x'; ENVELOPE_MAX + 1]),
            Err(AddressError::TooLong)
        );
        assert_eq!(Recipient::parse(b"a\0b"), Err(AddressError::ContainsNul));
        assert!(Recipient::parse(b"").is_ok());
        assert!(Recipient::parse(b"two\nlines@h").is_ok());
    }

    #[test]
    fn local_part_and_domain_meet_at_the_last_at_sign() {
        let recipient = Recipient::parse(b"a@b@c").unwrap();
        assert_eq!(recipient.local(), b"a@b");
        assert_eq!(recipient.domain(), Some(b"c".as_slice()));
    }
}
