//! Control files and environment of qmail-qmtpd(8), read once per connection.

use std::path::Path;

use control::{Control, ControlError, RcptHosts, Routes};
use os::env;
use thiserror::Error;

use crate::client::Client;

/// Everything that does not change during a session.
#[derive(Debug)]
pub(crate) struct Config {
    /// Whom we talk to.
    pub(crate) client: Client,
    /// Most bytes of one message; 0 = no limit.
    pub(crate) databytes: u64,
    /// `$RELAYCLIENT`: this client may send to everybody; goes to the end of each recipient.
    pub(crate) relay_suffix: Option<Vec<u8>>,
    /// Where everybody may send to.
    rcpthosts: RcptHosts,
    /// What qmail-send will make of a recipient.
    routes: Routes,
}

/// The original would relay for everybody.
#[derive(Debug, Error)]
#[error(
    "control/rcpthosts is missing: only mail for control/locals and control/virtualdomains is accepted"
)]
struct NoRcpthosts;

impl Config {
    /// Reads the control files of a home. A host without rcpthosts is warned in the log; where
    /// descriptor 2 is a socket, as under inetd, it is the client, and nothing is said.
    pub(crate) fn read(home: &Path) -> Result<Self, ControlError> {
        let control = Control::new(home);
        let rcpthosts = RcptHosts::read(&control)?;
        let relay_suffix = env::var("RELAYCLIENT");
        let is_open = relay_suffix.is_some() || rcpthosts.is_listed();
        if !is_open && !os::fd::is_socket(&os::fd::stderr()) {
            diag::warning("qmail-qmtpd", &NoRcpthosts);
        }
        Ok(Self {
            client: Client::from_environment(),
            databytes: databytes(&control)?,
            relay_suffix,
            routes: Routes::read(&control)?,
            rcpthosts,
        })
    }

    /// Whether mail for this recipient is taken; only asked without `$RELAYCLIENT`.
    pub(crate) fn allows(&self, recipient: &[u8]) -> Result<bool, ControlError> {
        self.routes.is_ours(&self.rcpthosts, recipient)
    }
}

/// `$DATABYTES`, else control/databytes.
fn databytes(control: &Control) -> Result<u64, ControlError> {
    match env::var("DATABYTES") {
        Some(text) => Ok(control::leading_integer(&text).unwrap_or(0)),
        None => control.integer_or("databytes", 0),
    }
}
