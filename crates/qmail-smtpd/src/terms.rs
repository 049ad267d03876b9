//! What is offered to a client and asked of it, settled before the first word.

use smtp::sasl::Mechanism;

/// The terms of one session.
#[derive(Debug)]
pub(crate) struct Terms {
    /// First words of the 220, 250 and 221 replies.
    pub(crate) greeting: Vec<u8>,
    /// Whether STARTTLS is there.
    pub(crate) tls: TlsTerms,
    /// `$FORCETLS`: nothing goes without it.
    pub(crate) forces_tls: bool,
    /// Whether AUTH is there.
    pub(crate) auth: Option<AuthTerms>,
    /// `$SUBMISSION`: strangers are not served.
    pub(crate) needs_standing: bool,
    /// control/rcptcheck: local mailboxes are looked for.
    pub(crate) checks_recipients: bool,
    /// Most bytes of one message; 0 = no limit.
    pub(crate) size_max: u64,
    /// Most recipients of one message, ≥ 1.
    pub(crate) recipients_max: usize,
    /// Most commands that may be refused.
    pub(crate) errors_max: u64,
}

/// What STARTTLS meets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum TlsTerms {
    /// No certificate, or `$DISABLETLS`: the verb is unknown.
    Off,
    /// A certificate that cannot be used.
    Broken,
    /// A certificate and its key.
    Ready,
}

/// What AUTH meets.
#[derive(Debug)]
pub(crate) struct AuthTerms {
    /// Those the program knows how to check.
    pub(crate) mechanisms: Vec<Mechanism>,
    /// Their names, as EHLO lists them.
    pub(crate) names: String,
    /// `$ALLOW_INSECURE_AUTH`: passwords may be read on the way.
    pub(crate) is_allowed_in_clear: bool,
}

impl AuthTerms {
    pub(crate) fn new(mechanisms: Vec<Mechanism>, is_allowed_in_clear: bool) -> Self {
        let names: Vec<&str> = mechanisms.iter().map(|known| known.name()).collect();
        Self {
            names: names.join(" "),
            mechanisms,
            is_allowed_in_clear,
        }
    }
}
