//! The states of an SMTP session and what each command does in them (qmail-smtpd(8), RFC 5321 section 3.3).
//!
//! Nothing here reads or writes: commands come in, answers go out. What only the world can tell (is there such a
//! mailbox, is the password right, did the handshake succeed) is asked for by an answer and comes back by a method.

mod envelope;

use address::path::{self, Path};
use smtp::command::{Command, Verb};
use smtp::ehlo::Extension;
use smtp::parameters::{self, Offered, ParameterError};
use smtp::sasl::Mechanism;

use crate::policy::{Clearance, Policy, PolicyError, Standing};
use crate::replies::{self, Reply, Style};
use crate::terms::{Terms, TlsTerms};

pub(crate) use envelope::Envelope;
use envelope::Mailed;

/// One client, from greeting to QUIT.
#[derive(Clone, Debug)]
pub(crate) struct Session<'a> {
    policy: &'a Policy,
    terms: &'a Terms,
    hello: Hello,
    is_secret: bool,
    user: Option<Vec<u8>>,
    state: State,
    /// Commands answered with 5xx.
    errors: u64,
    failed_logins: u32,
}

/// How the client introduced itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Hello {
    /// Not at all.
    None,
    /// By HELO.
    Plain(Vec<u8>),
    /// By EHLO, which offered it our extensions.
    Extended(Vec<u8>),
}

/// How far the current transaction is.
#[derive(Clone, Debug)]
enum State {
    /// No sender yet.
    Idle,
    /// A sender, no recipient.
    Mailed(Mailed),
    /// At least one recipient.
    Addressed(Envelope),
}

/// What to do after a command.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Answer {
    /// Send this and read on.
    Say(Reply),
    /// Take the message for this envelope.
    Receive(Envelope),
    /// Find out whether there is such a mailbox, then [`Session::checked`].
    Check(Candidate),
    /// Send this, shake hands, then [`Session::secured`].
    Secure(Reply),
    /// Go through the exchange, then [`Session::logged_in`] or [`Session::login_failed`].
    Login(Mechanism, Option<Vec<u8>>),
    /// Send this and end well.
    Leave(Reply),
    /// Send this and end: the client is of no use.
    Drop(Reply),
}

/// A recipient we would take if it exists.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Candidate(Vec<u8>);

impl Candidate {
    /// The address to look for.
    pub(crate) fn address(&self) -> &[u8] {
        &self.0
    }
}

/// What is known about a mailbox.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Finding {
    /// It exists, or nothing says otherwise.
    Exists,
    /// It does not exist.
    Missing,
    /// Nobody can tell now.
    Unknown,
}

impl<'a> Session<'a> {
    /// A client that has said nothing yet.
    pub(crate) fn new(policy: &'a Policy, terms: &'a Terms) -> Self {
        Self {
            policy,
            terms,
            hello: Hello::None,
            is_secret: false,
            user: None,
            state: State::Idle,
            errors: 0,
            failed_logins: 0,
        }
    }

    /// The last HELO or EHLO.
    pub(crate) fn hello(&self) -> &Hello {
        &self.hello
    }

    /// Who the client has proved to be.
    pub(crate) fn user(&self) -> Option<&[u8]> {
        self.user.as_deref()
    }

    /// The sender of the current transaction.
    pub(crate) fn sender(&self) -> Option<&[u8]> {
        match &self.state {
            State::Idle => None,
            State::Mailed(mailed) => Some(&mailed.sender),
            State::Addressed(envelope) => Some(envelope.sender()),
        }
    }

    /// How replies look to this client.
    pub(crate) fn style(&self) -> Style {
        match self.hello {
            Hello::None | Hello::Plain(_) => Style::Plain,
            Hello::Extended(_) => Style::Enhanced,
        }
    }

