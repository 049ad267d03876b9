//! What each man page promises, one module per page.

mod dot_qmail_5;
mod full_disk;
mod local_recorded;
mod maildir_5;
mod mbox_5;
mod one_delivery;
mod qmail_local_8;
mod qmail_remote_8;
mod qmail_smtpd_8;
