//! The session on the connection: greets, reads commands, does what the session machine asks for, writes decisions
//! down.

use std::path::Path;

use smtp::command::{Command, Verb};
use smtp::sasl::Mechanism;
use tls::{Summary, Trouble};

use crate::auth::Outcome;
use crate::config::Config;
use crate::data::Intake;
use crate::hangup::Hangup;
use crate::journal::{Arrival, Circumstances, Journal};
use crate::replies::{self, Reply};
use crate::session::{Answer, Candidate, Envelope, Finding, Session};
use crate::submission::Moment;
use crate::wire::Wire;

/// One client.
pub(crate) struct Dialogue<'a> {
    wire: &'a mut Wire,
    home: &'a Path,
    config: &'a Config,
    session: Session<'a>,
    journal: Journal<'a>,
    secret: Option<Summary>,
}

/// What comes after a command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Next {
    Command,
    End,
}

impl<'a> Dialogue<'a> {
    pub(crate) fn new(wire: &'a mut Wire, home: &'a Path, config: &'a Config) -> Self {
        Self {
            wire,
            home,
            config,
            session: Session::new(&config.policy, &config.terms),
            journal: Journal::new(&config.client, config.is_logging),
            secret: None,
        }
    }

    /// Serves the client until it quits.
    pub(crate) fn hold(&mut self) -> Result<(), Hangup> {
        let ended = self.serve();
        if let Err(hangup) = &ended
            && hangup.is_news()
        {
            let reason = diag::chain(hangup);
            self.journal.hung_up(self.circumstances(), &reason);
        }
        ended
    }

    fn serve(&mut self) -> Result<(), Hangup> {
        if self.config.begins_with_tls {
            self.secure()?;
        }
        if self.config.is_strict && self.wire.has_more() {
            return self.send_away(&replies::OUT_OF_TURN);
        }
        self.wire
            .say(&replies::welcome(&self.config.terms.greeting))?;
        while self.turn()? == Next::Command {}
        Ok(())
    }

    /// Reads a command and answers it.
    fn turn(&mut self) -> Result<Next, Hangup> {
        let command = self.wire.line()?.command();
        if self.config.is_strict && self.is_out_of_turn(command.verb()) {
            self.send_away(&replies::OUT_OF_TURN)?;
        }
        let answer = self.session.answer(&command)?;
        self.wire.set_style(self.session.style());
        self.carry_out(&command, answer)
    }

    /// Some commands must wait for their answer, all of them before EHLO has offered PIPELINING (RFC 2920).
    fn is_out_of_turn(&self, verb: Verb) -> bool {
        let may_run_on = match verb {
            Verb::Mail | Verb::Rcpt | Verb::Rset => {
                self.session.style() == replies::Style::Enhanced
            }
            Verb::Quit => true,
            Verb::Helo
            | Verb::Ehlo
            | Verb::Data
            | Verb::Noop
            | Verb::Vrfy
            | Verb::Help
            | Verb::StartTls
            | Verb::Auth
            | Verb::Web
            | Verb::Unknown => false,
        };
        !may_run_on && self.wire.has_more()
    }

    fn carry_out(&mut self, command: &Command, answer: Answer) -> Result<Next, Hangup> {
        match answer {
            Answer::Say(reply) => {
                self.note(command, &reply);
                self.wire.say(&reply)?;
            }
            Answer::Leave(reply) => {
                self.wire.say(&reply)?;
                self.wire.flush()?;
                self.wire.close();
                return Ok(Next::End);
            }
            Answer::Drop(reply) => {
                self.note(command, &reply);
                self.send_away(&reply)?;
            }
            Answer::Receive(envelope) => self.receive(&envelope)?,
            Answer::Check(candidate) => {
                let finding = self.find(&candidate);
                let answer = self.session.checked(&candidate, finding);
                return self.carry_out(command, answer);
            }
            Answer::Secure(reply) => {
                self.wire.say(&reply)?;
                self.secure()?;
            }
            Answer::Login(mechanism, initial) => {
                let answer = self.log_in(mechanism, initial.as_deref())?;
                return self.carry_out(command, answer);
            }
        }
        Ok(Next::Command)
    }

