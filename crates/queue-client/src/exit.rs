//! The exit codes of qmail-queue(8) and the text that each becomes.

/// What a qmail-queue says by its exit code. Ours uses some of them; wrappers named by
/// `$QMAILQUEUE` and qmail-qmqpc use the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueExit {
    /// 0: accepted.
    Accepted,
    /// 11: an address is too long. 115 is its old name.
    AddressTooLong,
    /// 31: the server refuses for good.
    Refused,
    /// 51.
    OutOfMemory,
    /// 52: the 24 hours are over.
    TimedOut,
    /// 53: the disk is full, or writing failed.
    Write,
    /// 54: the message or the envelope could not be read to its end.
    Read,
    /// 55.
    Configuration,
    /// 56: no network from here.
    Network,
    /// 61: the home directory cannot be entered.
    Home,
    /// 62: the queue directory cannot be entered.
    QueueDirectory,
    /// 63: pid/.
    Birth,
    /// 64: mess/.
    LinkMess,
    /// 65: intd/.
    CreateIntd,
    /// 66: todo/.
    LinkTodo,
    /// 71: the server refuses for now.
    RefusedForNow,
    /// 72.
    ConnectTimeout,
    /// 73.
    ConnectRejected,
    /// 74.
    Communication,
    /// 81: a bug.
    Bug,
    /// 82: the reason is on descriptor 6.
    Custom,
    /// 91: the envelope is malformed.
    EnvelopeFormat,
    /// 111: an account is missing.
    Account,
    /// 120: the program could not be run.
    Exec,
}

impl QueueExit {
    /// The number.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Accepted => 0,
            Self::AddressTooLong => 11,
            Self::Refused => 31,
            Self::OutOfMemory => 51,
            Self::TimedOut => 52,
            Self::Write => 53,
            Self::Read => 54,
            Self::Configuration => 55,
            Self::Network => 56,
            Self::Home => 61,
            Self::QueueDirectory => 62,
            Self::Birth => 63,
            Self::LinkMess => 64,
            Self::CreateIntd => 65,
            Self::LinkTodo => 66,
            Self::RefusedForNow => 71,
            Self::ConnectTimeout => 72,
            Self::ConnectRejected => 73,
            Self::Communication => 74,
            Self::Bug => 81,
            Self::Custom => 82,
            Self::EnvelopeFormat => 91,
            Self::Account => 111,
            Self::Exec => 120,
        }
    }
}

/// Why a message was not queued, as a report: `D` or `Z`, then the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueFailure {
    /// Trying again is of no use.
    pub is_permanent: bool,
    /// For the sender; no line end.
    pub text: Vec<u8>,
    /// `D` or `Z`, or what else the program began with on descriptor 6.
    letter: u8,
}

impl QueueFailure {
    fn new(is_permanent: bool, text: &str) -> Self {
        Self {
            is_permanent,
            text: text.as_bytes().to_vec(),
            letter: if is_permanent { b'D' } else { b'Z' },
        }
    }

    /// Something that may pass.
    #[must_use]
    pub fn temporary(text: &str) -> Self {
        Self::new(false, text)
    }

    /// Something that will not.
    #[must_use]
    pub fn permanent(text: &str) -> Self {
        Self::new(true, text)
    }

    /// The report's letter and text, as in QMTP and QMQP. The letter is neither `D` nor `Z` when a
    /// program of somebody else said so.
    #[must_use]
    pub fn report(&self) -> Vec<u8> {
        [&[self.letter], self.text.as_slice()].concat()
    }

