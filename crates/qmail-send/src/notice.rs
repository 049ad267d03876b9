//! The text of a failure notice (QSBMF, qmail-send(8)): what stands before and after the
//! paragraphs of bounce/N, and the paragraph of one recipient. Nothing here touches a file.
//!
//! Mailing list managers parse this. Not a byte may change.

use address::quote::quote;

/// Who is told about a failure, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The sender is told.
    Single {
        /// The envelope sender of the message that failed.
        sender: Vec<u8>,
    },
    /// A notice failed; the postmaster is told.
    Double {
        /// doublebounceto at doublebouncehost.
        postmaster: Vec<u8>,
    },
    /// The notice to the postmaster failed; nobody is told.
    Triple,
}

impl Kind {
    /// What to do when a message from this envelope sender has failed.
    pub(crate) fn of(sender: &[u8], postmaster: &[u8]) -> Self {
        match sender.strip_suffix(VERP_TAIL).unwrap_or(sender) {
            b"" => Self::Double {
                postmaster: postmaster.to_vec(),
            },
            DOUBLE_BOUNCE => Self::Triple,
            sender => Self::Single {
                sender: sender.to_vec(),
            },
        }
    }

    /// Envelope sender and recipient of the notice; nothing for a notice that is not sent.
    pub(crate) fn envelope(&self) -> Option<(&[u8], &[u8])> {
        match self {
            Self::Single { sender } => Some((b"", sender)),
            Self::Double { postmaster } => Some((DOUBLE_BOUNCE, postmaster)),
            Self::Triple => None,
        }
    }
}

/// Who signs notices.
#[derive(Debug, Clone)]
pub(crate) struct Author {
    /// Control file bouncefrom.
    pub bouncefrom: Vec<u8>,
    /// Control file bouncehost.
    pub bouncehost: Vec<u8>,
}

/// The notice up to the first paragraph. `date` is as in a Date line.
pub(crate) fn opening(kind: &Kind, author: &Author, date: &str) -> Option<Vec<u8>> {
    let (_, recipient) = kind.envelope()?;
    let mailbox = quote(&[&author.bouncefrom[..], b"@"].concat());
    let mut text = Vec::new();
    for part in [
        b"Date: ".as_slice(),
        date.as_bytes(),
        b"\nFrom: ",
        &mailbox,
        &author.bouncehost,
        b"\nTo: ",
        &quote(recipient),
        b"\nSubject: failure notice\n\nHi. This is the qmail-send program at ",
        &author.bouncehost,
        excuse(kind),
    ] {
        text.extend_from_slice(part);
    }
    Some(text)
}

/// What stands between the last paragraph and the message.
pub(crate) fn separator(kind: &Kind) -> Vec<u8> {
    let (line, sender): (&[u8], &[u8]) = match kind {
        Kind::Single { sender } => (b"--- Below this line is a copy of the message.", sender),
        Kind::Double { .. } | Kind::Triple => (b"--- Below this line is the original bounce.", b""),
    };
    [line, b"\n\nReturn-Path: <", &quote(sender), b">\n"].concat()
}

fn excuse(kind: &Kind) -> &'static [u8] {
    match kind {
        Kind::Single { .. } => {
            b".\nI'm afraid I wasn't able to deliver your message to the following addresses.\n\
              This is a permanent error; I've given up. Sorry it didn't work out.\n\n"
        }
        Kind::Double { .. } | Kind::Triple => {
            b".\nI tried to deliver a bounce message to this address, but the bounce bounced!\n\n"
        }
    }
}

/// The paragraph of one recipient: the address as its sender wrote it, then what the delivery
/// program said, with no empty line inside, since an empty line ends a paragraph.
pub(crate) fn paragraph(shown: &[u8], report: &[u8]) -> Vec<u8> {
    let mut text = vec![b'<'];
    text.extend(
        shown
            .iter()
            .map(|&byte| if byte == b'\n' { b'_' } else { byte }),
    );
    text.extend_from_slice(b">:\n");
    text.extend_from_slice(report);
    if report.last().is_some_and(|&byte| byte != b'\n') {
        text.push(b'\n');
    }
    let last = text.len().saturating_sub(1);
    let mut before = 0;
    for (at, byte) in text.iter_mut().enumerate() {
        let follows_line_end = before == b'\n';
        before = *byte;
        if follows_line_end && *byte == b'\n' && at != last {
            *byte = b'/';
        }
    }
    text.push(b'\n');
    text
}

