//! Every reply of qmail-smtpd(8). Clients and log readers match on these texts: they are byte-compatible.

use std::borrow::Cow;

use smtp::ehlo::{self, Extension};

/// A complete reply without its last line end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Reply(Cow<'static, [u8]>);

impl Reply {
    const fn fixed(text: &'static [u8]) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// A code and a text that somebody else wrote; bytes that would end the line become spaces.
    fn quoting(code: &str, text: &[u8]) -> Self {
        let line: Vec<u8> = text
            .trim_ascii_end()
            .iter()
            .map(|b| {
                if matches!(b, b'\r' | b'\n' | b'\0') {
                    b' '
                } else {
                    *b
                }
            })
            .collect();
        Self(Cow::Owned([code.as_bytes(), b" ", &line].concat()))
    }

    /// The bytes, lines separated by CR LF.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// On connection.
pub(crate) fn welcome(greeting: &[u8]) -> Reply {
    Reply(Cow::Owned([b"220 ", greeting, b" ESMTP"].concat()))
}

/// To HELO.
pub(crate) fn helo(greeting: &[u8]) -> Reply {
    Reply(Cow::Owned([b"250 ", greeting].concat()))
}

/// To EHLO.
pub(crate) fn ehlo(greeting: &[u8]) -> Reply {
    let lines = ehlo::offer(greeting, &OFFERED);
    let last = lines.len().saturating_sub(1);
    let text = lines
        .iter()
        .enumerate()
        .map(|(n, line)| [if n == last { b"250 " } else { b"250-" }, line.as_slice()].concat())
        .collect::<Vec<_>>()
        .join(b"\r\n".as_slice());
    Reply(Cow::Owned(text))
}

/// To QUIT.
pub(crate) fn goodbye(greeting: &[u8]) -> Reply {
    Reply(Cow::Owned([b"221 ", greeting].concat()))
}

/// The message is in the queue.
pub(crate) fn accepted(now: u64, qp: u32) -> Reply {
    Reply(Cow::Owned(format!("250 ok {now} qp {qp}").into_bytes()))
}

/// qmail-queue did not take the message and never will.
pub(crate) fn refused(text: &[u8]) -> Reply {
    Reply::quoting("554", text)
}

/// qmail-queue did not take the message now.
pub(crate) fn deferred(text: &[u8]) -> Reply {
    Reply::quoting("451", text)
}

pub(crate) const OK: Reply = Reply::fixed(b"250 ok");
pub(crate) const FLUSHED: Reply = Reply::fixed(b"250 flushed");
pub(crate) const GO_AHEAD: Reply = Reply::fixed(b"354 go ahead");
pub(crate) const CANNOT_VERIFY: Reply = Reply::fixed(b"252 send some mail, i'll try my best");
pub(crate) const HELP: Reply = Reply::fixed(b"214 notqmail home page: https://notqmail.org");
pub(crate) const UNIMPLEMENTED: Reply = Reply::fixed(b"502 unimplemented (#5.5.1)");
pub(crate) const MAIL_FIRST: Reply = Reply::fixed(b"503 MAIL first (#5.5.1)");
pub(crate) const RCPT_FIRST: Reply = Reply::fixed(b"503 RCPT first (#5.5.1)");
pub(crate) const BAD_ADDRESS: Reply = Reply::fixed(b"555 syntax error (#5.5.4)");
pub(crate) const BAD_SENDER: Reply =
    Reply::fixed(b"553 sorry, your envelope sender is in my badmailfrom list (#5.7.1)");
pub(crate) const NO_GATEWAY: Reply =
    Reply::fixed(b"553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)");
pub(crate) const NO_QUEUE: Reply = Reply::fixed(b"451 qqt failure (#4.3.0)");
pub(crate) const LOOPING: Reply =
    Reply::fixed(b"554 too many hops, this message is looping (#5.4.6)");
pub(crate) const TOO_BIG: Reply =
    Reply::fixed(b"552 sorry, that message size exceeds my databytes limit (#5.3.4)");
pub(crate) const BARE_LF: Reply = Reply::fixed(b"451 See https://cr.yp.to/docs/smtplf.html.");
pub(crate) const TIMEOUT: Reply = Reply::fixed(b"451 timeout (#4.4.2)");
pub(crate) const NO_CONTROLS: Reply = Reply::fixed(b"421 unable to read controls (#4.3.0)");
pub(crate) const NO_INTERFACES: Reply =
    Reply::fixed(b"421 unable to figure out my IP addresses (#4.3.0)");

// These three have no counterpart in the original, which knows no limits.

/// HELO or EHLO with more than a command line.
pub(crate) const BAD_HELO: Reply = Reply::fixed(b"501 syntax error (#5.5.4)");
pub(crate) const TOO_MANY_RECIPIENTS: Reply = Reply::fixed(b"452 too many recipients (#4.5.3)");
pub(crate) const ENDLESS_LINE: Reply = Reply::fixed(b"421 command line too long (#5.5.2)");

/// What EHLO offers.
const OFFERED: [Extension; 2] = [Extension::Pipelining, Extension::EightBitMime];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ehlo_reply_has_a_line_for_each_extension() {
        let text = b"250-mx.test\r\n250-PIPELINING\r\n250 8BITMIME";
        assert_eq!(ehlo(b"mx.test").as_bytes(), text);
    }

    #[test]
    fn a_foreign_text_stays_on_its_line() {
        assert_eq!(refused(b"no\r\n250 yes\n").as_bytes(), b"554 no  250 yes");
        assert_eq!(
            deferred(b"qq crashed (#4.3.0)").as_bytes(),
            b"451 qq crashed (#4.3.0)"
        );
    }
}
