//! control/relayclients: networks whose hosts may send to everybody, one `address` or `address/bits` a line.

use std::net::IpAddr;

/// One line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Network {
    /// IPv4 in the last 32 bits.
    address: u128,
    is_v4: bool,
    /// 0 ≤ bits ≤ 32 or 128
    bits: u32,
}

impl Network {
    /// Reads a line; nothing if it is no network. IPv4 networks are written as IPv4, not as `::ffff:…`.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(line).ok()?;
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let host: IpAddr = address.parse().ok()?;
        if host != host.to_canonical() {
            return None;
        }
        let (address, is_v4) = number(host);
        let width = width(is_v4);
        let bits = match bits {
            Some(bits) => prefix_length(bits).filter(|bits| *bits <= width)?,
            None => width,
        };
        Some(Self {
            address,
            is_v4,
            bits,
        })
    }

    /// Whether the host is inside. An IPv4 address written as IPv6 (`::ffff:1.2.3.4`) is IPv4.
    pub(crate) fn contains(&self, host: IpAddr) -> bool {
        let (address, is_v4) = number(host.to_canonical());
        let outside = width(is_v4).saturating_sub(self.bits);
        let differing = (address ^ self.address).checked_shr(outside).unwrap_or(0);
        is_v4 == self.is_v4 && differing == 0
    }
}

fn number(address: IpAddr) -> (u128, bool) {
    match address {
        IpAddr::V4(v4) => (u128::from(u32::from(v4)), true),
        IpAddr::V6(v6) => (u128::from(v6), false),
    }
}

fn width(is_v4: bool) -> u32 {
    if is_v4 { 32 } else { 128 }
}

/// Digits only: `+8` is a mistake, and what a mistake means must not be guessed.
fn prefix_length(text: &str) -> Option<u32> {
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, host: &str, is_inside: bool) {
        let network = Network::parse(line.as_bytes()).unwrap();
        assert_eq!(
            network.contains(host.parse().unwrap()),
            is_inside,
            "{line} {host}"
        );
    }

    #[test]
    fn a_network_holds_the_hosts_that_share_its_first_bits() {
        check("192.0.2.0/24", "192.0.2.255", true);
        check("192.0.2.0/24", "192.0.3.0", false);
        check("192.0.2.77/24", "192.0.2.1", true);
        check("10.0.0.0/8", "10.255.255.255", true);
        check("10.0.0.0/9", "10.128.0.0", false);
        check("2001:db8::/32", "2001:db8:ffff::1", true);
        check("2001:db8::/32", "2001:db9::1", false);
    }

    #[test]
    fn a_lone_address_is_one_host() {
        check("192.0.2.7", "192.0.2.7", true);
        check("192.0.2.7", "192.0.2.6", false);
        check("::1", "::1", true);
        check("192.0.2.7/32", "192.0.2.7", true);
    }

    #[test]
    fn no_bits_are_every_host_of_the_family() {
        check("0.0.0.0/0", "203.0.113.9", true);
        check("0.0.0.0/0", "2001:db8::1", false);
        check("::/0", "2001:db8::1", true);
        check("::/0", "203.0.113.9", false);
    }

    #[test]
    fn a_mapped_address_is_the_ipv4_address() {
        check("192.0.2.0/24", "::ffff:192.0.2.1", true);
        check("::/0", "::ffff:192.0.2.1", false);
    }

    #[test]
    fn anything_else_is_no_network() {
        for line in [
            "",
            "x",
            "192.0.2.0/33",
            "::/129",
            "192.0.2.0/",
            "192.0.2.0/+8",
            "192.0.2.0/-1",
            "192.0.2/24",
            "192.0.2.0/24/8",
            " 192.0.2.0/24",
            "192.0.2.0/24 # lan",
            "host.example",
            "::ffff:192.0.2.0/120",
        ] {
            assert_eq!(Network::parse(line.as_bytes()), None, "{line}");
        }
    }
}
