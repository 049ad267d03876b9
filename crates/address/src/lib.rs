//! Envelope addresses: what the suite keeps between `F` or `T` and NUL. An address is bytes
//! without NUL; the domain is what follows the last `@`, quoting exists only on the wire and in
//! headers. envelopes(5), addresses(5).

pub mod literal;
pub mod path;
pub mod quote;
mod recipient;
mod sender;

pub use recipient::Recipient;
pub use sender::{Sender, verp};

/// Splits at the last `@` into local part and domain; without `@` there is no domain.
pub fn domain_split(address: &[u8]) -> (&[u8], Option<&[u8]>) {
    match address.iter().rposition(|b| *b == b'@') {
        Some(at) => (address.get(..at).unwrap_or_default(), address.get(at + 1..)),
        None => (address, None),
    }
}

/// Why bytes are not an envelope address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// More than [`ENVELOPE_MAX`] bytes.
    #[error("address longer than {ENVELOPE_MAX} bytes")]
    TooLong,
    /// NUL ends an address in every envelope.
    #[error("address contains a zero byte")]
    ContainsNul,
}

fn checked(address: &[u8]) -> Result<Vec<u8>, AddressError> {
    if address.len() > ENVELOPE_MAX {
        return Err(AddressError::TooLong);
    }
    if address.contains(&0) {
        return Err(AddressError::ContainsNul);
    }
    Ok(address.to_vec())
}

/// The longest address qmail-queue takes: its buffer of 1003 bytes holds the NUL as well.
pub const ENVELOPE_MAX: usize = 1002;
/// The longest address SMTP is told: qmail-smtpd answers 555 to anything longer.
pub const SMTP_MAX: usize = 899;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, local: &str, domain: Option<&str>) {
        assert_eq!(
            domain_split(address.as_bytes()),
            (local.as_bytes(), domain.map(str::as_bytes))
        );
    }

    #[test]
    fn the_last_at_sign_splits() {
        check("a@b", "a", Some("b"));
        check("a@b@c", "a@b", Some("c"));
        check("@c", "", Some("c"));
        check("a@", "a", Some(""));
        check("a", "a", None);
        check("", "", None);
    }
}
