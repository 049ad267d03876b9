//! How everybody but qmail-queue itself queues mail: start `$QMAILQUEUE` or bin/qmail-queue, hand
//! it the message on descriptor 0 and the envelope on descriptor 1, and turn its exit code into a
//! text (qmail-queue(8)).

mod exit;
mod process;

pub use exit::{QueueExit, QueueFailure};
pub use process::{Injection, Outcome, Parts, QueueProgram, judge};
