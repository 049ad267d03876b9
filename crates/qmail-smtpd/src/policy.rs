//! Who may send what to whom (qmail-smtpd(8)): badmailfrom, RELAYCLIENT, rcpthosts, local domain literals.
//!
//! Everything was read from control files before; only morercpthosts.cdb and the list of our own addresses are
//! asked when an address needs them.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use control::{ControlError, Map, RcptHosts};
use thiserror::Error;

/// What one client may do.
#[derive(Debug)]
pub(crate) struct Policy {
    /// Set for a client that may send to everybody: goes to the end of each recipient, usually empty.
    pub(crate) relay_suffix: Option<Vec<u8>>,
    /// Where everybody may send to.
    pub(crate) rcpthosts: RcptHosts,
    /// An address without a domain gets one of ours from qmail-send (envnoathost).
    pub(crate) bare_is_ours: bool,
    /// control/badmailfrom.
    pub(crate) bad_senders: Map,
    /// control/localiphost: stands for `[our IPv4 address]`.
    pub(crate) localiphost: Option<Vec<u8>>,
    /// The addresses of this host's interfaces.
    pub(crate) own_addresses: fn() -> io::Result<Vec<IpAddr>>,
}

/// What became of a recipient.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Clearance {
    /// May be written to, under this address.
    Recipient(Vec<u8>),
    /// This client may not send there.
    NoGateway,
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
    /// Whether badmailfrom lists the sender or its `@domain`.
    pub(crate) fn is_bad_sender(&self, sender: &[u8]) -> bool {
        let at = sender.iter().rposition(|b| *b == b'@');
        let domain = at.and_then(|at| sender.get(at..));
        self.bad_senders.contains(sender) || domain.is_some_and(|d| self.bad_senders.contains(d))
    }

    /// Whether, and under which address, mail for this recipient is taken.
    pub(crate) fn clear(&self, mut recipient: Vec<u8>) -> Result<Clearance, PolicyError> {
        if let Some(suffix) = &self.relay_suffix {
            recipient.extend_from_slice(suffix);
            return Ok(Clearance::Recipient(recipient));
        }
        let is_ours = if recipient.contains(&b'@') {
            self.rcpthosts.allows(&recipient)?
        } else {
            self.bare_is_ours
        };
        Ok(if is_ours {
            Clearance::Recipient(recipient)
        } else {
            Clearance::NoGateway
        })
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

#[cfg(test)]
mod tests;
