//! Control files, arguments and the environment that tcpserver sets (tcp-environ(5)), read once per connection.

mod files;

use std::path::Path;

use control::{Control, ControlError};
use os::env;
use smtp::unstuff::LineEnds;
use thiserror::Error;
use tls::{IdentityError, Server};

use crate::auth::Authenticator;
use crate::client::Client;
use crate::policy::Policy;
use crate::rcptcheck::Checker;
use crate::submission::Completion;
use crate::terms::{Terms, TlsTerms};
use crate::wire::Limits;

pub(crate) use files::DEFAULT_LIMITS;

/// Everything that does not change during a session.
#[derive(Debug)]
pub(crate) struct Config {
    /// How long things may take.
    pub(crate) limits: Limits,
    /// What is offered and asked.
    pub(crate) terms: Terms,
    /// Who may send what to whom.
    pub(crate) policy: Policy,
    /// Whom we talk to.
    pub(crate) client: Client,
    /// The certificate, if it can be used.
    pub(crate) tls: Option<Server>,
    /// `$SMTPS`: the client begins with a handshake.
    pub(crate) begins_with_tls: bool,
    /// Who looks for mailboxes.
    pub(crate) checker: Option<Checker>,
    /// Who checks passwords.
    pub(crate) authenticator: Option<Authenticator>,
    /// `$ALLOW_BARELF`: what becomes of a CR or LF alone.
    pub(crate) line_ends: LineEnds,
    /// `$SUBMISSION`: what a message lacks is added.
    pub(crate) completion: Option<Completion>,
    /// Speaking out of turn is not forgiven.
    pub(crate) is_strict: bool,
    /// Decisions are written down.
    pub(crate) is_logging: bool,
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
    /// control/defaulthost and its kin are no host names.
    #[error("unable to understand control/defaulthost, defaultdomain or plusdomain")]
    BadDefaults,
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
    /// A word in control/authmethods that we cannot do.
    #[error("control/authmethods: {0} is unknown, ignored")]
    NotAMechanism(String),
    /// STARTTLS is not offered.
    #[error("no TLS")]
    BadCertificate(#[from] IdentityError),
    /// TLS is asked for and cannot be had.
    #[error("no TLS: FORCETLS or SMTPS is set and control/servercert.pem is missing")]
    NoCertificate,
}

impl Config {
    /// Reads everything from a home; what is odd but harmless goes to `notices`.
    pub(crate) fn read(home: &Path, notices: &mut Vec<Notice>) -> Result<Self, ConfigError> {
        let control = Control::new(home);
        let me = control.me()?;
        let greeting = control
            .line("smtpgreeting")?
            .or_else(|| me.clone())
            .ok_or(ConfigError::NoGreeting)?;
        let client = Client::from_environment();
        let is_set = |name| env::var(name).is_some();
        let is_exempt = is_set("DISABLETLS");
        let (tls, tls_terms) = if is_exempt {
            (None, TlsTerms::Off)
        } else {
            files::certificate(&control, home, notices)
        };
        let policy = files::policy(&control, me.as_deref(), &client, notices)?;
        let checker = files::checker(&control, home)?;
        let authenticator = Authenticator::from_arguments(env::args());
        let auth = match &authenticator {
            Some(_) => Some(files::auth_terms(&control, notices)?),
            None => None,
        };
        Ok(Self {
            limits: files::limits(&control)?,
            terms: Terms {
                greeting,
                tls: tls_terms,
                forces_tls: is_set("FORCETLS") && !is_exempt,
                auth,
                needs_standing: is_set("SUBMISSION"),
                checks_recipients: checker.is_some(),
                size_max: files::databytes(&control)?,
                recipients_max: files::recipients_max(&control)?,
                errors_max: control.integer_or("maxerrors", files::ERRORS_MAX)?,
            },
            policy,
            client,
            tls,
            begins_with_tls: is_set("SMTPS"),
            checker,
            authenticator,
            line_ends: if is_set("ALLOW_BARELF") {
                LineEnds::Normalised
            } else {
                LineEnds::Strict
            },
            completion: if is_set("SUBMISSION") {
                Some(files::completion(&control, me.as_deref())?)
            } else {
                None
            },
            is_strict: control.integer_or("strictpipelining", 0)? > 0,
            is_logging: is_set("SMTPDLOG") || control.integer_or("smtpdlog", 0)? > 0,
        })
    }
}
