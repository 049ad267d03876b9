//! Domain literals, `user@[192.0.2.1]`: mail to one of this host's own IPv4 addresses is mail to
//! its name (qmail-smtpd(8), `localiphost`).

use crate::domain_split;

/// The IPv4 address that is all of the domain, if it is one in brackets.
pub fn ipv4(address: &[u8]) -> Option<[u8; 4]> {
    let domain = domain_split(address).1?;
    let text = domain.strip_prefix(b"[")?.strip_suffix(b"]")?;
    let mut octets = text.split(|b| *b == b'.');
    let mut next = || octets.next().and_then(octet);
    let ip = [next()?, next()?, next()?, next()?];
    octets.next().is_none().then_some(ip)
}

/// The address with another domain.
pub fn with_domain(address: &[u8], domain: &[u8]) -> Vec<u8> {
    [domain_split(address).0, b"@", domain].concat()
}

fn octet(text: &[u8]) -> Option<u8> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u8, |value, b| {
        let digit = b.is_ascii_digit().then(|| b - b'0')?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_numbers_in_brackets_are_an_address() {
        assert_eq!(ipv4(b"a@[192.0.2.1]"), Some([192, 0, 2, 1]));
        assert_eq!(ipv4(b"a@[0.0.0.0]"), Some([0; 4]));
    }

    #[test]
    fn nothing_else_is() {
        for address in [
            "a@192.0.2.1",
            "a@[]",
            "a@[1.2.3]",
            "a@[1.2.3.4.5]",
            "a@[1.2.3.256]",
            "a@[1.2.3.4",
            "a@[1.2.3.]",
            "[1.2.3.4]",
            "a@[1.2.3.4]x",
        ] {
            assert_eq!(ipv4(address.as_bytes()), None, "{address}");
        }
    }

    #[test]
    fn the_domain_can_be_replaced() {
        assert_eq!(
            with_domain(b"a@b@[1.2.3.4]", b"host.example"),
            b"a@b@host.example"
        );
    }
}
