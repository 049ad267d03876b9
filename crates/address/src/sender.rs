//! Envelope senders: the empty one of bounces, `#@[]` of double bounces, and variable envelope
//! return paths, `list-@host-@[]`, which name each recipient in the sender it gets.

use crate::{AddressError, checked, domain_split};

/// An envelope sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender(Vec<u8>);

impl Sender {
    /// Takes an address as it stands between `F` and NUL.
    pub fn parse(address: &[u8]) -> Result<Self, AddressError> {
        checked(address).map(Self)
    }

    /// The bytes of the envelope.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether this is the sender of a bounce; a bounce of that one goes to the postmaster.
    pub fn is_null(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this is `#@[]`, the sender of a double bounce; nothing is ever sent back to it.
    pub fn is_double_bounce(&self) -> bool {
        self.0 == DOUBLE_BOUNCE
    }

    /// The sender that one recipient sees.
    pub fn for_recipient(&self, recipient: &[u8]) -> Vec<u8> {
        verp(&self.0, recipient)
    }

    /// Where a failure notice for several recipients goes: `list-@host` for `list-@host-@[]`.
    pub fn for_bounce(&self) -> &[u8] {
        self.0.strip_suffix(VERP_TAIL).unwrap_or(&self.0)
    }
}

/// The sender that one recipient sees: `list-@host-@[]` becomes `list-user=its.host@host`, any
/// other sender stays as it is.
pub fn verp(sender: &[u8], recipient: &[u8]) -> Vec<u8> {
    let expanded = || {
        let (list, list_host) = domain_split(sender.strip_suffix(VERP_TAIL)?);
        let (user, host) = domain_split(recipient);
        Some([list, user, b"=", host?, b"@", list_host?].concat())
    };
    expanded().unwrap_or_else(|| sender.to_vec())
}

const DOUBLE_BOUNCE: &[u8] = b"#@[]";
const VERP_TAIL: &[u8] = b"-@[]";

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sender: &str, recipient: &str, expected: &str) {
        assert_eq!(
            verp(sender.as_bytes(), recipient.as_bytes()),
            expected.as_bytes()
        );
    }

    #[test]
    fn a_variable_sender_names_the_recipient() {
        check(
            "u1-@test.example-@[]",
            "u1@test.example",
            "u1-u1=test.example@test.example",
        );
        check(
            "u1-@test.example-@[]",
            "u1-v-u1-v-a@virt.example",
            "u1-u1-v-u1-v-a=virt.example@test.example",
        );
    }

    #[test]
    fn other_senders_stay() {
        for sender in ["", "#@[]", "a@b", "a-@[]", "-@[]", "a@b-@[]x"] {
            check(sender, "u@h", sender);
        }
        check("l-@h-@[]", "nohost", "l-@h-@[]");
    }

    #[test]
    fn a_recipient_is_split_at_its_last_at_sign() {
        check("l-@h-@[]", "a@b@c", "l-a@b=c@h");
    }

    #[test]
    fn a_bounce_goes_to_the_sender_without_the_tail() {
        let bounce = |s: &[u8]| Sender::parse(s).unwrap().for_bounce().to_vec();
        assert_eq!(bounce(b"l-@h-@[]"), b"l-@h");
        assert_eq!(bounce(b"l@h"), b"l@h");
        assert_eq!(bounce(b"#@[]"), b"#@[]");
    }

    #[test]
    fn the_two_special_senders_are_told_apart() {
        assert!(Sender::parse(b"").unwrap().is_null());
        assert!(Sender::parse(b"#@[]").unwrap().is_double_bounce());
        assert!(!Sender::parse(b"x#@[]").unwrap().is_double_bounce());
    }
}
