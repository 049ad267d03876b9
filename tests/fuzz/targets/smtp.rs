//! SMTP on both sides: commands and their arguments, addresses, replies, AUTH.

use address::{path, quote};
use smtp::command::{Command, CommandLine, Gathered, LINE_BYTES_MAX, Line};
use smtp::parameters::{self, MailParameters, Offered};
use smtp::reply::{Progress, ReplyParser, TEXT_MAX};
use smtp::sasl;

/// Lines are the same in pieces, bounded, and none hides a line end.
pub fn command(data: &[u8]) {
    let lines = gather(data.chunks(data.len().max(1)));
    assert_eq!(gather(super::pieces(data)), lines);
    let expected = data.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(lines.len(), expected);
    for line in lines {
        assert!(line.bytes().len() <= LINE_BYTES_MAX && !line.bytes().contains(&b'\n'));
        let command = line.command();
        assert_eq!(command.is_cut(), line.is_cut());
        assert!(line.bytes().ends_with(command.argument()));
        assert!(!command.argument().starts_with(b" "));
        let lower = Command::parse(&line.bytes().to_ascii_lowercase());
        assert_eq!(lower.verb(), command.verb());
        if command.is_sound() {
            let unsound = |byte: &u8| matches!(byte, b'\r' | b'\n' | 0);
            assert!(!command.argument().iter().any(unsound));
        }
    }
}

fn gather<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<Line> {
    let mut reader = CommandLine::default();
    let mut lines = Vec::new();
    for mut rest in pieces {
        while !rest.is_empty() {
            let (used, gathered) = reader.feed(rest);
            assert!(used > 0 && used <= rest.len());
            rest = &rest[used..];
            match gathered {
                Gathered::Partial => assert!(rest.is_empty()),
                Gathered::Whole(line) => lines.push(line),
                Gathered::Endless => return lines,
            }
        }
    }
    lines
}

/// Parameters that are taken mean the same when written anew.
pub fn parameters(data: &[u8]) {
    let offers = [
        Offered::Nothing,
        Offered::Extensions,
        Offered::ExtensionsAndAuth,
    ];
    for offered in offers {
        if let Ok(found) = parameters::mail(data, offered) {
            let again = parameters::mail(&write(&found), offered);
            assert_eq!(again, Ok(found));
        }
        if offered != Offered::Nothing && parameters::rcpt(data, offered).is_ok() {
            assert!(data.iter().all(|byte| *byte == b' '));
        }
    }
}

fn write(found: &MailParameters) -> Vec<u8> {
    let mut out = Vec::new();
    if let Some(size) = found.size {
        out.extend_from_slice(format!(" SIZE={size}").as_bytes());
    }
    if let Some(submitter) = &found.submitter {
        out.extend_from_slice(b" AUTH=");
        let empty: &[u8] = if submitter.is_empty() { b"<>" } else { b"" };
        out.extend_from_slice(empty);
        for byte in submitter {
            out.extend_from_slice(format!("+{byte:02X}").as_bytes());
        }
    }
    out
}

/// An address that was taken is written so that it is the same address to the next server.
pub fn path(data: &[u8]) {
    let Ok(path) = path::parse(data) else {
        return;
    };
    let address = path.address;
    assert!(address.len() <= address::SMTP_MAX);
    let breaks = |byte: &u8| matches!(byte, b'\r' | b'\n' | 0);
    assert!(!address.iter().any(breaks));
    assert!(data.ends_with(path.rest));
    let (_, domain) = address::domain_split(&address);
    let is_plain = |byte: &u8| !matches!(byte, b'<' | b'>' | b'"' | b'\\' | b' ' | ..=31 | 127);
    if !domain.is_some_and(|domain| domain.iter().all(is_plain)) {
        return;
    }
    let written = quote::for_smtp(&address);
    let argument = [b"TO:<", written.as_slice(), b"> SIZE=1"].concat();
    let again = path::parse(&argument);
    let again = again.unwrap_or_else(|error| panic!("{error}: {}", argument.escape_ascii()));
    assert_eq!(again.address, address);
    assert_eq!(again.rest, b" SIZE=1");
    assert!(again.is_bracketed);
}

/// A reply is the same in pieces, its text bounded and without CR, its code what stands there.
pub fn reply(data: &[u8]) {
    let mut parser = ReplyParser::new();
    let (used, progress) = parser.take(data);
    let mut parts = ReplyParser::new();
    let mut total = 0;
    let mut in_parts = Progress::Incomplete;
    for piece in super::pieces(data) {
        let (used, progress) = parts.take(piece);
        total += used;
        in_parts = progress;
        if in_parts != Progress::Incomplete {
            break;
        }
    }
    assert_eq!((total, &in_parts), (used, &progress));
    if let Progress::Complete(reply) = progress {
        assert!(reply.text().len() <= TEXT_MAX && !reply.text().contains(&b'\r'));
        assert_eq!(data[used - 1], b'\n');
        let digits = std::str::from_utf8(&data[..3]).ok();
        let is_number = data[..3].iter().all(u8::is_ascii_digit);
        let code = digits.filter(|_| is_number).and_then(|d| d.parse().ok());
        assert_eq!(reply.code(), code);
        let mut again = ReplyParser::new();
        assert_eq!(again.take(&data[..used]), (used, Progress::Complete(reply)));
    }
}

/// Base64 has one spelling for each text; an exchange ends with a user or not at all.
pub fn sasl(data: &[u8]) {
    assert_eq!(sasl::decode(&sasl::encode(data)).as_deref(), Some(data));
    if let Some(bytes) = sasl::decode(data) {
        assert_eq!(sasl::encode(&bytes), data);
    }
    if let Some(text) = sasl::xtext(data) {
        assert!(text.len() <= data.len() && !text.iter().any(u8::is_ascii_control));
    }
    let mechanisms = [
        sasl::Mechanism::Plain,
        sasl::Mechanism::Login,
        sasl::Mechanism::CramMd5,
    ];
    for mechanism in mechanisms {
        let mut lines = data.split(|byte| *byte == b'\n');
        let mut progress = sasl::Exchange::begin(mechanism, None, b"<1.2@host>");
        while let (Ok(sasl::Progress::Ask(_, exchange)), Some(line)) = (progress, lines.next()) {
            progress = exchange.answer(line);
            if let Ok(sasl::Progress::Complete(credentials)) = &progress {
                assert!(!credentials.user.is_empty());
                check_checkpassword(credentials);
            }
        }
    }
}

#[track_caller]
fn check_checkpassword(credentials: &sasl::Credentials) {
    if let Some(bytes) = credentials.checkpassword() {
        let parts: Vec<&[u8]> = bytes.split(|byte| *byte == 0).collect();
        assert_eq!(parts[0], credentials.user);
        assert_eq!(parts[1], credentials.secret);
        assert!(bytes.len() <= 512);
    }
}
