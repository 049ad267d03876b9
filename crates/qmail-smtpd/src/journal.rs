//! One line on descriptor 2 for each decision: who the client is, what it wanted, what became of it. Off unless
//! `$SMTPDLOG` or control/smtpdlog says so, and where descriptor 2 is a socket, as under inetd.
//!
//! A line is `qmail-smtpd: pid verdict name=value ...`. Values hold no blanks and no control characters, so that
//! nothing a client sends can look like another value or another line.

use std::fmt::Write;

use tls::Summary;

use crate::client::Client;
use crate::replies::{Reply, Style};
use crate::session::{Envelope, Hello, Session};

/// Writes decisions down, or does not.
#[derive(Debug)]
pub(crate) struct Journal<'a> {
    client: &'a Client,
    is_on: bool,
}

/// What is known when something is decided.
#[derive(Clone, Copy)]
pub(crate) struct Circumstances<'a> {
    pub(crate) session: &'a Session<'a>,
    pub(crate) secret: Option<&'a Summary>,
}

/// A message that came to its end.
pub(crate) struct Arrival<'a> {
    pub(crate) envelope: &'a Envelope,
    pub(crate) reply: &'a Reply,
    /// By which other logs name it; nothing if it is not in the queue.
    pub(crate) qp: Option<u32>,
    /// As stored, without what we added.
    pub(crate) bytes: u64,
}

impl<'a> Journal<'a> {
    pub(crate) fn new(client: &'a Client, is_wanted: bool) -> Self {
        Self {
            client,
            is_on: is_wanted && !os::fd::is_socket(&os::fd::stderr()),
        }
    }

    /// A command was refused; `argument` is what it was about.
    pub(crate) fn refused(&self, at: Circumstances<'_>, what: (&str, &[u8]), reply: &Reply) {
        let mut line = self.begin(at, verdict(reply));
        if let Some(sender) = at.session.sender() {
            address(&mut line, "from", sender);
        }
        let (name, argument) = what;
        value(&mut line, name, argument);
        self.end(line, Some(reply));
    }

    /// A message was taken or not.
    pub(crate) fn message(&self, at: Circumstances<'_>, arrival: &Arrival<'_>) {
        let mut line = self.begin(at, verdict(arrival.reply));
        address(&mut line, "from", arrival.envelope.sender());
        for recipient in arrival.envelope.recipients().take(RECIPIENTS_SHOWN) {
            address(&mut line, "to", recipient);
        }
        let _ = write!(line, " rcpts={}", arrival.envelope.count());
        if let Some(qp) = arrival.qp {
            let _ = write!(line, " qp={qp}");
        }
        let _ = write!(line, " bytes={}", arrival.bytes);
        self.end(line, Some(arrival.reply));
    }

    /// Somebody proved who it is.
    pub(crate) fn logged_in(&self, at: Circumstances<'_>) {
        let line = self.begin(at, "login");
        self.end(line, None);
    }

    /// The session ends early, for a reason of ours or the client's.
    pub(crate) fn hung_up(&self, at: Circumstances<'_>, reason: &str) {
        let mut line = self.begin(at, "hangup");
        value(&mut line, "reason", reason.as_bytes());
        self.end(line, None);
    }

    fn begin(&self, at: Circumstances<'_>, verdict: &str) -> String {
        let mut line = format!("qmail-smtpd: {} {verdict}", os::account::pid());
        value(&mut line, "client", &self.client.ip);
        value(&mut line, "host", &self.client.host);
        match at.session.hello() {
            Hello::None => {}
            Hello::Plain(name) => value(&mut line, "helo", name),
            Hello::Extended(name) => value(&mut line, "ehlo", name),
        }
        if let Some(summary) = at.secret {
            let again = if summary.is_resumed { "/resumed" } else { "" };
            let _ = write!(line, " tls={}/{}{again}", summary.version, summary.cipher);
        }
        if let Some(user) = at.session.user() {
            value(&mut line, "user", user);
        }
        line
    }

    fn end(&self, mut line: String, reply: Option<&Reply>) {
        if !self.is_on {
            return;
        }
        if let Some(reply) = reply {
            value(&mut line, "reply", &reply.bytes(Style::Plain));
        }
        diag::line(&line);
    }
}

/// The word for what a reply means to the client.
fn verdict(reply: &Reply) -> &'static str {
    if reply.is_deferral() {
        "defer"
    } else if reply.is_failure() {
        "reject"
    } else {
        "accept"
    }
}

/// An address in brackets, so that the empty one is seen.
fn address(line: &mut String, name: &str, bytes: &[u8]) {
    value(line, name, &[b"<", cut(bytes), b">"].concat());
}

fn value(line: &mut String, name: &str, bytes: &[u8]) {
    let safe = diag::escape::log(cut(bytes));
    let _ = write!(line, " {name}={}", safe.escape_ascii());
}

fn cut(bytes: &[u8]) -> &[u8] {
    bytes.get(..VALUE_BYTES_MAX).unwrap_or(bytes)
}

/// A line of some hundred bytes is read; one of thousands is an attack on whoever reads it.
const VALUE_BYTES_MAX: usize = 200;
/// The count says how many there are.
const RECIPIENTS_SHOWN: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_one_word_of_bounded_length() {
        let mut line = String::new();
        value(&mut line, "helo", b"a b\r\n= \x1b[2J%\xff\"\\");
        assert_eq!(line, " helo=a_b_/=__[2J__\\\"\\\\");
        line.clear();
        address(&mut line, "from", &[b'x'; 5000]);
        assert!(line.len() < 300);
        line.clear();
        address(&mut line, "from", b"");
        assert_eq!(line, " from=<>");
    }
}
