//! Our own addresses: those of all interfaces that are up (ipme in qmail).

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

/// The IPv4 and IPv6 addresses of all interfaces that are up, and 0.0.0.0, which also reaches us.
///
/// # Errors
/// The system's, when the interfaces cannot be listed.
pub fn own_addresses() -> io::Result<Vec<IpAddr>> {
    let mut addresses = vec![IpAddr::V4(Ipv4Addr::UNSPECIFIED)];
    for interface in getifaddrs()? {
        let Some(address) = interface.address else {
            continue;
        };
        if !interface.flags.contains(InterfaceFlags::IFF_UP) {
            continue;
        }
        if let Some(v4) = address.as_sockaddr_in() {
            addresses.push(IpAddr::V4(v4.ip()));
        } else if let Some(v6) = address.as_sockaddr_in6() {
            addresses.push(IpAddr::V6(v6.ip()));
        }
    }
    Ok(addresses)
}