    /// The keyword for how the message comes in (RFC 3848).
    pub(crate) fn protocol(&self) -> &'static str {
        let is_extended = self.style() == Style::Enhanced || self.user.is_some();
        match (is_extended, self.is_secret, self.user.is_some()) {
            (false, _, _) => "SMTP",
            (true, false, false) => "ESMTP",
            (true, true, false) => "ESMTPS",
            (true, false, true) => "ESMTPA",
            (true, true, true) => "ESMTPSA",
        }
    }

    /// Carries out one command. An error ends the session: our own configuration cannot be read.
    pub(crate) fn answer(&mut self, command: &Command) -> Result<Answer, PolicyError> {
        if self.must_be_secret_first(command.verb()) {
            return Ok(self.counted(Answer::Say(replies::STARTTLS_FIRST)));
        }
        let answer = match command.verb() {
            Verb::Helo => Answer::Say(self.helo(command)),
            Verb::Ehlo => Answer::Say(self.ehlo(command)),
            Verb::Mail => Answer::Say(self.mail(command)?),
            Verb::Rcpt => self.rcpt(command)?,
            Verb::Data => self.data(),
            Verb::Rset => {
                self.state = State::Idle;
                Answer::Say(replies::FLUSHED)
            }
            Verb::Noop => Answer::Say(replies::NOOP),
            Verb::Vrfy => Answer::Say(replies::CANNOT_VERIFY),
            Verb::Help => Answer::Say(replies::HELP),
            Verb::Quit => Answer::Leave(replies::goodbye(&self.terms.greeting)),
            Verb::StartTls => self.start_tls(command),
            Verb::Auth => self.auth(command),
            Verb::Web => Answer::Drop(replies::NO_WEB),
            Verb::Unknown => Answer::Say(replies::UNIMPLEMENTED),
        };
        Ok(self.counted(answer))
    }

    /// A client that only makes errors is tried no longer.
    fn counted(&mut self, answer: Answer) -> Answer {
        if let Answer::Say(reply) = &answer
            && reply.is_failure()
        {
            self.errors = self.errors.saturating_add(1);
            if self.errors > self.terms.errors_max {
                return Answer::Drop(replies::TOO_MANY_ERRORS);
            }
        }
        answer
    }

    fn must_be_secret_first(&self, verb: Verb) -> bool {
        let is_allowed = matches!(
            verb,
            Verb::Noop | Verb::Ehlo | Verb::StartTls | Verb::Quit | Verb::Web
        );
        self.terms.forces_tls && !self.is_secret && !is_allowed
    }

    fn helo(&mut self, command: &Command) -> Reply {
        if command.is_cut() {
            return replies::BAD_HELO;
        }
        self.hello = Hello::Plain(command.argument().to_vec());
        self.state = State::Idle;
        replies::helo(&self.terms.greeting)
    }

    fn ehlo(&mut self, command: &Command) -> Reply {
        if command.is_cut() {
            return replies::BAD_HELO;
        }
        self.hello = Hello::Extended(command.argument().to_vec());
        self.state = State::Idle;
        let mut offered = vec![
            Extension::Pipelining,
            Extension::EightBitMime,
            Extension::Size(self.terms.size_max),
            Extension::EnhancedStatusCodes,
        ];
        if self.terms.tls == TlsTerms::Ready && !self.is_secret {
            offered.push(Extension::StartTls);
        }
        if let Some(mechanisms) = self.mechanisms() {
            offered.push(Extension::Auth(mechanisms));
        }
        replies::ehlo(&self.terms.greeting, &offered)
    }

    /// What AUTH is offered with; nothing where it is not.
    fn mechanisms(&self) -> Option<&str> {
        let auth = self.terms.auth.as_ref()?;
        (self.is_secret || auth.is_allowed_in_clear).then_some(auth.names.as_str())
    }

    fn mail(&mut self, command: &Command) -> Result<Reply, PolicyError> {
        if self.terms.needs_standing && !self.policy.is_relay_client() && self.user.is_none() {
            return Ok(replies::LOGIN_FIRST);
        }
        let Some(path) = parse(command) else {
            return Ok(replies::BAD_ADDRESS);
        };
        let parameters = match parameters::mail(&self.parameters_of(&path), self.offered()) {
            Ok(parameters) => parameters,
            Err(error) => return Ok(refusal(error)),
        };
        if parameters.size.is_some_and(|size| self.is_too_big(size)) {
            return Ok(replies::TOO_BIG);
        }
        let Some(sender) = self.resolve(path)? else {
            return Ok(replies::BAD_ADDRESS);
        };
        let user = self.user.as_deref();
        if user.is_some_and(|user| !self.policy.may_send_from(user, &sender)) {
            return Ok(replies::NOT_YOUR_ADDRESS);
        }
        let is_bad = self.policy.is_bad_sender(&sender);
        self.state = State::Mailed(Mailed { sender, is_bad });
        Ok(replies::SENDER_OK)
    }

    /// A size that no number holds is too big for anybody.
    fn is_too_big(&self, size: u64) -> bool {
        size == u64::MAX || (self.terms.size_max > 0 && size > self.terms.size_max)
    }

    fn rcpt(&mut self, command: &Command) -> Result<Answer, PolicyError> {
        let is_bad = match &self.state {
            State::Idle => return Ok(Answer::Say(replies::MAIL_FIRST)),
            State::Mailed(mailed) => mailed.is_bad,
            State::Addressed(_) => false,
        };
        let Some(path) = parse(command) else {
            return Ok(Answer::Say(replies::BAD_ADDRESS));
        };
        if let Err(error) = parameters::rcpt(&self.parameters_of(&path), self.offered()) {
            return Ok(Answer::Say(refusal(error)));
        }
        let Some(address) = self.resolve(path)? else {
            return Ok(Answer::Say(replies::BAD_ADDRESS));
        };
        if is_bad {
            return Ok(Answer::Say(replies::BAD_SENDER));
        }
        if self.policy.is_bad_recipient(&address) {
            return Ok(Answer::Say(replies::BAD_RECIPIENT));
        }
        Ok(match self.policy.clear(address, self.standing())? {
            Clearance::NoGateway => Answer::Say(replies::NO_GATEWAY),
            Clearance::NoRcpthosts => Answer::Say(replies::NO_RCPTHOSTS),
            Clearance::Recipient(_) if self.is_full() => Answer::Say(replies::TOO_MANY_RECIPIENTS),
            Clearance::Recipient(recipient) => self.take(recipient),
        })
    }

    /// Takes a recipient, or asks first whether there is such a mailbox.
    fn take(&mut self, recipient: Vec<u8>) -> Answer {
        if self.terms.checks_recipients && self.policy.is_local(&recipient) {
            return Answer::Check(Candidate(recipient));
        }
        Answer::Say(self.add(&recipient))
    }

    /// The reply to a recipient that was asked about.
    pub(crate) fn checked(&mut self, candidate: &Candidate, finding: Finding) -> Answer {
        let reply = match finding {
            Finding::Exists => self.add(&candidate.0),
            Finding::Missing => replies::NO_MAILBOX,
            Finding::Unknown => replies::CANNOT_CHECK,
        };
        self.counted(Answer::Say(reply))
    }

    fn standing(&self) -> Standing {
        match self.user {
            Some(_) => Standing::User,
            None => Standing::Stranger,
        }
    }

    fn is_full(&self) -> bool {
        match &self.state {
            State::Idle | State::Mailed(_) => false,
            State::Addressed(envelope) => envelope.is_full(self.terms.recipients_max),
        }
    }

    fn add(&mut self, recipient: &[u8]) -> Reply {
        let mut envelope = match std::mem::replace(&mut self.state, State::Idle) {
            State::Idle => return replies::MAIL_FIRST,
            State::Mailed(mailed) => Envelope::new(mailed.sender),
            State::Addressed(envelope) => envelope,
        };
        envelope.add(recipient);
        self.state = State::Addressed(envelope);
        replies::RECIPIENT_OK
    }

    /// Whatever becomes of the message, the transaction is over.
    fn data(&mut self) -> Answer {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Idle => Answer::Say(replies::MAIL_FIRST),
            State::Mailed(mailed) => {
                self.state = State::Mailed(mailed);
                Answer::Say(replies::RCPT_FIRST)
            }
            State::Addressed(envelope) => Answer::Receive(envelope),
        }
    }

    fn start_tls(&self, command: &Command) -> Answer {
        let is_idle = matches!(self.state, State::Idle) && self.user.is_none();
        match self.terms.tls {
            _ if self.is_secret => Answer::Say(replies::TLS_AGAIN),
            TlsTerms::Off => Answer::Say(replies::UNIMPLEMENTED),
            TlsTerms::Broken => Answer::Say(replies::TLS_BROKEN),
            TlsTerms::Ready if !command.argument().is_empty() => {
                Answer::Say(replies::TLS_WITH_ARGUMENT)
            }
            TlsTerms::Ready if !is_idle => Answer::Say(replies::TLS_IN_TRANSACTION),
            TlsTerms::Ready => Answer::Secure(replies::READY_FOR_TLS),
        }
    }

    /// The handshake succeeded. What the client said before, somebody else may have said (RFC 3207 section 4.2).
    pub(crate) fn secured(&mut self) {
        self.hello = Hello::None;
        self.state = State::Idle;
        self.is_secret = true;
    }

    fn auth(&self, command: &Command) -> Answer {
        let Some(auth) = &self.terms.auth else {
            return Answer::Say(replies::UNIMPLEMENTED);
        };
        if self.user.is_some() {
            return Answer::Say(replies::LOGIN_AGAIN);
        }
        if !self.is_secret && !auth.is_allowed_in_clear {
            return Answer::Say(replies::LOGIN_NOT_IN_CLEAR);
        }
        if !matches!(self.state, State::Idle) {
            return Answer::Say(replies::LOGIN_IN_TRANSACTION);
        }
        if command.is_cut() {
            return Answer::Say(replies::LOGIN_LINE_TOO_LONG);
        }
        let words = command.argument().split(|b| *b == b' ');
        let words: Vec<&[u8]> = words.filter(|word| !word.is_empty()).collect();
        let (name, initial) = match words.as_slice() {
            [name] => (*name, None),
            [name, initial] => (*name, Some(initial.to_vec())),
            _ => return Answer::Say(replies::LOGIN_MALFORMED),
        };
        match Mechanism::parse(name).filter(|known| auth.mechanisms.contains(known)) {
            Some(mechanism) => Answer::Login(mechanism, initial),
            None => Answer::Say(replies::UNKNOWN_MECHANISM),
        }
    }

    /// The password was right.
    pub(crate) fn logged_in(&mut self, user: Vec<u8>) -> Answer {
        self.user = Some(user);
        self.failed_logins = 0;
        Answer::Say(replies::LOGGED_IN)
    }

    /// It came to nothing, for the reason in `reply`; a wrong password counts.
    pub(crate) fn login_failed(&mut self, reply: Reply) -> Answer {
        if reply != replies::LOGIN_WRONG {
            return self.counted(Answer::Say(reply));
        }
        self.failed_logins = self.failed_logins.saturating_add(1);
        if self.failed_logins >= FAILED_LOGINS_MAX {
            return Answer::Drop(reply);
        }
        Answer::Say(reply)
    }

    /// How long a client waits for the answer to a wrong password.
    pub(crate) fn penalty_s(&self) -> u64 {
        u64::from(self.failed_logins)
    }

    fn offered(&self) -> Offered {
        match self.hello {
            Hello::Extended(_) if self.terms.auth.is_some() => Offered::ExtensionsAndAuth,
            Hello::Extended(_) => Offered::Extensions,
            Hello::None | Hello::Plain(_) => Offered::Nothing,
        }
    }

    /// What follows the address. Without brackets and without EHLO that was always passed over.
    fn parameters_of(&self, path: &Path<'_>) -> Vec<u8> {
        match (path.is_bracketed, self.offered()) {
            (true, _) => path.rest.to_vec(),
            (false, Offered::Nothing) => Vec::new(),
            (false, Offered::Extensions | Offered::ExtensionsAndAuth) => [b" ", path.rest].concat(),
        }
    }

    /// The address with our own name for our own addresses; nothing if that is too long.
    fn resolve(&self, path: Path<'_>) -> Result<Option<Vec<u8>>, PolicyError> {
        let address = self.policy.resolve_literal(path.address)?;
        Ok((address.len() <= address::SMTP_MAX).then_some(address))
    }
}

/// The address in the argument; nothing if it cannot be one.
fn parse(command: &Command) -> Option<Path<'_>> {
    if !command.is_sound() {
        return None;
    }
    path::parse(command.argument()).ok()
}

fn refusal(error: ParameterError) -> Reply {
    match error {
        ParameterError::Malformed => replies::BAD_PARAMETER,
        ParameterError::Unknown => replies::UNKNOWN_PARAMETER,
    }
}

/// Guessing is for those who have time.
const FAILED_LOGINS_MAX: u32 = 3;

#[cfg(test)]
mod sweep;
#[cfg(test)]
mod tests;
