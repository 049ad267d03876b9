//! What a message of our own users lacks is added on its way into the queue (RFC 6409 section 8): Date, Message-ID,
//! and the host of an address that has none. Pure; the stamps come in.

use header::field::{Fields, Line, Name};
use header::{Defaults, Token, list, stamp, token};

/// What messages are completed with.
#[derive(Debug)]
pub(crate) struct Completion {
    defaults: Defaults,
    /// The right side of a Message-ID.
    id_host: Vec<u8>,
}

/// When and by whom a message is completed.
#[derive(Debug)]
pub(crate) struct Moment {
    /// As `datetime::rfc822` makes it.
    pub(crate) date: String,
    /// As `datetime::digits` makes it.
    pub(crate) digits: String,
    /// With the second it makes a Message-ID unique.
    pub(crate) pid: u32,
}

/// A message on its way: its header is kept until it is whole.
#[derive(Debug)]
pub(crate) struct Completer<'a> {
    completion: &'a Completion,
    moment: Moment,
    /// The header so far, ≤ `HEADER_BYTES_MAX` plus one piece; nothing once it is through.
    header: Option<Vec<u8>>,
}

impl Completion {
    pub(crate) fn new(defaults: Defaults, id_host: Vec<u8>) -> Self {
        Self { defaults, id_host }
    }

    /// Begins a message.
    pub(crate) fn begin(&self, moment: Moment) -> Completer<'_> {
        Completer {
            completion: self,
            moment,
            header: Some(Vec::new()),
        }
    }
}

impl Completer<'_> {
    /// Takes a piece of the message; gives what can go on.
    pub(crate) fn feed(&mut self, piece: &[u8]) -> Vec<u8> {
        let Some(header) = &mut self.header else {
            return piece.to_vec();
        };
        // The end may straddle two pieces.
        let searched = header.len().saturating_sub(1);
        header.extend_from_slice(piece);
        let Some(end) = end_of_header(header, searched) else {
            // What is so long is not completed, only passed on.
            return if header.len() > HEADER_BYTES_MAX {
                self.header.take().unwrap_or_default()
            } else {
                Vec::new()
            };
        };
        let header = self.header.take().unwrap_or_default();
        let (header, body) = header.split_at_checked(end).unwrap_or((&header, &[]));
        [self.complete(header), body.to_vec()].concat()
    }

    /// The message ended; gives what was kept.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        let header = self.header.take();
        header.map_or_else(Vec::new, |header| self.complete(&header))
    }

    /// A header without the empty line after it.
    fn complete(&self, header: &[u8]) -> Vec<u8> {
        let mut fields = Fields::new();
        let mut rest = Vec::new();
        for line in header.split_inclusive(|b| *b == b'\n') {
            if !rest.is_empty() {
                rest.extend_from_slice(line);
            } else if let Line::Body(text) = fields.add(line) {
                rest = text;
            }
        }
        let fields = fields.into_fields();
        let has = |name| fields.iter().any(|field| Name::of(field) == Some(name));
        let mut out: Vec<u8> = fields
            .iter()
            .flat_map(|field| self.addressed(field))
            .collect();
        if !has(Name::Date) {
            out.extend(stamp::date(&self.moment.date));
        }
        if !has(Name::MessageId) {
            let (digits, pid) = (&self.moment.digits, self.moment.pid);
            out.extend(stamp::message_id(digits, pid, &self.completion.id_host));
        }
        out.extend(rest);
        out
    }

    /// The field, its addresses complete; as it was if they are, or if it cannot be understood.
    fn addressed(&self, field: &[u8]) -> Vec<u8> {
        let is_addressed = matches!(
            Name::of(field),
            Some(Name::From | Name::Sender | Name::ReplyTo | Name::To | Name::Cc)
        );
        let Some(tokens) = is_addressed.then(|| token::parse(field).ok()).flatten() else {
            return field.to_vec();
        };
        let mut is_lacking = false;
        let rewritten = list::rewrite(tokens, |address| {
            is_lacking |= !address.is_empty() && !address.contains(&Token::At);
            self.completion.defaults.complete(address);
        });
        match rewritten {
            Ok(tokens) if is_lacking => token::print(&tokens, WIDTH),
            Ok(_) | Err(_) => field.to_vec(),
        }
    }
}

