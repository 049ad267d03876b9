//! Every way qmail-inject fails: its text and its exit code.

use queue_client::QueueFailure;
use report::Exit;

/// Why the message was not queued.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The call was wrong; the text is complete.
    Usage(String),
    /// The home directory is not there.
    Home,
    /// A control file or the message cannot be read.
    Read,
    /// The message cannot be printed.
    Print,
    /// The header is beyond all use.
    HeaderTooLong,
    /// A header field that must be understood is not.
    Field(Vec<u8>),
    /// An argument is not an address.
    Address(Vec<u8>),
    /// No process to be had for qmail-queue.
    Start,
    /// qmail-queue said no.
    Queue(QueueFailure),
}

impl Refusal {
    /// The exit code that tells the caller whether to try again.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) | Self::HeaderTooLong | Self::Field(_) | Self::Address(_) => {
                Exit::PERMANENT
            }
            Self::Home | Self::Read | Self::Print | Self::Start => Exit::TEMPORARY,
            Self::Queue(failure) if failure.is_permanent => Exit::PERMANENT,
            Self::Queue(_) => Exit::TEMPORARY,
        }
    }

    /// Says so on standard error.
    pub(crate) fn complain(&self) {
        diag::line(&self.text());
    }

    fn text(&self) -> String {
        let what = match self {
            Self::Usage(text) => return text.clone(),
            Self::Home => "internal bug".to_owned(),
            Self::Read => "read error".to_owned(),
            Self::Print => "write error".to_owned(),
            Self::HeaderTooLong => "header too long".to_owned(),
            Self::Field(field) => format!("unable to parse this line:\n{}", lines(field)),
            Self::Address(address) => format!("unable to parse address: {}", lines(address)),
            Self::Start => "unable to run qmail-queue".to_owned(),
            Self::Queue(failure) => lines(&failure.text),
        };
        format!("qmail-inject: fatal: {what}")
    }
}

/// Text of the caller's own, made safe for a terminal line by line; blanks stay.
fn lines(bytes: &[u8]) -> String {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let shown = |line: &[u8]| {
        line.split(|b| *b == b'\t')
            .map(diag::escape::shown)
            .collect::<Vec<_>>()
    };
    bytes
        .split(|b| *b == b'\n')
        .map(|line| shown(line).join("\t"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_field_is_shown_in_its_own_lines() {
        let refusal = Refusal::Field(b"From: a (\n\tb\x1b\n".to_vec());
        assert_eq!(
            refusal.text(),
            "qmail-inject: fatal: unable to parse this line:\nFrom: a (\n\tb?"
        );
        assert_eq!(refusal.exit(), Exit::PERMANENT);
    }

    #[test]
    fn the_queue_decides_whether_to_try_again() {
        let permanent = QueueFailure::permanent("no");
        assert_eq!(Refusal::Queue(permanent).exit(), Exit::PERMANENT);
        let temporary = QueueFailure::temporary("no");
        assert_eq!(Refusal::Queue(temporary).exit(), Exit::TEMPORARY);
    }
}