/// The envelope sender of double bounces.
const DOUBLE_BOUNCE: &[u8] = b"#@[]";
/// What ends a sender that is different for each recipient.
const VERP_TAIL: &[u8] = b"-@[]";

#[cfg(test)]
mod tests {
    use super::*;

    fn author() -> Author {
        Author {
            bouncefrom: b"MAILER-DAEMON".to_vec(),
            bouncehost: b"test.example".to_vec(),
        }
    }

    #[track_caller]
    fn check_paragraph(shown: &str, report: &str, expected: &str) {
        let text = paragraph(shown.as_bytes(), report.as_bytes());
        assert_eq!(
            text.escape_ascii().to_string(),
            expected.escape_default().to_string()
        );
    }

    #[test]
    fn a_paragraph_has_no_empty_line_inside() {
        check_paragraph("a@b", "line1\n\nline3\n", "<a@b>:\nline1\n/line3\n\n");
        check_paragraph("a@b", "x\n\n\n\ny\n", "<a@b>:\nx\n///y\n\n");
        check_paragraph("a@b", "\nx\n", "<a@b>:\n/x\n\n");
    }

    #[test]
    fn the_very_last_byte_is_exempt() {
        check_paragraph("a@b", "x\n\n", "<a@b>:\nx\n\n\n");
    }

    #[test]
    fn a_report_gets_a_line_end_unless_it_is_empty() {
        check_paragraph("a@b", "no", "<a@b>:\nno\n\n");
        check_paragraph("a@b", "", "<a@b>:\n\n");
    }

    #[test]
    fn an_address_stays_on_its_line() {
        check_paragraph("a\nb@c", "no\n", "<a_b@c>:\nno\n\n");
    }

    #[test]
    fn a_single_bounce_goes_to_the_sender() {
        let kind = Kind::of(b"u1@test.example", b"postmaster@test.example");
        assert_eq!(
            kind.envelope(),
            Some((b"".as_slice(), b"u1@test.example".as_slice()))
        );
        let text = opening(&kind, &author(), "22 Nov 2026 07:49:35 -0000").unwrap();
        let expected = "Date: 22 Nov 2026 07:49:35 -0000\n\
            From: MAILER-DAEMON@test.example\n\
            To: u1@test.example\n\
            Subject: failure notice\n\n\
            Hi. This is the qmail-send program at test.example.\n\
            I'm afraid I wasn't able to deliver your message to the following addresses.\n\
            This is a permanent error; I've given up. Sorry it didn't work out.\n\n";
        assert_eq!(
            text.escape_ascii().to_string(),
            expected.escape_default().to_string()
        );
        let expected =
            "--- Below this line is a copy of the message.\n\nReturn-Path: <u1@test.example>\n";
        assert_eq!(separator(&kind), expected.as_bytes());
    }

    #[test]
    fn a_double_bounce_goes_to_the_postmaster() {
        let kind = Kind::of(b"", b"postmaster@test.example");
        let envelope = (b"#@[]".as_slice(), b"postmaster@test.example".as_slice());
        assert_eq!(kind.envelope(), Some(envelope));
        let text = opening(&kind, &author(), "x").unwrap();
        let tail = b"at test.example.\n\
            I tried to deliver a bounce message to this address, but the bounce bounced!\n\n";
        assert!(text.ends_with(tail));
        let expected = b"--- Below this line is the original bounce.\n\nReturn-Path: <>\n";
        assert_eq!(separator(&kind), expected);
    }

    #[test]
    fn a_triple_bounce_goes_nowhere() {
        assert_eq!(Kind::of(b"#@[]", b"postmaster@test.example"), Kind::Triple);
        assert_eq!(opening(&Kind::Triple, &author(), "x"), None);
    }

    #[test]
    fn a_sender_for_each_recipient_is_told_once() {
        let kind = Kind::of(b"list-@host-@[]", b"p@h");
        assert_eq!(
            kind,
            Kind::Single {
                sender: b"list-@host".to_vec()
            }
        );
    }

    #[test]
    fn strange_names_are_quoted_in_the_header_but_hosts_are_not() {
        let kind = Kind::of(b"we\"ird user@x y", b"p@h");
        let author = Author {
            bouncefrom: b"a b".to_vec(),
            bouncehost: b"c d".to_vec(),
        };
        let text = opening(&kind, &author, "x").unwrap();
        let start = b"Date: x\nFrom: \"a b\"@c d\nTo: \"we\\\"ird user\"@x y\nSubject:";
        assert!(text.starts_with(start), "{}", text.escape_ascii());
    }
}
