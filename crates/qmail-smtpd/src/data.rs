//! DATA: the message goes to qmail-queue while it comes in, never whole in memory (qmail-smtpd(8)).
//!
//! Whatever goes wrong before the last dot, the envelope is never completed, so qmail-queue throws the message away.

use std::path::Path;

use queue_client::{Injection, QueueProgram};
use smtp::unstuff::{Progress, Unstuffer};
use thiserror::Error;

use crate::replies::{self, Reply};
use crate::session::Envelope;
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

/// Takes one message, `received` before it, and queues it for the envelope; the reply says what became of it.
pub(crate) fn receive(
    wire: &mut Wire,
    home: &Path,
    databytes: u64,
    received: &[u8],
    envelope: &Envelope,
) -> Result<Reply, DataError> {
    let Ok(mut injection) = QueueProgram::configured(home).start() else {
        return Ok(replies::NO_QUEUE);
    };
    wire.say(&replies::GO_AHEAD)?;
    injection.write(received);
    let refusal = copy(wire, &mut injection, databytes)?;
    injection.sender(envelope.sender());
    for recipient in envelope.recipients() {
        injection.recipient(recipient);
    }
    let outcome = injection.finish();
    Ok(match (refusal, outcome.result) {
        (Some(refusal), _) => refusal,
        (None, Ok(())) => replies::accepted(os::clock::now(), outcome.qp),
        (None, Err(failure)) if failure.is_permanent => replies::refused(&failure.text),
        (None, Err(failure)) => replies::deferred(&failure.text),
    })
}

/// Passes the message on up to its last dot. A message that must not be queued is still read to its end, and
/// the reply it gets is returned.
fn copy(
    wire: &mut Wire,
    injection: &mut Injection,
    databytes: u64,
) -> Result<Option<Reply>, DataError> {
    let mut unstuffer = Unstuffer::default();
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
        let refusal = if unstuffer.hops() >= HOPS_MAX {
            Some(replies::LOOPING)
        } else {
            (databytes > 0 && stored > databytes).then_some(replies::TOO_BIG)
        };
        match refusal {
            Some(_) => injection.fail(),
            None => injection.write(&decoded),
        }
        if let Progress::End(_) = progress {
            return Ok(refusal);
        }
    }
}

/// A message that passed so many machines or mailboxes goes round in circles. Other programs count to the same.
const HOPS_MAX: u32 = 100;
