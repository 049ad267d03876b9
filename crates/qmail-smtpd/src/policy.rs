//! Who may send what to whom (qmail-smtpd(8)): badmailfrom, badrcptto, RELAYCLIENT, rcpthosts, percent signs, local
//! domain literals, senders of authenticated users.
//!
//! Everything was read from control files before; only morercpthosts.cdb and the list of our own addresses are
//! asked when an address needs them.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use address::domain_split;
use control::{ControlError, Map, RcptHosts, Routes, parents};
use thiserror::Error;

/// What one client may do.
#[derive(Debug)]
pub(crate) struct Policy {
    /// Set for a client that may send to everybody: goes to the end of each recipient, usually empty.
    pub(crate) relay_suffix: Option<Vec<u8>>,
    /// Where everybody may send to.
    pub(crate) rcpthosts: RcptHosts,
    /// What qmail-send delivers here, and how it reads addresses.
    pub(crate) routes: Routes,
    /// control/badmailfrom.
    pub(crate) bad_senders: Map,
    /// control/badrcptto.
    pub(crate) bad_recipients: Map,
    /// control/senders: lines `user:address`; without the file a user may send from any address.
    pub(crate) senders: Option<Map>,
    /// control/localiphost: stands for `[our IPv4 address]`.
    pub(crate) localiphost: Option<Vec<u8>>,
    /// The addresses of this host's interfaces.
    pub(crate) own_addresses: fn() -> io::Result<Vec<IpAddr>>,
}

/// Whether a client was found to be one of ours.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Standing {
    /// Anybody.
    Stranger,
    /// A user whose password was checked.
    User,
}

/// What became of a recipient.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Clearance {
    /// May be written to, under this address.
    Recipient(Vec<u8>),
    /// This client may not send there.
    NoGateway,
    /// Nor may it if the postmaster forgot to say where it may.
    NoRcpthosts,
}

/// Our own configuration cannot be read.
#[derive(Debug, Error)]
pub(crate) enum PolicyError {
    /// The list of network interfaces.
    #[error("unable to list network interfaces")]
    Interfaces(#[source] io::Error),
    /// control/morercpthosts.cdb.
    #[error(transparent)]
    Control(#[from] ControlError),
}

impl Policy {
    /// Whether badmailfrom lists the sender.
    pub(crate) fn is_bad_sender(&self, sender: &[u8]) -> bool {
        lists(&self.bad_senders, b"", sender)
    }

    /// Whether badrcptto lists the recipient.
    pub(crate) fn is_bad_recipient(&self, recipient: &[u8]) -> bool {
        lists(&self.bad_recipients, b"", recipient)
    }

    /// Whether control/senders lets this user send from this address.
    pub(crate) fn may_send_from(&self, user: &[u8], sender: &[u8]) -> bool {
        let Some(senders) = &self.senders else {
            return true;
        };
        // The colon ends the name in the file; a name with one has no lines there.
        !user.contains(&b':') && lists(senders, &[user, b":"].concat(), sender)
    }

    /// A client that may send to everybody without saying who it is.
    pub(crate) fn is_relay_client(&self) -> bool {
        self.relay_suffix.is_some()
    }

    /// Whether, and under which address, mail for this recipient is taken.
    pub(crate) fn clear(
        &self,
        mut recipient: Vec<u8>,
        standing: Standing,
    ) -> Result<Clearance, PolicyError> {
        if let Some(suffix) = &self.relay_suffix {
            recipient.extend_from_slice(suffix);
            return Ok(Clearance::Recipient(recipient));
        }
        Ok(
            if standing == Standing::User || self.routes.is_ours(&self.rcpthosts, &recipient)? {
                Clearance::Recipient(recipient)
            } else if self.rcpthosts.is_listed() {
                Clearance::NoGateway
            } else {
                Clearance::NoRcpthosts
            },
        )
    }

    /// Whether qmail-send will deliver to it here, so that the mailbox can be looked for.
    pub(crate) fn is_local(&self, recipient: &[u8]) -> bool {
        self.routes.is_local(recipient)
    }

    /// Replaces a domain that is one of our own addresses in brackets.
    pub(crate) fn resolve_literal(&self, address: Vec<u8>) -> Result<Vec<u8>, PolicyError> {
        let (Some(name), Some(ip)) = (&self.localiphost, address::literal::ipv4(&address)) else {
            return Ok(address);
        };
        let ours = (self.own_addresses)().map_err(PolicyError::Interfaces)?;
        if ours.contains(&IpAddr::V4(Ipv4Addr::from(ip))) {
            return Ok(address::literal::with_domain(&address, name));
        }
        Ok(address)
    }
}

/// Whether a list has the address, its `@domain`, or `@.parent` of its domain, each behind `prefix`.
fn lists(list: &Map, prefix: &[u8], address: &[u8]) -> bool {
    let has = |name: &[u8]| list.contains(&[prefix, name].concat());
    if has(address) {
        return true;
    }
    let (_, Some(domain)) = domain_split(address) else {
        return false;
    };
    domain.is_empty() && has(b"@") || parents(domain).any(|parent| has(&[b"@", parent].concat()))
}

#[cfg(test)]
mod tests;
