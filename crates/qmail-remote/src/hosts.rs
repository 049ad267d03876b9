//! Addresses by preference, never ourselves; and those that timed out lately (queue/lock/tcpto).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpStream};
use std::path::Path;

use dns::{DnsError, Resolver};
use tcpto::{History, Tcpto};

use crate::route::{Kind, Route};
use crate::text::Failure;

/// An address to try.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Candidate {
    /// Where to connect.
    pub(crate) ip: IpAddr,
    /// Its exchanger's preference: the lower, the sooner.
    preference: u16,
}

/// The addresses to try, in order; at least one.
pub(crate) fn find(route: &Route, server: dns::Server) -> Result<Vec<Candidate>, Failure> {
    let mut resolver = Resolver::new(server);
    let candidates = match (literal(&route.host), route.kind) {
        (Some(ip), _) => vec![Candidate { ip, preference: 0 }],
        (None, Kind::Artificial) => by_address(&mut resolver, &route.host)?,
        (None, Kind::Exchangers) => by_exchangers(&mut resolver, &route.host)?,
    };
    if candidates.is_empty() {
        return Err(Failure::NoAddress);
    }
    match route.kind {
        Kind::Artificial => Ok(candidates),
        Kind::Exchangers => {
            let own = os::interfaces::own_addresses().map_err(|_| Failure::Resources)?;
            better_than_us(candidates, &own)
        }
    }
}

/// Addresses of every exchanger, in its order. A name that cannot be looked up now matters only if no other
/// exchanger has an address.
fn by_exchangers(resolver: &mut Resolver, host: &[u8]) -> Result<Vec<Candidate>, Failure> {
    let exchangers = match resolver.mx(host) {
        Ok(exchangers) => exchangers,
        Err(DnsError::NotFound) => return by_address(resolver, host),
        Err(DnsError::NullMx) => return Err(Failure::NoAddress),
        Err(DnsError::Temporary(_)) => return Err(Failure::DnsTemporary),
    };
    let mut candidates = Vec::new();
    let mut temporary = false;
    for mx in exchangers {
        let found = match literal(&mx.exchange) {
            Some(ip) => Ok(vec![ip]),
            None => resolver.addresses(&mx.exchange),
        };
        temporary |= matches!(found, Err(DnsError::Temporary(_)));
        let room = CANDIDATES_MAX.saturating_sub(candidates.len());
        candidates.extend(
            found
                .unwrap_or_default()
                .into_iter()
                .take(room)
                .map(|ip| Candidate {
                    ip,
                    preference: mx.preference,
                }),
        );
        if candidates.len() >= CANDIDATES_MAX {
            break;
        }
    }
    if candidates.is_empty() && temporary {
        return Err(Failure::DnsTemporary);
    }
    Ok(candidates)
}

fn by_address(resolver: &mut Resolver, host: &[u8]) -> Result<Vec<Candidate>, Failure> {
    match resolver.addresses(host) {
        Ok(found) => Ok(found
            .into_iter()
            .map(|ip| Candidate { ip, preference: 0 })
            .collect()),
        Err(DnsError::NotFound | DnsError::NullMx) => Err(Failure::NoSuchHost(host.to_vec())),
        Err(DnsError::Temporary(_)) => Err(Failure::DnsTemporary),
    }
}

/// Only those strictly preferred to the best of our own addresses: mail must move towards its destination.
fn better_than_us(
    mut candidates: Vec<Candidate>,
    own: &[IpAddr],
) -> Result<Vec<Candidate>, Failure> {
    let ours = candidates
        .iter()
        .filter(|candidate| is_ours(candidate.ip, own));
    if let Some(best) = ours.map(|candidate| candidate.preference).min() {
        candidates.retain(|candidate| candidate.preference < best);
    }
    if candidates.is_empty() {
        return Err(Failure::BestIsUs);
    }
    Ok(candidates)
}

fn is_ours(ip: IpAddr, own: &[IpAddr]) -> bool {
    ip.is_unspecified() || own.contains(&ip) || own.contains(&ip.to_canonical())
}

