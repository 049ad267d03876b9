//! What qmail-lspawn(8) and qmail-rspawn(8) share: commands in on descriptor 0, one child or two
//! per delivery, reports out on descriptor 1.
//!
//! Everything a command says is checked again here: the id, the file behind it, its owner. What
//! to run for a delivery and how to read its result is the [`Agent`]'s affair. Nothing in here
//! looks at the text of a message.

mod check;
mod output;
mod protocol;
mod reports;
mod running;
mod serve;
mod slots;

use std::fs::File;

use os::child::Status;

pub use output::{ANSWER_BYTES_MAX, Output};
pub use running::{Descriptors, LaunchError, Running};
pub use serve::{ServeError, serve};

/// One delivery that passed the checks.
#[derive(Debug)]
pub struct Delivery {
    /// Envelope sender, as the command had it.
    pub sender: Vec<u8>,
    /// The part of the recipient before its last `@`; may be empty.
    pub local: Vec<u8>,
    /// The part of the recipient after its last `@`.
    pub host: Vec<u8>,
}

/// What becomes of a delivery next.
pub enum Step {
    /// A child finds out whose address it is; [`Agent::looked_up`] hears of it.
    Lookup(Running),
    /// A child delivers; [`Agent::report`] reads its result.
    Delivery(Running),
    /// It is done: letter and text.
    Report(Vec<u8>),
}

/// What the two kinds of spawner do each in its own way.
pub trait Agent {
    /// A delivery begins; `message` is open at its first byte.
    fn begin(&self, delivery: &Delivery, message: &File) -> Step;

    /// The child of a lookup is dead and nobody holds its output open.
    fn looked_up(&self, delivery: &Delivery, message: &File, ended: &Ended<'_>) -> Step;

    /// The child of a delivery is dead and nobody holds its output open: letter and text.
    fn report(&self, ended: &Ended<'_>) -> Vec<u8>;
}

/// How a child ended.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    /// Its exit code, or that it crashed.
    pub status: Status,
    /// What it wrote, as far as it was kept.
    pub output: &'a [u8],
}
