//! What the control files and the environment say, read once.

use std::path::{Path, PathBuf};

use control::{Control, Map};

use crate::text::Failure;

/// The settings of qmail-remote.
pub(crate) struct Config {
    /// qmail's home directory.
    pub(crate) home: PathBuf,
    /// The name we greet with.
    pub(crate) helo: Vec<u8>,
    /// Seconds to wait for a connection, at least 1.
    pub(crate) timeout_connect_s: u64,
    /// Seconds to wait for each read or write, at least 1.
    pub(crate) timeout_s: u64,
    /// control/smtproutes
    pub(crate) routes: Map,
    /// The name server to ask.
    pub(crate) dns: dns::Server,
}

impl Config {
    /// Reads everything. A file that is there and cannot be read is never taken for a default.
    pub(crate) fn read(home: &Path) -> Result<Self, Failure> {
        let control = Control::new(home);
        let helo = control
            .line_or_me("helohost")
            .map_err(|_| Failure::Controls)?;
        let dns = match os::env::var("DNSCACHEIP").filter(|value| !value.is_empty()) {
            Some(value) => dns::Server::parse(&value).ok_or(Failure::Controls)?,
            None => dns::Server::System,
        };
        Ok(Self {
            home: home.to_owned(),
            helo: helo.ok_or(Failure::Controls)?,
            timeout_connect_s: seconds(&control, "timeoutconnect", TIMEOUT_CONNECT_S)?,
            timeout_s: seconds(&control, "timeoutremote", TIMEOUT_S)?,
            routes: control
                .map("smtproutes")
                .map_err(|_| Failure::Controls)?
                .unwrap_or_default(),
            dns,
        })
    }
}

/// A time of 0 would fail every delivery at once; the shortest wait is 1.
fn seconds(control: &Control, name: &str, default: u64) -> Result<u64, Failure> {
    let value = control
        .integer_or(name, default)
        .map_err(|_| Failure::Controls)?;
    Ok(value.clamp(1, SECONDS_MAX))
}

/// qmail-control(5)
const TIMEOUT_CONNECT_S: u64 = 60;

/// qmail-control(5)
const TIMEOUT_S: u64 = 1200;

/// A day; a longer wait is a typing mistake, and poll(2) counts milliseconds in an int.
const SECONDS_MAX: u64 = 86400;