    /// Ends the session, and never returns well.
    fn send_away(&mut self, reply: &Reply) -> Result<(), Hangup> {
        self.wire.say(reply)?;
        self.wire.flush()?;
        self.wire.close();
        Err(Hangup::SentAway)
    }

    /// Refusals of what a client wants of us are written down; errors in grammar are not.
    fn note(&self, command: &Command, reply: &Reply) {
        let name = match command.verb() {
            Verb::Mail => "mail",
            Verb::Rcpt => "rcpt",
            Verb::Helo
            | Verb::Ehlo
            | Verb::Data
            | Verb::Rset
            | Verb::Noop
            | Verb::Vrfy
            | Verb::Help
            | Verb::Quit
            | Verb::StartTls
            | Verb::Auth
            | Verb::Web
            | Verb::Unknown => return,
        };
        if reply.is_failure() || reply.is_deferral() {
            let what = (name, command.argument());
            self.journal.refused(self.circumstances(), what, reply);
        }
    }

    fn circumstances(&self) -> Circumstances<'_> {
        Circumstances {
            session: &self.session,
            secret: self.secret.as_ref(),
        }
    }

    fn find(&self, candidate: &Candidate) -> Finding {
        let sender = self.session.sender().unwrap_or_default();
        match &self.config.checker {
            Some(checker) => checker.find(sender, candidate.address()),
            None => Finding::Exists,
        }
    }

    fn receive(&mut self, envelope: &Envelope) -> Result<(), Hangup> {
        let now = os::clock::now();
        let moment = || Moment {
            date: datetime::rfc822(now),
            digits: datetime::digits(now),
            pid: os::account::pid(),
        };
        let completion = self.config.completion.as_ref();
        let client = &self.config.client;
        let intake = Intake {
            home: self.home,
            size_max: self.config.terms.size_max,
            line_ends: self.config.line_ends,
            received: client.received(&self.session, self.secret.as_ref(), now),
            completer: completion.map(|completion| completion.begin(moment())),
        };
        let taken = intake.receive(self.wire, envelope)?;
        self.wire.say(&taken.reply)?;
        // Until the client knows, it would send the message again.
        let told = self.wire.flush();
        let arrival = Arrival {
            envelope,
            reply: &taken.reply,
            qp: taken.qp,
            bytes: taken.bytes,
        };
        self.journal.message(self.circumstances(), &arrival);
        Ok(told?)
    }

    fn secure(&mut self) -> Result<(), Hangup> {
        let server = self.config.tls.as_ref().ok_or(Hangup::NoCertificate)?;
        let (summary, trouble) = self.wire.secure(server)?;
        complain(&trouble);
        self.secret = Some(summary);
        self.session.secured();
        self.wire.set_style(self.session.style());
        Ok(())
    }

    fn log_in(&mut self, mechanism: Mechanism, initial: Option<&[u8]>) -> Result<Answer, Hangup> {
        let Some(authenticator) = &self.config.authenticator else {
            return Ok(self.session.login_failed(replies::LOGIN_TROUBLE));
        };
        match authenticator.converse(self.wire, mechanism, initial)? {
            Outcome::User(user) => {
                let answer = self.session.logged_in(user);
                self.journal.logged_in(self.circumstances());
                Ok(answer)
            }
            Outcome::Failed(reply, user) => {
                let what = ("login", user.as_deref().unwrap_or_default());
                self.journal.refused(self.circumstances(), what, &reply);
                let answer = self.session.login_failed(reply);
                if let Answer::Say(_) = answer {
                    self.wire.pause(self.session.penalty_s())?;
                }
                Ok(answer)
            }
        }
    }
}

/// Tells what a handshake has shown to be wrong on our side.
fn complain(trouble: &Trouble) {
    if os::fd::is_socket(&os::fd::stderr()) {
        return;
    }
    if let Some(error) = &trouble.tickets {
        diag::warning("qmail-smtpd", error);
    }
    if let Some(error) = &trouble.by_name {
        diag::warning("qmail-smtpd", error);
    }
}
