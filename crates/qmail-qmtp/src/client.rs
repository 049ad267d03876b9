//! The two ends of the connection, as the Received line names them (tcp-environ(5)).

use header::Received;
use os::env;

/// What tcpserver or tcp-env told us.
#[derive(Debug)]
pub(crate) struct Client {
    /// `$TCPREMOTEHOST`
    host: Vec<u8>,
    /// `$TCPREMOTEINFO`
    info: Option<Vec<u8>>,
    /// `$TCPREMOTEIP`
    ip: Vec<u8>,
    /// `$TCPLOCALHOST`, else `$TCPLOCALIP`
    local: Vec<u8>,
}

impl Client {
    /// Reads the environment.
    pub(crate) fn from_environment() -> Self {
        let known = |name| env::var(name).unwrap_or_else(|| b"unknown".to_vec());
        Self {
            host: known("TCPREMOTEHOST"),
            info: env::var("TCPREMOTEINFO"),
            ip: known("TCPREMOTEIP"),
            local: env::var("TCPLOCALHOST").unwrap_or_else(|| known("TCPLOCALIP")),
        }
    }

    /// The field that goes before a message which comes now.
    pub(crate) fn received(&self, protocol: &str, now: u64) -> Vec<u8> {
        let received = Received {
            remote_host: &self.host,
            helo: None,
            remote_info: self.info.as_deref(),
            remote_ip: &self.ip,
            local: &self.local,
            protocol,
        };
        received.line(&datetime::rfc822(now))
    }
}
