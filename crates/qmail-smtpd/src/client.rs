//! The two ends of the connection, as tcpserver and the client name them, and the `Received` field they make.

use std::net::IpAddr;

use header::Received;
use os::env;
use tls::Summary;

use crate::session::{Hello, Session};

/// Whom we talk to. Everything in it may be forged but the addresses.
#[derive(Debug)]
pub(crate) struct Client {
    /// `$TCPREMOTEHOST`
    pub(crate) host: Vec<u8>,
    /// `$TCPREMOTEINFO`
    pub(crate) info: Option<Vec<u8>>,
    /// `$TCPREMOTEIP`
    pub(crate) ip: Vec<u8>,
    /// `$TCPLOCALHOST`, else `$TCPLOCALIP`
    pub(crate) local: Vec<u8>,
}

impl Client {
    /// What tcpserver says; whatever it does not know is `unknown`.
    pub(crate) fn from_environment() -> Self {
        let known = |name| env::var(name).unwrap_or_else(|| b"unknown".to_vec());
        Self {
            host: known("TCPREMOTEHOST"),
            info: env::var("TCPREMOTEINFO"),
            ip: known("TCPREMOTEIP"),
            local: env::var("TCPLOCALHOST").unwrap_or_else(|| known("TCPLOCALIP")),
        }
    }

    /// The address, if it is one.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        std::str::from_utf8(&self.ip).ok()?.parse().ok()
    }

    /// The field that goes before a message which comes now.
    pub(crate) fn received(
        &self,
        session: &Session<'_>,
        secret: Option<&Summary>,
        now: u64,
    ) -> Vec<u8> {
        let helo = match session.hello() {
            Hello::None => None,
            Hello::Plain(name) | Hello::Extended(name) => Some(name.as_slice()),
        };
        let mut protocol = session.protocol().to_owned();
        if let Some(summary) = secret {
            protocol.push_str(&format!(" ({} {})", summary.version, summary.cipher));
        }
        let received = Received {
            remote_host: &self.host,
            helo,
            remote_info: self.info.as_deref(),
            remote_ip: &self.ip,
            local: &self.local,
            protocol: &protocol,
        };
        received.line(&datetime::rfc822(now))
    }
}
