//! The lines of qmail-log(5), on descriptor 0. Nothing else in qmail-send prints.
//!
//! Programs read these lines: not a byte may change. Each is one write, so that lines of several
//! programs on one pipe do not mix; a log that cannot be written to holds nothing up.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use diag::escape;
use queue::preprocess::Preprocessed;
use queue::trouble::{Attempt, Trouble};
use queue::{Channel, MessageId};
use report::Verdict;

/// How full the two channels are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// Local deliveries running, and how many may.
    pub local: (usize, usize),
    /// Remote ones.
    pub remote: (usize, usize),
}

/// Descriptor 0.
pub(crate) struct Log {
    out: File,
}

impl Log {
    /// Writes to this.
    pub(crate) fn new(out: File) -> Self {
        Self { out }
    }

    fn line(&mut self, text: &[u8]) {
        // There is no place to complain about the log.
        let _unheard = self.out.write_all(&[text, b"\n"].concat());
    }

    fn text(&mut self, text: &str) {
        self.line(text.as_bytes());
    }

    /// How many deliveries run.
    pub(crate) fn status(&mut self, load: Load, is_stopping: bool) {
        let (local, remote) = (load.local, load.remote);
        let tail = if is_stopping { " exitasap" } else { "" };
        self.text(&format!(
            "status: local {}/{} remote {}/{}{tail}",
            local.0, local.1, remote.0, remote.1
        ));
    }

    /// A clean end.
    pub(crate) fn exiting(&mut self) {
        self.text("status: exiting");
    }

    /// A message was preprocessed.
    pub(crate) fn new_message(&mut self, message: &Preprocessed) {
        let Preprocessed {
            id, bytes, qp, uid, ..
        } = message;
        self.text(&format!("new msg {id}"));
        let mut line = format!("info msg {id}: bytes {bytes} from <").into_bytes();
        line.extend_from_slice(&escape::log(&message.sender));
        line.extend_from_slice(format!("> qp {qp} uid {uid}").as_bytes());
        self.line(&line);
    }

    /// A delivery begins.
    pub(crate) fn starting(
        &mut self,
        delivery: u64,
        id: MessageId,
        channel: Channel,
        recipient: &[u8],
    ) {
        let start = format!(
            "starting delivery {delivery}: msg {id} to {} ",
            channel.name()
        );
        self.line(&[start.as_bytes(), &escape::log(recipient)].concat());
    }

    /// A delivery has ended; `None` when its report made no sense.
    pub(crate) fn ended(&mut self, delivery: u64, verdict: Option<Verdict>, text: &[u8]) {
        match verdict {
            Some(verdict) => {
                let start = format!("delivery {delivery}: {}: ", verdict.word());
                self.line(&[start.as_bytes(), &escape::log(text)].concat());
            }
            None => self.text(&format!("delivery {delivery}: report mangled, will defer")),
        }
    }

    /// A failure notice is in the queue.
    pub(crate) fn bounced(&mut self, id: MessageId, qp: u32) {
        self.text(&format!("bounce msg {id} qp {qp}"));
    }

    /// A notice about a notice about a notice is not sent.
    pub(crate) fn triple_bounce(&mut self, id: MessageId) {
        self.text(&format!("triple bounce: discarding bounce/{id}"));
    }

    /// A message leaves the queue.
    pub(crate) fn end_message(&mut self, id: MessageId) {
        self.text(&format!("end msg {id}"));
    }

    /// A step that did not succeed; the message is left where it is.
    pub(crate) fn trouble(&mut self, trouble: &Trouble) {
        self.about(trouble.attempt.words(), &trouble.path, "");
    }

    /// The same, when the step is repeated after a while.
    pub(crate) fn trouble_for_now(&mut self, trouble: &Trouble) {
        self.about(
            trouble.attempt.words(),
            &trouble.path,
            "; will try again later",
        );
    }

    /// A recipients' file that cannot be used now.
    pub(crate) fn trouble_in_pass(&mut self, trouble: &Trouble) {
        match trouble.attempt {
            Attempt::Understand => self.about(trouble.attempt.words(), &trouble.path, "!"),
            Attempt::Open => self.about("trouble opening", &trouble.path, "; will try again later"),
            Attempt::Read
            | Attempt::Create
            | Attempt::Write
            | Attempt::Sync
            | Attempt::Stat
            | Attempt::Unlink
            | Attempt::Match => self.trouble_for_now(trouble),
        }
    }

    /// A recipient that is done but could not be marked.
    pub(crate) fn trouble_marking(&mut self, path: &Path) {
        self.about(
            "trouble marking",
            path,
            "; message will be delivered twice!",
        );
    }

    /// A due time that could not be kept over the end of the program.
    pub(crate) fn trouble_with_time(&mut self, path: &Path) {
        self.about(
            "unable to utime",
            path,
            "; message will be retried too soon",
        );
    }

    /// A name in the queue that no message has.
    pub(crate) fn strange(&mut self, path: &Path) {
        self.about("unknown file", path, "");
    }

    /// qmail-clean did not do what it was asked for.
    pub(crate) fn trouble_cleaning(&mut self, request: &str) {
        self.warning(&format!("qmail-clean unable to clean up {request}"));
    }

    fn about(&mut self, words: &str, path: &Path, tail: &str) {
        use std::os::unix::ffi::OsStrExt;
        let path = escape::log(path.as_os_str().as_bytes());
        let words = format!("warning: {words} ");
        self.line(&[words.as_bytes(), &path, tail.as_bytes()].concat());
    }

    /// Something went wrong and mail goes on.
    pub(crate) fn warning(&mut self, text: &str) {
        self.text(&format!("warning: {text}"));
    }

    /// Something went wrong that a person should look at.
    pub(crate) fn alert(&mut self, text: &str) {
        self.text(&format!("alert: {text}"));
    }
}
