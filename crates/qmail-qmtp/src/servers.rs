//! control/qmqpservers: one server on each line, an IP address, with `:port` if it is not 628.

use std::net::{IpAddr, SocketAddr};

/// The servers in their order; a line that is none is passed over.
pub(crate) fn parse(lines: &[Vec<u8>]) -> Vec<SocketAddr> {
    lines.iter().filter_map(|line| server(line)).collect()
}

fn server(line: &[u8]) -> Option<SocketAddr> {
    let word = line.split(|b| matches!(b, b' ' | b'\t')).next()?;
    let text = std::str::from_utf8(word).ok()?;
    match text.parse::<IpAddr>() {
        Ok(ip) => Some(SocketAddr::new(ip, PORT)),
        Err(_) => text.parse().ok(),
    }
}

/// QMQP's.
const PORT: u16 = 628;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Option<&str>) {
        let shown = server(line.as_bytes()).map(|server| server.to_string());
        assert_eq!(shown.as_deref(), expected);
    }

    #[test]
    fn a_server_is_an_address_of_either_kind() {
        check("192.0.2.1", Some("192.0.2.1:628"));
        check("2001:db8::1", Some("[2001:db8::1]:628"));
        check("192.0.2.1:2628", Some("192.0.2.1:2628"));
        check("[2001:db8::1]:2628", Some("[2001:db8::1]:2628"));
        check("192.0.2.1 # first", Some("192.0.2.1:628"));
    }

    #[test]
    fn anything_else_is_no_server() {
        for line in [
            "mx.example",
            " 192.0.2.1",
            "192.0.2",
            "192.0.2.1:",
            "192.0.2.1:x",
            "\u{e9}",
        ] {
            check(line, None);
        }
    }
}
