//! Which channel a recipient goes to, and under which address (qmail-send(8): locals,
//! virtualdomains, percenthack, envnoathost). Done once, when a message is preprocessed; nothing
//! here touches a file.

use address::domain_split;
use control::{Map, parents};
use queue::Channel;

/// The tables that routing looks at.
pub(crate) struct Routes {
    /// The host of addresses that name none.
    pub envnoathost: Vec<u8>,
    /// Domains that are this machine.
    pub locals: Map,
    /// Domains whose `user%host` means `user@host`.
    pub percenthack: Map,
    /// Addresses and domains that belong to a local user.
    pub virtualdomains: Map,
}

impl Routes {
    /// The channel of a recipient and the address it has there.
    pub(crate) fn route(&self, recipient: &[u8]) -> (Channel, Vec<u8>) {
        let mut address = recipient.to_vec();
        if domain_split(&address).1.is_none() {
            address.push(b'@');
            address.extend_from_slice(&self.envnoathost);
        }
        self.undo_percent(&mut address);
        let (_, Some(domain)) = domain_split(&address) else {
            return (Channel::Remote, address);
        };
        if self.locals.contains(domain) {
            return (Channel::Local, address);
        }
        let owner = self
            .virtualdomains
            .get(&address)
            .or_else(|| self.domain_owner(domain))
            .filter(|prefix| !prefix.is_empty());
        match owner {
            Some(prefix) => (Channel::Local, [prefix, b"-", &address].concat()),
            None => (Channel::Remote, address),
        }
    }

    /// `user%host@domain` becomes `user@host` as often as the domain is in percenthack.
    fn undo_percent(&self, address: &mut Vec<u8>) {
        loop {
            let (local, Some(domain)) = domain_split(address) else {
                return;
            };
            if !self.percenthack.contains(domain) {
                return;
            }
            let Some(percent) = local.iter().rposition(|&byte| byte == b'%') else {
                return;
            };
            address.truncate(local.len());
            if let Some(byte) = address.get_mut(percent) {
                *byte = b'@';
            }
        }
    }

    /// What virtualdomains says about a domain: itself, then each suffix that begins with a dot,
    /// the longest first, then everything.
    fn domain_owner(&self, domain: &[u8]) -> Option<&[u8]> {
        parents(domain)
            .chain(std::iter::once(b"".as_slice()))
            .find_map(|key| self.virtualdomains.get(key))
    }

    /// The address as its sender wrote it: without the prefix that a virtual domain has put there.
    pub(crate) fn shown<'a>(&self, recipient: &'a [u8]) -> &'a [u8] {
        let prefix = domain_split(recipient)
            .1
            .and_then(|domain| self.domain_owner(domain));
        match prefix {
            Some(prefix) if !prefix.is_empty() => recipient
                .strip_prefix(prefix)
                .and_then(|rest| rest.strip_prefix(b"-"))
                .unwrap_or(recipient),
            Some(_) | None => recipient,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines<const N: usize>(lines: [&str; N]) -> Vec<Vec<u8>> {
        lines.iter().map(|line| line.as_bytes().to_vec()).collect()
    }

    fn golden() -> Routes {
        Routes {
            envnoathost: b"test.example".to_vec(),
            locals: Map::of_names(&lines(["test.example", "localhost"])),
            percenthack: Map::of_names(&lines(["ph.example"])),
            virtualdomains: Map::of_pairs(&lines([
                "virt.example:u1-v",
                "bob@user.example:u1-bob",
                ".sub.example:u1-sub",
                "out.sub.example:",
            ])),
        }
    }

    #[track_caller]
    fn check(recipient: &str, channel: Channel, address: &str) {
        let expected = (channel, address.as_bytes().to_vec());
        assert_eq!(golden().route(recipient.as_bytes()), expected);
    }

    #[test]
    fn local_domains_keep_their_addresses() {
        check("u1@test.example", Channel::Local, "u1@test.example");
        check("U1@Test.Example", Channel::Local, "U1@Test.Example");
        check("a@b@localhost", Channel::Local, "a@b@localhost");
    }

    #[test]
    fn an_address_without_a_host_gets_envnoathost() {
        check("u1", Channel::Local, "u1@test.example");
        check("", Channel::Local, "@test.example");
    }

    #[test]
    fn virtual_domains_put_their_owner_in_front() {
        check(
            "x.Y-Z@virt.example",
            Channel::Local,
            "u1-v-x.Y-Z@virt.example",
        );
        check(
            "bob@user.example",
            Channel::Local,
            "u1-bob-bob@user.example",
        );
        check("alice@user.example", Channel::Remote, "alice@user.example");
        check(
            "joe@a.sub.example",
            Channel::Local,
            "u1-sub-joe@a.sub.example",
        );
        check("joe@sub.example", Channel::Remote, "joe@sub.example");
    }

    #[test]
    fn an_empty_owner_is_an_exception() {
        check(
            "joe@out.sub.example",
            Channel::Remote,
            "joe@out.sub.example",
        );
    }

    #[test]
    fn the_empty_key_catches_the_rest_but_not_local_domains() {
        let mut routes = golden();
        routes.virtualdomains = Map::of_pairs(&lines([":all"]));
        let owner = routes.route(b"a@elsewhere.example");
        assert_eq!(owner, (Channel::Local, b"all-a@elsewhere.example".to_vec()));
        assert_eq!(
            routes.route(b"a@localhost"),
            (Channel::Local, b"a@localhost".to_vec())
        );
    }

    #[test]
    fn percent_signs_are_undone_from_the_right() {
        check("a%x%ph.example@ph.example", Channel::Remote, "a@x");
        check("a%x@ph.example", Channel::Remote, "a@x");
        check("a@ph.example", Channel::Remote, "a@ph.example");
        check(
            "a%test.example@PH.example",
            Channel::Local,
            "a@test.example",
        );
        check("a%x@other.example", Channel::Remote, "a%x@other.example");
    }

    #[test]
    fn a_bounce_shows_the_address_without_its_prefix() {
        let routes = golden();
        let shown = |recipient: &str| routes.shown(recipient.as_bytes()).to_vec();
        assert_eq!(shown("u1-sub-joe@a.sub.example"), b"joe@a.sub.example");
        assert_eq!(shown("u1-v-x@virt.example"), b"x@virt.example");
        assert_eq!(shown("u1-bob-bob@user.example"), b"u1-bob-bob@user.example");
        assert_eq!(shown("someone@virt.example"), b"someone@virt.example");
        assert_eq!(shown("nohost"), b"nohost");
    }
}
