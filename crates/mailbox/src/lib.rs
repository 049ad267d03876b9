//! Putting one message into a user's mailbox so that it survives what follows: maildir(5) and
//! mbox(5), and how much mail may be in a maildir (Maildir++). This crate knows files, not programs:
//! what to say and how to exit is the caller's.

pub mod maildir;
pub mod maildirsize;
pub mod mbox;
pub mod quota;
