//! The fields of a header and where it ends. qmail-header(5) lists the names that mean something.

/// A field that is treated specially.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// `Return-Path`
    ReturnPath,
    /// `Sender`
    Sender,
    /// `From`
    From,
    /// `Reply-To`
    ReplyTo,
    /// `To`
    To,
    /// `Cc`
    Cc,
    /// `Bcc`
    Bcc,
    /// `Date`
    Date,
    /// `Message-ID`
    MessageId,
    /// `Resent-Sender`
    ResentSender,
    /// `Resent-From`
    ResentFrom,
    /// `Resent-Reply-To`
    ResentReplyTo,
    /// `Resent-To`
    ResentTo,
    /// `Resent-Cc`
    ResentCc,
    /// `Resent-Bcc`
    ResentBcc,
    /// `Resent-Date`
    ResentDate,
    /// `Resent-Message-ID`
    ResentMessageId,
    /// `Return-Receipt-To`
    ReturnReceiptTo,
    /// `Errors-To`
    ErrorsTo,
    /// `Apparently-To`
    ApparentlyTo,
    /// `Mail-Followup-To`
    MailFollowupTo,
    /// `Content-Length`
    ContentLength,
}

impl Name {
    /// The special name of a field, in any case and with blanks before the colon.
    pub fn of(field: &[u8]) -> Option<Self> {
        let name = name(field)?;
        NAMES
            .iter()
            .find(|(text, _)| name.eq_ignore_ascii_case(text))
            .map(|(_, known)| *known)
    }
}

/// The name a line gives itself, if it is the first line of a field: printable bytes, and blanks
/// before the colon.
pub fn name(line: &[u8]) -> Option<&[u8]> {
    let colon = line.iter().position(|b| *b == b':')?;
    let name = line.get(..colon)?;
    let end = name.iter().rposition(|b| !matches!(b, b' ' | b'\t'))?;
    let name = name.get(..=end)?;
    name.iter().all(|b| matches!(b, 33..=126)).then_some(name)
}

/// The fields of a header being read, line by line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(Vec<Vec<u8>>);

/// What a line was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Part of the header.
    Header,
    /// The first line of the body, or more: the empty line is put in where it is missing.
    Body(Vec<u8>),
}

impl Fields {
    /// No fields yet.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Takes the next line, with its newline.
    pub fn add(&mut self, line: &[u8]) -> Line {
        if matches!(line.first(), Some(b' ' | b'\t'))
            && let Some(field) = self.0.last_mut()
        {
            field.extend_from_slice(line);
            return Line::Header;
        }
        if line == b"\n" {
            return Line::Body(line.to_vec());
        }
        if line.starts_with(b"From ") {
            self.0.push([b"MBOX-Line: ", line].concat());
        } else if name(line).is_some() {
            self.0.push(line.to_vec());
        } else {
            return Line::Body([b"\n", line].concat());
        }
        Line::Header
    }

    /// The fields so far, each with its newlines.
    pub fn into_fields(self) -> Vec<Vec<u8>> {
        self.0
    }
}

const NAMES: &[(&[u8], Name)] = &[
    (b"Return-Path", Name::ReturnPath),
    (b"Sender", Name::Sender),
    (b"From", Name::From),
    (b"Reply-To", Name::ReplyTo),
    (b"To", Name::To),
    (b"Cc", Name::Cc),
    (b"Bcc", Name::Bcc),
    (b"Date", Name::Date),
    (b"Message-ID", Name::MessageId),
    (b"Resent-Sender", Name::ResentSender),
    (b"Resent-From", Name::ResentFrom),
    (b"Resent-Reply-To", Name::ResentReplyTo),
    (b"Resent-To", Name::ResentTo),
    (b"Resent-Cc", Name::ResentCc),
    (b"Resent-Bcc", Name::ResentBcc),
    (b"Resent-Date", Name::ResentDate),
    (b"Resent-Message-ID", Name::ResentMessageId),
    (b"Return-Receipt-To", Name::ReturnReceiptTo),
    (b"Errors-To", Name::ErrorsTo),
    (b"Apparently-To", Name::ApparentlyTo),
    (b"Mail-Followup-To", Name::MailFollowupTo),
    (b"Content-Length", Name::ContentLength),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(message: &str, fields: &[&str], body: Option<&str>) {
        let mut collected = Fields::new();
        let mut rest = message
            .split_inclusive('\n')
            .map(|line| collected.add(line.as_bytes()));
        let first = rest.find_map(|line| match line {
            Line::Header => None,
            Line::Body(text) => Some(String::from_utf8(text).unwrap()),
        });
        drop(rest);
        let shown: Vec<_> = collected
            .into_fields()
            .into_iter()
            .map(|f| String::from_utf8(f).unwrap())
            .collect();
        assert_eq!(shown, fields);
        assert_eq!(first.as_deref(), body);
    }

    #[test]
    fn an_empty_line_ends_the_header() {
        check(
            "To: a\n b\nX: y\n\nbody\n",
            &["To: a\n b\n", "X: y\n"],
            Some("\n"),
        );
        check("\nbody\n", &[], Some("\n"));
        check("To: a\n", &["To: a\n"], None);
    }

    #[test]
    fn so_does_anything_else_and_then_the_empty_line_is_added() {
        check(
            "To: a\nnot a field\n",
            &["To: a\n"],
            Some("\nnot a field\n"),
        );
        check(" leading\n", &[], Some("\n leading\n"));
        check("To: a\n\r\n", &["To: a\n"], Some("\n\r\n"));
        check("a b: c\n", &[], Some("\na b: c\n"));
        check(": c\n", &[], Some("\n: c\n"));
    }

    #[test]
    fn an_mbox_separator_becomes_a_field() {
        check(
            "From a Thu\nTo: b\n",
            &["MBOX-Line: From a Thu\n", "To: b\n"],
            None,
        );
        check(">From a\n", &[], Some("\n>From a\n"));
    }

    #[test]
    fn names_are_found_in_any_case_and_with_blanks() {
        assert_eq!(Name::of(b"rEPLY-tO \t: x\n"), Some(Name::ReplyTo));
        assert_eq!(Name::of(b"X-To: x\n"), None);
        assert_eq!(Name::of(b"To"), None);
        assert_eq!(name(b"X!#$: y"), Some(b"X!#$".as_slice()));
        assert_eq!(name("X-\u{e4}: y".as_bytes()), None);
    }
}