/// An address instead of a name: IPv4 bare or in brackets, IPv6 bare, in brackets, or as in RFC 5321,
/// section 4.1.3, `[IPv6:...]`.
fn literal(host: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(host).ok()?;
    let Some(inner) = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    else {
        return text.parse().ok();
    };
    let tag = inner
        .get(..IPV6_TAG.len())
        .filter(|tag| tag.eq_ignore_ascii_case(IPV6_TAG));
    match tag.and(inner.get(IPV6_TAG.len()..)) {
        Some(v6) => v6.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => inner.parse().ok(),
    }
}

/// The table of hosts that timed out. It holds IPv4 addresses only: an IPv6 host is always tried.
pub(crate) struct TimedOut {
    table: Tcpto,
}

impl TimedOut {
    /// The table of the queue below `home`.
    pub(crate) fn new(home: &Path) -> Self {
        Self {
            table: Tcpto::new(home),
        }
    }

    /// What is known of `ip` now.
    pub(crate) fn history(&self, ip: IpAddr) -> History {
        match v4(ip) {
            Some(v4) => self.table.history(v4, os::clock::now(), os::account::pid()),
            None => History::Unknown,
        }
    }

    /// Notes how the attempt to connect ended: only silence counts against a host.
    pub(crate) fn note(&self, ip: IpAddr, history: History, connected: &io::Result<TcpStream>) {
        let Some(v4) = v4(ip) else { return };
        match connected {
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                self.table.timed_out(v4, os::clock::now());
            }
            Ok(_) | Err(_) if history != History::Unknown => self.table.answered(v4),
            Ok(_) | Err(_) => {}
        }
    }
}

fn v4(ip: IpAddr) -> Option<Ipv4Addr> {
    match ip.to_canonical() {
        IpAddr::V4(v4) => Some(v4),
        IpAddr::V6(_) => None,
    }
}

/// RFC 5321, section 4.1.3
const IPV6_TAG: &str = "IPv6:";

/// Addresses tried for one message. With the default timeoutconnect that is more than an hour and a half.
const CANDIDATES_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(list: &[(&str, u16)]) -> Vec<Candidate> {
        let candidate = |(ip, preference): &(&str, u16)| Candidate {
            ip: ip.parse().unwrap(),
            preference: *preference,
        };
        list.iter().map(candidate).collect()
    }

    #[track_caller]
    fn check(list: &[(&str, u16)], expected: Option<&[(&str, u16)]>) {
        let own = ["0.0.0.0", "127.0.0.1", "::1"].map(|ip| ip.parse().unwrap());
        let better = better_than_us(candidates(list), &own).ok();
        assert_eq!(better, expected.map(candidates), "{list:?}");
    }

    #[test]
    fn hosts_as_good_as_us_or_worse_are_left_out() {
        check(
            &[
                ("1.1.1.1", 10),
                ("127.0.0.1", 20),
                ("1.1.1.2", 20),
                ("1.1.1.3", 30),
            ],
            Some(&[("1.1.1.1", 10)]),
        );
        check(&[("1.1.1.1", 20), ("::1", 20)], None);
        check(&[("0.0.0.0", 0)], None);
        check(&[("::ffff:127.0.0.1", 0)], None);
        check(
            &[("1.1.1.1", 20), ("1.1.1.2", 20)],
            Some(&[("1.1.1.1", 20), ("1.1.1.2", 20)]),
        );
    }

    #[track_caller]
    fn check_literal(host: &str, expected: Option<&str>) {
        assert_eq!(
            literal(host.as_bytes()),
            expected.map(|ip| ip.parse().unwrap()),
            "{host}"
        );
    }

    #[test]
    fn literals_need_no_name_server() {
        check_literal("1.2.3.4", Some("1.2.3.4"));
        check_literal("[1.2.3.4]", Some("1.2.3.4"));
        check_literal("[IPv6:2001:db8::1]", Some("2001:db8::1"));
        check_literal("[ipv6:::1]", Some("::1"));
        check_literal("[::1]", Some("::1"));
        check_literal("::1", Some("::1"));
        check_literal("[IPv6:1.2.3.4]", None);
        check_literal("1.2.3", None);
        check_literal("[1.2.3.4", None);
        check_literal("a.example", None);
        check_literal("", None);
    }
}
