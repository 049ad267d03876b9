//! control/smtproutes: whom to ask instead of the host's own mail exchangers.

use control::Map;

use crate::text::Failure;

/// Where a host's mail goes.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Route {
    /// The name or address literal to connect to.
    pub(crate) host: Vec<u8>,
    /// TCP port.
    pub(crate) port: u16,
    /// How `host` becomes addresses.
    pub(crate) kind: Kind,
}

/// How the host of a [`Route`] is resolved.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// By its mail exchangers, as everybody's.
    Exchangers,
    /// By its addresses alone; it is what the postmaster says, even if it is ourselves.
    Artificial,
}

/// The route of a host: its own entry, else that of a parent `.domain`, else the empty one.
/// An entry without relay means the usual exchangers. First hit wins.
pub(crate) fn find(routes: &Map, host: &[u8]) -> Result<Route, Failure> {
    let relay = control::parents(host)
        .chain([&b""[..]])
        .find_map(|key| routes.get(key));
    match relay {
        None | Some(b"") => Ok(Route {
            host: host.to_vec(),
            port: SMTP_PORT,
            kind: Kind::Exchangers,
        }),
        Some(relay) => artificial(relay),
    }
}

/// `relay`, `relay:port`, and IPv6 as `[address]` or `[address]:port`.
fn artificial(relay: &[u8]) -> Result<Route, Failure> {
    let bracket = relay.iter().position(|&byte| byte == b']');
    let host_end = match (relay.first(), bracket) {
        (Some(b'['), Some(bracket)) => bracket + 1,
        _ => relay
            .iter()
            .position(|&byte| byte == b':')
            .unwrap_or(relay.len()),
    };
    let (host, port) = relay.split_at_checked(host_end).unwrap_or((relay, b""));
    Ok(Route {
        host: host.to_vec(),
        port: port_of(port.strip_prefix(b":").unwrap_or(port))?,
        kind: Kind::Artificial,
    })
}

/// Nothing means the SMTP port; what is not a port number is a mistake, and mail waits until it is corrected.
fn port_of(digits: &[u8]) -> Result<u16, Failure> {
    if digits.is_empty() {
        return Ok(SMTP_PORT);
    }
    let text = std::str::from_utf8(digits).map_err(|_| Failure::Controls)?;
    match text.parse() {
        Ok(0) | Err(_) => Err(Failure::Controls),
        Ok(port) => Ok(port),
    }
}

const SMTP_PORT: u16 = 25;

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTES: &[&str] = &[
        "a.b.example:exact.example",
        ".b.example:suffix.example:26",
        "B.Example:[1.2.3.4]:27",
        "direct.c.example:",
        ".c.example:[2001:db8::1]",
        "six.example:[2001:db8::1]:28",
        "badport.example:relay:smtp",
        "bigport.example:relay:65536",
        "zero.example:relay:0",
        "empty.example:relay:",
        "nocolon.example",
    ];

    fn find_in(lines: &[&str], host: &str) -> Result<Route, Failure> {
        let lines: Vec<Vec<u8>> = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
        find(&Map::of_pairs(&lines), host.as_bytes())
    }

    #[track_caller]
    fn check(host: &str, relay: &str, port: u16) {
        let expected = Route {
            host: relay.as_bytes().to_vec(),
            port,
            kind: Kind::Artificial,
        };
        assert_eq!(find_in(ROUTES, host).unwrap(), expected, "{host}");
    }

    #[track_caller]
    fn check_direct(lines: &[&str], host: &str) {
        let route = find_in(lines, host).unwrap();
        assert_eq!((route.kind, route.port), (Kind::Exchangers, 25), "{host}");
        assert_eq!(route.host, host.as_bytes());
    }

    #[test]
    fn the_most_specific_entry_wins() {
        check("a.b.example", "exact.example", 25);
        check("x.b.example", "suffix.example", 26);
        check("y.x.B.EXAMPLE", "suffix.example", 26);
        check("b.example", "[1.2.3.4]", 27);
        check("x.c.example", "[2001:db8::1]", 25);
        check("six.example", "[2001:db8::1]", 28);
        check("empty.example", "relay", 25);
    }

    #[test]
    fn an_empty_relay_ends_the_search() {
        check_direct(ROUTES, "direct.c.example");
        check_direct(&["a.example:", ":everything"], "a.example");
    }

    #[test]
    fn no_entry_means_the_usual_exchangers() {
        check_direct(ROUTES, "c.example");
        check_direct(ROUTES, "nocolon.example");
        check_direct(&[], "a.example");
    }

    #[test]
    fn the_empty_entry_is_for_everybody_else() {
        let route = find_in(&["a.example:a", ":relay.example:2525"], "x.example").unwrap();
        assert_eq!(
            (route.host.as_slice(), route.port),
            (&b"relay.example"[..], 2525)
        );
    }

    #[test]
    fn a_port_that_is_none_defers() {
        for host in ["badport.example", "bigport.example", "zero.example"] {
            assert!(
                matches!(find_in(ROUTES, host), Err(Failure::Controls)),
                "{host}"
            );
        }
    }
}
