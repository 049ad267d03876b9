//! Every reply of qmail-smtpd(8). Clients and log readers match on the texts the original has too: they are its own,
//! byte for byte. A client that said EHLO gets a status (RFC 2034) between code and text.

use std::borrow::Cow;

use smtp::ehlo::{self, Extension};

/// A complete reply without its last line end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Reply {
    code: &'static str,
    /// Of the same class as the code; empty where the standard has none.
    status: Cow<'static, str>,
    /// All lines but the last; only EHLO's has any.
    before: Vec<Vec<u8>>,
    text: Cow<'static, [u8]>,
}

/// Whether a client was offered statuses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Style {
    /// Code and text.
    Plain,
    /// Code, status and text.
    Enhanced,
}

impl Reply {
    const fn fixed(code: &'static str, status: &'static str, text: &'static str) -> Self {
        Self {
            code,
            status: Cow::Borrowed(status),
            before: Vec::new(),
            text: Cow::Borrowed(text.as_bytes()),
        }
    }

    fn ours(code: &'static str, status: &'static str, text: Vec<u8>) -> Self {
        Self {
            text: Cow::Owned(text),
            ..Self::fixed(code, status, "")
        }
    }

    /// A code and a text that somebody else wrote; bytes that would end the line become spaces.
    fn quoting(code: &'static str, text: &[u8]) -> Self {
        let line: Vec<u8> = text
            .trim_ascii_end()
            .iter()
            .map(|b| match b {
                b'\r' | b'\n' | b'\0' => b' ',
                other => *other,
            })
            .collect();
        let class = code.chars().next().unwrap_or('4');
        let status = status_in(&line).filter(|status| status.starts_with(class));
        Self {
            status: Cow::Owned(status.unwrap_or_else(|| format!("{class}.0.0"))),
            ..Self::ours(code, "", line)
        }
    }

