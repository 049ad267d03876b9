//! The pages of doc/, with the programs that Debian ships: what a block of a page says is what runs
//! here.

mod dovecot;
mod maildrop;
mod page;
mod place;
mod procmail;
mod spamassassin;
mod vpopmail;