    /// What an exit code means. `said` is what came on descriptor 6; it counts with code 82 only.
    /// `None`: accepted.
    #[must_use]
    pub fn from_code(code: i32, said: &[u8]) -> Option<Self> {
        let (is_permanent, text) = match code {
            0 => return None,
            11 | 115 => (true, "envelope address too long for qq (#5.1.3)"),
            31 => (true, "mail server permanently rejected message (#5.3.0)"),
            51 => (false, "qq out of memory (#4.3.0)"),
            52 => (false, "qq timeout (#4.3.0)"),
            53 => (false, "qq write error or disk full (#4.3.0)"),
            54 => (false, READ_ERROR),
            55 => (false, "qq unable to read configuration (#4.3.0)"),
            56 => (false, "qq trouble making network connection (#4.3.0)"),
            61 => (false, "qq trouble in home directory (#4.3.0)"),
            62..=66 => (false, "qq trouble creating files in queue (#4.3.0)"),
            71 => (false, "mail server temporarily rejected message (#4.3.0)"),
            72 => (false, "connection to mail server timed out (#4.4.1)"),
            73 => (false, "connection to mail server rejected (#4.4.1)"),
            74 => (false, "communication with mail server failed (#4.4.2)"),
            81 | 91 => (false, "qq internal bug (#4.3.0)"),
            82 => return Some(Self::from_words(said)),
            120 => (false, "unable to exec qq (#4.3.0)"),
            12..=40 => (true, "qq permanent problem (#5.3.0)"),
            _ => (false, TEMPORARY),
        };
        Some(Self::new(is_permanent, text))
    }

    fn from_words(said: &[u8]) -> Self {
        match said.split_first() {
            Some((letter, text)) if text.len() > 1 => Self {
                is_permanent: *letter == b'D',
                text: text.to_vec(),
                // It failed, whatever it says: no client may take this for success.
                letter: if *letter == b'K' { b'Z' } else { *letter },
            },
            Some(_) | None => Self::temporary(TEMPORARY),
        }
    }
}

/// The text for a message that was given up on the way, whatever the program said of it.
pub(crate) const READ_ERROR: &str = "qq read error (#4.3.0)";
/// The text for a program that did not end by itself.
pub(crate) const CRASHED: &str = "qq crashed (#4.3.0)";
/// The text for a child that cannot be waited for.
pub(crate) const SURPRISE: &str = "qq waitpid surprise (#4.3.0)";
const TEMPORARY: &str = "qq temporary problem (#4.3.0)";

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: i32, said: &[u8], expected: &str) {
        let report = QueueFailure::from_code(code, said).map(|failure| failure.report());
        assert_eq!(report.unwrap_or_default(), expected.as_bytes());
    }

    #[test]
    fn codes_become_the_texts_of_the_manual() {
        check(0, b"", "");
        check(11, b"", "Denvelope address too long for qq (#5.1.3)");
        check(115, b"", "Denvelope address too long for qq (#5.1.3)");
        check(12, b"", "Dqq permanent problem (#5.3.0)");
        check(41, b"", "Zqq temporary problem (#4.3.0)");
        check(99, b"", "Zqq temporary problem (#4.3.0)");
        check(111, b"", "Zqq temporary problem (#4.3.0)");
        check(120, b"", "Zunable to exec qq (#4.3.0)");
    }

    #[test]
    fn code_82_says_what_descriptor_6_said() {
        check(
            82,
            b"Dcustom permanent text (#5.7.1)",
            "Dcustom permanent text (#5.7.1)",
        );
        check(82, b"Zab", "Zab");
        check(82, b"Xodd", "Xodd");
        check(82, b"Kok 1 qp 2", "Zok 1 qp 2");
        check(82, b"Da", "Zqq temporary problem (#4.3.0)");
        check(82, b"", "Zqq temporary problem (#4.3.0)");
        check(
            31,
            b"Dignored",
            "Dmail server permanently rejected message (#5.3.0)",
        );
    }

    #[test]
    fn our_own_codes_mean_something_to_clients() {
        for exit in [
            QueueExit::Write,
            QueueExit::Read,
            QueueExit::LinkTodo,
            QueueExit::Account,
        ] {
            let failure = QueueFailure::from_code(i32::from(exit.code()), b"");
            assert!(failure.is_some_and(|failure| !failure.is_permanent));
        }
        assert_eq!(QueueFailure::from_code(0, b""), None);
    }
}
