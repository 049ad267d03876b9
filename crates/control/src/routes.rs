//! Where qmail-send will take an address that somebody wants to send to, as the network daemons
//! must know it before they accept it: `envnoathost`, `percenthack`, `locals`, `virtualdomains`.

use crate::{Control, ControlError, Map, RcptHosts};

/// What becomes of an address in qmail-send.
#[derive(Debug)]
pub struct Routes {
    /// `envnoathost`: the domain of an address without one.
    pub envnoathost: Vec<u8>,
    /// `locals`
    pub locals: Map,
    /// `virtualdomains`
    pub virtualdomains: Map,
    /// `percenthack`
    pub percenthack: Map,
}

impl Routes {
    /// Reads the four files.
    pub fn read(control: &Control) -> Result<Self, ControlError> {
        Ok(Self {
            envnoathost: control.line_or_me_or("envnoathost", "envnoathost")?,
            locals: control.locals()?.unwrap_or_default(),
            virtualdomains: control.map("virtualdomains")?.unwrap_or_default(),
            percenthack: control.set("percenthack")?.unwrap_or_default(),
        })
    }

    /// Whether qmail-send will deliver to it here, so that the mailbox can be looked for.
    pub fn is_local(&self, recipient: &[u8]) -> bool {
        let address = self.meanings(recipient).pop();
        address.is_some_and(|address| self.delivers(&address))
    }

    /// An address is ours if all that qmail-send will read in it is: with percenthack, `a%b@c` is
    /// also `a@b`. One without a domain may also be ours because `envnoathost` is local.
    pub fn is_ours(&self, rcpthosts: &RcptHosts, recipient: &[u8]) -> Result<bool, ControlError> {
        let has_domain = recipient.contains(&b'@');
        for (n, address) in self.meanings(recipient).iter().enumerate() {
            let is_bare = n == 0 && !has_domain;
            let is_taken = rcpthosts.allows(address)? || is_bare && self.delivers(address);
            if !is_taken {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The address with a domain, then what percenthack makes of it, step by step; never empty.
    fn meanings(&self, recipient: &[u8]) -> Vec<Vec<u8>> {
        let mut address = recipient.to_vec();
        if !address.contains(&b'@') {
            address.push(b'@');
            address.extend_from_slice(&self.envnoathost);
        }
        let mut meanings = vec![address];
        while let Some(next) = meanings.last().and_then(|address| self.percent(address)) {
            meanings.push(next);
        }
        meanings
    }

    /// `a%b@c` is `a@b` where percenthack lists `c`.
    fn percent(&self, address: &[u8]) -> Option<Vec<u8>> {
        let (local, domain) = split(address)?;
        if !self.percenthack.contains(domain) {
            return None;
        }
        let percent = local.iter().rposition(|b| *b == b'%')?;
        let mut inner = local.to_vec();
        *inner.get_mut(percent)? = b'@';
        Some(inner)
    }

    /// As qmail-send routes, but for the line of virtualdomains that takes everything: nothing is
    /// looked for there.
    fn delivers(&self, address: &[u8]) -> bool {
        let Some((_, domain)) = split(address) else {
            return false;
        };
        let is_virtual = || {
            let prefix = self.virtualdomains.get(address);
            prefix.or_else(|| self.virtualdomains.get_domain(domain))
        };
        self.locals.contains(domain) || is_virtual().is_some_and(|prefix| !prefix.is_empty())
    }
}

/// Before and after the last `@`.
fn split(address: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = address.iter().rposition(|b| *b == b'@')?;
    Some((address.get(..at)?, address.get(at + 1..)?))
}
