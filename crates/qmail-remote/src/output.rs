//! fd 1: recipient reports, then one message report, each ended by NUL.

use std::fs::File;
use std::io::{BufWriter, Write};

use report::Report;

use crate::text::RecipientReport;

/// Writes reports to qmail-rspawn. If nobody reads them there is nobody to tell, so errors are dropped:
/// qmail-rspawn takes missing output for a temporary failure.
pub(crate) struct Output {
    to: Option<BufWriter<File>>,
}

impl Output {
    /// Reports to a descriptor; to nobody if it is closed.
    pub(crate) fn new(to: Option<File>) -> Self {
        Self {
            to: to.map(BufWriter::new),
        }
    }

    /// One recipient, in the order of the arguments.
    pub(crate) fn recipient(&mut self, report: &RecipientReport) {
        self.segment(&report.to_bytes());
    }

    /// The message; comes once and last.
    pub(crate) fn message(mut self, report: Report) {
        self.segment(&report.to_bytes());
        if let Some(mut to) = self.to {
            drop(to.flush());
        }
    }

    fn segment(&mut self, bytes: &[u8]) {
        let Some(to) = &mut self.to else { return };
        drop(to.write_all(bytes).and_then(|()| to.write_all(&[0])));
    }
}
