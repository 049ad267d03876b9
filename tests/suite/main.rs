//! The black-box suite: one binary, one module per subject.

mod harness_itself;
mod tcpserver;