    /// The bytes, lines separated by CR LF.
    pub(crate) fn bytes(&self, style: Style) -> Vec<u8> {
        let mut bytes = Vec::new();
        for line in &self.before {
            bytes.extend_from_slice(self.code.as_bytes());
            bytes.push(b'-');
            bytes.extend_from_slice(line);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(self.code.as_bytes());
        bytes.push(b' ');
        if style == Style::Enhanced && !self.status.is_empty() {
            bytes.extend_from_slice(self.status.as_bytes());
            bytes.push(b' ');
        }
        bytes.extend_from_slice(&self.text);
        bytes
    }

    /// The client is told to come again.
    pub(crate) fn is_deferral(&self) -> bool {
        self.code.starts_with('4')
    }

    /// The client is told not to come again.
    pub(crate) fn is_failure(&self) -> bool {
        self.code.starts_with('5')
    }
}

/// The status in a text that ends like `(#5.7.1)`.
fn status_in(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?;
    let (_, rest) = text.rsplit_once("(#")?;
    let status = rest.strip_suffix(')')?;
    let parts: Vec<&str> = status.split('.').collect();
    let is_number =
        |part: &&str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    (parts.len() == 3 && parts.iter().all(is_number)).then(|| status.to_owned())
}

/// On connection.
pub(crate) fn welcome(greeting: &[u8]) -> Reply {
    Reply::ours("220", "", [greeting, b" ESMTP"].concat())
}

/// To HELO.
pub(crate) fn helo(greeting: &[u8]) -> Reply {
    Reply::ours("250", "", greeting.to_vec())
}

/// To EHLO.
pub(crate) fn ehlo(greeting: &[u8], offered: &[Extension<'_>]) -> Reply {
    let mut lines = ehlo::offer(greeting, offered);
    let last = lines.pop().unwrap_or_default();
    Reply {
        before: lines,
        ..Reply::ours("250", "", last)
    }
}

/// To QUIT.
pub(crate) fn goodbye(greeting: &[u8]) -> Reply {
    Reply::ours("221", "2.0.0", greeting.to_vec())
}

/// The message is in the queue.
pub(crate) fn accepted(now: u64, qp: u32) -> Reply {
    Reply::ours("250", "2.0.0", format!("ok {now} qp {qp}").into_bytes())
}

/// qmail-queue did not take the message and never will.
pub(crate) fn refused(text: &[u8]) -> Reply {
    Reply::quoting("554", text)
}

/// qmail-queue did not take the message now.
pub(crate) fn deferred(text: &[u8]) -> Reply {
    Reply::quoting("451", text)
}

/// A step of AUTH; `question` is base64.
pub(crate) fn challenge(question: Vec<u8>) -> Reply {
    Reply::ours("334", "", question)
}

pub(crate) const SENDER_OK: Reply = Reply::fixed("250", "2.1.0", "ok");
pub(crate) const RECIPIENT_OK: Reply = Reply::fixed("250", "2.1.5", "ok");
pub(crate) const NOOP: Reply = Reply::fixed("250", "2.0.0", "ok");
pub(crate) const FLUSHED: Reply = Reply::fixed("250", "2.0.0", "flushed");
pub(crate) const GO_AHEAD: Reply = Reply::fixed("354", "", "go ahead");
pub(crate) const CANNOT_VERIFY: Reply =
    Reply::fixed("252", "2.5.0", "send some mail, i'll try my best");
pub(crate) const HELP: Reply =
    Reply::fixed("214", "2.0.0", "notqmail home page: https://notqmail.org");
pub(crate) const UNIMPLEMENTED: Reply = Reply::fixed("502", "5.5.1", "unimplemented (#5.5.1)");
pub(crate) const MAIL_FIRST: Reply = Reply::fixed("503", "5.5.1", "MAIL first (#5.5.1)");
pub(crate) const RCPT_FIRST: Reply = Reply::fixed("503", "5.5.1", "RCPT first (#5.5.1)");
pub(crate) const BAD_ADDRESS: Reply = Reply::fixed("555", "5.5.4", "syntax error (#5.5.4)");
pub(crate) const BAD_SENDER: Reply = Reply::fixed(
    "553",
    "5.7.1",
    "sorry, your envelope sender is in my badmailfrom list (#5.7.1)",
);
pub(crate) const NO_GATEWAY: Reply = Reply::fixed(
    "553",
    "5.7.1",
    "sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
);
pub(crate) const NO_QUEUE: Reply = Reply::fixed("451", "4.3.0", "qqt failure (#4.3.0)");
pub(crate) const LOOPING: Reply = Reply::fixed(
    "554",
    "5.4.6",
    "too many hops, this message is looping (#5.4.6)",
);
pub(crate) const TOO_BIG: Reply = Reply::fixed(
    "552",
    "5.3.4",
    "sorry, that message size exceeds my databytes limit (#5.3.4)",
);
pub(crate) const BARE_LF: Reply =
    Reply::fixed("451", "4.6.0", "See https://cr.yp.to/docs/smtplf.html.");
pub(crate) const TIMEOUT: Reply = Reply::fixed("451", "4.4.2", "timeout (#4.4.2)");
pub(crate) const NO_CONTROLS: Reply =
    Reply::fixed("421", "4.3.0", "unable to read controls (#4.3.0)");
pub(crate) const NO_INTERFACES: Reply = Reply::fixed(
    "421",
    "4.3.0",
    "unable to figure out my IP addresses (#4.3.0)",
);

// The rest has no counterpart in the original.

/// HELO or EHLO with more than a command line.
pub(crate) const BAD_HELO: Reply = Reply::fixed("501", "5.5.4", "syntax error (#5.5.4)");
pub(crate) const BAD_PARAMETER: Reply =
    Reply::fixed("501", "5.5.4", "malformed parameter (#5.5.4)");
pub(crate) const UNKNOWN_PARAMETER: Reply =
    Reply::fixed("555", "5.5.4", "unknown parameter (#5.5.4)");
pub(crate) const TOO_MANY_RECIPIENTS: Reply =
    Reply::fixed("452", "4.5.3", "too many recipients (#4.5.3)");
pub(crate) const ENDLESS_LINE: Reply =
    Reply::fixed("421", "4.5.2", "command line too long (#5.5.2)");
pub(crate) const BARE_CR: Reply = Reply::fixed(
    "550",
    "5.6.0",
    "sorry, this message has a CR without LF (#5.6.0)",
);
pub(crate) const TOO_MANY_ERRORS: Reply = Reply::fixed("421", "4.7.0", "too many errors (#4.7.0)");
pub(crate) const TOO_LONG: Reply = Reply::fixed("421", "4.4.2", "session too long (#4.4.2)");
pub(crate) const OUT_OF_TURN: Reply = Reply::fixed("554", "5.5.1", "wait your turn (#5.5.1)");
pub(crate) const NO_WEB: Reply = Reply::fixed("421", "4.7.0", "I speak SMTP (#4.7.0)");

/// A recipient refused because nothing says whom we take mail for.
pub(crate) const NO_RCPTHOSTS: Reply = Reply::fixed(
    "451",
    "4.7.1",
    "sorry, that domain isn't in my list of allowed rcpthosts (#4.7.1)",
);
pub(crate) const BAD_RECIPIENT: Reply = Reply::fixed(
    "553",
    "5.7.1",
    "sorry, your envelope recipient is in my badrcptto list (#5.7.1)",
);
pub(crate) const NO_MAILBOX: Reply = Reply::fixed(
    "550",
    "5.1.1",
    "sorry, no mailbox here by that name (#5.1.1)",
);
pub(crate) const CANNOT_CHECK: Reply = Reply::fixed(
    "451",
    "4.3.0",
    "unable to check that recipient now (#4.3.0)",
);
pub(crate) const NOT_YOUR_ADDRESS: Reply = Reply::fixed(
    "553",
    "5.7.1",
    "sorry, you may not send from that address (#5.7.1)",
);
pub(crate) const LOGIN_FIRST: Reply =
    Reply::fixed("530", "5.7.0", "authentication required (#5.7.0)");

pub(crate) const STARTTLS_FIRST: Reply = Reply::fixed(
    "530",
    "5.7.0",
    "must issue a STARTTLS command first (#5.7.0)",
);
pub(crate) const READY_FOR_TLS: Reply = Reply::fixed("220", "2.0.0", "ready to start TLS");
pub(crate) const TLS_WITH_ARGUMENT: Reply =
    Reply::fixed("501", "5.5.4", "STARTTLS takes nothing else (#5.5.4)");
pub(crate) const TLS_AGAIN: Reply = Reply::fixed("503", "5.5.1", "TLS already started (#5.5.1)");
pub(crate) const TLS_IN_TRANSACTION: Reply =
    Reply::fixed("503", "5.5.1", "no STARTTLS now (#5.5.1)");
pub(crate) const TLS_BROKEN: Reply = Reply::fixed("454", "4.7.0", "TLS not available now (#4.7.0)");

pub(crate) const LOGGED_IN: Reply = Reply::fixed("235", "2.7.0", "ok, go ahead (#2.7.0)");
pub(crate) const LOGIN_WRONG: Reply =
    Reply::fixed("535", "5.7.8", "authentication failed (#5.7.8)");
pub(crate) const LOGIN_TROUBLE: Reply =
    Reply::fixed("454", "4.7.0", "unable to check your password now (#4.7.0)");
pub(crate) const LOGIN_CANCELLED: Reply =
    Reply::fixed("501", "5.7.0", "authentication cancelled (#5.7.0)");
pub(crate) const LOGIN_MALFORMED: Reply =
    Reply::fixed("501", "5.5.2", "malformed authentication (#5.5.2)");
pub(crate) const LOGIN_LINE_TOO_LONG: Reply =
    Reply::fixed("500", "5.5.6", "authentication line too long (#5.5.6)");
pub(crate) const LOGIN_NOT_IN_CLEAR: Reply = Reply::fixed(
    "538",
    "5.7.11",
    "encryption required for authentication (#5.7.11)",
);
pub(crate) const LOGIN_AGAIN: Reply =
    Reply::fixed("503", "5.5.1", "you are already authenticated (#5.5.1)");
pub(crate) const LOGIN_IN_TRANSACTION: Reply =
    Reply::fixed("503", "5.5.1", "no AUTH during a mail transaction (#5.5.1)");
pub(crate) const UNKNOWN_MECHANISM: Reply =
    Reply::fixed("504", "5.5.4", "unknown authentication mechanism (#5.5.4)");

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(reply: &Reply, plain: &str, enhanced: &str) {
        let shown = |style| String::from_utf8(reply.bytes(style)).unwrap();
        assert_eq!(shown(Style::Plain), plain);
        assert_eq!(shown(Style::Enhanced), enhanced);
    }

    #[test]
    fn the_ehlo_reply_has_a_line_for_each_extension() {
        let offered = [Extension::Pipelining, Extension::Size(7)];
        let text = "250-mx.test\r\n250-PIPELINING\r\n250 SIZE 7";
        check(&ehlo(b"mx.test", &offered), text, text);
        check(&ehlo(b"mx.test", &[]), "250 mx.test", "250 mx.test");
    }

    #[test]
    fn a_status_stands_between_code_and_text_where_there_is_one() {
        check(&SENDER_OK, "250 ok", "250 2.1.0 ok");
        check(&GO_AHEAD, "354 go ahead", "354 go ahead");
        check(&accepted(5, 7), "250 ok 5 qp 7", "250 2.0.0 ok 5 qp 7");
        check(&welcome(b"mx"), "220 mx ESMTP", "220 mx ESMTP");
        check(&challenge(b"eA==".to_vec()), "334 eA==", "334 eA==");
    }

    #[test]
    fn a_foreign_text_stays_on_its_line_and_gives_its_status() {
        check(
            &refused(b"no\r\n250 yes\n"),
            "554 no  250 yes",
            "554 5.0.0 no  250 yes",
        );
        check(
            &deferred(b"qq crashed (#4.3.0)"),
            "451 qq crashed (#4.3.0)",
            "451 4.3.0 qq crashed (#4.3.0)",
        );
        for odd in [
            "x (#5.3.0)",
            "x (#4.3)",
            "x (#4.x.0)",
            "x (#4.3.0) y",
            "x (#4.3.0000)",
            "\u{e4}",
        ] {
            let shown = deferred(odd.as_bytes()).bytes(Style::Enhanced);
            assert!(shown.starts_with(b"451 4.0.0 "), "{odd}");
        }
    }
}
