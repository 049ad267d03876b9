//! Control files and the environment that tcpserver sets (tcp-environ(5)), read once per connection.

use std::net::IpAddr;
use std::path::Path;

use control::{Control, ControlError, RcptHosts};
use header::Received;
use os::env;
use thiserror::Error;

use crate::policy::Policy;
use crate::relay_clients::Network;

/// Everything that does not change during a session.
#[derive(Debug)]
pub(crate) struct Config {
    /// First words of the 220, 250 and 221 replies.
    pub(crate) greeting: Vec<u8>,
    /// Longest wait for the client, ≥ 1.
    pub(crate) timeout_s: u64,
    /// Most bytes of one message; 0 = no limit.
    pub(crate) databytes: u64,
    /// Who may send what to whom.
    pub(crate) policy: Policy,
    /// Whom we talk to.
    pub(crate) client: Client,
}

/// The two ends of the connection, as the Received line names them.
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

/// The session cannot be held.
#[derive(Debug, Error)]
pub(crate) enum ConfigError {
    /// A control file is there and cannot be read.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// No control/smtpgreeting, no control/me.
    #[error("unable to find a name in control/smtpgreeting or control/me")]
    NoGreeting,
}

/// Something the postmaster should know; the session goes on.
#[derive(Debug, Error)]
pub(crate) enum Notice {
    /// The original would relay for everybody.
    #[error(
        "control/rcpthosts is missing: only mail for control/locals and control/virtualdomains is accepted"
    )]
    NoRcpthosts,
    /// A line of control/relayclients that lets nobody in.
    #[error("control/relayclients: {0} is not address/bits, ignored")]
    NotANetwork(String),
}

impl Config {
    /// Reads the control files of a home; what is odd but harmless goes to `notices`.
    pub(crate) fn read(home: &Path, notices: &mut Vec<Notice>) -> Result<Self, ConfigError> {
        let control = Control::new(home);
        let me = control.me()?;
        let greeting = control
            .line("smtpgreeting")?
            .or_else(|| me.clone())
            .ok_or(ConfigError::NoGreeting)?;
        let client = Client::from_environment();
        Ok(Self {
            greeting,
            timeout_s: control
                .integer_or("timeoutsmtpd", TIMEOUT_S)?
                .clamp(1, TIMEOUT_S_MAX),
            databytes: databytes(&control)?,
            policy: policy(&control, me, &client, notices)?,
            client,
        })
    }
}

impl Client {
    fn from_environment() -> Self {
        let known = |name| env::var(name).unwrap_or_else(|| b"unknown".to_vec());
        Self {
            host: known("TCPREMOTEHOST"),
            info: env::var("TCPREMOTEINFO"),
            ip: known("TCPREMOTEIP"),
            local: env::var("TCPLOCALHOST").unwrap_or_else(|| known("TCPLOCALIP")),
        }
    }

    /// The field that goes before a message which comes now.
    pub(crate) fn received(&self, helo: Option<&[u8]>, now: u64) -> Vec<u8> {
        let received = Received {
            remote_host: &self.host,
            helo,
            remote_info: self.info.as_deref(),
            remote_ip: &self.ip,
            local: &self.local,
            protocol: "SMTP",
        };
        received.line(&datetime::rfc822(now))
    }

    fn address(&self) -> Option<IpAddr> {
        std::str::from_utf8(&self.ip).ok()?.parse().ok()
    }
}

fn databytes(control: &Control) -> Result<u64, ConfigError> {
    let configured = control.integer_or("databytes", 0)?;
    Ok(env::var("DATABYTES").map_or(configured, |text| leading_number(&text)))
}

/// The digits a text begins with; none are 0.
fn leading_number(text: &[u8]) -> u64 {
    text.iter()
        .map_while(|b| {
            b.is_ascii_digit()
                .then(|| u64::from(b.saturating_sub(b'0')))
        })
        .fold(0, |sum: u64, digit| {
            sum.saturating_mul(10).saturating_add(digit)
        })
}

fn policy(
    control: &Control,
    me: Option<Vec<u8>>,
    client: &Client,
    notices: &mut Vec<Notice>,
) -> Result<Policy, ConfigError> {
    let rcpthosts = RcptHosts::read(control)?;
    let relay_suffix = relay_suffix(control, client, notices)?;
    if relay_suffix.is_none() && !rcpthosts.is_listed() {
        notices.push(Notice::NoRcpthosts);
    }
    Ok(Policy {
        relay_suffix,
        bare_is_ours: bare_is_ours(control, me.as_deref(), &rcpthosts)?,
        rcpthosts,
        bad_senders: control.set("badmailfrom")?.unwrap_or_default(),
        localiphost: control.line("localiphost")?.or(me),
        own_addresses: os::interfaces::own_addresses,
    })
}

/// `$RELAYCLIENT`, else an empty suffix for a host in control/relayclients.
fn relay_suffix(
    control: &Control,
    client: &Client,
    notices: &mut Vec<Notice>,
) -> Result<Option<Vec<u8>>, ConfigError> {
    let mut is_listed = false;
    for line in control.list("relayclients")?.unwrap_or_default() {
        match Network::parse(&line) {
            Some(network) => is_listed |= client.address().is_some_and(|ip| network.contains(ip)),
            None => notices.push(Notice::NotANetwork(diag::escape::shown(&line))),
        }
    }
    Ok(env::var("RELAYCLIENT").or_else(|| is_listed.then(Vec::new)))
}

/// Whether the domain that qmail-send gives to an address without one is ours: local, virtual, or in rcpthosts.
fn bare_is_ours(
    control: &Control,
    me: Option<&[u8]>,
    rcpthosts: &RcptHosts,
) -> Result<bool, ConfigError> {
    let configured = control.line("envnoathost")?;
    let host = configured.as_deref().or(me).unwrap_or(b"envnoathost");
    if rcpthosts.allows(&[b"@", host].concat())? {
        return Ok(true);
    }
    if control.locals()?.unwrap_or_default().contains(host) {
        return Ok(true);
    }
    let virtual_domains = control.map("virtualdomains")?.unwrap_or_default();
    Ok(virtual_domains
        .get_domain(host)
        .is_some_and(|prefix| !prefix.is_empty()))
}

/// Default of control/timeoutsmtpd.
pub(crate) const TIMEOUT_S: u64 = 1200;

/// A session that waits longer than a day is forgotten, not slow; and the limit must fit the clock's arithmetic.
const TIMEOUT_S_MAX: u64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_the_digits_a_text_begins_with() {
        for (text, number) in [
            (&b"10"[..], 10),
            (b"10k", 10),
            (b"", 0),
            (b"k", 0),
            (b"-1", 0),
            (b"99999999999999999999999", u64::MAX),
        ] {
            assert_eq!(leading_number(text), number);
        }
    }
}
