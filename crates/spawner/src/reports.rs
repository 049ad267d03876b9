//! Reports on their way to qmail-send.

use std::io::{self, Write};

use crate::protocol::{Form, encode_report};

/// What is still to be written to descriptor 1.
#[derive(Default)]
pub(crate) struct Reports {
    pending: Vec<u8>,
    /// Nobody reads any more: reports are thrown away from here on, deliveries are finished.
    is_broken: bool,
}

impl Reports {
    pub(crate) fn add(&mut self, form: Form, number: u16, text: &[u8]) {
        if !self.is_broken {
            encode_report(form, number, text, &mut self.pending);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// A peer that sends commands and reads no reports must wait.
    pub(crate) fn are_too_many(&self) -> bool {
        self.pending.len() > BACKLOG_BYTES_MAX
    }

    /// Writes no more than a pipe that polls ready takes without waiting: the descriptor may be
    /// shared, so it is left as it is and not made non-blocking.
    pub(crate) fn write(&mut self, mut to: impl Write) {
        let portion = self.pending.get(..PORTION_BYTES).unwrap_or(&self.pending);
        match to.write(portion) {
            Ok(count) => drop(self.pending.drain(..count.min(self.pending.len()))),
            Err(error) if is_passing(&error) => {}
            Err(_) => {
                self.pending = Vec::new();
                self.is_broken = true;
            }
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock
    )
}

/// POSIX: a pipe is ready for writing when this many bytes (`PIPE_BUF`) fit.
const PORTION_BYTES: usize = 4096;
/// A full set of 1000 reports of the usual length fits several times.
const BACKLOG_BYTES_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    struct Refuses(io::ErrorKind);

    impl Write for Refuses {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_report_is_written_in_portions() {
        let mut reports = Reports::default();
        reports.add(Form::Classic, 7, &[b'x'; 5000]);
        let mut written = Vec::new();
        reports.write(&mut written);
        assert_eq!(written.len(), PORTION_BYTES);
        assert!(!reports.is_empty());
        reports.write(&mut written);
        assert_eq!(written.len(), 5002);
        assert!(reports.is_empty());
    }

    #[test]
    fn after_a_failed_write_reports_are_thrown_away() {
        let mut reports = Reports::default();
        reports.add(Form::Classic, 7, b"Kone");
        reports.write(Refuses(io::ErrorKind::Interrupted));
        assert!(!reports.is_empty());
        reports.write(Refuses(io::ErrorKind::BrokenPipe));
        reports.add(Form::Classic, 8, b"Ktwo");
        assert!(reports.is_empty());
    }
}
