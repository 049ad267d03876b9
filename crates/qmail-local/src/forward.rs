//! Forwarding: whose name the mail goes on under, and handing it to qmail-queue (dot-qmail(5),
//! "forwarding and errors"). One qmail-queue run for all addresses, after everything else has been
//! done.

use std::fs::File;

use queue_client::QueueProgram;

use crate::call::Call;
use crate::environment::Variables;
use crate::refusal::Refusal;
use crate::search::{self, SearchError};

/// The envelope sender of forwarded mail.
pub(crate) fn sender(call: &Call) -> Result<Vec<u8>, SearchError> {
    if NEVER_REPLACED.contains(&&*call.sender) {
        return Ok(call.sender.clone());
    }
    // The full extension counts here, also when a -default file answers for it.
    let owner = [&*search::exact_name(call), b"-owner"].concat();
    if !search::exists(&owner)? {
        return Ok(call.sender.clone());
    }
    if search::exists(&[&*owner, b"-default"].concat())? {
        return Ok([&*call.local, b"-owner-@", &call.domain, b"-@[]"].concat());
    }
    Ok([&*call.local, b"-owner@", &call.domain].concat())
}

/// What goes before the message and onto its envelope.
#[derive(Debug)]
pub(crate) struct Letter<'a> {
    /// The Delivered-To line.
    pub(crate) line: &'a [u8],
    /// The envelope sender.
    pub(crate) sender: &'a [u8],
    /// The environment of qmail-queue.
    pub(crate) environment: Variables,
}

/// Queues the rest of `message` for `recipients`; returns the number of the qmail-queue process.
pub(crate) fn queue<'a>(
    letter: Letter<'_>,
    message: &mut File,
    recipients: impl Iterator<Item = &'a [u8]>,
) -> Result<u32, Refusal> {
    let program = QueueProgram::configured(&os::home::home()).with_env(letter.environment);
    let mut injection = program.start().map_err(Refusal::NoQueueProcess)?;
    injection.write(letter.line);
    // A message that cannot be read shows in the outcome, as one that was given up.
    let _in_the_outcome = injection.write_all_of(message);
    injection.sender(letter.sender);
    for recipient in recipients {
        injection.recipient(recipient);
    }
    let outcome = injection.finish();
    match outcome.result {
        Ok(()) => Ok(outcome.qp),
        Err(failure) => Err(Refusal::Queue {
            permanent: failure.is_permanent,
            text: failure.text,
        }),
    }
}

/// Bounces themselves, and double bounces, must not be made to bounce to somebody else.
const NEVER_REPLACED: [&[u8]; 2] = [b"", b"#@[]"];
