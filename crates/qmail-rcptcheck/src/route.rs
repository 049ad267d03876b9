//! Which local part qmail-send will hand to qmail-lspawn (qmail-send(8): envnoathost, percenthack, locals,
//! virtualdomains).

use address::domain_split;
use control::{Control, ControlError, Map};

/// The control files that decide it.
pub(crate) struct Routes {
    envnoathost: Vec<u8>,
    percenthack: Map,
    locals: Map,
    virtualdomains: Map,
}

impl Routes {
    pub(crate) fn read(control: &Control) -> Result<Self, ControlError> {
        Ok(Self {
            envnoathost: control.line_or_me_or("envnoathost", "envnoathost")?,
            percenthack: control.set("percenthack")?.unwrap_or_default(),
            locals: control.locals()?.unwrap_or_default(),
            virtualdomains: control.map("virtualdomains")?.unwrap_or_default(),
        })
    }

    /// Nothing for an address that goes elsewhere.
    pub(crate) fn local_part(&self, recipient: &[u8]) -> Option<Vec<u8>> {
        let mut address = recipient.to_vec();
        if domain_split(&address).1.is_none() {
            address.push(b'@');
            address.extend_from_slice(&self.envnoathost);
        }
        while let Some(inner) = self.percent(&address) {
            address = inner;
        }
        let (local, domain) = domain_split(&address);
        if self.locals.contains(domain?) {
            return Some(local.to_vec());
        }
        let prefix = self
            .virtualdomains
            .get(&address)
            .or_else(|| self.virtualdomains.get_domain(domain?))
            .or_else(|| self.virtualdomains.get(b""))?;
        (!prefix.is_empty()).then(|| [prefix, b"-", local].concat())
    }

    fn percent(&self, address: &[u8]) -> Option<Vec<u8>> {
        let (local, domain) = domain_split(address);
        if !self.percenthack.contains(domain?) {
            return None;
        }
        let percent = local.iter().rposition(|b| *b == b'%')?;
        let mut inner = local.to_vec();
        *inner.get_mut(percent)? = b'@';
        Some(inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(recipient: &str, expected: Option<&str>) {
        let lines = |text: &str| -> Vec<Vec<u8>> {
            text.split(' ')
                .map(|line| line.as_bytes().to_vec())
                .collect()
        };
        let routes = Routes {
            envnoathost: b"here.example".to_vec(),
            percenthack: Map::of_names(&lines("here.example")),
            locals: Map::of_names(&lines("here.example")),
            virtualdomains: Map::of_pairs(&lines(
                "virt.example:joe out.virt.example: .virt.example:sub bob@user.example:bob",
            )),
        };
        let found = routes.local_part(recipient.as_bytes());
        assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{recipient}");
    }

    #[test]
    fn a_local_part_is_what_stands_before_the_last_at_of_a_local_domain() {
        check("joe@here.example", Some("joe"));
        check("Joe@HERE.example", Some("Joe"));
        check("a@b@here.example", Some("a@b"));
        check("joe", Some("joe"));
        check("", Some(""));
        check("joe@there.example", None);
    }

    #[test]
    fn virtual_domains_put_their_prefix_before_it() {
        check("info@virt.example", Some("joe-info"));
        check("info@a.virt.example", Some("sub-info"));
        check("info@out.virt.example", None);
        check("bob@user.example", Some("bob-bob"));
        check("ann@user.example", None);
    }

    #[test]
    fn percent_signs_are_undone() {
        check("a%virt.example@here.example", Some("joe-a"));
        check("a%b%here.example@here.example", None);
        check("a%there.example", None);
    }
}
