//! What each part of the configuration makes of its control files and variables.

use std::path::Path;

use control::{Control, ControlError, RcptHosts, Routes};
use header::Defaults;
use os::env;
use smtp::sasl::Mechanism;
use tls::{Server, ServerFiles};

use super::{ConfigError, Notice};
use crate::client::Client;
use crate::policy::Policy;
use crate::rcptcheck::Checker;
use crate::relay_clients::Network;
use crate::submission::Completion;
use crate::terms::{AuthTerms, TlsTerms};
use crate::wire::Limits;

/// The certificate for everybody, and what STARTTLS meets.
pub(super) fn certificate(
    control: &Control,
    home: &Path,
    notices: &mut Vec<Notice>,
) -> (Option<Server>, TlsTerms) {
    let port = env::var("TCPLOCALPORT").unwrap_or_default();
    let files = ServerFiles {
        certificate: control.path("servercert.pem"),
        key: control.path("serverkey.pem"),
        by_name: control.path("servercerts"),
        tickets: home.join("tickets"),
        service: [b"smtp ".as_slice(), &port].concat(),
        protocols: vec![b"smtp".to_vec(), b"esmtp".to_vec()],
    };
    match Server::read(files) {
        Ok(Some(server)) => (Some(server), TlsTerms::Ready),
        Ok(None) => {
            if env::var("FORCETLS").is_some() || env::var("SMTPS").is_some() {
                notices.push(Notice::NoCertificate);
                return (None, TlsTerms::Broken);
            }
            (None, TlsTerms::Off)
        }
        Err(error) => {
            notices.push(error.into());
            (None, TlsTerms::Broken)
        }
    }
}

pub(super) fn limits(control: &Control) -> Result<Limits, ControlError> {
    let seconds = |name, default| -> Result<u64, ControlError> {
        Ok(control.integer_or(name, default)?.clamp(1, SECONDS_MAX))
    };
    Ok(Limits {
        wait_s: seconds("timeoutsmtpd", DEFAULT_LIMITS.wait_s)?,
        line_s: seconds("timeoutcommand", DEFAULT_LIMITS.line_s)?,
        session_s: seconds("timeoutsession", DEFAULT_LIMITS.session_s)?,
    })
}

pub(super) fn databytes(control: &Control) -> Result<u64, ControlError> {
    let configured = control.integer_or("databytes", 0)?;
    Ok(env::var("DATABYTES").map_or(configured, |text| {
        control::leading_integer(&text).unwrap_or(0)
    }))
}

pub(super) fn recipients_max(control: &Control) -> Result<usize, ControlError> {
    let configured = control.integer_or("maxrecipients", RECIPIENTS_MAX)?;
    Ok(usize::try_from(configured.clamp(1, RECIPIENTS_MAX)).unwrap_or(1))
}

/// The program that looks for mailboxes; an empty line is none.
pub(super) fn checker(control: &Control, home: &Path) -> Result<Option<Checker>, ControlError> {
    let program = control.line("rcptcheck")?;
    let program = program.filter(|program| !program.is_empty());
    Ok(program.map(|program| Checker::new(home, program)))
}

pub(super) fn auth_terms(
    control: &Control,
    notices: &mut Vec<Notice>,
) -> Result<AuthTerms, ControlError> {
    let line = control.line("authmethods")?;
    let line = line.as_deref().unwrap_or(AUTH_METHODS);
    let mut mechanisms = Vec::new();
    for word in line.split(|b| *b == b' ').filter(|word| !word.is_empty()) {
        match Mechanism::parse(word) {
            Some(mechanism) => mechanisms.push(mechanism),
            None => notices.push(Notice::NotAMechanism(diag::escape::shown(word))),
        }
    }
    let is_allowed_in_clear = env::var("ALLOW_INSECURE_AUTH").is_some();
    Ok(AuthTerms::new(mechanisms, is_allowed_in_clear))
}

/// What qmail-inject completes addresses with.
pub(super) fn completion(control: &Control, me: Option<&[u8]>) -> Result<Completion, ConfigError> {
    let name = |name: &str| control.line_or_me_or(name, name);
    let defaults = Defaults::new(
        &name("defaulthost")?,
        &name("defaultdomain")?,
        &name("plusdomain")?,
    )
    .map_err(|_| ConfigError::BadDefaults)?;
    let id_host = control.line("idhost")?;
    let id_host = id_host.or_else(|| me.map(<[u8]>::to_vec));
    Ok(Completion::new(defaults, id_host.unwrap_or_default()))
}

pub(super) fn policy(
    control: &Control,
    me: Option<&[u8]>,
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
        rcpthosts,
        routes: Routes::read(control)?,
        bad_senders: control.set("badmailfrom")?.unwrap_or_default(),
        bad_recipients: control.set("badrcptto")?.unwrap_or_default(),
        senders: control.set("senders")?,
        localiphost: control.line("localiphost")?.or(me.map(<[u8]>::to_vec)),
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

/// RFC 5321 section 4.5.3.2.7 asks a server to wait five minutes for a command; an hour is enough for any
/// session, and a client that sends a byte now and then does not hold a process longer.
pub(crate) const DEFAULT_LIMITS: Limits = Limits {
    wait_s: 1200,
    line_s: 300,
    session_s: 3600,
};

/// A session that waits longer than a day is forgotten, not slow; and the limit must fit the clock's arithmetic.
const SECONDS_MAX: u64 = 86_400;

/// Recipients of one message. RFC 5321 section 4.5.3.1.8 asks for 100; lists and gateways send thousands.
const RECIPIENTS_MAX: u64 = 20_000;

/// A list server with many dead addresses makes some; who makes more is trying names.
pub(super) const ERRORS_MAX: u64 = 100;

/// Every checkpassword program can do these.
const AUTH_METHODS: &[u8] = b"LOGIN PLAIN";