/// Where the empty line after the header begins; `from` is where to look.
fn end_of_header(message: &[u8], from: usize) -> Option<usize> {
    if message.first() == Some(&b'\n') {
        return Some(0);
    }
    let rest = message.get(from..)?;
    let at = rest.windows(2).position(|pair| pair == b"\n\n")?;
    from.checked_add(at)?.checked_add(1)
}

/// As qmail-inject folds.
const WIDTH: usize = 80;
/// A header of a mail program has a few KiB, one with thousands of recipients some hundreds.
const HEADER_BYTES_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(message: &str, pieces: usize) -> String {
        let defaults = Defaults::new(b"host.example", b"example", b"example").unwrap();
        let completion = Completion::new(defaults, b"id.example".to_vec());
        let mut completer = completion.begin(Moment {
            date: "22 Nov 2026 07:52:38 -0000".to_owned(),
            digits: "20261122075238".to_owned(),
            pid: 7,
        });
        let mut out = Vec::new();
        for piece in message.as_bytes().chunks(pieces) {
            out.extend(completer.feed(piece));
        }
        out.extend(completer.finish());
        String::from_utf8(out).unwrap()
    }

    #[track_caller]
    fn check(message: &str, expected: &str) {
        for pieces in [1, 2, 3, 1000] {
            assert_eq!(
                completed(message, pieces),
                expected,
                "in pieces of {pieces}"
            );
        }
    }

    const DATE: &str = "Date: 22 Nov 2026 07:52:38 -0000\n";
    const ID: &str = "Message-ID: <20261122075238.7.qmail@id.example>\n";

    #[test]
    fn a_whole_message_stays_as_it_is() {
        let message = "From: A  B <a@b.example>\nDate: yesterday\nMessage-Id: <x@y>\nTo: c@d.e\n\nDate: body\n\nFrom: x\n";
        check(message, message);
    }

    #[test]
    fn what_is_missing_is_added_behind_the_header() {
        check(
            "Subject: x\n\nbody\n",
            &format!("Subject: x\n{DATE}{ID}\nbody\n"),
        );
        check("date: x\n\nbody\n", &format!("date: x\n{ID}\nbody\n"));
        check("\nbody\n", &format!("{DATE}{ID}\nbody\n"));
        check("Subject: x\n", &format!("Subject: x\n{DATE}{ID}"));
        check("", &format!("{DATE}{ID}"));
    }

    #[test]
    fn a_body_without_an_empty_line_before_it_gets_one() {
        check(
            "Subject: x\nbody\nmore\n",
            &format!("Subject: x\n{DATE}{ID}\nbody\nmore\n"),
        );
    }

    #[test]
    fn addresses_get_the_host_they_lack() {
        check(
            "From: Joe <joe>\nTo: a, b@c.example\nSubject: joe\n\n",
            &format!(
                "From: Joe <joe@host.example>\nTo: a@host.example, b@c.example\nSubject: joe\n{DATE}{ID}\n"
            ),
        );
    }

    #[test]
    fn what_cannot_be_understood_is_left_alone() {
        check(
            "From: (open\nDate: x\nMessage-ID: y\n\n",
            "From: (open\nDate: x\nMessage-ID: y\n\n",
        );
    }

    #[test]
    fn an_endless_header_is_passed_on() {
        let long = format!("Subject: {}\n", "x".repeat(2 * HEADER_BYTES_MAX));
        let message = format!("{long}X: y\n\nbody\n");
        assert!(completed(&message, 65_536) == message);
    }
}
