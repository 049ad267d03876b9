//! DATA: the message goes to qmail-queue while it comes in, never whole in memory (qmail-smtpd(8)).
//!
//! Whatever goes wrong before the last dot, the envelope is never completed, so qmail-queue throws the message away.

use std::path::Path;

use queue_client::{Injection, QueueProgram};
use smtp::unstuff::{LineEnds, Progress, Unstuffer};
use thiserror::Error;

use crate::replies::{self, Reply};
use crate::session::Envelope;
use crate::submission::Completer;
use crate::wire::{READ_BYTES, Wire, WireError};

/// The message did not come to its end.
#[derive(Debug, Error)]
pub(crate) enum DataError {
    /// The connection ended first.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A LF without CR: what comes next may be meant as message or as commands.
    #[error("the client sends a bare LF")]
    BareLf,
}

/// How a message is taken.
pub(crate) struct Intake<'a> {
    /// Where qmail-queue is.
    pub(crate) home: &'a Path,
    /// Most bytes; 0 = no limit.
    pub(crate) size_max: u64,
    /// What becomes of a CR or LF alone.
    pub(crate) line_ends: LineEnds,
    /// Goes before the message.
    pub(crate) received: Vec<u8>,
    /// Adds what the message lacks.
    pub(crate) completer: Option<Completer<'a>>,
}

/// What became of a message.
pub(crate) struct Taken {
    /// For the client.
    pub(crate) reply: Reply,
    /// qmail-queue's process, if it took the message.
    pub(crate) qp: Option<u32>,
    /// Bytes as stored, without what we added.
    pub(crate) bytes: u64,
}

impl Intake<'_> {
    /// Takes one message and queues it for the envelope.
    pub(crate) fn receive(
        mut self,
        wire: &mut Wire,
        envelope: &Envelope,
    ) -> Result<Taken, DataError> {
        let Ok(mut injection) = QueueProgram::configured(self.home).start() else {
            return Ok(Taken {
                reply: replies::NO_QUEUE,
                qp: None,
                bytes: 0,
            });
        };
        wire.say(&replies::GO_AHEAD)?;
        injection.write(&self.received);
        let (refusal, bytes) = self.copy(wire, &mut injection)?;
        injection.sender(envelope.sender());
        for recipient in envelope.recipients() {
            injection.recipient(recipient);
        }
        let outcome = injection.finish();
        let (reply, qp) = match (refusal, outcome.result) {
            (Some(refusal), _) => (refusal, None),
            (None, Ok(())) => {
                let reply = replies::accepted(os::clock::now(), outcome.qp);
                (reply, Some(outcome.qp))
            }
            (None, Err(failure)) if failure.is_permanent => (replies::refused(&failure.text), None),
            (None, Err(failure)) => (replies::deferred(&failure.text), None),
        };
        Ok(Taken { reply, qp, bytes })
    }

    /// Passes the message on up to its last dot. A message that must not be queued is still read to its end, and
    /// the reply it gets is returned, with the bytes of the message.
    fn copy(
        &mut self,
        wire: &mut Wire,
        injection: &mut Injection,
    ) -> Result<(Option<Reply>, u64), DataError> {
        let mut unstuffer = Unstuffer::new(self.line_ends);
        let mut stored: u64 = 0;
        let mut decoded = Vec::with_capacity(READ_BYTES.saturating_add(2));
        loop {
            let piece = wire.pending()?;
            decoded.clear();
            let progress = unstuffer.feed(piece, &mut decoded);
            let used = match progress {
                Progress::More => piece.len(),
                Progress::End(used) => used,
                Progress::BareLf => return Err(DataError::BareLf),
            };
            wire.consume(used);
            stored = stored.saturating_add(u64::try_from(decoded.len()).unwrap_or(u64::MAX));
            let is_end = matches!(progress, Progress::End(_));
            let refusal = self.refusal(&unstuffer, stored);
            match refusal {
                Some(_) => injection.fail(),
                None => self.pass_on(injection, &decoded, is_end),
            }
            if is_end {
                return Ok((refusal, stored));
            }
        }
    }

    fn refusal(&self, unstuffer: &Unstuffer, stored: u64) -> Option<Reply> {
        if unstuffer.hops() >= HOPS_MAX {
            Some(replies::LOOPING)
        } else if unstuffer.has_bare_cr() {
            Some(replies::BARE_CR)
        } else {
            (self.size_max > 0 && stored > self.size_max).then_some(replies::TOO_BIG)
        }
    }

    fn pass_on(&mut self, injection: &mut Injection, decoded: &[u8], is_end: bool) {
        let Some(completer) = &mut self.completer else {
            injection.write(decoded);
            return;
        };
        injection.write(&completer.feed(decoded));
        if is_end {
            injection.write(&completer.finish());
        }
    }
}

/// A message that passed so many machines or mailboxes goes round in circles. Other programs count to the same.
const HOPS_MAX: u32 = 100;
