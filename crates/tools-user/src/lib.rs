//! The small programs of a mail user: the commands of a .qmail file, the wrappers around sendmail
//! and qmail-inject, and the tools for mailboxes. One module each, named like its program and its
//! man page; all of them run with the rights of their caller and no others.

mod command;
mod requeue;

pub mod bouncesaying;
pub mod condredirect;
pub mod datemail;
pub mod except;
pub mod forward;
pub mod maildir2mbox;
pub mod maildirmake;
pub mod mailsubj;
pub mod predate;
pub mod preline;
pub mod qbiff;
pub mod qreceipt;
