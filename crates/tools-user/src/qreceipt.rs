//! qreceipt(1): when the message asks for a notice of its delivery to this address, sends one to
//! the envelope sender.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::process::ExitCode;

use header::field::{self, Fields, Line, Name};
use header::{list, token};
use queue_client::QueueProgram;
use report::Exit;
use thiserror::Error;

use crate::command;
use crate::requeue::say;

/// Exits 0 when a notice was sent, and when none was asked for.
#[must_use]
pub fn main() -> ExitCode {
    os::signal::ignore_pipe();
    let exit = match run(&os::env::args()) {
        Ok(()) => Exit::OK,
        Err(refusal) => {
            refusal.complain();
            refusal.exit()
        }
    };
    ExitCode::from(exit.code())
}

fn run(words: &[Vec<u8>]) -> Result<(), Refusal> {
    let address = words.first().ok_or(Refusal::Usage)?;
    let sender = os::env::var("SENDER").ok_or(Refusal::Usage)?;
    let message = command::input().map_err(Refusal::Read)?;
    let fields = header_of(message)?;
    let request = Request::read(&fields, address)?;
    if !request.is_made || NOBODY.contains(&sender.as_slice()) {
        return Ok(());
    }
    let notice = notice(address, &sender, request.message_id);
    send(&notice, &sender)
}

/// The fields of the header, as far as they fit.
fn header_of(message: File) -> Result<Vec<Vec<u8>>, Refusal> {
    let mut input = BufReader::new(message.take(HEADER_BYTES_MAX));
    let mut fields = Fields::new();
    loop {
        let mut line = Vec::new();
        input.read_until(b'\n', &mut line).map_err(Refusal::Read)?;
        if line.is_empty() {
            break;
        }
        if !line.ends_with(b"\n") {
            line.push(b'\n');
        }
        if let Line::Body(_) = fields.add(&line) {
            break;
        }
    }
    Ok(fields.into_fields())
}

/// What the header says to us.
#[derive(Debug, Default, PartialEq, Eq)]
struct Request<'a> {
    /// A notice is wanted.
    is_made: bool,
    /// The whole field.
    message_id: Option<&'a [u8]>,
}

impl<'a> Request<'a> {
    fn read(fields: &'a [Vec<u8>], address: &[u8]) -> Result<Self, Refusal> {
        let mut request = Self::default();
        for field in fields {
            if Name::of(field) == Some(Name::MessageId) {
                request.message_id = Some(field);
            } else if field::name(field).is_some_and(|name| name.eq_ignore_ascii_case(REQUEST)) {
                request.is_made |= names(field, address)?;
            }
        }
        Ok(request)
    }
}

/// Whether the address list of a field has this very address.
fn names(field: &[u8], address: &[u8]) -> Result<bool, Refusal> {
    let unparsed = || Refusal::Parse(field.to_vec());
    let mut is_there = false;
    let tokens = token::parse(field).map_err(|_| unparsed())?;
    list::rewrite(tokens, |found| {
        is_there |= token::unquote(found) == address;
    })
    .map_err(|_| unparsed())?;
    Ok(is_there)
}

fn notice(address: &[u8], sender: &[u8], message_id: Option<&[u8]>) -> Vec<u8> {
    let mut to = address::quote::quote(sender);
    // An address cannot add a field.
    for byte in &mut to {
        if *byte == b'\n' {
            *byte = b'_';
        }
    }
    let to = to.as_slice();
    let mut notice = [
        b"From: DELIVERY NOTICE SYSTEM <".as_slice(),
        to,
        b">\nTo: <",
        to,
        b">\nSubject: success notice\n\n\
          Hi! This is the qreceipt program. Your message was delivered to the\n\
          following address: ",
        address,
        b". Thanks for asking.\n",
    ]
    .concat();
    if let Some(field) = message_id {
        notice.extend_from_slice(b"Your ");
        notice.extend_from_slice(field);
    }
    notice
}

fn send(notice: &[u8], recipient: &[u8]) -> Result<(), Refusal> {
    let program = QueueProgram::configured(&os::home::home());
    let mut injection = program.start().map_err(|_| Refusal::Fork)?;
    injection.write(notice);
    // Nobody wants to hear that a notice bounced.
    injection.sender(b"");
    injection.recipient(recipient);
    match injection.finish().result {
        Ok(()) => Ok(()),
        Err(failure) if failure.is_permanent => Err(Refusal::QueuePermanent),
        Err(_) => Err(Refusal::QueueTemporary),
    }
}

/// Why there is no notice although there may be a request.
#[derive(Debug, Error)]
enum Refusal {
    #[error("usage")]
    Usage,
    #[error("read error")]
    Read(io::Error),
    #[error("unable to parse this")]
    Parse(Vec<u8>),
    #[error("unable to fork")]
    Fork,
    #[error("permanent qmail-queue error")]
    QueuePermanent,
    #[error("temporary qmail-queue error")]
    QueueTemporary,
}

impl Refusal {
    fn complain(&self) {
        match self {
            Self::Usage => diag::usage(PROGRAM, "deliveryaddress"),
            Self::Parse(field) => {
                let field = field.strip_suffix(b"\n").unwrap_or(field);
                say(&[b"qreceipt: fatal: unable to parse this: ", field]);
            }
            Self::Read(_) | Self::Fork | Self::QueuePermanent | Self::QueueTemporary => {
                diag::fatal(PROGRAM, self);
            }
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Usage | Self::Parse(_) | Self::QueuePermanent => Exit::PERMANENT,
            Self::Read(_) | Self::Fork | Self::QueueTemporary => Exit::TEMPORARY,
        }
    }
}

const PROGRAM: &str = "qreceipt";
const REQUEST: &[u8] = b"Notice-Requested-Upon-Delivery-To";
/// Bounces and double bounces have no sender to thank.
const NOBODY: [&[u8]; 2] = [b"", b"#@[]"];
/// A request further down is not seen: a delivery must not fail for a header that is too long.
const HEADER_BYTES_MAX: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::{Request, notice};

    #[track_caller]
    fn check(field: &str, is_made: bool) {
        let fields = [field.as_bytes().to_vec()];
        let request = Request::read(&fields, b"r@h").unwrap();
        assert_eq!(request.is_made, is_made, "{field}");
    }

    #[test]
    fn only_the_very_address_counts() {
        check("Notice-Requested-Upon-Delivery-To: r@h\n", true);
        check(
            "notice-requested-upon-delivery-to : A <a@b>,\n\tR (x) <r@h>\n",
            true,
        );
        check(
            "Notice-Requested-Upon-Delivery-To: R@h, r@H, r@h.example\n",
            false,
        );
        check("To: r@h\n", false);
    }

    #[test]
    fn a_field_beyond_understanding_is_refused() {
        let fields = [b"Notice-Requested-Upon-Delivery-To: (r@h\n".to_vec()];
        assert!(Request::read(&fields, b"r@h").is_err());
    }

    #[test]
    fn a_sender_cannot_add_a_field() {
        let text = notice(b"r@h", b"s@x>\nBcc: y", None);
        assert!(!text.windows(5).any(|bytes| bytes == b"\nBcc:"));
    }
}
