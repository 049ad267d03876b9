//! How a program ended and how a delivery ended: the exit codes every program shares, the three
//! verdicts of a delivery, and the lines of qmail-remote(8).

mod exit;
pub mod remote;
mod verdict;

pub use exit::Exit;
pub use verdict::{Report, Verdict};
